//! Issuers under their real names: found, trusted by TLS, and believed by their keys alone.

mod clouds;

use carnet_localclouds::faults::{Fault, Hop, Rule};
use carnet_localclouds::issuers::KeyFault;
use carnet_localclouds::jwt::{Algorithm, Keys};
use carnet_localclouds::world::workloads::Cluster;
use carnet_trust::entra::FederatedCredential;
use clouds::{AUDIENCE, Clouds, start};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const GITHUB: &str = "https://token.actions.githubusercontent.com";
const GITLAB: &str = "https://gitlab.com";
const EKS: &str = "https://oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE";
const AKS: &str = "https://eastus.oic.prod-aks.azure.com/11111111-2222-4333-8444-555555555555/ab12/";
const GKE: &str = "https://container.googleapis.com/v1/projects/p/locations/europe-west3/clusters/c";

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

fn claims(issuer: &str, audience: &str) -> Value {
    json!({ "iss": issuer, "sub": "somebody", "aud": audience, "iat": now(), "exp": now() + 300, "jti": "1" })
}

/// Signed by the key of all issuers that are no cloud's.
fn signed(clouds: &Clouds, issuer: &str) -> String {
    let keys = clouds.handle().other_keys().unwrap();
    keys.sign(&claims(issuer, AUDIENCE), Algorithm::Rs256).unwrap()
}

fn play(clouds: &Clouds, issuer: &str) {
    clouds.handle().world_mut().issuers.insert(issuer.to_owned());
}

/// Entra's application believes `somebody` of these issuers.
fn trust(clouds: &Clouds, issuers: &[&str]) {
    let client_id = clouds.client_id();
    let mut world = clouds.handle().world_mut();
    let credentials = &mut world.application_mut(&client_id).unwrap().federated_credentials;
    credentials.extend(issuers.iter().map(|issuer| FederatedCredential {
        name: issuer.replace(['/', ':', '.'], "-"),
        issuer: (*issuer).to_owned(),
        subject: "somebody".to_owned(),
        audiences: vec![AUDIENCE.to_owned()],
    }));
}

#[tokio::test]
async fn tokens_of_issuers_under_their_real_names_are_believed() {
    let clouds = start().await;
    for issuer in [EKS, AKS, GKE, GITLAB, "https://app.terraform.io"] {
        play(&clouds, issuer);
    }
    let issuers = [GITHUB, EKS, AKS, GKE, GITLAB, "https://app.terraform.io"];
    trust(&clouds, &issuers);
    for issuer in issuers {
        let (status, answer) = clouds.exchange(&signed(&clouds, issuer), &[]).await;
        assert_eq!(status, 200, "{issuer}: {answer}");
    }
    // Discovery and keys of each, from one listener.
    assert_eq!(clouds.handle().faults.seen(Hop::Issuers).len(), 2 * issuers.len());
}

#[tokio::test]
async fn a_cluster_of_the_world_has_its_issuer() {
    let clouds = start().await;
    let cluster = Cluster {
        issuer: AKS.to_owned(),
        namespace: "default".to_owned(),
        service_account: "reader".to_owned(),
        pod: "reader-0".to_owned(),
        lifetime: Duration::from_secs(3600),
        line_break: false,
        audiences: BTreeMap::new(),
    };
    clouds.handle().world_mut().workloads.clusters.insert("another".to_owned(), cluster);
    let id = clouds.handle().other_keys().unwrap().key_id(Algorithm::Rs256);
    assert!(clouds.handle().aws_issuers.key(AKS, &id).await.is_ok());
    // The slash is a part of the name.
    let without = AKS.trim_end_matches('/');
    assert_eq!(clouds.handle().aws_issuers.key(without, &id).await.err(), Some(KeyFault::Useless));
}

#[tokio::test]
async fn the_clouds_own_issuers_have_their_own_keys() {
    let clouds = start().await;
    let handle = clouds.handle();
    let tenant = clouds.tenant_id();
    let entra = handle.entra_keys.key_id(Algorithm::Rs256);
    for issuer in [
        format!("https://sts.windows.net/{tenant}/"),
        format!("https://login.microsoftonline.com/{tenant}/v2.0"),
    ] {
        assert!(handle.google_issuers.key(&issuer, &entra).await.is_ok(), "{issuer}");
    }
    let google = handle.google_keys().unwrap().key_id(Algorithm::Rs256);
    assert!(handle.aws_issuers.key("https://accounts.google.com", &google).await.is_ok());
    let cognito = handle.other_keys().unwrap().key_id(Algorithm::Rs512);
    assert!(handle.issuers.key("https://cognito-identity.amazonaws.com", &cognito).await.is_ok());
    assert_eq!(handle.google_issuers.key(GITHUB, &entra).await.err(), Some(KeyFault::UnknownKey));
}

#[tokio::test]
async fn a_host_that_nobody_plays_is_found_nowhere() {
    let clouds = start().await;
    let handle = clouds.handle();
    for issuer in [GITLAB, "https://example.com", "https://localhost", "https://sts.amazonaws.com"] {
        assert_eq!(handle.issuers.key(issuer, "any").await.err(), Some(KeyFault::NoAnswer), "{issuer}");
    }
    // An address needs no name; nobody goes there either.
    for issuer in ["https://192.0.2.1", "https://[2001:db8::1]", "https://169.254.169.254"] {
        assert_eq!(handle.issuers.key(issuer, "any").await.err(), Some(KeyFault::NoAnswer), "{issuer}");
    }
    assert_eq!(handle.faults.seen(Hop::Issuers), []);
    assert_eq!(handle.names.address("gitlab.com"), None);
    play(&clouds, GITLAB);
    assert!(handle.names.address("gitlab.com").is_some_and(|address| address.ip().is_loopback()));
}

#[tokio::test]
async fn another_ones_signature_is_refused() {
    let clouds = start().await;
    trust(&clouds, &[GITHUB]);
    let keys = tokio::task::spawn_blocking(Keys::generate).await.unwrap().unwrap();
    let forged = keys.sign(&claims(GITHUB, AUDIENCE), Algorithm::Rs256).unwrap();
    let (_, answer) = clouds.exchange(&forged, &[]).await;
    assert_eq!(answer["error_codes"][0], 7000272, "{answer}");
}

#[tokio::test]
async fn an_issuer_can_be_out_of_reach() {
    let clouds = start().await;
    trust(&clouds, &[GITHUB]);
    clouds.handle().faults.add(Rule::always(Hop::Issuers, Fault::ResetBefore));
    let (_, answer) = clouds.exchange(&signed(&clouds, GITHUB), &[]).await;
    assert_eq!(answer["error_codes"][0], 90061, "{answer}");
}
