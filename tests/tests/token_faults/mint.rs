//! STS. That it is silent is in `answers`.

use super::status;
use super::way::{Route, Way};
use carnet_federation::http::Http;
use carnet_federation::mint::Outbound;
use carnet_federation::{Audience, Hop as At, Kind, Mint as _};
use carnet_localclouds::faults::{Fault, Hop, Rule};
use carnet_tests::{Stage, secrecy};
use std::time::{Duration, SystemTime};

#[tokio::test(flavor = "multi_thread")]
async fn an_sts_that_fails_is_tried_three_times_and_not_more() {
    for fault in [Fault::ResetBefore, status(503, &[], "")] {
        let way = Way::new(Route::Azure).await;
        way.always(Hop::Sts, fault.clone());
        let error = way.refusal().await;
        assert_eq!((error.hop(), error.kind()), (At::Mint, Kind::Unavailable), "{fault}: {error}");
        assert_eq!(way.mints(), 3, "{fault}");
        way.no_fault();
        way.fault(Rule::always(Hop::Sts, fault.clone()).times(2));
        way.token().await;
        assert_eq!(way.mints(), 6, "{fault}: twice, then an answer");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_with_ninety_seconds_left_gets_a_shorter_token() {
    let stage = Stage::new().await;
    let ends = session_ends_in(&stage, 90);
    let lifetime = minted_lifetime(&stage, Some(ends)).await;
    assert!((60..90).contains(&lifetime), "{lifetime} s");
    assert_eq!(stage.local.shared.faults.seen(Hop::Sts).len(), 1, "no escalation had to be refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_whose_end_is_not_told_gets_the_shortest_token_at_the_second_try() {
    let stage = Stage::new().await;
    session_ends_in(&stage, 90);
    assert_eq!(minted_lifetime(&stage, None).await, 60);
    assert_eq!(stage.local.shared.faults.seen(Hop::Sts).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_as_good_as_over_is_not_even_tried() {
    let stage = Stage::new().await;
    let ends = session_ends_in(&stage, 30);
    let error = mint(&stage, Some(ends)).await.mint(&audience()).await.expect_err("no token");
    secrecy::assert_kept(&error);
    assert_eq!((error.hop(), error.kind(), error.field()), (At::Mint, Kind::Refused, Some("duration")));
    assert_eq!(stage.local.shared.faults.seen(Hop::Sts).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_that_is_off_is_named_and_not_tried_again() {
    let way = Way::new(Route::Azure).await;
    way.stage.local.shared.world_mut().aws.outbound_federation = false;
    let error = way.refusal().await;
    assert_eq!(error.code(), Some("OutboundWebIdentityFederationDisabledException"));
    assert_eq!(error.field(), Some("outbound federation"));
    assert!(error.to_string().contains("aws iam enable-outbound-web-identity-federation"), "{error}");
    assert_eq!((way.mints(), way.exchanges()), (1, 0));
}

fn audience() -> Audience {
    Audience::new("api://AzureADTokenExchange")
}

fn session_ends_in(stage: &Stage, seconds: u64) -> SystemTime {
    let ends = SystemTime::now() + Duration::from_secs(seconds);
    let mut world = stage.local.shared.world_mut();
    let operator = world.operator.clone();
    world.aws.access_keys.get_mut(&operator).expect("the operator has a key").expires_at = Some(ends);
    ends
}

async fn mint(stage: &Stage, known_end: Option<SystemTime>) -> Outbound {
    secrecy::watch();
    let http: Http = stage.http();
    stage.mint(&http, stage.access_key(known_end)).await.unwrap()
}

async fn minted_lifetime(stage: &Stage, known_end: Option<SystemTime>) -> u64 {
    let assertion = mint(stage, known_end).await.mint(&audience()).await.unwrap();
    assertion.claims.expires_at.unwrap() - assertion.claims.issued_at.unwrap()
}
