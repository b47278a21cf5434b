//! What only `gcs-api` does: its ways to Google Cloud. The contract it shares is in `object_api`.

use carnet_localclouds::faults::Hop;
use carnet_tests::api::{Api, Door, GCS_API, HELLO};
use serde_json::Value;

const WAYS: [Door; 3] = [
    GCS_API,
    Door { function: "gcs-api-as-account", ..GCS_API },
    Door { function: "gcs-api-by-role", ..GCS_API },
];

#[tokio::test(flavor = "multi_thread")]
async fn every_way_reads_and_a_warm_one_mints_nothing() {
    for (door, asked) in WAYS.into_iter().zip([[1, 1, 0], [1, 1, 1], [0, 1, 0]]) {
        let api = Api::open(door).await;
        for _ in 0..2 {
            let answer = api.get("/hello.txt", &[]).await;
            assert_eq!(answer.status(), 200, "{}: {:#?}", door.function, api.lines());
            assert_eq!(answer.bytes().await.unwrap(), HELLO);
        }
        let hops = [Hop::Sts, Hop::GoogleSts, Hop::GoogleIamCredentials];
        assert_eq!(hops.map(|hop| api.stage.count(hop)), asked, "{}", door.function);
        assert_eq!(api.stage.count(Hop::GoogleMedia), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn log_lines_name_every_hop_and_no_secret() {
    let api = Api::open(WAYS[1]).await;
    api.get("/hello.txt", &[]).await;
    api.stage.function(api.door.function).logs().wait_for("TokenCacheHits").await;
    let lines: Vec<Value> = api.lines().iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let hop = |name: &str| {
        lines.iter().find(|line| line["span"]["hop"] == name).unwrap_or_else(|| panic!("no line for {name}"))
    };
    let mint = &hop("mint")["span"];
    assert_eq!(mint["subject"], "arn:aws:iam::123456789012:role/carnet-eu-central-1-gcs-api-as-account");
    assert_eq!(hop("exchange")["span"]["jti"], mint["jti"], "one thread through the hops");
    assert!(hop("impersonate")["span"]["target"].to_string().contains("reader@carnet-test"));
    for secret in ["eyJ", "ya29.", "AWS4-HMAC-SHA256"] {
        assert!(!api.lines().iter().any(|line| line.contains(secret)), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_walks_every_hop_and_stops_where_the_way_ends() {
    let expected: [&[&str]; 3] = [
        &["mint", "exchange", "list"],
        &["mint", "exchange", "impersonate", "list"],
        &["mint", "exchange", "list"],
    ];
    for (door, hops) in WAYS.into_iter().zip(expected) {
        let api = Api::open(door).await;
        let report = api.doctor().await;
        assert_eq!(report["ok"], true, "{report}");
        let walked: Vec<&str> =
            report["hops"].as_array().unwrap().iter().map(|hop| hop["hop"].as_str().unwrap()).collect();
        assert_eq!(walked, hops, "{}", door.function);
    }
    let api = Api::open(WAYS[1]).await;
    api.stage.local.shared.world_mut().google.service_accounts.clear();
    let report = api.doctor().await;
    assert_eq!(report["ok"], false);
    let last = report["hops"].as_array().unwrap().last().unwrap();
    assert_eq!(last["hop"], "impersonate", "{report}");
    assert_eq!(last["error"]["field"], "service account");
}

#[tokio::test(flavor = "multi_thread")]
async fn gzip_encoded_objects_come_as_stored() {
    let api = Api::open(GCS_API).await;
    // Not gzip at all: whoever decoded it would fail.
    let stored = b"\x1f\x8b these are the bytes that lie there";
    api.stage.put("page.html", stored);
    let sidecar = r#"{"page.html":{"content_encoding":"gzip","content_type":"text/html"}}"#;
    std::fs::write(api.stage.blobs().join(carnet_localclouds::google_storage::SIDECAR), sidecar).unwrap();
    let url = format!("{}/gcs/archive/page.html", api.stage.api("gcs-api"));
    let answer = api.stage.client().get(url).send().await.unwrap();
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    assert_eq!(answer.bytes().await.unwrap(), stored[..]);
}
