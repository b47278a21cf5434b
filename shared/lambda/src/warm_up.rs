//! The first event finds a token waiting.

use carnet_federation::{Result, deadline};
use std::time::Duration;

/// Of the 10 s that Lambda gives the init phase.
const WARM_UP: Duration = Duration::from_secs(6);

/// Gets a token, or whatever else the first event would wait for. If there is none to be had, that event
/// says why.
pub async fn warm_up<T>(token: impl Future<Output = Result<T>>) {
    if let Err(error) = deadline::within(WARM_UP, token).await {
        tracing::warn!(%error, "no token at init; the first request tries again");
    }
}
