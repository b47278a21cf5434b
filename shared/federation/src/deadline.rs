//! The time this invocation has left, known to every hop below it.
//!
//! Set once at the edge ([`within`]); read where something waits. Timers inside one invocation may
//! use the monotonic clock: an environment is frozen between invocations, never within one.

use crate::error::{Error, Hop, Kind, Result};
use std::time::Duration;
use tokio::time::Instant;

tokio::task_local! {
    static DEADLINE: Instant;
}

/// Runs `work` with `budget` left. A deadline that is already nearer stays.
pub async fn within<F: Future>(budget: Duration, work: F) -> F::Output {
    let at = Instant::now() + budget;
    let at = current().map_or(at, |outer| outer.min(at));
    DEADLINE.scope(at, work).await
}

/// What is left, if a deadline was set.
pub fn remaining() -> Option<Duration> {
    current().map(|at| at.saturating_duration_since(Instant::now()))
}

/// The smaller of `budget` and what is left.
pub fn clamp(budget: Duration) -> Duration {
    remaining().map_or(budget, |left| left.min(budget))
}

/// Carries the caller's deadline into a future that others may poll too.
pub(crate) fn inherit<F>(work: F) -> futures_util::future::BoxFuture<'static, F::Output>
where
    F: Future + Send + 'static,
{
    match current() {
        Some(at) => Box::pin(DEADLINE.scope(at, work)),
        None => Box::pin(work),
    }
}

/// Waits for `work` no longer than the caller's own deadline.
pub async fn bound<T>(target: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
    let Some(at) = current() else { return work.await };
    match tokio::time::timeout_at(at, work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(exceeded(Hop::Exchange, target)),
    }
}

/// The error of an operation that ran out of time.
pub fn exceeded(hop: Hop, target: &str) -> Error {
    Error::new(hop, Kind::Deadline, target, "the deadline passed before an answer came")
        .with_hint(&crate::hints::DEADLINE)
}

fn current() -> Option<Instant> {
    DEADLINE.try_with(|at| *at).ok()
}
