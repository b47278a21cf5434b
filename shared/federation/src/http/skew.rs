//! How far this machine's clock is from the clouds', as their `Date` headers tell.

use reqwest::header::{DATE, HeaderMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

/// Below this a difference says nothing: `Date` has whole seconds and answers take time.
pub(crate) const WORTH_SAYING: i64 = 60;

/// Seconds by which the service's clock is ahead of ours; the last one noticed.
#[derive(Default)]
pub struct Skew(AtomicI64);

impl Skew {
    pub(super) fn note(&self, headers: &HeaderMap) {
        let Some(theirs) = headers.get(DATE).and_then(|date| date.to_str().ok()) else { return };
        let Ok(theirs) = httpdate::parse_http_date(theirs) else { return };
        let seconds = seconds_between(SystemTime::now(), theirs);
        let before = self.0.swap(seconds, Ordering::Relaxed);
        if seconds.abs() >= WORTH_SAYING && (before - seconds).abs() >= WORTH_SAYING {
            tracing::warn!(skew_seconds = seconds, "this machine's clock differs from the service's");
        }
    }

    pub fn seconds(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// What the services' clock says, as far as is known: ours, unless it is known to be off.
    pub fn corrected(&self, ours: SystemTime) -> SystemTime {
        let seconds = self.seconds();
        let by = Duration::from_secs(seconds.unsigned_abs());
        match seconds {
            _ if seconds.abs() < WORTH_SAYING => ours,
            1.. => ours + by,
            _ => ours - by,
        }
    }

    /// Words for an error, if the clock is far enough off to be its cause.
    pub fn complaint(&self) -> Option<String> {
        let seconds = self.seconds();
        (seconds.abs() >= WORTH_SAYING).then(|| {
            let side = if seconds > 0 { "behind" } else { "ahead of" };
            format!("this machine's clock is {} s {side} the service's", seconds.abs())
        })
    }
}

fn seconds_between(ours: SystemTime, theirs: SystemTime) -> i64 {
    match theirs.duration_since(ours) {
        Ok(ahead) => ahead.as_secs() as i64,
        Err(behind) => -(behind.duration().as_secs() as i64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_clock_is_corrected_only_where_it_is_known_to_be_off() {
        let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let corrected = |skew: i64| {
            let known = Skew::default();
            known.0.store(skew, Ordering::Relaxed);
            known.corrected(at(10_000))
        };
        assert_eq!(corrected(0), at(10_000));
        assert_eq!(corrected(59), at(10_000));
        assert_eq!(corrected(600), at(10_600));
        assert_eq!(corrected(-600), at(9_400));
    }
}
