//! Entra: throttling, spreading, many callers.

use super::{Way, status};
use carnet_federation::cache::Cache;
use carnet_federation::deadline;
use carnet_federation::mint::Outbound;
use carnet_federation::{
    AccessToken, Assertion, Audience, BoxFuture, Credential, Hop as At, Kind, Mint, Result, Scope,
};
use carnet_localclouds::faults::{Fault, Hop, Rule};
use carnet_objects::azure::SCOPE;
use carnet_tests::{CLIENT, Stage, secrecy};
use futures_util::future::join_all;
use futures_util::poll;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use tokio::sync::Semaphore;

fn throttled(seconds: &str) -> Fault {
    status(429, &[("retry-after", seconds)], "")
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_beyond_the_deadline_fails_at_once() {
    let way = Way::new().await;
    way.always(Hop::EntraToken, throttled("60"));
    let error = way.refusal().await;
    assert_eq!((error.hop(), error.kind()), (At::Exchange, Kind::Throttled));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(60)));
    assert_eq!(way.exchanges(), 1);
    // Three seconds are more than this caller has; a retry that did not listen would fit.
    way.no_fault();
    way.always(Hop::EntraToken, throttled("3"));
    let error = way.refusal_within(Duration::from_secs(2)).await;
    assert_eq!((error.kind(), way.exchanges()), (Kind::Throttled, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_inside_the_deadline_is_waited_for() {
    let way = Way::new().await;
    way.fault(Rule::always(Hop::EntraToken, throttled("1")).times(1));
    way.token().await;
    assert_eq!((way.mints(), way.exchanges()), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_token_is_served_while_its_refresh_is_throttled() {
    secrecy::watch();
    let stage = Stage::new().await;
    let (http, ahead) = (stage.http(), Arc::new(AtomicU64::new(0)));
    let clock = {
        let ahead = ahead.clone();
        Arc::new(move || SystemTime::now() + Duration::from_secs(ahead.load(Ordering::SeqCst)))
    };
    let mint = stage.mint(&http, stage.access_key(None)).await.unwrap();
    let entra = stage.entra(&http, |_| {}).unwrap();
    let credential = Credential::with_cache(Arc::new(mint), entra, Cache::with_clock(clock));
    let way = Way { stage, credential };

    let first = way.token().await;
    way.always(Hop::EntraToken, throttled("60"));
    ahead.store(3599 - 180, Ordering::SeqCst);
    assert!(same(&first, &way.token().await), "two minutes are left of it");
    assert_eq!(way.exchanges(), 2);
    ahead.fetch_add(30, Ordering::SeqCst);
    assert!(same(&first, &way.token().await));
    assert_eq!(way.exchanges(), 2, "Entra asked for a minute's rest");
    ahead.fetch_add(40, Ordering::SeqCst);
    assert!(same(&first, &way.token().await));
    assert_eq!(way.exchanges(), 3);
    way.no_fault();
    ahead.fetch_add(70, Ordering::SeqCst);
    assert!(!same(&first, &way.token().await), "a refresh that may go on brings a new one");
}

fn same(one: &AccessToken, other: &AccessToken) -> bool {
    one.secret.expose() == other.secret.expose()
}

/// A mint that waits until the test lets it go on.
struct Gated {
    mint: Outbound,
    gate: Arc<Semaphore>,
}

impl Mint for Gated {
    fn target(&self) -> &str {
        self.mint.target()
    }

    fn mint<'a>(&'a self, audience: &'a Audience) -> BoxFuture<'a, Result<Assertion>> {
        Box::pin(async move {
            let _open = self.gate.acquire().await.expect("the gate is never taken down");
            self.mint.mint(audience).await
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_callers_share_one_failure() {
    let stage = Stage::new().await;
    let mint = stage.mint(&stage.http(), stage.access_key(None)).await.unwrap();
    let gate = Arc::new(Semaphore::new(0));
    let way = Way::minting(stage, Gated { mint, gate: gate.clone() }).await;
    way.always(Hop::EntraToken, throttled("60"));
    let scope = Scope::new(SCOPE);
    let calls = join_all((0..1000).map(|_| way.credential.token(&scope)));
    let mut calls = std::pin::pin!(calls);
    // Whoever came only after the failure would rightly cause another.
    assert!(poll!(calls.as_mut()).is_pending(), "all are waiting");
    gate.add_permits(1);
    for outcome in calls.await {
        assert_eq!(outcome.expect_err("no token").kind(), Kind::Throttled);
    }
    assert_eq!((way.mints(), way.exchanges()), (1, 1));
    way.no_fault();
    way.token().await;
    assert_eq!((way.mints(), way.exchanges()), (2, 2), "the failure is not kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trust_that_is_still_spreading_is_waited_for() {
    let way = Way::with(|settings| settings.spreading_window = Duration::from_secs(30)).await;
    set_spreading(&way, Duration::from_millis(700));
    way.token().await;
    assert_eq!(way.mints(), 1, "the same proof is good until then");
    assert!(way.exchanges() >= 2, "refused at first");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trust_that_does_not_spread_in_time_is_reported_as_spreading() {
    let way = Way::with(|settings| settings.spreading_window = Duration::from_secs(2)).await;
    set_spreading(&way, Duration::from_secs(3600));
    let error = way.refusal().await;
    assert_eq!((error.kind(), error.code()), (Kind::Refused, Some("AADSTS70021")));
    assert!(error.to_string().contains("wait some minutes"), "{error}");
    assert!(way.exchanges() >= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trust_that_is_wrong_is_reported_after_the_window() {
    let way = Way::with(|settings| settings.spreading_window = Duration::from_secs(2)).await;
    for credential in
        &mut way.stage.local.shared.world_mut().application_mut(CLIENT).unwrap().federated_credentials
    {
        credential.subject.push_str("-of-another-name");
    }
    let error = way.refusal().await;
    assert_eq!((error.code(), error.field()), (Some("AADSTS700213"), Some("subject")));
    assert_eq!(error.presented(), Some("arn:aws:iam::123456789012:role/carnet-eu-central-1-operator"));
    assert!(way.exchanges() >= 2, "it could have been spreading");
    assert_eq!(way.mints(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_ends_with_the_callers_deadline() {
    let way = Way::with(|settings| settings.spreading_window = Duration::from_secs(600)).await;
    set_spreading(&way, Duration::from_secs(3600));
    let error = deadline::within(Duration::from_secs(2), way.refusal()).await;
    assert_eq!(error.code(), Some("AADSTS70021"), "the refusal is told, not that time ran out: {error}");
}

fn set_spreading(way: &Way, lasts: Duration) {
    let mut world = way.stage.local.shared.world_mut();
    world.application_mut(CLIENT).unwrap().spreading_until = Some(SystemTime::now() + lasts);
}
