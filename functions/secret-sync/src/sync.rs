//! The function. Each pair is copied by itself and told by itself: one that fails stops no other, and fails
//! the invocation at its end, so that the alarm tells.

use carnet_federation::doctor::Report;
use carnet_federation::{BoxFuture, Hop, Result, deadline};
use carnet_lambda::{Call, Failure, Function};
use carnet_secrets::{Copier, Outcome, Pair, Row, SecretUrl, Secrets};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// Secrets under way at once.
const AT_ONCE: usize = 4;
/// Kept free at the end, to say what became of each.
const MARGIN: Duration = Duration::from_secs(2);
const FORM: &str = r#"{"carnet":"secret-sync"}, with "dry_run":true if nothing is to be written"#;

pub struct SecretSync {
    pub secrets: Secrets,
    pub pairs: Vec<Pair>,
    pub create: bool,
    pub kms_key: Option<String>,
}

/// What the schedule sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    carnet: String,
    #[serde(default)]
    dry_run: bool,
}

impl SecretSync {
    pub async fn warm_up(&self) -> Result<()> {
        self.secrets.warm_up().await
    }

    async fn copy(&self, call: Call<'_>) -> Result<Value, Failure> {
        let asked: Option<Asked> = serde_json::from_str(call.event.get()).ok();
        let asked = asked.filter(|asked| asked.carnet == "secret-sync");
        // The event is not quoted: what it is, is not known.
        let asked = asked.ok_or_else(|| Failure::new("BadEvent", format!("the event is not {FORM}")))?;
        let kms_key = self.kms_key.as_deref();
        let copier = Copier { secrets: &self.secrets, create: self.create, kms_key, dry_run: asked.dry_run };
        let copier = &copier;
        let copying: Vec<BoxFuture<'_, Row>> =
            self.pairs.iter().map(|pair| copier.copy(pair).inspect(tell).boxed()).collect();
        let work = stream::iter(copying).buffered(AT_ONCE).collect::<Vec<Row>>();
        // Whatever waits looks at the deadline, so that each pair ends with a row of its own.
        let rows = deadline::within(call.left.saturating_sub(MARGIN), work).await;
        ended(&rows, asked.dry_run)
    }
}

/// One line a secret, in the log: an invocation that fails has no other answer than its failure.
fn tell(row: &Row) {
    let Row { from, to, version, version_id, error, .. } = row;
    let outcome = row.outcome.as_str();
    match (&row.outcome, error) {
        (Outcome::Failed, Some(error)) => tracing::error!(from, to, outcome, version, %error, "secret"),
        (Outcome::KeptBack, _) => tracing::warn!(
            from,
            to,
            outcome,
            version,
            version_id,
            "secret: its version was copied before, and somebody has made another one current"
        ),
        _ => tracing::info!(from, to, outcome, version, version_id, "secret"),
    }
}

fn ended(rows: &[Row], dry_run: bool) -> Result<Value, Failure> {
    let failed: Vec<&Row> = rows.iter().filter(|row| row.outcome == Outcome::Failed).collect();
    if failed.is_empty() {
        let count = |outcome| rows.iter().filter(|row| row.outcome == outcome).count();
        return Ok(json!({
            "created": count(Outcome::Created),
            "copied": count(Outcome::Copied),
            "unchanged": count(Outcome::Unchanged),
            "kept_back": count(Outcome::KeptBack),
            "dry_run": dry_run,
            "secrets": rows,
        }));
    }
    let told = failed.iter().map(|row| {
        let why = row.error.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("{} to {}: {why}", row.from, row.to)
    });
    let told = told.collect::<Vec<_>>().join("; ");
    Err(Failure::new("SecretsFailed", format!("{} of {} secrets failed: {told}", failed.len(), rows.len())))
}

impl Function for SecretSync {
    /// The ways, then each secret at both ends, without its value.
    fn doctor(&self) -> BoxFuture<'_, Report> {
        Box::pin(async {
            let mut report = self.secrets.doctor().await;
            for pair in &self.pairs {
                let found = |version: &carnet_secrets::Version| json!({ "version": version.id, "state": version.state.as_str() });
                let target = self.secrets.target(&pair.from);
                report.step("read", &target, self.secrets.describe(&pair.from), found).await;
                let to = SecretUrl::SecretsManager(pair.to.clone());
                let own = async { self.secrets.own()?.describe(Hop::Write, &pair.to).await };
                report
                    .step("write", &self.secrets.target(&to), own, |kept| {
                        json!({ "exists": kept.is_some(), "current": kept.as_ref().and_then(|kept| kept.current.as_ref()) })
                    })
                    .await;
            }
            report
        })
    }

    fn answer<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, Failure>> {
        Box::pin(self.copy(call))
    }
}
