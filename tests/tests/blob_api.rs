//! What only `blob-api` does: its way to Azure. The contract it shares is in `object_api`.

use carnet_localclouds::faults::Hop;
use carnet_tests::api::{Api, BLOB_API, problem};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_subject_is_a_problem_to_the_caller_and_a_named_field_to_the_operator() {
    let api = Api::open(BLOB_API).await;
    {
        let mut world = api.stage.local.shared.world_mut();
        for application in world.entra.applications.values_mut() {
            for credential in &mut application.federated_credentials {
                credential.subject = credential.subject.replace("blob-api", "blob-apj");
            }
        }
    }
    let response = api.get("/hello.txt", &[]).await;
    assert_eq!(problem(response).await, (502, "upstream-refused".into()));
    let lines = api.lines();
    let line = lines.iter().find(|line| line.contains("request failed")).expect("a line for the operator");
    for part in [
        "AADSTS700213",
        "field at fault: subject",
        "role/carnet-eu-central-1-blob-api",
        "troubleshooting.md#aadsts700213",
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
    assert!(!lines.iter().any(|line| line.contains("eyJ")), "no token in any line");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_request_finds_a_token_and_a_warm_one_mints_nothing() {
    let api = Api::open(BLOB_API).await;
    api.get("/hello.txt", &[]).await;
    api.get("/hello.txt", &[]).await;
    assert_eq!(
        (api.stage.count(Hop::Sts), api.stage.count(Hop::EntraToken), api.stage.count(Hop::Blob)),
        (1, 1, 2)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn log_lines_are_json_with_the_hops_identifiers_and_metrics_but_no_secret() {
    let api = Api::open(BLOB_API).await;
    api.get("/hello.txt", &[]).await;
    let logs = api.stage.function("blob-api").logs();
    logs.wait_for("TokenCacheHits").await;
    let lines: Vec<Value> = logs.lines().iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let hop = |name: &str| {
        lines.iter().find(|line| line["span"]["hop"] == name).unwrap_or_else(|| panic!("no line for {name}"))
    };
    let mint = &hop("mint")["span"];
    assert!(mint["jti"].is_string() && mint["service_request_id"].is_string(), "{mint}");
    assert_eq!(mint["subject"], "arn:aws:iam::123456789012:role/carnet-eu-central-1-blob-api");
    assert_eq!(mint["audience"], "api://AzureADTokenExchange");
    assert_eq!(hop("exchange")["span"]["jti"], mint["jti"], "one thread through the hops");
    let metrics = lines.iter().find(|line| line["_aws"].is_object()).expect("embedded metrics");
    assert_eq!(metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Carnet");
    assert!(!logs.contains("eyJ"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_walks_every_hop_and_stops_where_the_way_ends() {
    let api = Api::open(BLOB_API).await;
    let report = api.doctor().await;
    assert_eq!(report["ok"], true, "{report}");
    let hops: Vec<&str> =
        report["hops"].as_array().unwrap().iter().map(|hop| hop["hop"].as_str().unwrap()).collect();
    assert_eq!(hops, ["mint", "exchange", "list"]);

    for container in
        api.stage.local.shared.world_mut().azure.accounts.values_mut().flat_map(|a| a.containers.values_mut())
    {
        container.readers.clear();
    }
    let report = api.doctor().await;
    assert_eq!(report["ok"], false);
    let last = report["hops"].as_array().unwrap().last().unwrap();
    assert_eq!(last["error"]["code"], "AuthorizationPermissionMismatch");
    assert_eq!(last["error"]["field"], "role assignment");
}
