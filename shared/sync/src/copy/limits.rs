//! How much at once: objects, bytes in memory, bytes a second. One set for all copies of a process.

use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Memory is counted in these, since a semaphore counts to 2^29 or so.
const UNIT: u64 = 1024;

#[derive(Clone)]
pub(super) struct Limits {
    objects: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    units: u32,
    pace: Option<Arc<Pace>>,
}

struct Pace {
    bytes_per_second: u64,
    /// When the bytes that were let through so far will have passed at that speed.
    free_at: Mutex<Instant>,
}

impl Limits {
    pub fn new(objects: usize, memory: u64, bytes_per_second: Option<u64>) -> Self {
        let units = u32::try_from(memory / UNIT).unwrap_or(u32::MAX / 16).clamp(1, u32::MAX / 16);
        let pace = |bytes_per_second: u64| {
            Arc::new(Pace { bytes_per_second: bytes_per_second.max(1), free_at: Mutex::new(Instant::now()) })
        };
        Self {
            objects: Arc::new(Semaphore::new(objects.max(1))),
            memory: Arc::new(Semaphore::new(units as usize)),
            units,
            pace: bytes_per_second.map(pace),
        }
    }

    pub async fn object(&self) -> OwnedSemaphorePermit {
        acquire(&self.objects, 1).await
    }

    /// Waits until so many bytes may be held. More than there are at all are given all there are: one
    /// such copy goes on alone.
    pub async fn memory(&self, bytes: u64) -> OwnedSemaphorePermit {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).clamp(1, self.units);
        acquire(&self.memory, units).await
    }

    /// Waits until so many bytes may pass.
    pub async fn pace(&self, bytes: u64) {
        let Some(pace) = &self.pace else { return };
        let begins = {
            // Nothing panics while it is held.
            let mut free_at = pace.free_at.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let begins = (*free_at).max(Instant::now());
            *free_at = begins + Duration::from_secs_f64(bytes as f64 / pace.bytes_per_second as f64);
            begins
        };
        tokio::time::sleep_until(begins).await;
    }
}

async fn acquire(semaphore: &Arc<Semaphore>, permits: u32) -> OwnedSemaphorePermit {
    match semaphore.clone().acquire_many_owned(permits).await {
        Ok(permit) => permit,
        Err(closed) => unreachable!("nothing closes it: {closed}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn bytes_pass_at_the_pace_that_was_set() {
        let limits = Limits::new(1, 1 << 20, Some(1_000));
        let start = Instant::now();
        for _ in 0..5 {
            limits.pace(2_000).await;
        }
        assert_eq!(start.elapsed().as_secs(), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_held_stays_within_the_memory() {
        let limits = Limits::new(1, 10 * UNIT, None);
        let held = limits.memory(6 * UNIT).await;
        let next = limits.memory(5 * UNIT);
        tokio::pin!(next);
        assert!(tokio::time::timeout(Duration::from_secs(1), &mut next).await.is_err());
        drop(held);
        drop(next.await);
        // More than there is at all waits for all of it, not for ever.
        drop(limits.memory(u64::MAX).await);
    }
}
