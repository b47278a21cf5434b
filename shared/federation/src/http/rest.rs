//! How long connections have rested, by the wall clock.
//!
//! Load balancers and NAT gateways drop idle connections silently, and a frozen process does not see
//! them go: its monotonic clock, and with it a pool's own timer, stands still.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// Pooled connections rest no longer than this.
pub const IDLE: Duration = Duration::from_secs(50);

/// Remembers when a pool was last used.
pub struct Rest {
    /// Seconds since the epoch.
    last_used: AtomicU64,
}

impl Rest {
    pub fn begin() -> Self {
        Self::since(SystemTime::now())
    }

    pub fn since(last_used: SystemTime) -> Self {
        Self { last_used: AtomicU64::new(seconds(last_used)) }
    }

    /// Whether the pool has rested too long to be used now. From here on it is in use again. A clock
    /// that was set back tells as little of the rest as a long one.
    pub fn was_too_long(&self) -> bool {
        let now = seconds(SystemTime::now());
        now.abs_diff(self.last_used.swap(now, Ordering::Relaxed)) > IDLE.as_secs()
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_that_rested_too_long_is_in_use_again_once_it_was_asked() {
        let now = SystemTime::now();
        assert!(!Rest::begin().was_too_long());
        assert!(!Rest::since(now - IDLE / 2).was_too_long());
        for long in [now - IDLE * 2, now + IDLE * 2] {
            let rest = Rest::since(long);
            assert!(rest.was_too_long() && !rest.was_too_long());
        }
    }
}
