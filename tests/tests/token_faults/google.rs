//! What only Google can refuse: what a mapping makes of a proof, and whom that may act as.

use super::way::{Route, Way};
use carnet_federation::{Error, Hop as At, Kind};
use carnet_localclouds::World;
use carnet_localclouds::faults::Hop;
use carnet_tests::SERVICE_ACCOUNT;
use carnet_trust::google::{DEFAULT_AWS_MAPPING, ProviderKind};
use std::time::Duration;

const ROLE: &str = "arn:aws:iam::123456789012:role/carnet-eu-central-1-operator";
/// In which a refusal that may be spreading would be tried again.
const WINDOW: Duration = Duration::from_secs(30);

fn map(world: &mut World, subject: &str) {
    let providers = world.google.pools.values_mut().flat_map(|pool| pool.providers.values_mut());
    for provider in providers {
        provider.trust.mapping = [("google.subject".to_owned(), subject.to_owned())].into();
    }
}

#[track_caller]
fn is_too_long(error: &Error, way: &Way) {
    assert_eq!((error.hop(), error.kind()), (At::Exchange, Kind::Refused), "{error}");
    assert_eq!(
        (error.code(), error.field()),
        (Some("invalid_request"), Some("attribute mapping")),
        "{error}"
    );
    assert!(error.message().contains("exceeds the 127 bytes limit"), "{error}");
    assert_eq!(way.exchanges(), 1, "no waiting makes it shorter");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subject_of_more_than_127_bytes_is_permanent_and_names_the_mapping() {
    let way = Way::patient(Route::Google, WINDOW).await;
    map(&mut way.stage.local.shared.world_mut(), "assertion.sub + assertion.sub + assertion.sub");
    let error = way.refusal().await;
    is_too_long(&error, &way);
    assert!(error.presented().is_some_and(|said| said.contains(ROLE)), "{error}");
}

/// The default mapping takes the session's name too, which in Lambda is the function's.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_session_name_is_too_long_for_the_default_mapping() {
    let way = Way::patient(Route::GoogleByRole, WINDOW).await;
    {
        let mut world = way.stage.local.shared.world_mut();
        let default = DEFAULT_AWS_MAPPING.iter().map(|(name, rule)| (name.to_string(), rule.to_string()));
        let default: std::collections::BTreeMap<_, _> = default.collect();
        let providers = world.google.pools.values_mut().flat_map(|pool| pool.providers.values_mut());
        providers.for_each(|provider| provider.trust.mapping = default.clone());
        let operator = world.operator.clone();
        world.aws.access_keys.get_mut(&operator).unwrap().session_name = "f".repeat(64);
    }
    is_too_long(&way.refusal().await, &way);
    // The role's name alone is short enough, whatever the session is called.
    map(
        &mut way.stage.local.shared.world_mut(),
        "assertion.account + ':' + assertion.arn.extract('assumed-role/{role}/')",
    );
    way.token().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_impersonation_is_no_failure_of_the_token_service() {
    let way = Way::new(Route::GoogleAccount).await;
    way.stage
        .local
        .shared
        .world_mut()
        .google
        .service_accounts
        .get_mut(SERVICE_ACCOUNT)
        .unwrap()
        .users
        .clear();
    let error = way.refusal().await;
    assert_eq!((error.hop(), error.kind(), error.status()), (At::Impersonate, Kind::Forbidden, Some(403)));
    assert_eq!((error.code(), error.field()), (Some("PERMISSION_DENIED"), Some("service account")));
    let presented = error.presented().unwrap();
    assert!(presented.contains(SERVICE_ACCOUNT) && presented.contains(ROLE), "{presented}");
    assert!(error.target().contains(SERVICE_ACCOUNT), "{}", error.target());
    assert_eq!(way.counts(), [1, 1, 1], "the token service did its part");

    // The same person at the door before: another hop, another field.
    let way = Way::new(Route::GoogleAccount).await;
    way.stage.local.shared.world_mut().google.pools.clear();
    let error = way.refusal().await;
    assert_eq!(
        (error.hop(), error.kind(), error.code()),
        (At::Exchange, Kind::Refused, Some("invalid_target"))
    );
    assert_eq!(way.counts(), [1, 1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_exchange_is_tried_again_for_the_next_caller() {
    for (route, hop) in [
        (Route::Google, Hop::GoogleSts),
        (Route::GoogleByRole, Hop::GoogleSts),
        (Route::GoogleAccount, Hop::GoogleIamCredentials),
    ] {
        let way = Way::new(route).await;
        let right = way.stage.local.shared.world().clone();
        match hop {
            Hop::GoogleSts => way.stage.local.shared.world_mut().google.pools.clear(),
            _ => way.stage.local.shared.world_mut().google.service_accounts.clear(),
        }
        way.refusal().await;
        way.refusal().await;
        *way.stage.local.shared.world_mut() = right;
        way.token().await;
        assert_eq!(way.asked(hop), 3, "{route:?}: each caller is one try, and nothing sticks");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_of_the_other_kind_is_turned_away() {
    for route in [Route::Google, Route::GoogleByRole] {
        let way = Way::patient(route, WINDOW).await;
        {
            let mut world = way.stage.local.shared.world_mut();
            let (account, issuer) = (world.aws.account.clone(), world.aws.issuer.clone());
            let providers = world.google.pools.values_mut().flat_map(|pool| pool.providers.values_mut());
            providers.for_each(|provider| {
                provider.trust.kind = match provider.trust.kind {
                    ProviderKind::Oidc { .. } => ProviderKind::Aws { account: account.clone() },
                    ProviderKind::Aws { .. } => {
                        ProviderKind::Oidc { issuer: issuer.clone(), allowed_audiences: Vec::new() }
                    }
                };
            });
        }
        let error = way.refusal().await;
        assert_eq!((error.hop(), error.kind()), (At::Exchange, Kind::Refused), "{error}");
        assert!(error.message().contains("the provider takes"), "{error}");
        assert!(error.hint().is_some() && way.exchanges() == 1, "{error}");
    }
}
