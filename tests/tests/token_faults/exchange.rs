//! The clouds' token services: throttling, spreading, many callers.

use super::status;
use super::way::{ENTRA, GOOGLE_STS, IAM_CREDENTIALS, Route, Service, Way};
use carnet_federation::cache::Cache;
use carnet_federation::deadline;
use carnet_federation::{AccessToken, Assertion, Audience, BoxFuture, Kind, Mint, Result};
use carnet_localclouds::World;
use carnet_localclouds::faults::{Fault, Hop, Rule};
use carnet_tests::{CLIENT, Stage, each};
use futures_util::future::join_all;
use futures_util::poll;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use tokio::sync::Semaphore;

each!(
    ENTRA as entra, GOOGLE_STS as google_sts, IAM_CREDENTIALS as iam_credentials:
    (
        throttling_beyond_the_deadline_fails_at_once,
        throttling_inside_the_deadline_is_waited_for,
        a_live_token_is_served_while_its_refresh_is_throttled,
        a_thousand_callers_share_one_failure,
        a_trust_that_is_still_spreading_is_waited_for,
        a_trust_that_is_wrong_is_reported_after_the_window,
        the_window_ends_with_the_callers_deadline,
    )
);

fn throttled(seconds: &str) -> Fault {
    status(429, &[("retry-after", seconds)], "")
}

async fn throttling_beyond_the_deadline_fails_at_once(Service { route, hop, at }: Service) {
    let way = Way::new(route).await;
    way.always(hop, throttled("60"));
    let error = way.refusal().await;
    assert_eq!((error.hop(), error.kind()), (at, Kind::Throttled));
    assert_eq!(error.retry_after(), Some(Duration::from_secs(60)));
    assert_eq!(way.asked(hop), 1);
    // Three seconds are more than this caller has; a retry that did not listen would fit.
    way.no_fault();
    way.always(hop, throttled("3"));
    let error = way.refusal_within(Duration::from_secs(2)).await;
    assert_eq!((error.kind(), way.asked(hop)), (Kind::Throttled, 2));
}

async fn throttling_inside_the_deadline_is_waited_for(Service { route, hop, .. }: Service) {
    let way = Way::new(route).await;
    way.fault(Rule::always(hop, throttled("1")).times(1));
    way.token().await;
    let twice = |asked: &Hop| if *asked == hop { 2 } else { 1 };
    assert_eq!(way.counts(), route.hops().iter().map(twice).collect::<Vec<_>>(), "what was had is kept");
}

async fn a_live_token_is_served_while_its_refresh_is_throttled(Service { route, hop, .. }: Service) {
    let ahead = Arc::new(AtomicU64::new(0));
    let clock = {
        let ahead = ahead.clone();
        Arc::new(move || SystemTime::now() + Duration::from_secs(ahead.load(Ordering::SeqCst)))
    };
    let way = Way::caching(route, Cache::with_clock(clock)).await;

    let first = way.token().await;
    way.always(hop, throttled("60"));
    ahead.store(3599 - 180, Ordering::SeqCst);
    assert!(same(&first, &way.token().await), "two minutes are left of it");
    assert_eq!(way.asked(hop), 2);
    ahead.fetch_add(30, Ordering::SeqCst);
    assert!(same(&first, &way.token().await));
    assert_eq!(way.asked(hop), 2, "a minute's rest was asked for");
    ahead.fetch_add(40, Ordering::SeqCst);
    assert!(same(&first, &way.token().await));
    assert_eq!(way.asked(hop), 3);
    way.no_fault();
    ahead.fetch_add(70, Ordering::SeqCst);
    way.token().await;
    assert_eq!(way.asked(hop), 4, "a refresh that may go on brings a new one");
}

fn same(one: &AccessToken, other: &AccessToken) -> bool {
    one.secret.expose() == other.secret.expose() && one.expires_at == other.expires_at
}

/// A mint that waits until the test lets it go on.
struct Gated {
    mint: Arc<dyn Mint>,
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

/// A way whose mint waits, and what lets it go on.
async fn gated(route: Route) -> (Way, Arc<Semaphore>) {
    let stage = Stage::new().await;
    let mint = route.mint(&stage, &stage.http()).await;
    let gate = Arc::new(Semaphore::new(0));
    (Way::minting(stage, route, Gated { mint, gate: gate.clone() }), gate)
}

/// What a thousand callers get who all came before anything was decided.
async fn a_thousand_calls(way: &Way, gate: &Semaphore) -> Vec<Result<AccessToken>> {
    let calls = join_all((0..1000).map(|_| way.call()));
    let mut calls = std::pin::pin!(calls);
    assert!(poll!(calls.as_mut()).is_pending(), "all are waiting");
    gate.add_permits(1);
    calls.await
}

async fn a_thousand_callers_share_one_failure(Service { route, hop, .. }: Service) {
    let (way, gate) = gated(route).await;
    way.always(hop, throttled("60"));
    for outcome in a_thousand_calls(&way, &gate).await {
        assert_eq!(outcome.expect_err("no token").kind(), Kind::Throttled);
    }
    assert_eq!(way.counts(), vec![1; route.hops().len()]);
    way.no_fault();
    way.token().await;
    assert_eq!(way.counts(), vec![2; route.hops().len()], "the failure is not kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_cold_callers_ask_everyone_once() {
    for route in Route::ALL {
        let (way, gate) = gated(route).await;
        let tokens = a_thousand_calls(&way, &gate).await;
        assert!(tokens.iter().all(Result::is_ok), "{route:?}");
        assert_eq!(way.counts(), vec![1; route.hops().len()], "{route:?}");
    }
}

/// What a change of minutes ago may not have brought everywhere yet, as each service refuses it:
/// code, field, part of what was presented.
type Withheld = (fn(&mut World), &'static str, &'static str, &'static str);

const ROLE: &str = "arn:aws:iam::123456789012:role/carnet-eu-central-1-operator";

fn withheld(hop: Hop) -> Withheld {
    match hop {
        Hop::EntraToken => (
            |world| {
                let application = world.application_mut(CLIENT).expect("the application");
                for credential in &mut application.federated_credentials {
                    credential.subject.push_str("-of-another-name");
                }
            },
            "AADSTS700213",
            "subject",
            ROLE,
        ),
        Hop::GoogleSts => (
            |world| {
                let providers = world.google.pools.values_mut().flat_map(|pool| pool.providers.values_mut());
                providers.for_each(|provider| {
                    provider.trust.condition = Some("google.subject == 'another'".to_owned());
                });
            },
            "unauthorized_client",
            "attribute condition",
            ROLE,
        ),
        _ => (
            |world| {
                world.google.service_accounts.values_mut().for_each(|account| account.users.clear());
            },
            "PERMISSION_DENIED",
            "service account",
            carnet_tests::SERVICE_ACCOUNT,
        ),
    }
}

async fn a_trust_that_is_still_spreading_is_waited_for(Service { route, hop, .. }: Service) {
    let way = Way::patient(route, Duration::from_secs(30)).await;
    let spread = way.stage.local.shared.world().clone();
    withheld(hop).0(&mut way.stage.local.shared.world_mut());
    let arrives = async {
        // The second look is only taken when the first was refused.
        while way.asked(hop) < 2 {
            tokio::task::yield_now().await;
        }
        *way.stage.local.shared.world_mut() = spread;
    };
    tokio::join!(way.token(), arrives);
    let before = route.hops().iter().take_while(|asked| **asked != hop);
    assert!(before.into_iter().all(|asked| way.asked(*asked) == 1), "what was had is good until then");
}

async fn a_trust_that_is_wrong_is_reported_after_the_window(Service { route, hop, at }: Service) {
    let way = Way::patient(route, Duration::from_secs(2)).await;
    let (withhold, code, field, presented) = withheld(hop);
    withhold(&mut way.stage.local.shared.world_mut());
    let error = way.refusal().await;
    assert_eq!((error.hop(), error.code(), error.field()), (at, Some(code), Some(field)));
    assert!(error.presented().is_some_and(|said| said.contains(presented)), "{error}");
    assert!(way.asked(hop) >= 2, "it could have been spreading");
    assert_eq!(way.mints(), 1);
}

async fn the_window_ends_with_the_callers_deadline(Service { route, hop, .. }: Service) {
    let way = Way::patient(route, Duration::from_secs(600)).await;
    let (withhold, code, ..) = withheld(hop);
    withhold(&mut way.stage.local.shared.world_mut());
    let error = deadline::within(Duration::from_secs(2), way.refusal()).await;
    assert_eq!(error.code(), Some(code), "the refusal is told, not that time ran out: {error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trust_that_does_not_spread_in_time_is_reported_as_spreading() {
    let way = Way::patient(Route::Azure, Duration::from_secs(2)).await;
    let until = SystemTime::now() + Duration::from_secs(3600);
    let clouds = way.stage.local.shared.clone();
    clouds.world_mut().application_mut(CLIENT).unwrap().spreading_until = Some(until);
    let error = way.refusal().await;
    assert_eq!((error.kind(), error.code()), (Kind::Refused, Some("AADSTS70021")));
    assert!(error.to_string().contains("wait some minutes"), "{error}");
    assert!(way.exchanges() >= 2);
}
