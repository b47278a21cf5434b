//! Clocks that are off, and proofs out of their time.

use super::way::{Route, Way};
use carnet_federation::{Hop as At, Kind, Scope};
use carnet_localclouds::faults::{Fault, Hop, Rule};
use carnet_objects::ObjectSource;
use carnet_tests::{BUCKET, Stage};
use std::sync::Arc;
use std::time::Duration;

/// All clouds agree, so it is our own clock that is wrong.
fn skew_all(stage: &Stage, seconds: i64) {
    for hop in Hop::ALL {
        stage.local.shared.faults.add(Rule::always(hop, Fault::ClockSkew { seconds }));
    }
}

async fn source(stage: &Stage, route: Route) -> Arc<dyn ObjectSource> {
    if route == Route::Azure {
        return stage.source().await.unwrap();
    }
    let http = stage.http();
    let google = route.google(stage, &http, Duration::ZERO);
    let credential = carnet_federation::Credential::new(route.mint(stage, &http).await, google);
    stage.bucket_named(BUCKET, credential).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_ten_minutes_off_is_corrected_from_the_answers_date() {
    for route in Route::ALL {
        let stage = Stage::new().await;
        for seconds in [600, -600] {
            stage.local.shared.faults.clear();
            stage.local.shared.faults.forget_seen();
            skew_all(&stage, seconds);
            stage.put("read.txt", "read all the same");
            let source = source(&stage, route).await;
            let key = carnet_objects::Key::parse("read.txt").unwrap();
            let (_, bytes, _) = carnet_objects::read_to_vec(source, &key, Default::default(), 64)
                .await
                .unwrap_or_else(|error| panic!("{route:?} {seconds}: {error}"));
            assert_eq!(bytes, b"read all the same");
            // Refused once, then signed with the right time: by AWS, or, where nobody was asked to
            // make the proof, by Google.
            let (mints, exchanges) = if route == Route::GoogleByRole { (0, 2) } else { (2, 1) };
            let way_to = if route == Route::Azure { Hop::EntraToken } else { Hop::GoogleSts };
            let found = (stage.count(Hop::Sts), stage.count(way_to));
            assert_eq!(found, (mints, exchanges), "{route:?} {seconds}");
        }
    }
}

/// What is known of the clock from any service's answer is known to the next signed request.
#[tokio::test(flavor = "multi_thread")]
async fn a_signed_request_is_dated_by_the_clouds_clock_once_that_is_known() {
    let stage = Stage::new().await;
    for seconds in [600, -600] {
        stage.local.shared.faults.clear();
        stage.local.shared.faults.forget_seen();
        skew_all(&stage, seconds);
        let http = stage.http();
        let exchange = Route::GoogleByRole.google(&stage, &http, Duration::ZERO);
        let mint = Route::GoogleByRole.mint(&stage, &http).await;
        let credential = carnet_federation::Credential::new(mint, exchange);
        credential.token(&Scope::new("https://www.googleapis.com/auth/devstorage.read_only")).await.unwrap();
        credential.token(&Scope::new("https://www.googleapis.com/auth/cloud-platform")).await.unwrap();
        assert_eq!(stage.count(Hop::GoogleSts), 3, "{seconds}: the second token needed one request");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_out_of_its_time_is_minted_anew_once() {
    for route in [Route::Azure, Route::Google, Route::GoogleAccount] {
        let way = Way::new(route).await;
        way.fault(Rule::always(Hop::Sts, Fault::ExpiredToken).times(1));
        way.token().await;
        assert_eq!((way.mints(), way.exchanges()), (2, 2), "{route:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn assertions_that_are_always_out_of_their_time_are_reported_as_a_matter_of_clocks() {
    for (route, code) in [(Route::Azure, "AADSTS700024"), (Route::Google, "invalid_grant")] {
        let way = Way::new(route).await;
        way.always(Hop::Sts, Fault::ExpiredToken);
        let error = way.refusal().await;
        assert_eq!((error.hop(), error.kind()), (At::Exchange, Kind::Refused), "{error}");
        assert_eq!((error.code(), error.field()), (Some(code), Some("clock")), "{error}");
        assert_eq!((way.mints(), way.exchanges()), (2, 2), "one fresh proof, no more");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_service_whose_clock_is_off_is_told_by_how_much() {
    let services =
        [(Route::Azure, Hop::EntraToken, "AADSTS700024"), (Route::Google, Hop::GoogleSts, "invalid_grant")];
    for (route, hop, code) in services {
        let mut way = Way::new(route).await;
        for (seconds, side) in [(600, "behind"), (-600, "ahead of")] {
            way = way.afresh().await;
            way.always(hop, Fault::ClockSkew { seconds });
            let error = way.refusal().await;
            assert_eq!((error.code(), error.field()), (Some(code), Some("clock")), "{error}");
            let presented = error.presented().unwrap();
            assert!(presented.contains("this machine's clock is") && presented.contains(side), "{presented}");
            assert_eq!((way.mints(), way.exchanges()), (2, 2));
        }
    }
}

/// AWS's clock and Google's are not one: what Google's `Date` says puts a request out of AWS's time.
/// That is said, and not tried for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_signed_request_that_stays_out_of_its_time_is_a_matter_of_clocks() {
    let way = Way::new(Route::GoogleByRole).await;
    // The service says one time and judges by another: no correction can help.
    let body = r#"{"error":"invalid_grant","error_description":"The request has expired."}"#;
    let date = "Thu, 01 Jan 2026 00:00:00 GMT";
    way.always(Hop::GoogleSts, super::status(400, &[("date", date)], body));
    let error = way.refusal().await;
    assert_eq!((error.hop(), error.kind()), (At::Exchange, Kind::Refused), "{error}");
    assert_eq!(way.exchanges(), 2, "one fresh proof, no more: {error}");
}

/// The end of a service account's token is told as an instant of Google's clock.
#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_has_passed_or_never_comes_is_no_token_and_no_panic() {
    let mut way = Way::new(Route::GoogleAccount).await;
    for (fault, anchor, said) in [
        (Fault::ExpiredToken, "clock", "already ended"),
        (Fault::AbsurdExpiry, "not-a-token-service", "cannot be right"),
    ] {
        way = way.afresh().await;
        way.fault(Rule::always(Hop::GoogleIamCredentials, fault.clone()).times(1));
        let error = way.refusal().await;
        assert_eq!((error.hop(), error.kind()), (At::Impersonate, Kind::Malformed), "{fault}: {error}");
        assert_eq!(error.hint().map(|hint| hint.anchor), Some(anchor), "{fault}: {error}");
        assert!(error.message().contains(said) && error.message().contains("expireTime"), "{fault}: {error}");
        way.token().await;
        assert_eq!(way.counts(), [2, 2, 2], "{fault}: nothing of it was kept");
    }
}
