//! A function that is not set up rightly says so, naming every variable at fault, and serves nothing.

use carnet_localclouds::faults::Hop;
use carnet_tests::Stage;
use std::time::Duration;

async fn refuses_to_start(environment: &[(&str, &str)], named: &[&str]) {
    let stage = Stage::serving_with("blob-api", environment).await;
    let answer = stage.client().get(format!("{}/azure/assets", stage.api("blob-api"))).send().await.unwrap();
    assert_eq!(answer.status(), 502);
    let logs = stage.function("blob-api").logs();
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
