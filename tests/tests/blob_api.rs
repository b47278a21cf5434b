//! The real `blob-api`, called as API Gateway calls it.

use carnet_localclouds::faults::Hop;
use carnet_tests::Stage;
use reqwest::header::{ACCEPT_RANGES, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const HELLO: &[u8] = b"Hello from the other cloud.\n";

async fn stage() -> Stage {
    let stage = Stage::with_blob_api().await;
    stage.put("hello.txt", HELLO);
    stage.put("empty", b"");
    stage.put("reports/2026/summer figures für alle.csv", "a,b\n");
    stage.put("reports/2026/winter.csv", "c,d\n");
    stage
}

async fn get(stage: &Stage, path: &str, headers: &[(&str, &str)]) -> reqwest::Response {
    call(stage, Method::GET, path, headers).await
}

async fn call(stage: &Stage, method: Method, path: &str, headers: &[(&str, &str)]) -> reqwest::Response {
    let mut request = stage.client().request(method, format!("{}{path}", stage.api("blob-api")));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("an answer")
}

async fn problem(response: reqwest::Response) -> (u16, String) {
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    let status = response.status().as_u16();
    let document: Value = response.json().await.unwrap();
    assert_eq!(document["status"], status);
    assert!(document["instance"].as_str().unwrap().starts_with("urn:uuid:"), "{document}");
    let text = document.to_string();
    for internal in ["127.0.0.1", "AADSTS", "arn:aws", "tenant", "eyJ"] {
        assert!(!text.contains(internal), "{text}");
    }
    let slug = document["type"].as_str().unwrap().strip_prefix("urn:carnet:problem:").unwrap().to_owned();
    (status, slug)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_comes_with_its_headers() {
    let stage = stage().await;
    let response = get(&stage, "/azure/assets/hello.txt", &[]).await;
    assert_eq!(response.status(), StatusCode::OK);
    let headers = response.headers().clone();
    assert_eq!(headers[CONTENT_TYPE], "text/plain");
    assert_eq!(headers[ACCEPT_RANGES], "bytes");
    assert!(headers.contains_key(ETAG) && headers.contains_key(LAST_MODIFIED));
    assert_eq!(response.bytes().await.unwrap(), HELLO);

    let head = call(&stage, Method::HEAD, "/azure/assets/hello.txt", &[]).await;
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(head.headers()[ETAG], headers[ETAG]);
    // API Gateway keeps Content-Length for itself and passes ours on under another name.
    assert_eq!(head.headers()["x-amzn-remapped-content-length"], HELLO.len().to_string());

    let tag = headers[ETAG].to_str().unwrap().to_owned();
    let same = get(&stage, "/azure/assets/hello.txt", &[("if-none-match", &tag)]).await;
    assert_eq!(same.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(same.headers()[ETAG], tag);
    let matching = get(&stage, "/azure/assets/hello.txt", &[("if-match", &tag)]).await;
    assert_eq!(matching.status(), StatusCode::OK);
    let other = get(&stage, "/azure/assets/hello.txt", &[("if-match", "\"0xOTHER\"")]).await;
    assert_eq!(problem(other).await, (412, "changed".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_are_served_clamped_refused_or_ignored_as_rfc_9110_says() {
    let stage = stage().await;
    let length = HELLO.len();
    let last = length - 1;
    for (range, from, to) in [
        ("bytes=0-4", 0, 4),
        ("bytes=6-", 6, last),
        ("bytes=-5", length - 5, last),
        ("bytes=3-99999999999999999999999", 3, last),
        ("bytes=-4000", 0, last),
    ] {
        let response = get(&stage, "/azure/assets/hello.txt", &[("range", range)]).await;
        assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(response.headers()[CONTENT_RANGE], format!("bytes {from}-{to}/{length}"), "{range}");
        assert_eq!(response.bytes().await.unwrap(), HELLO[from..=to], "{range}");
    }
    for range in ["bytes=99-", "bytes=99-100", "bytes=-0"] {
        let response = get(&stage, "/azure/assets/hello.txt", &[("range", range)]).await;
        assert_eq!(response.headers()[CONTENT_RANGE], format!("bytes */{length}"), "{range}");
        assert_eq!(problem(response).await, (416, "range-not-satisfiable".into()), "{range}");
    }
    for range in ["bytes=4-2", "bytes=0-1,3-4", "lines=1-2", "bytes=x-"] {
        let response = get(&stage, "/azure/assets/hello.txt", &[("range", range)]).await;
        assert_eq!(response.status(), StatusCode::OK, "{range}");
        assert_eq!(response.bytes().await.unwrap(), HELLO, "{range}");
    }
    let empty = get(&stage, "/azure/assets/empty", &[]).await;
    assert_eq!(empty.status(), StatusCode::OK);
    assert!(empty.bytes().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_is_a_json_page_with_a_token_for_the_next() {
    let stage = stage().await;
    let page: Value = get(&stage, "/azure/assets?delimiter=/", &[]).await.json().await.unwrap();
    assert_eq!(page["prefixes"], json!(["reports/"]));
    let keys = |page: &Value| -> Vec<String> {
        page["objects"]
            .as_array()
            .unwrap()
            .iter()
            .map(|object| object["key"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(keys(&page), ["empty", "hello.txt"]);
    assert_eq!(page["objects"][1]["size"], HELLO.len());

    let mut seen = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let next = token.as_ref().map(|token| format!("&page_token={token}")).unwrap_or_default();
        let page: Value =
            get(&stage, &format!("/azure/assets?page_size=1{next}"), &[]).await.json().await.unwrap();
        seen.extend(keys(&page));
        token = page["next_page_token"].as_str().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    let all = ["empty", "hello.txt", "reports/2026/summer figures für alle.csv", "reports/2026/winter.csv"];
    assert_eq!(seen, all);

    for query in ["page_size=0", "page_size=many", "prefix=a/../b", "page_size=1&page_size=2"] {
        let response = get(&stage, &format!("/azure/assets?{query}"), &[]).await;
        assert_eq!(problem(response).await, (400, "bad-request".into()), "{query}");
    }
    let lost = get(&stage, "/azure/assets?page_token=nonsense", &[]).await;
    assert_eq!(problem(lost).await, (400, "bad-request".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_could_mean_something_else_are_refused_before_any_upstream_call() {
    let stage = stage().await;
    get(&stage, "/azure/assets/hello.txt", &[]).await;
    let before = stage.count(Hop::Blob);
    for path in [
        "/azure/assets/%2e%2e/secret",
        "/azure/assets/a%2F..%2Fb",
        "/azure/assets/a%252fb",
        "/azure/assets/%252e%252e/b",
        "/azure/assets/a%0d%0aX-Injected:%20yes",
        "/azure/assets/a%00b",
        "/azure/assets/a%5c..%5cb",
        "/azure/assets/%FF",
    ] {
        // A client would tidy the path away, so the bytes are written by hand.
        let (status, slug) = raw(&stage, path).await;
        assert_eq!((status, slug.as_str()), (400, "bad-key"), "{path}");
    }
    for path in ["/azure/assets@evil.example/x", "/azure/nowhere/x", "/azure/nowhere"] {
        let (status, slug) = raw(&stage, path).await;
        assert_eq!((status, slug.as_str()), (404, "unknown-place"), "{path}");
    }
    assert_eq!(stage.count(Hop::Blob), before);
    let missing = get(&stage, "/azure/assets/none.txt", &[]).await;
    assert_eq!(problem(missing).await, (404, "not-found".into()));
}

/// Sends a request line as it is, and reads the problem's status and slug.
async fn raw(stage: &Stage, path: &str) -> (u16, String) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let base = stage.api("blob-api");
    let host = base.strip_prefix("http://").expect("a plain base URL");
    let mut socket = tokio::net::TcpStream::connect(host).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let slug =
        answer.split("urn:carnet:problem:").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or(&answer);
    (status, slug.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_over_6_mb_stream_and_over_200_mb_are_refused_naming_range() {
    let stage = stage().await;
    let big: Vec<u8> = (0..9_000_000u32).map(|i| (i % 251) as u8).collect();
    stage.put("big.bin", &big);
    let response = get(&stage, "/azure/assets/big.bin", &[]).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.bytes().await.unwrap() == big);

    let huge = std::fs::File::create(stage.blobs().join("huge.bin")).unwrap();
    huge.set_len(200_000_001).unwrap();
    let response = get(&stage, "/azure/assets/huge.bin", &[]).await;
    let document: Value = response.json().await.unwrap();
    assert_eq!(document["type"], "urn:carnet:problem:too-large");
    assert!(document["detail"].as_str().unwrap().contains("Range"), "{document}");
    let part = get(&stage, "/azure/assets/huge.bin", &[("range", "bytes=200000000-")]).await;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.bytes().await.unwrap(), [0u8][..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_body_is_resumed_and_one_that_stays_broken_breaks_the_transfer() {
    let stage = stage().await;
    let big: Vec<u8> = (0..3_000_000u32).map(|i| (i % 253) as u8).collect();
    stage.put("big.bin", &big);
    stage.fault("azure.blob/assets/big.bin=cut:1000000*1");
    let response = get(&stage, "/azure/assets/big.bin", &[]).await;
    assert!(response.bytes().await.unwrap() == big, "resumed at the right byte");

    stage.local.shared.faults.clear();
    stage.fault("azure.blob/assets/big.bin=corrupt");
    let response = get(&stage, "/azure/assets/big.bin", &[]).await;
    assert_eq!(response.status(), StatusCode::OK, "the first byte was out before the fault was known");
    assert!(response.bytes().await.is_err(), "never a clean end");

    stage.local.shared.faults.clear();
    let again = get(&stage, "/azure/assets/big.bin", &[]).await;
    assert!(again.bytes().await.unwrap() == big, "a new environment serves");
    assert!(stage.function("blob-api").environments_started() >= 2);
    assert!(stage.function("blob-api").logs().contains("the transfer is broken off"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_subject_is_a_problem_to_the_caller_and_a_named_field_to_the_operator() {
    let stage = stage().await;
    {
        let mut world = stage.local.shared.world_mut();
        for application in world.entra.applications.values_mut() {
            for credential in &mut application.federated_credentials {
                credential.subject = credential.subject.replace("blob-api", "blob-apj");
            }
        }
    }
    let response = get(&stage, "/azure/assets/hello.txt", &[]).await;
    assert_eq!(problem(response).await, (502, "upstream-refused".into()));
    let lines = stage.function("blob-api").logs().lines();
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
    let stage = stage().await;
    get(&stage, "/azure/assets/hello.txt", &[]).await;
    get(&stage, "/azure/assets/hello.txt", &[]).await;
    assert_eq!((stage.count(Hop::Sts), stage.count(Hop::EntraToken), stage.count(Hop::Blob)), (1, 1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn log_lines_are_json_with_the_hops_identifiers_and_metrics_but_no_secret() {
    let stage = stage().await;
    get(&stage, "/azure/assets/hello.txt", &[]).await;
    let logs = stage.function("blob-api").logs();
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
    let stage = stage().await;
    let report = doctor(&stage).await;
    assert_eq!(report["ok"], true, "{report}");
    let hops: Vec<&str> =
        report["hops"].as_array().unwrap().iter().map(|hop| hop["hop"].as_str().unwrap()).collect();
    assert_eq!(hops, ["mint", "exchange", "list"]);

    for container in
        stage.local.shared.world_mut().azure.accounts.values_mut().flat_map(|a| a.containers.values_mut())
    {
        container.readers.clear();
    }
    let report = doctor(&stage).await;
    assert_eq!(report["ok"], false);
    let last = report["hops"].as_array().unwrap().last().unwrap();
    assert_eq!(last["error"]["code"], "AuthorizationPermissionMismatch");
    assert_eq!(last["error"]["field"], "role assignment");
}

async fn doctor(stage: &Stage) -> Value {
    let output = stage.function("blob-api").invoke(r#"{"carnet":"doctor"}"#).await;
    assert_eq!(output.function_error, None, "{output:?}");
    serde_json::from_slice(&output.payload).unwrap()
}
