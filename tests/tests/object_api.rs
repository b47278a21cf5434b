//! The contract that both functions keep: the real binaries, called as API Gateway calls them.

use carnet_tests::api::{Api, BLOB_API, Door, GCS_API, HELLO, problem};
use carnet_tests::each;
use reqwest::header::{ACCEPT_RANGES, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

each!(BLOB_API as blob_api, GCS_API as gcs_api: (
    an_object_comes_with_its_headers,
    ranges_are_served_clamped_refused_or_ignored_as_rfc_9110_says,
    a_listing_is_a_json_page_with_a_token_for_the_next,
    names_that_could_mean_something_else_are_refused_before_any_upstream_call,
    answers_over_6_mb_stream_and_over_200_mb_are_refused_naming_range,
    a_cut_body_is_resumed_and_one_that_stays_broken_breaks_the_transfer,
));

async fn an_object_comes_with_its_headers(door: Door) {
    let api = Api::open(door).await;
    let response = api.get("/hello.txt", &[]).await;
    assert_eq!(response.status(), StatusCode::OK);
    let headers = response.headers().clone();
    assert_eq!(headers[CONTENT_TYPE], "text/plain");
    assert_eq!(headers[ACCEPT_RANGES], "bytes");
    assert!(headers.contains_key(ETAG) && headers.contains_key(LAST_MODIFIED));
    assert_eq!(response.bytes().await.unwrap(), HELLO);

    let head = api.call(Method::HEAD, "/hello.txt", &[]).await;
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(head.headers()[ETAG], headers[ETAG]);
    // API Gateway keeps Content-Length for itself and passes ours on under another name.
    assert_eq!(head.headers()["x-amzn-remapped-content-length"], HELLO.len().to_string());

    let tag = headers[ETAG].to_str().unwrap().to_owned();
    let same = api.get("/hello.txt", &[("if-none-match", &tag)]).await;
    assert_eq!(same.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(same.headers()[ETAG], tag);
    let matching = api.get("/hello.txt", &[("if-match", &tag)]).await;
    assert_eq!(matching.status(), StatusCode::OK);
    let other = api.get("/hello.txt", &[("if-match", "\"0xOTHER\"")]).await;
    assert_eq!(problem(other).await, (412, "changed".into()));
}

async fn ranges_are_served_clamped_refused_or_ignored_as_rfc_9110_says(door: Door) {
    let api = Api::open(door).await;
    let length = HELLO.len();
    let last = length - 1;
    for (range, from, to) in [
        ("bytes=0-4", 0, 4),
        ("bytes=6-", 6, last),
        ("bytes=-5", length - 5, last),
        ("bytes=3-99999999999999999999999", 3, last),
        ("bytes=-4000", 0, last),
    ] {
        let response = api.get("/hello.txt", &[("range", range)]).await;
        assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(response.headers()[CONTENT_RANGE], format!("bytes {from}-{to}/{length}"), "{range}");
        assert_eq!(response.bytes().await.unwrap(), HELLO[from..=to], "{range}");
    }
    for range in ["bytes=99-", "bytes=99-100", "bytes=-0"] {
        let response = api.get("/hello.txt", &[("range", range)]).await;
        assert_eq!(response.headers()[CONTENT_RANGE], format!("bytes */{length}"), "{range}");
        assert_eq!(problem(response).await, (416, "range-not-satisfiable".into()), "{range}");
    }
    for range in ["bytes=4-2", "bytes=0-1,3-4", "lines=1-2", "bytes=x-"] {
        let response = api.get("/hello.txt", &[("range", range)]).await;
        assert_eq!(response.status(), StatusCode::OK, "{range}");
        assert_eq!(response.bytes().await.unwrap(), HELLO, "{range}");
    }
    let empty = api.get("/empty", &[]).await;
    assert_eq!(empty.status(), StatusCode::OK);
    assert!(empty.bytes().await.unwrap().is_empty());
}

async fn a_listing_is_a_json_page_with_a_token_for_the_next(door: Door) {
    let api = Api::open(door).await;
    let page: Value = api.get("?delimiter=/", &[]).await.json().await.unwrap();
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
        let page: Value = api.get(&format!("?page_size=1{next}"), &[]).await.json().await.unwrap();
        seen.extend(keys(&page));
        token = page["next_page_token"].as_str().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    let all = ["empty", "hello.txt", "reports/2026/summer figures für alle.csv", "reports/2026/winter.csv"];
    assert_eq!(seen, all);

    for query in ["page_size=0", "page_size=many", "prefix=a/../b", "page_size=1&page_size=2"] {
        let response = api.get(&format!("?{query}"), &[]).await;
        assert_eq!(problem(response).await, (400, "bad-request".into()), "{query}");
    }
    let lost = api.get("?page_token=nonsense", &[]).await;
    assert_eq!(problem(lost).await, (400, "bad-request".into()));
}

async fn names_that_could_mean_something_else_are_refused_before_any_upstream_call(door: Door) {
    let api = Api::open(door).await;
    api.get("/hello.txt", &[]).await;
    let upstream = || api.stage.count(door.store) + api.stage.count(door.bytes);
    let before = upstream();
    for path in [
        "/%2e%2e/secret",
        "/a%2F..%2Fb",
        "/a%252fb",
        "/%252e%252e/b",
        "/a%0d%0aX-Injected:%20yes",
        "/a%00b",
        "/a%5c..%5cb",
        "/%FF",
    ] {
        let path = format!("{}{path}", door.place);
        let (status, slug) = api.raw(&path).await;
        assert_eq!((status, slug.as_str()), (400, "bad-key"), "{path}");
    }
    let nowhere = format!("{}/nowhere", door.route);
    for path in [format!("{}@evil.example/x", door.place), format!("{nowhere}/x"), nowhere] {
        let (status, slug) = api.raw(&path).await;
        assert_eq!((status, slug.as_str()), (404, "unknown-place"), "{path}");
    }
    assert_eq!(upstream(), before);
    let missing = api.get("/none.txt", &[]).await;
    assert_eq!(problem(missing).await, (404, "not-found".into()));
}

async fn answers_over_6_mb_stream_and_over_200_mb_are_refused_naming_range(door: Door) {
    let api = Api::open(door).await;
    let big: Vec<u8> = (0..9_000_000u32).map(|i| (i % 251) as u8).collect();
    api.stage.put("big.bin", &big);
    let response = api.get("/big.bin", &[]).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.bytes().await.unwrap() == big);

    let huge = std::fs::File::create(api.stage.blobs().join("huge.bin")).unwrap();
    huge.set_len(200_000_001).unwrap();
    let response = api.get("/huge.bin", &[]).await;
    let document: Value = response.json().await.unwrap();
    assert_eq!(document["type"], "urn:carnet:problem:too-large");
    assert!(document["detail"].as_str().unwrap().contains("Range"), "{document}");
    let part = api.get("/huge.bin", &[("range", "bytes=200000000-")]).await;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.bytes().await.unwrap(), [0u8][..]);
}

async fn a_cut_body_is_resumed_and_one_that_stays_broken_breaks_the_transfer(door: Door) {
    let api = Api::open(door).await;
    let big: Vec<u8> = (0..3_000_000u32).map(|i| (i % 253) as u8).collect();
    api.stage.put("big.bin", &big);
    api.stage.fault(&format!("{}/big.bin=cut:1000000*1", door.bytes));
    let response = api.get("/big.bin", &[]).await;
    assert!(response.bytes().await.unwrap() == big, "resumed at the right byte");

    // More than the sockets on its way can hold: the caller must have taken the head before the
    // function can have read the end, where the fault is known.
    let long = std::fs::File::create(api.stage.blobs().join("long.bin")).unwrap();
    long.set_len(40_000_000).unwrap();
    api.stage.local.shared.faults.clear();
    api.stage.fault(&format!("{}/long.bin=corrupt", door.bytes));
    let response = api.get("/long.bin", &[]).await;
    assert_eq!(response.status(), StatusCode::OK, "the first byte was out before the fault was known");
    assert!(response.bytes().await.is_err(), "never a clean end");

    api.stage.local.shared.faults.clear();
    let again = api.get("/big.bin", &[]).await;
    assert!(again.bytes().await.unwrap() == big, "a new environment serves");
    assert!(api.stage.function(door.function).environments_started() >= 2);
    assert!(api.stage.function(door.function).logs().contains("the transfer is broken off"));
}
