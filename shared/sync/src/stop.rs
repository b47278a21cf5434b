//! Stopping: asked for by a person, or by a deadline that comes near.
//!
//! Stopping loses nothing: what is under way is dropped, and what has arrived is the checkpoint.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Stop {
    asked: Arc<watch::Sender<bool>>,
    /// Inside one invocation the monotonic clock holds: it is never frozen within one.
    at: Option<Instant>,
}

impl Stop {
    pub fn new() -> Self {
        Self { asked: Arc::new(watch::Sender::new(false)), at: None }
    }

    /// Stops by itself after so much time.
    pub fn after(time: Duration) -> Self {
        Self { at: Some(Instant::now() + time), ..Self::new() }
    }

    /// The same, but this clone stops by itself after so much time.
    #[must_use]
    pub fn or_after(&self, time: Duration) -> Self {
        let at = Instant::now() + time;
        Self { asked: self.asked.clone(), at: Some(self.at.map_or(at, |earlier| earlier.min(at))) }
    }

    pub fn stop(&self) {
        self.asked.send_replace(true);
    }

    pub fn is_asked(&self) -> bool {
        *self.asked.borrow() || self.at.is_some_and(|at| at <= Instant::now())
    }

    /// Ends when stopping is asked for.
    pub async fn asked(&self) {
        let mut receiver = self.asked.subscribe();
        // The sender lives in `self`: waiting cannot fail.
        let by_someone = async { drop(receiver.wait_for(|asked| *asked).await) };
        match self.at {
            Some(at) => drop(tokio::time::timeout_at(at, by_someone).await),
            None => by_someone.await,
        }
    }

    /// The outcome of `work`, or `None` if it was to stop before that.
    pub async fn or<F: Future>(&self, work: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            () = self.asked() => None,
            outcome = work => Some(outcome),
        }
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_stops_when_told_or_when_the_time_comes() {
        let stop = Stop::new();
        assert_eq!(stop.or(async { 1 }).await, Some(1));
        let timed = stop.or_after(Duration::from_secs(5));
        assert_eq!(timed.or(std::future::pending::<()>()).await, None);
        assert!(timed.is_asked() && !stop.is_asked());
        stop.clone().stop();
        assert!(stop.is_asked());
        assert_eq!(stop.or(async { 1 }).await, None);
    }
}
