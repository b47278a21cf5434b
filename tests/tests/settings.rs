//! A function that is not set up rightly says so, naming every variable at fault, and serves nothing.

use carnet_localclouds::faults::Hop;
use carnet_tests::Stage;
use carnet_tests::api::{BLOB_API, Door, GCS_API};
use std::time::Duration;

async fn refuses_to_start(environment: &[(&str, &str)], named: &[&str]) {
    refused(BLOB_API, environment, named).await;
}

async fn refused(door: Door, environment: &[(&str, &str)], named: &[&str]) {
    let stage = Stage::serving_with(door.function, environment).await;
    let url = format!("{}{}", stage.api(door.function), door.place);
    let answer = stage.client().get(url).send().await.unwrap();
    assert_eq!(answer.status(), 502);
    let logs = stage.function(door.function).logs();
    for name in named {
        let waited = tokio::time::timeout(Duration::from_secs(20), logs.wait_for(name)).await;
        assert!(waited.is_ok(), "{name} in {:#?}", logs.lines());
    }
    assert_eq!(stage.count(Hop::Sts), 0, "nothing was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_faulty_variable_is_named_in_one_message() {
    refuses_to_start(
        &[
            ("AZURE_TENANT_ID", ""),
            ("AZURE_CLIENT_ID", "reader"),
            ("AZURE_AUTHORITY_HOST", "http://login.example.com"),
            ("CARNET_PLACES", "assets=azure://UPPER/assets, assets=azure://acct/assets, b=ftp://x/y"),
        ],
        &["AZURE_TENANT_ID: is not set", "AZURE_CLIENT_ID", "AZURE_AUTHORITY_HOST", "CARNET_PLACES"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn places_must_be_given() {
    refuses_to_start(&[("CARNET_PLACES", "")], &["CARNET_PLACES: is not set"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sensitive_bodies_are_never_logged_because_it_does_not_start() {
    refuses_to_start(&[("LOG_SENSITIVE_BODIES", "true")], &["LOG_SENSITIVE_BODIES"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_file_that_is_none_is_named() {
    refuses_to_start(&[("SSL_CERT_FILE", "/nonexistent/ca.pem")], &["SSL_CERT_FILE"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_region_there_is_no_sts_to_ask() {
    refuses_to_start(&[("AWS_REGION", ""), ("AWS_DEFAULT_REGION", "")], &["AWS_REGION"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_faulty_variable_of_the_way_to_google_is_named_in_one_message() {
    refused(
        GCS_API,
        &[
            ("CARNET_GOOGLE_AUDIENCE", "//iam.googleapis.com/projects/my-project/providers/aws"),
            ("CARNET_GOOGLE_SUBJECT_TOKEN_TYPE", "saml"),
            ("CARNET_GOOGLE_SERVICE_ACCOUNT", "reader"),
            ("CARNET_GOOGLE_TOKEN_LIFETIME_SECONDS", "60"),
            ("CARNET_GOOGLE_STORAGE_ENDPOINT", "http://storage.example.com"),
            ("CARNET_PLACES", "a=gs://UPPER, b=gs://good-bucket/../other"),
        ],
        &[
            "CARNET_GOOGLE_AUDIENCE: is not a provider's full resource name",
            "CARNET_GOOGLE_SUBJECT_TOKEN_TYPE",
            "CARNET_GOOGLE_SERVICE_ACCOUNT",
            "CARNET_GOOGLE_TOKEN_LIFETIME_SECONDS",
            "CARNET_GOOGLE_STORAGE_ENDPOINT",
            "CARNET_PLACES",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_of_another_cloud_is_named() {
    refused(BLOB_API, &[("CARNET_PLACES", "a=gs://some-bucket")], &["only azure:// places"]).await;
    refused(GCS_API, &[("CARNET_PLACES", "a=azure://acct/box")], &["only gs:// places"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_key_is_refused_as_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key.json");
    std::fs::write(&key, r#"{"type":"service_account","private_key":"-----BEGIN"}"#).unwrap();
    let environment =
        [("CARNET_GOOGLE_AUDIENCE", ""), ("GOOGLE_APPLICATION_CREDENTIALS", key.to_str().unwrap())];
    refused(GCS_API, &environment, &["GOOGLE_APPLICATION_CREDENTIALS", "key"]).await;
}
