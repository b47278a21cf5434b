//! What goes wrong on the way to a token, done for real on the sockets, and what must hold then.
//!
//! | module | where it goes wrong |
//! |---|---|
//! | `mint` | STS: silence, sessions that end, the switch that is off |
//! | `exchange` | Entra: throttling, spreading, many callers at once |
//! | `answers` | either token service: failures, pages, broken documents, endless bodies, redirects |
//! | `clock` | clocks that are off, proofs out of their time |
//! | `keys` | rotated keys, and assertions that lie |

mod answers;
mod clock;
mod exchange;
mod keys;
mod mint;

use carnet_federation::config::AzureSettings;
use carnet_federation::exchange::Entra;
use carnet_federation::{
    AccessToken, Assertion, BoxFuture, Claims, Credential, Error, Mint, Proof, Result, Scope,
};
use carnet_federation::{Audience, Secret, deadline};
use carnet_localclouds::faults::{Fault, Hop, Rule};
use carnet_objects::azure::SCOPE;
use carnet_tests::{Stage, secrecy};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Longer than any promise under test, shorter than the faults last.
const GUARD: Duration = Duration::from_secs(60);

/// The way to Azure on a stage of its own.
struct Way {
    stage: Stage,
    credential: Credential<Entra>,
}

impl Way {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut AzureSettings)) -> Self {
        secrecy::watch();
        let stage = Stage::new().await;
        let credential = stage.credential(change).await.unwrap();
        Self { stage, credential }
    }

    /// With a mint of the test's own.
    async fn minting(stage: Stage, mint: impl Mint + 'static) -> Self {
        secrecy::watch();
        let entra = stage.entra(&stage.http(), |_| {}).unwrap();
        Self { stage, credential: Credential::new(Arc::new(mint), entra) }
    }

    fn fault(&self, rule: Rule) {
        self.stage.local.shared.faults.add(rule);
    }

    fn always(&self, hop: Hop, fault: Fault) {
        self.fault(Rule::always(hop, fault));
    }

    fn no_fault(&self) {
        self.stage.local.shared.faults.clear();
    }

    async fn try_token(&self) -> Result<AccessToken> {
        let scope = Scope::new(SCOPE);
        let outcome = tokio::time::timeout(GUARD, self.credential.token(&scope)).await;
        outcome.expect("a token or a refusal, in time")
    }

    async fn token(&self) -> AccessToken {
        self.try_token().await.unwrap()
    }

    /// The error there must be, which shows no secret.
    async fn refusal(&self) -> Error {
        let error = self.try_token().await.expect_err("no token");
        secrecy::assert_kept(&error);
        error
    }

    async fn refusal_within(&self, budget: Duration) -> Error {
        deadline::within(budget, self.refusal()).await
    }

    /// How often a hop was asked.
    fn asked(&self, hop: Hop) -> usize {
        self.stage.local.shared.faults.seen(hop).len()
    }

    fn mints(&self) -> usize {
        self.asked(Hop::Sts)
    }

    fn exchanges(&self) -> usize {
        self.asked(Hop::EntraToken)
    }
}

/// A mint that always gives the same token, true or not.
struct Forged(String);

impl Mint for Forged {
    fn target(&self) -> &str {
        "a forger"
    }

    fn mint<'a>(&'a self, _: &'a Audience) -> BoxFuture<'a, Result<Assertion>> {
        Box::pin(std::future::ready(Ok(Assertion {
            proof: Proof::Jwt,
            secret: Secret::new(self.0.clone()),
            claims: Claims::of_jwt(&self.0).unwrap_or_default(),
            expires_at: SystemTime::now() + Duration::from_secs(300),
        })))
    }
}

fn status(status: u16, headers: &[(&str, &str)], body: &str) -> Fault {
    let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    Fault::Status { status, headers, body: body.to_owned() }
}
