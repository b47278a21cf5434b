//! Trying again: by the error's kind, inside the deadline, with jitter, as `Retry-After` says.

use crate::deadline;
use crate::error::{Error, Hop, Result};
use std::time::Duration;

/// How often and how long.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Tries in all.
    pub attempts: u32,
    /// For all tries and the waits between them; less if the invocation has less left.
    pub budget: Duration,
    /// For one try.
    pub attempt: Duration,
    /// The first wait is up to this, each further one up to twice the last.
    pub base: Duration,
}

impl Policy {
    /// For token services: an answer takes some 100 ms, so three tries fit well inside 10 s.
    pub const TOKEN_SERVICE: Self = Self {
        attempts: 3,
        budget: Duration::from_secs(10),
        attempt: Duration::from_secs(4),
        base: Duration::from_millis(200),
    };

    /// For opening a read or a listing page at a store.
    pub const STORE: Self = Self {
        attempts: 4,
        budget: Duration::from_secs(30),
        attempt: Duration::from_secs(10),
        base: Duration::from_millis(200),
    };
}

/// Runs `attempt` until it succeeds, fails for good, or the time is used up. The last error is the
/// one reported; if time ran out, it is the cause.
pub async fn retry<T, F>(policy: &Policy, hop: Hop, target: &str, mut attempt: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let budget = deadline::clamp(policy.budget);
    let work = async {
        let mut tries = 1;
        loop {
            let error = match timed(policy, hop, target, attempt()).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let left = deadline::clamp(policy.budget);
            match pause(policy, tries, &error) {
                Some(wait) if tries < policy.attempts && wait < left => {
                    tracing::warn!(%error, try_number = tries, wait_ms = wait.as_millis() as u64, "trying again");
                    tokio::time::sleep(wait).await;
                    tries += 1;
                }
                _ => return Err(error),
            }
        }
    };
    deadline::within(budget, async {
        // The inner timers end first; this one holds whatever they do.
        match tokio::time::timeout(budget, work).await {
            Ok(outcome) => outcome,
            Err(_) => Err(deadline::exceeded(hop, target)),
        }
    })
    .await
}

async fn timed<T>(
    policy: &Policy,
    hop: Hop,
    target: &str,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    match tokio::time::timeout(policy.attempt, work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Error::new(hop, crate::Kind::Unavailable, target, "no answer in time")
            .with_hint(&crate::hints::UNREACHABLE)),
    }
}

/// How long to wait before the next try; `None` if trying again cannot help.
fn pause(policy: &Policy, tries: u32, error: &Error) -> Option<Duration> {
    if !error.kind().is_transient() {
        return None;
    }
    let ceiling = policy.base * 2u32.saturating_pow(tries - 1);
    let jittered = ceiling.mul_f64(0.5 + fastrand::f64() / 2.0);
    Some(error.retry_after().map_or(jittered, |asked| asked.max(jittered)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use std::cell::Cell;

    fn failing(kind: Kind, after: Option<Duration>) -> Error {
        Error::new(Hop::Exchange, kind, "here", "no").with_retry_after(after)
    }

    async fn tries(error: Error) -> (u32, Error) {
        let count = Cell::new(0);
        let outcome: Result<()> = retry(&Policy::TOKEN_SERVICE, Hop::Exchange, "here", || {
            count.set(count.get() + 1);
            let error = error.clone();
            async move { Err(error) }
        })
        .await;
        (count.get(), outcome.unwrap_err())
    }

    #[tokio::test(start_paused = true)]
    async fn only_transient_kinds_are_tried_again() {
        assert_eq!(tries(failing(Kind::Unavailable, None)).await.0, 3);
        assert_eq!(tries(failing(Kind::Throttled, None)).await.0, 3);
        for kind in [Kind::Refused, Kind::Forbidden, Kind::Malformed, Kind::NotFound, Kind::NotConfigured] {
            assert_eq!(tries(failing(kind, None)).await.0, 1, "{kind}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_is_obeyed_inside_the_deadline_or_fails_at_once() {
        assert_eq!(tries(failing(Kind::Throttled, Some(Duration::from_secs(2)))).await.0, 3);
        let (count, error) = tries(failing(Kind::Throttled, Some(Duration::from_secs(60)))).await;
        assert_eq!((count, error.kind()), (1, Kind::Throttled));
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_never_answers_is_tried_three_times_inside_the_budget() {
        let (count, start) = (Cell::new(0), tokio::time::Instant::now());
        let outcome: Result<()> = retry(&Policy::TOKEN_SERVICE, Hop::Exchange, "here", || {
            count.set(count.get() + 1);
            std::future::pending()
        })
        .await;
        assert!(matches!(outcome.unwrap_err().kind(), Kind::Unavailable | Kind::Deadline));
        assert!(count.get() <= 3 && start.elapsed() <= Policy::TOKEN_SERVICE.budget);
    }
}
