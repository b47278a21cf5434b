//! The cache of a [`Credential`](crate::Credential). It knows nothing of fetching.
//!
//! Made for Lambda, where an environment is frozen between invocations for minutes or hours:
//! - expiry is wall-clock; there is no background task and no timer;
//! - one flight per key, driven by whoever waits for it, and none blocks another key;
//! - a value near its end is refreshed inside a request, by one caller, while all others are
//!   served the live one; if that refresh fails, so is the one who tried;
//! - a failure is shared by those who waited for it, and not kept;
//! - a flight nobody waits for any more is dropped, so no request continues a socket that was
//!   opened before a freeze.

use crate::error::{Error, Result};
use crate::telemetry::metrics;
use crate::token::Expiring;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

/// A value with less than this left counts as expired: it could end on its way to the store.
const MARGIN: Duration = Duration::from_secs(10);
/// A value is refreshed ahead in the last fifth of its life, but in no more than this.
const REFRESH_AHEAD: Duration = Duration::from_secs(300);
/// After a refresh ahead failed, live values are served for so long before the next try.
const QUIET_AFTER_FAILURE: Duration = Duration::from_secs(15);

type Flight<V> = Shared<BoxFuture<'static, Result<V>>>;
type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// Values by key; a clone shares them.
pub struct Cache<K, V> {
    slots: Arc<Mutex<HashMap<K, Slot<V>>>>,
    clock: Clock,
}

struct Slot<V> {
    live: Option<Entry<V>>,
    flight: Option<WeakShared<BoxFuture<'static, Result<V>>>>,
    quiet_until: Option<SystemTime>,
}

struct Entry<V> {
    value: V,
    stored_at: SystemTime,
}

enum Plan<V> {
    Serve(V),
    Wait(Flight<V>),
    /// Refresh ahead: fly, but fall back on the live value.
    Refresh(Flight<V>, V),
}

impl<K, V> Clone for Cache<K, V> {
    fn clone(&self) -> Self {
        Self { slots: self.slots.clone(), clock: self.clock.clone() }
    }
}

impl<K, V> Default for Cache<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Expiring + Clone + Send + Sync + 'static,
{
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> Cache<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Expiring + Clone + Send + Sync + 'static,
{
    pub fn new() -> Self {
        Self::with_clock(Arc::new(SystemTime::now))
    }

    pub fn with_clock(clock: Clock) -> Self {
        Self { slots: Arc::default(), clock }
    }

    /// The live value of `key`, or the outcome of the one flight that fetches it.
    pub async fn get_or_fetch(
        &self,
        key: &K,
        fetch: impl FnOnce() -> BoxFuture<'static, Result<V>>,
    ) -> Result<V> {
        match self.plan(key, fetch) {
            Plan::Serve(value) => {
                metrics::cache(true);
                Ok(value)
            }
            Plan::Wait(flight) => {
                metrics::cache(false);
                flight.await
            }
            Plan::Refresh(flight, live) => {
                metrics::cache(true);
                match flight.await {
                    Ok(fresh) => Ok(fresh),
                    Err(error) if self.is_live(&live) => {
                        self.keep_quiet(key, &error);
                        tracing::warn!(%error, "refresh failed; the live token is served");
                        Ok(live)
                    }
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// Forgets the value that expires at `rejected`; a newer one stays.
    pub fn invalidate(&self, key: &K, rejected: SystemTime) {
        if let Some(slot) = self.lock().get_mut(key)
            && slot.live.as_ref().is_some_and(|entry| entry.value.expires_at() == rejected)
        {
            slot.live = None;
        }
    }

    fn plan(&self, key: &K, fetch: impl FnOnce() -> BoxFuture<'static, Result<V>>) -> Plan<V> {
        let now = (self.clock)();
        let mut slots = self.lock();
        let slot =
            slots.entry(key.clone()).or_insert_with(|| Slot { live: None, flight: None, quiet_until: None });
        let in_flight =
            slot.flight.as_ref().and_then(WeakShared::upgrade).filter(|flight| flight.peek().is_none());
        let live = slot.live.as_ref().filter(|entry| entry.is_live(now));
        match (live, in_flight) {
            (Some(entry), _) if !entry.is_near_its_end(now) => Plan::Serve(entry.value.clone()),
            (Some(entry), Some(_)) => Plan::Serve(entry.value.clone()),
            (Some(entry), None) if slot.quiet_until.is_some_and(|until| now < until) => {
                Plan::Serve(entry.value.clone())
            }
            (Some(entry), None) => {
                let live = entry.value.clone();
                Plan::Refresh(self.take_off(key, slot, fetch()), live)
            }
            (None, Some(flight)) => Plan::Wait(flight),
            (None, None) => Plan::Wait(self.take_off(key, slot, fetch())),
        }
    }

    /// Starts the one flight of this key. It lands its own value, whoever drives it to the end.
    fn take_off(&self, key: &K, slot: &mut Slot<V>, fetch: BoxFuture<'static, Result<V>>) -> Flight<V> {
        let (cache, key) = (self.clone(), key.clone());
        let flight = async move {
            let value = fetch.await?;
            let stored_at = (cache.clock)();
            if let Some(slot) = cache.lock().get_mut(&key) {
                slot.live = Some(Entry { value: value.clone(), stored_at });
                slot.quiet_until = None;
            }
            Ok(value)
        }
        .boxed()
        .shared();
        slot.flight = flight.downgrade();
        flight
    }

    fn is_live(&self, value: &V) -> bool {
        value.expires_at() > (self.clock)() + MARGIN
    }

    fn keep_quiet(&self, key: &K, error: &Error) {
        let quiet = error.retry_after().unwrap_or(QUIET_AFTER_FAILURE);
        if let Some(slot) = self.lock().get_mut(key) {
            slot.quiet_until = Some((self.clock)() + quiet);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Slot<V>>> {
        // Nothing panics while the lock is held, and the map is whole at every step.
        self.slots.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl<V: Expiring> Entry<V> {
    /// A wall clock that was set back behind the moment of storing proves nothing about expiry.
    fn is_live(&self, now: SystemTime) -> bool {
        now >= self.stored_at && self.value.expires_at() > now + MARGIN
    }

    fn is_near_its_end(&self, now: SystemTime) -> bool {
        let lifetime = self.value.expires_at().duration_since(self.stored_at).unwrap_or_default();
        self.value.expires_at() <= now + REFRESH_AHEAD.min(lifetime / 5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Hop, Kind};
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

    #[derive(Clone, Debug, PartialEq)]
    struct Dated(u32, SystemTime);
    impl Expiring for Dated {
        fn expires_at(&self) -> SystemTime {
            self.1
        }
    }

    /// A clock that stands where the test puts it, and a count of fetches.
    struct Bench {
        cache: Cache<&'static str, Dated>,
        seconds: Arc<AtomicU64>,
        fetches: Arc<AtomicUsize>,
    }

    impl Bench {
        fn new() -> Self {
            let seconds = Arc::new(AtomicU64::new(1_000));
            let hand = seconds.clone();
            let clock = Arc::new(move || at(hand.load(Ordering::SeqCst)));
            Self { cache: Cache::with_clock(clock), seconds, fetches: Arc::default() }
        }

        fn fetch(&self, outcome: Result<Dated>) -> impl FnOnce() -> BoxFuture<'static, Result<Dated>> {
            let fetches = self.fetches.clone();
            move || {
                Box::pin(async move {
                    fetches.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    outcome
                })
            }
        }

        async fn get(&self, outcome: Result<Dated>) -> Result<Dated> {
            self.cache.get_or_fetch(&"scope", self.fetch(outcome)).await
        }

        fn count(&self) -> usize {
            self.fetches.load(Ordering::SeqCst)
        }
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn refused() -> Error {
        Error::new(Hop::Exchange, Kind::Refused, "here", "no")
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_cold_callers_make_one_fetch() {
        let bench = Bench::new();
        let calls = (0..1000).map(|_| bench.get(Ok(Dated(1, at(4600)))));
        let all = futures_util::future::join_all(calls).await;
        assert!(all.iter().all(|one| one.as_ref().unwrap().0 == 1));
        assert_eq!(bench.count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_shared_by_those_who_waited_and_forgotten_for_the_next() {
        let bench = Bench::new();
        let all = futures_util::future::join_all((0..10).map(|_| bench.get(Err(refused())))).await;
        assert!(all.iter().all(|one| one.as_ref().unwrap_err().kind() == Kind::Refused));
        assert_eq!(bench.count(), 1);
        assert_eq!(bench.get(Ok(Dated(2, at(4600)))).await.unwrap().0, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn wall_clock_expiry_is_noticed_after_a_freeze() {
        let bench = Bench::new();
        bench.get(Ok(Dated(1, at(4600)))).await.unwrap();
        bench.seconds.store(1_000 + 6 * 3600, Ordering::SeqCst);
        assert_eq!(bench.get(Ok(Dated(2, at(99_000)))).await.unwrap().0, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_live_value_is_served_while_its_refresh_fails_and_the_refresh_rests() {
        let bench = Bench::new();
        bench.get(Ok(Dated(1, at(4600)))).await.unwrap();
        bench.seconds.store(4400, Ordering::SeqCst);
        assert_eq!(bench.get(Err(refused())).await.unwrap().0, 1);
        assert_eq!(bench.get(Err(refused())).await.unwrap().0, 1);
        assert_eq!(bench.count(), 2, "the second caller did not try again at once");
        bench.seconds.store(4595, Ordering::SeqCst);
        assert!(bench.get(Err(refused())).await.is_err(), "no longer live");
    }

    #[tokio::test(start_paused = true)]
    async fn one_scope_does_not_block_another() {
        let bench = Bench::new();
        let stuck = bench.cache.get_or_fetch(&"stuck", || Box::pin(std::future::pending()));
        let mut stuck = std::pin::pin!(stuck);
        assert!(futures_util::poll!(stuck.as_mut()).is_pending());
        assert_eq!(bench.get(Ok(Dated(1, at(4600)))).await.unwrap().0, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_abandoned_flight_is_not_continued() {
        let bench = Bench::new();
        {
            let stuck = bench.cache.get_or_fetch(&"scope", || Box::pin(std::future::pending()));
            let mut stuck = std::pin::pin!(stuck);
            assert!(futures_util::poll!(stuck.as_mut()).is_pending());
        }
        assert_eq!(bench.get(Ok(Dated(7, at(4600)))).await.unwrap().0, 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rejected_token_is_invalidated_once() {
        let bench = Bench::new();
        let first = bench.get(Ok(Dated(1, at(4600)))).await.unwrap();
        bench.cache.invalidate(&"scope", first.1);
        assert_eq!(bench.get(Ok(Dated(2, at(4700)))).await.unwrap().0, 2);
        bench.cache.invalidate(&"scope", first.1);
        assert_eq!(bench.get(Ok(Dated(3, at(4800)))).await.unwrap().0, 2, "the newer token stays");
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_set_back_does_not_make_a_token_eternal() {
        let bench = Bench::new();
        bench.get(Ok(Dated(1, at(4600)))).await.unwrap();
        bench.seconds.store(10, Ordering::SeqCst);
        assert_eq!(bench.get(Ok(Dated(2, at(3600)))).await.unwrap().0, 2);
    }
}
