//! What a token service sends that is no token.

use super::{Way, status};
use carnet_federation::{Hop as At, Kind};
use carnet_localclouds::faults::{Fault, Hop, Rule};
use std::io::ErrorKind;
use std::net::TcpListener;
use std::time::Duration;

const BOTH: [(Hop, At); 2] = [(Hop::Sts, At::Mint), (Hop::EntraToken, At::Exchange)];

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_service_and_a_page_in_its_place_are_tried_again_and_not_quoted() {
    for (hop, at) in BOTH {
        // A proxy that sends back what it was sent.
        let failing = status(502, &[], "client_assertion=eyJhbGciOiJSUzI1NiJ9.e30.c2ln Welcome");
        for fault in [failing, Fault::Html200] {
            let way = Way::new().await;
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
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_token_is_refused_and_never_cached() {
    for fault in [Fault::MalformedJson, Fault::AbsurdExpiry, Fault::ExpiredToken] {
        let way = Way::new().await;
        way.fault(Rule::always(Hop::EntraToken, fault.clone()).times(1));
        let error = way.refusal().await;
        assert_eq!((error.hop(), error.kind()), (At::Exchange, Kind::Malformed), "{fault}: {error}");
        assert_eq!(way.exchanges(), 1, "{fault}: the service's own mistake is not tried again");
        way.token().await;
        assert_eq!(way.exchanges(), 2, "{fault}: nothing of it was kept");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_bodies_are_cut_off_at_64_kib() {
    for (hop, at) in BOTH {
        for fault in [Fault::Oversize, Fault::GzipBomb] {
            let way = Way::new().await;
            way.always(hop, fault.clone());
            let error = way.refusal().await;
            assert_eq!((error.hop(), error.kind()), (at, Kind::Malformed), "{hop} {fault}: {error}");
            assert!(error.message().contains("longer than 65536 bytes"), "{hop} {fault}: {error}");
            assert_eq!(way.asked(hop), 1, "{hop} {fault}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_one_byte_a_second_ends_with_the_deadline() {
    for (hop, at) in BOTH {
        let way = Way::new().await;
        way.always(hop, Fault::Drip);
        let error = way.refusal_within(Duration::from_secs(2)).await;
        assert_eq!((error.hop(), error.kind()), (at, Kind::Deadline), "{hop}: {error}");
        assert_eq!(way.asked(hop), 1, "{hop}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_refused_and_nothing_goes_there() {
    for (hop, at) in BOTH {
        for scheme in ["https", "http"] {
            let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
            elsewhere.set_nonblocking(true).unwrap();
            let to = format!("{scheme}://{}/token", elsewhere.local_addr().unwrap());
            let way = Way::new().await;
            way.always(hop, Fault::Redirect { to });
            let error = way.refusal().await;
            assert_eq!((error.hop(), error.kind()), (at, Kind::Refused), "{hop} {scheme}: {error}");
            assert_eq!(error.hint().map(|hint| hint.anchor), Some("redirected"), "{hop} {scheme}: {error}");
            assert_eq!(way.asked(hop), 1, "{hop} {scheme}");
            let arrived = elsewhere.accept().map(|_| ()).map_err(|error| error.kind());
            assert_eq!(arrived, Err(ErrorKind::WouldBlock), "{hop} {scheme}: someone connected");
        }
    }
}
