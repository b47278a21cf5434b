//! Walks the way hop by hop and says where it ends.
//!
//! A doctor with a role of its own would examine the wrong principal: each function runs this for
//! itself, under its own role.

use crate::assertion::{Assertion, Claims};
use crate::error::{Error, Result};
use crate::exchange::{Entra, Google};
use crate::token::{AccessToken, Expiring as _, Scope};
use crate::{Credential, Exchange as _};
use serde::Serialize;
use std::time::Instant;

/// What the doctor found, in the order of the way. It ends with the first hop that failed.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub ok: bool,
    pub hops: Vec<Step>,
}

#[derive(Debug, Serialize)]
pub struct Step {
    pub hop: &'static str,
    pub target: String,
    pub ok: bool,
    pub duration_ms: u64,
    /// What the hop showed: claims, lifetimes, counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
}

impl Report {
    /// Runs one hop; after a failed one the rest is left out, since it could only fail too.
    pub async fn step<T>(
        &mut self,
        hop: &'static str,
        target: &str,
        work: impl Future<Output = Result<T>>,
        found: impl FnOnce(&T) -> serde_json::Value,
    ) -> Option<T> {
        if self.hops.last().is_some_and(|last| !last.ok) {
            return None;
        }
        let start = Instant::now();
        let outcome = work.await;
        self.hops.push(Step {
            hop,
            target: target.to_owned(),
            ok: outcome.is_ok(),
            duration_ms: start.elapsed().as_millis() as u64,
            found: outcome.as_ref().ok().map(found),
            error: outcome.as_ref().err().cloned(),
        });
        self.ok = outcome.is_ok();
        outcome.ok()
    }
}

/// Mint and exchange, past the cache: the doctor looks at the way, not at what is left of an old walk.
pub async fn azure(credential: Credential<Entra>, scope: Scope) -> Report {
    let mut report = Report::default();
    let (mint, entra) = (credential.mint(), credential.exchange());
    let proof =
        report.step("mint", mint.target(), mint.mint(entra.audience()), |proof| claims(&proof.claims)).await;
    if let Some(proof) = proof {
        report
            .step("exchange", entra.target(), entra.exchange(&proof, &scope), |token| {
                serde_json::json!({ "client_id": entra.client_id(), "scope": scope.as_str(), "expires_in": seconds_left(token) })
            })
            .await;
    }
    report
}

/// Mint, exchange and, where a service account is named, impersonation, past the cache.
pub async fn google(credential: Credential<Google>, scope: Scope) -> Report {
    let mut report = Report::default();
    let (mint, google) = (credential.mint(), credential.exchange());
    let minted = report.step("mint", mint.target(), identified(&credential), found_of_proof).await;
    let Some((proof, _)) = minted else { return report };
    let federated = report
        .step("exchange", google.target(), google.federate(&proof, &scope), |token| {
            serde_json::json!({ "audience": google.audience().as_str(), "expires_in": seconds_left(token) })
        })
        .await;
    let Some(federated) = federated else { return report };
    if let Some(target) = google.impersonation_target() {
        report
            .step("impersonate", target, google.impersonate(federated, &proof, &scope), |token| {
                serde_json::json!({
                    "service_account": google.service_account(),
                    "scope": scope.as_str(),
                    "expires_in": seconds_left(token),
                })
            })
            .await;
    }
    report
}

/// The proof, and who AWS says we are where the proof itself does not. That question may fail, e.g.
/// in a network without a way to STS, and the way to Google still be open: Google asks AWS itself.
async fn identified(credential: &Credential<Google>) -> Result<(Assertion, Option<Result<String>>)> {
    let mint = credential.mint();
    let proof = mint.mint(credential.exchange().audience()).await?;
    let identity = match mint.whoami() {
        Some(asked) => Some(asked.await),
        None => None,
    };
    Ok((proof, identity))
}

fn found_of_proof((proof, identity): &(Assertion, Option<Result<String>>)) -> serde_json::Value {
    let mut found = claims(&proof.claims);
    match identity {
        Some(Ok(arn)) => found["caller_arn"] = arn.as_str().into(),
        Some(Err(error)) => found["caller_arn_unknown"] = error.to_string().into(),
        None => {}
    }
    found
}

fn seconds_left(token: &AccessToken) -> u64 {
    token.expires_at().duration_since(std::time::SystemTime::now()).unwrap_or_default().as_secs()
}

fn claims(claims: &Claims) -> serde_json::Value {
    serde_json::to_value(claims).unwrap_or_default()
}
