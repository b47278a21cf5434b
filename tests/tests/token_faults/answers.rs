//! What a token service sends that is no token.

use super::status;
use super::way::{ENTRA, GOOGLE_STS, IAM_CREDENTIALS, STS, Service, Way};
use carnet_federation::Kind;
use carnet_localclouds::faults::{Fault, Rule};
use carnet_tests::each;
use carnet_tests::trap::Trap;
use std::time::Duration;

each!(
    STS as sts, ENTRA as entra, GOOGLE_STS as google_sts, IAM_CREDENTIALS as iam_credentials:
    (
        a_failing_service_and_a_page_in_its_place_are_tried_again_and_not_quoted,
        endless_bodies_are_cut_off_at_64_kib,
        an_answer_of_one_byte_a_second_ends_with_the_deadline,
        a_silent_service_ends_with_the_callers_deadline,
        a_silent_service_is_asked_three_times_at_most,
        a_redirect_is_refused_and_nothing_goes_there,
    )
);

async fn a_failing_service_and_a_page_in_its_place_are_tried_again_and_not_quoted(service: Service) {
    let Service { route, hop, at } = service;
    // A proxy that sends back what it was sent.
    let failing = status(502, &[], "client_assertion=eyJhbGciOiJSUzI1NiJ9.e30.c2ln Welcome");
    let mut way = Way::new(route).await;
    for fault in [failing, Fault::Html200] {
        way = way.afresh().await;
        way.always(hop, fault.clone());
        let error = way.refusal().await;
        assert_eq!((error.hop(), error.kind()), (at, Kind::Unavailable), "{hop} {fault}: {error}");
        assert!(!format!("{error:?}").contains("Welcome"), "{error:?}");
        assert_eq!(way.asked(hop), 3, "{hop} {fault}");
        way.no_fault();
        way.fault(Rule::always(hop, fault).times(1));
        way.token().await;
    }
}

async fn endless_bodies_are_cut_off_at_64_kib(service: Service) {
    let Service { route, hop, at } = service;
    let mut way = Way::new(route).await;
    for fault in [Fault::Oversize, Fault::GzipBomb] {
        way = way.afresh().await;
        way.always(hop, fault.clone());
        let error = way.refusal().await;
        assert_eq!((error.hop(), error.kind()), (at, Kind::Malformed), "{hop} {fault}: {error}");
        assert!(error.message().contains("longer than 65536 bytes"), "{hop} {fault}: {error}");
        assert_eq!(way.asked(hop), 1, "{hop} {fault}");
    }
}

async fn an_answer_of_one_byte_a_second_ends_with_the_deadline(service: Service) {
    let Service { route, hop, at } = service;
    let way = Way::new(route).await;
    way.always(hop, Fault::Drip);
    let error = way.refusal_within(Duration::from_secs(2)).await;
    assert_eq!((error.hop(), error.kind()), (at, Kind::Deadline), "{hop}: {error}");
    assert_eq!(way.asked(hop), 1, "{hop}");
}

async fn a_silent_service_ends_with_the_callers_deadline(service: Service) {
    let Service { route, hop, at } = service;
    let way = Way::new(route).await;
    way.always(hop, Fault::Hang);
    let error = way.refusal_within(Duration::from_secs(2)).await;
    assert_eq!((error.hop(), error.kind()), (at, Kind::Deadline), "{error}");
    assert_eq!(way.asked(hop), 1, "one try takes longer than there is time");
    // Nothing of it sticks to the credential.
    way.no_fault();
    way.token().await;
}

async fn a_silent_service_is_asked_three_times_at_most(service: Service) {
    let Service { route, hop, at } = service;
    let way = Way::new(route).await;
    way.always(hop, Fault::Hang);
    let error = way.refusal().await;
    assert_eq!((error.hop(), error.kind()), (at, Kind::Deadline), "{error}");
    assert!((2..=3).contains(&way.asked(hop)), "{} tries", way.asked(hop));
    let after = route.hops().iter().skip_while(|asked| **asked != hop).skip(1);
    assert!(after.into_iter().all(|next| way.asked(*next) == 0), "nothing goes on from there");
}

async fn a_redirect_is_refused_and_nothing_goes_there(service: Service) {
    let Service { route, hop, at } = service;
    let mut way = Way::new(route).await;
    for scheme in ["https", "http"] {
        let elsewhere = Trap::set();
        let to = format!("{scheme}://{}/token", elsewhere.address());
        way = way.afresh().await;
        way.always(hop, Fault::Redirect { to });
        let error = way.refusal().await;
        assert_eq!((error.hop(), error.kind()), (at, Kind::Refused), "{hop} {scheme}: {error}");
        assert_eq!(error.hint().map(|hint| hint.anchor), Some("redirected"), "{hop} {scheme}: {error}");
        assert_eq!(way.asked(hop), 1, "{hop} {scheme}");
        assert!(elsewhere.was_left_alone(), "{hop} {scheme}: someone connected");
    }
}

each!(
    ENTRA as entra_documents, GOOGLE_STS as google_documents, IAM_CREDENTIALS as iam_documents:
    (what_cannot_be_a_token_is_refused_and_never_cached)
);

async fn what_cannot_be_a_token_is_refused_and_never_cached(service: Service) {
    let Service { route, hop, at } = service;
    let mut way = Way::new(route).await;
    for fault in [Fault::MalformedJson, Fault::AbsurdExpiry, Fault::ExpiredToken] {
        way = way.afresh().await;
        way.fault(Rule::always(hop, fault.clone()).times(1));
        let error = way.refusal().await;
        assert_eq!((error.hop(), error.kind()), (at, Kind::Malformed), "{fault}: {error}");
        assert_eq!(way.asked(hop), 1, "{fault}: the service's own mistake is not tried again");
        way.token().await;
        assert_eq!(way.asked(hop), 2, "{fault}: nothing of it was kept");
    }
}
