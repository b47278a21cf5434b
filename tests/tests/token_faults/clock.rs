//! Clocks that are off, and proofs out of their time.

use super::Way;
use carnet_federation::{Hop as At, Kind};
use carnet_localclouds::faults::{Fault, Hop, Rule};

/// All clouds agree, so it is our own clock that is wrong.
const CLOUDS: [Hop; 3] = [Hop::Sts, Hop::EntraToken, Hop::Blob];

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_ten_minutes_off_is_corrected_from_the_answers_date() {
    for seconds in [600, -600] {
        let way = Way::new().await;
        for hop in CLOUDS {
            way.always(hop, Fault::ClockSkew { seconds });
        }
        way.stage.put("read.txt", "read all the same");
        let source = way.stage.source().await.unwrap();
        let key = carnet_objects::Key::parse("read.txt").unwrap();
        let (_, bytes, _) = carnet_objects::read_to_vec(source, &key, Default::default(), 64)
            .await
            .unwrap_or_else(|error| panic!("{seconds}: {error}"));
        assert_eq!(bytes, b"read all the same");
        assert_eq!(way.mints(), 2, "{seconds}: refused once, then signed with the right time");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_out_of_its_time_is_minted_anew_once() {
    let way = Way::new().await;
    way.fault(Rule::always(Hop::Sts, Fault::ExpiredToken).times(1));
    way.token().await;
    assert_eq!((way.mints(), way.exchanges()), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn assertions_that_are_always_out_of_their_time_are_reported_as_a_matter_of_clocks() {
    let way = Way::new().await;
    way.always(Hop::Sts, Fault::ExpiredToken);
    let error = way.refusal().await;
    assert_eq!((error.hop(), error.kind()), (At::Exchange, Kind::Refused));
    assert_eq!((error.code(), error.field()), (Some("AADSTS700024"), Some("clock")));
    assert_eq!((way.mints(), way.exchanges()), (2, 2), "one fresh proof, no more");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entra_whose_clock_is_off_is_told_by_how_much() {
    for (seconds, side) in [(600, "behind"), (-600, "ahead of")] {
        let way = Way::new().await;
        way.always(Hop::EntraToken, Fault::ClockSkew { seconds });
        let error = way.refusal().await;
        assert_eq!((error.code(), error.field()), (Some("AADSTS700024"), Some("clock")), "{error}");
        let presented = error.presented().unwrap();
        assert!(presented.contains("this machine's clock is") && presented.contains(side), "{presented}");
        assert_eq!((way.mints(), way.exchanges()), (2, 2));
    }
}
