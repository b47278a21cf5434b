//! Refusals that a change of minutes ago may still explain.

use crate::deadline;
use crate::error::{Error, Kind, Result};
use crate::hints::Remedy;
use std::time::{Duration, SystemTime};

/// Between two looks at a trust that may still be spreading.
const PAUSE: Duration = Duration::from_millis(500);

/// Tries again, for a bounded time, what may only not have arrived everywhere yet. A change of trust
/// takes minutes to spread, and a first success can be followed by a failure. What is traded must
/// still be good: after `good_until` the refusal would be for another reason.
pub(super) async fn until_spread<T, F>(
    window: Duration,
    good_until: SystemTime,
    mut attempt: impl FnMut() -> F,
) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let until = tokio::time::Instant::now() + deadline::clamp(window);
    loop {
        match attempt().await {
            Err(error) if may_spread(&error) => {
                let next = tokio::time::Instant::now() + PAUSE;
                if next >= until || good_until <= SystemTime::now() {
                    return Err(error);
                }
                tracing::warn!(%error, "refused; it may still be spreading, so it is tried again");
                tokio::time::sleep_until(next).await;
            }
            outcome => return outcome,
        }
    }
}

fn may_spread(error: &Error) -> bool {
    matches!(error.kind(), Kind::Refused | Kind::Forbidden)
        && error.hint().is_some_and(|hint| hint.remedy == Remedy::MaySpread)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Hop;
    use crate::hints::{self, Hint};
    use std::cell::Cell;

    async fn tries(kind: Kind, hint: &'static Hint, window: u64, good_for: u64) -> u32 {
        let count = Cell::new(0);
        let good_until = SystemTime::now() + Duration::from_secs(good_for);
        let outcome: Result<()> = until_spread(Duration::from_secs(window), good_until, || {
            count.set(count.get() + 1);
            let error = Error::new(Hop::Exchange, kind, "here", "no").with_hint(hint);
            async move { Err(error) }
        })
        .await;
        assert_eq!(outcome.unwrap_err().kind(), kind);
        count.get()
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_may_spread_is_tried_again_and_only_inside_the_window() {
        let spreading = hints::entra(700213).unwrap();
        assert_eq!(tries(Kind::Refused, spreading, 3, 300).await, 6);
        assert_eq!(tries(Kind::Forbidden, spreading, 3, 300).await, 6);
        assert_eq!(tries(Kind::Refused, spreading, 0, 300).await, 1);
        assert_eq!(tries(Kind::Unavailable, spreading, 3, 300).await, 1);
        assert_eq!(tries(Kind::Refused, &hints::UNKNOWN_REFUSAL, 3, 300).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_proof_that_has_ended_is_not_tried_again() {
        assert_eq!(tries(Kind::Refused, hints::entra(700213).unwrap(), 3, 0).await, 1);
    }
}
