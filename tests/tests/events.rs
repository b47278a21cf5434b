//! Every event in `events/`, replayed to the real function by direct invocation.

use carnet_localclouds::faults::Hop;
use carnet_tests::{Stage, repository};
use serde_json::Value;
use std::collections::BTreeMap;

/// Case, status, a word of the body, and whether anything was sent upstream.
const CASES: [(&str, u16, &str, bool); 14] = [
    ("list", 200, "hello.txt", true),
    ("list-with-prefix", 200, "reports/2026/", true),
    ("get", 200, "Hello", true),
    ("get-range", 206, "Hello", true),
    ("head", 200, "", true),
    ("if-none-match", 304, "", true),
    ("encoded-key", 200, "a,b", true),
    ("unicode-key", 200, "a,b", true),
    ("dot-dot", 400, "bad-key", false),
    ("double-encoded", 400, "bad-key", false),
    ("crlf", 400, "bad-key", false),
    ("at-host", 404, "unknown-place", false),
    ("unknown-place", 404, "unknown-place", false),
    ("unknown-route", 404, "unknown-route", false),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_recorded_event_is_answered_as_its_readme_says() {
    let stage = Stage::serving("blob-api").await;
    stage.put("hello.txt", "Hello from the other cloud.\n");
    stage.put("reports/2026/summer figures für alle.csv", "a,b\n");
    for (case, status, word, upstream) in CASES {
        let before = stage.count(Hop::Blob);
        let (head, body) = replay(&stage, case).await;
        assert_eq!(head["statusCode"], status, "{case}: {body}");
        assert!(body.contains(word), "{case}: {body}");
        assert_eq!(stage.count(Hop::Blob) > before, upstream, "{case}");
    }
    let doctor = stage.function("blob-api").invoke(event("doctor")).await;
    let report: Value = serde_json::from_slice(&doctor.payload).unwrap();
    assert_eq!(report["ok"], true, "{report}");
}

#[test]
fn every_event_has_a_case() {
    let folder = std::fs::read_dir(repository().join("events")).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<String> = names
        .filter_map(|name| Some(name.strip_prefix("blob-api.")?.strip_suffix(".json")?.to_owned()))
        .filter(|case| case != "doctor")
        .collect();
    let mut cases = CASES.map(|case| case.0.to_owned()).to_vec();
    files.sort();
    cases.sort();
    assert_eq!(files, cases);
}

fn event(case: &str) -> Vec<u8> {
    std::fs::read(repository().join(format!("events/blob-api.{case}.json"))).unwrap()
}

/// Metadata and body of the streamed answer: they are eight NULs apart.
async fn replay(stage: &Stage, case: &str) -> (BTreeMap<String, Value>, String) {
    let output = stage.function("blob-api").invoke(event(case)).await;
    assert_eq!(output.function_error, None, "{case}: {output:?}");
    let end = output.payload.windows(8).position(|eight| eight == [0; 8]).expect("a metadata prelude");
    let head = serde_json::from_slice(&output.payload[..end]).unwrap();
    (head, String::from_utf8(output.payload[end + 8..].to_vec()).unwrap())
}
