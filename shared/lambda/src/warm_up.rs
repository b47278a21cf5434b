//! The first event finds a token waiting.

use carnet_federation::{Credential, Exchange, Scope, deadline};
use std::time::Duration;

/// Of the 10 s that Lambda gives the init phase.
const WARM_UP: Duration = Duration::from_secs(6);

/// If there is none to be had, the first event says why.
pub async fn warm_up<E: Exchange>(credential: &Credential<E>, scope: &Scope) {
    if let Err(error) = deadline::within(WARM_UP, credential.token(scope)).await {
        tracing::warn!(%error, "no token at init; the first request tries again");
    }
}
