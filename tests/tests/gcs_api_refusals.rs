//! What can be wrong on the way to Google Cloud, one thing at a time, as the caller and the operator
//! see it.

use carnet_localclouds::World;
use carnet_localclouds::faults::Hop;
use carnet_tests::Stage;
use carnet_tests::api::{Api, Door, GCS_API};
use carnet_tests::refusal::{self, Case, map, providers, shows};
use carnet_trust::google::ProviderKind;

const ROLE: &str = "arn:aws:iam::123456789012:role/carnet-eu-central-1-gcs-api";
const AUDIENCE: &str = "workloadIdentityPools/carnet/providers/aws-tokens";
const CASE: Case = Case { door: GCS_API, ..refusal::CASE };
/// Acts as a service account.
const AS_ACCOUNT: Door = Door { function: "gcs-api-as-account", ..GCS_API };
/// Presents a signed request to the AWS provider.
const BY_ROLE: Door = Door { function: "gcs-api-by-role", ..GCS_API };

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_is_not_there() {
    let line = &["exchange refused", "invalid_target", "field at fault: pool or provider", AUDIENCE];
    shows(Case { change: |world| world.google.pools.clear(), line, ..CASE }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_is_disabled() {
    let change = |world: &mut World| world.google.pools.values_mut().for_each(|pool| pool.disabled = true);
    let line = &["invalid_target", "field at fault: pool or provider", AUDIENCE];
    shows(Case { change, line, ..CASE }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_not_there_or_disabled() {
    let line = &["invalid_target", "field at fault: pool or provider", AUDIENCE];
    let change = |world: &mut World| {
        world.google.pools.values_mut().for_each(|pool| pool.providers.clear());
    };
    shows(Case { change, line, ..CASE }).await;
    let change = |world: &mut World| providers(world, |provider| provider.disabled = true);
    shows(Case { change, line, ..CASE }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audience_that_the_provider_does_not_allow() {
    let change = |world: &mut World| {
        providers(world, |provider| {
            if let ProviderKind::Oidc { allowed_audiences, .. } = &mut provider.trust.kind {
                *allowed_audiences = vec!["https://other.example".into()];
            }
        });
    };
    let line = &[
        "invalid_grant",
        "does not match the expected audience https://other.example",
        "field at fault: audience",
        AUDIENCE,
    ];
    shows(Case { change, line, ..CASE }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_audience_in_place_of_the_providers_name() {
    const OTHER: &str = "https://other.example";
    let stage = Stage::serving_with("gcs-api", &[("CARNET_GOOGLE_TOKEN_AUDIENCE", OTHER)]).await;
    stage.put("hello.txt", "hello");
    {
        let mut world = stage.local.shared.world_mut();
        let policies = world.aws.roles.values_mut().flat_map(|role| &mut role.policies);
        // The role mints for that audience too, as the template's would be told to.
        policies.for_each(|policy| policy.statement.0.iter_mut().for_each(|one| one.condition.clear()));
        providers(&mut world, |provider| {
            if let ProviderKind::Oidc { allowed_audiences, .. } = &mut provider.trust.kind {
                *allowed_audiences = vec![OTHER.into()];
            }
        });
    }
    let url = format!("{}/gcs/archive/hello.txt", stage.api("gcs-api"));
    assert_eq!(stage.client().get(url).send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_google_does_not_trust() {
    let change = |world: &mut World| {
        providers(world, |provider| {
            if let ProviderKind::Oidc { issuer, .. } = &mut provider.trust.kind {
                issuer.push('x');
            }
        });
    };
    let line = &["invalid_grant", "field at fault: issuer", "presented: https://127.0.0.1"];
    shows(Case { change, line, ..CASE }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_google_cannot_reach() {
    let line = &[
        "Error connecting to the given credential's issuer.",
        "field at fault: issuer",
        "https://127.0.0.1",
    ];
    shows(Case { fault: Some("aws.issuer=status:503"), line, ..CASE }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_stale_is_minted_anew_once() {
    let line = &["is stale to sign-in", "field at fault: clock"];
    shows(Case { fault: Some("google.sts=clock-skew:90000"), line, ..CASE }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_that_refuses() {
    let change = |world: &mut World| {
        providers(world, |provider| provider.trust.condition = Some("assertion.sub == 'another'".into()));
    };
    let line = &[
        "unauthorized_client",
        "The given credential is rejected by the attribute condition.",
        "field at fault: attribute condition",
        ROLE,
    ];
    shows(Case { change, line, ..CASE }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_that_gives_nothing() {
    let line = &["Could not obtain a value for google.subject", "field at fault: attribute mapping"];
    shows(Case { change: |world| map(world, "''"), line, ..CASE }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_that_gives_too_much() {
    let line = &["exceeds the 127 bytes limit", "field at fault: attribute mapping", ROLE];
    shows(Case { change: |world| map(world, "assertion.sub + assertion.sub + assertion.sub"), line, ..CASE })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_accounts_role() {
    let change = |world: &mut World| {
        providers(world, |provider| {
            if let ProviderKind::Aws { account } = &mut provider.trust.kind {
                *account = "999999999999".into();
            }
        });
    };
    let line = &[
        "exchange refused",
        "invalid_grant",
        "a GetCallerIdentity request signed for sts.eu-central-1.amazonaws.com",
    ];
    shows(Case { door: BY_ROLE, change, line, ..CASE }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_that_is_not_there_or_not_granted() {
    const SENTENCE: &str =
        "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).";
    let line = &[
        "impersonate forbidden",
        SENTENCE,
        "field at fault: service account",
        "reader@carnet-test.iam.gserviceaccount.com",
    ];
    let case = Case { door: AS_ACCOUNT, slug: "upstream-forbidden", line, ..CASE };
    shows(Case { change: |world| world.google.service_accounts.clear(), ..case }).await;
    let case = Case { door: AS_ACCOUNT, slug: "upstream-forbidden", line, ..CASE };
    let change = |world: &mut World| {
        world.google.service_accounts.values_mut().for_each(|account| account.users.clear());
    };
    shows(Case { change, ..case }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_takes_no_federated_tokens() {
    let change = |world: &mut World| {
        world.google.buckets.values_mut().for_each(|bucket| bucket.uniform_access = false)
    };
    let line = &["unauthenticated", "field at fault: access token"];
    shows(Case { change, line, ..CASE }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_without_the_grant() {
    let change =
        |world: &mut World| world.google.buckets.values_mut().for_each(|bucket| bucket.readers.clear());
    let line = &["read forbidden", "field at fault: bucket grant", "storage.objects.get"];
    shows(Case { change, slug: "upstream-forbidden", line, ..CASE }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn federation_switched_off_in_aws() {
    let line = &["mint refused", "OutboundWebIdentityFederationDisabledException"];
    shows(Case { change: |world| world.aws.outbound_federation = false, line, ..CASE }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aws_provider_needs_no_federation_switched_on() {
    let api = Api::open(BY_ROLE).await;
    {
        let mut world = api.stage.local.shared.world_mut();
        world.aws.outbound_federation = false;
        world.aws.roles.values_mut().for_each(|role| role.policies.clear());
    }
    assert_eq!(api.get("/hello.txt", &[]).await.status(), 200);
    assert_eq!(api.stage.count(Hop::Sts), 0, "a signed request is made without asking anyone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_exchange_is_tried_again_for_the_next_caller() {
    let stage = Stage::serving("gcs-api").await;
    stage.put("hello.txt", "hello");
    stage.fault("google.sts=status:400:body={\"error\":\"invalid_grant\",\"error_description\":\"no\"}*2");
    let url = format!("{}/gcs/archive/hello.txt", stage.api("gcs-api"));
    let mut statuses = Vec::new();
    for _ in 0..2 {
        statuses.push(stage.client().get(&url).send().await.unwrap().status().as_u16());
    }
    // The first was asked at init, the second by the first caller; then it is another day.
    assert_eq!(statuses, [502, 200]);
}
