//! What can be wrong on the way to Azure, one thing at a time, as the caller and the operator see it.

use carnet_localclouds::World;
use carnet_localclouds::faults::Hop;
use carnet_tests::Stage;
use carnet_tests::refusal::{CASE, Case, shows};
use carnet_trust::entra::FederatedCredential;

const ROLE: &str = "arn:aws:iam::123456789012:role/carnet-eu-central-1-blob-api";
const OTHER: &str = "99999999-9999-4999-8999-999999999999";

fn credentials(world: &mut World, change: impl Fn(&mut FederatedCredential)) {
    world.entra.applications.values_mut().flat_map(|app| &mut app.federated_credentials).for_each(change);
}

#[tokio::test(flavor = "multi_thread")]
async fn federation_switched_off() {
    let line = &[
        "mint refused",
        "OutboundWebIdentityFederationDisabledException",
        "enable-outbound-web-identity-federation",
    ];
    shows(Case { change: |world| world.aws.outbound_federation = false, line, ..CASE }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_mint() {
    let change = |world: &mut World| world.aws.roles.values_mut().for_each(|role| role.policies.clear());
    let line = &["mint forbidden", "AccessDenied", "field at fault: sts:GetWebIdentityToken"];
    shows(Case { change, slug: "upstream-forbidden", line, ..CASE }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_tenant() {
    let line = &["exchange refused", "AADSTS90002", "field at fault: tenant id", OTHER];
    shows(Case { environment: &[("AZURE_TENANT_ID", OTHER)], line, ..CASE }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_client() {
    let line = &["AADSTS700016", "field at fault: client id", OTHER, "AZURE_CLIENT_ID"];
    shows(Case { environment: &[("AZURE_CLIENT_ID", OTHER)], line, ..CASE }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_issuer() {
    let change = |world: &mut World| credentials(world, |credential| credential.issuer.push('x'));
    let line = &["AADSTS700211", "field at fault: issuer", "presented: https://127.0.0.1"];
    shows(Case { change, line, ..CASE }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_subject() {
    let change = |world: &mut World| credentials(world, |credential| credential.subject.push('x'));
    let line = &["AADSTS700213", "field at fault: subject", ROLE];
    shows(Case { change, line, ..CASE }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_audience() {
    let change = |world: &mut World| {
        credentials(world, |credential| credential.audiences = vec!["api://other".into()])
    };
    let line = &["AADSTS700212", "field at fault: audience", "presented: api://AzureADTokenExchange"];
    shows(Case { change, line, ..CASE }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_letter_case() {
    let change = |world: &mut World| {
        credentials(world, |credential| {
            credential.subject = credential.subject.replace("blob-api", "Blob-api")
        });
    };
    shows(Case { change, line: &["AADSTS7002138", "field at fault: letter case", ROLE], ..CASE }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conditional_access() {
    let change = |world: &mut World| {
        world.entra.applications.values_mut().for_each(|application| application.blocked_by = Some(53003));
    };
    shows(Case { change, line: &["AADSTS53003", "field at fault: tenant policy"], ..CASE }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entras_clock_ten_minutes_off() {
    let line = &["AADSTS700024", "field at fault: clock"];
    shows(Case { fault: Some("entra.token=clock-skew:600"), line, ..CASE }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_data_role() {
    let change = |world: &mut World| {
        let containers =
            world.azure.accounts.values_mut().flat_map(|account| account.containers.values_mut());
        containers.for_each(|container| container.readers.clear());
    };
    let line = &["read forbidden", "AuthorizationPermissionMismatch", "Storage Blob Data Reader"];
    shows(Case { change, slug: "upstream-forbidden", line, ..CASE }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firewall_refusal() {
    let change =
        |world: &mut World| world.azure.accounts.values_mut().for_each(|account| account.firewalled = true);
    let line = &["AuthorizationFailure", "field at fault: network rules"];
    shows(Case { change, slug: "upstream-forbidden", line, ..CASE }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_clock_ten_minutes_off_is_corrected_from_the_services_date() {
    for seconds in [600, -600] {
        let stage = Stage::serving("blob-api").await;
        stage.put("hello.txt", "hello");
        stage.fault(&format!("aws.sts=clock-skew:{seconds}"));
        let url = format!("{}/azure/assets/hello.txt", stage.api("blob-api"));
        let answer = stage.client().get(url).send().await.unwrap();
        let text = answer.text().await.unwrap();
        let corrected = text == "hello";
        // A token minted ten minutes ahead of Entra's clock is refused there, in words about time.
        let explained = stage.function("blob-api").logs().contains("field at fault: clock");
        assert!(corrected || explained, "{seconds}: {text} {:#?}", stage.function("blob-api").logs().lines());
        assert!(stage.count(Hop::Sts) >= 2, "the first signature was out of time");
    }
}
