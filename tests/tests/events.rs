//! Every event in `events/`, replayed to the real functions by direct invocation.

use carnet_tests::api::{Api, BLOB_API, Door, GCS_API};
use carnet_tests::repository;
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
async fn blob_api_answers_every_recorded_event_as_its_readme_says() {
    answers(BLOB_API).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gcs_api_answers_every_recorded_event_as_its_readme_says() {
    answers(GCS_API).await;
}

async fn answers(door: Door) {
    let api = Api::open(door).await;
    let upstream = || api.stage.count(door.store) + api.stage.count(door.bytes);
    for (case, status, word, goes_upstream) in CASES {
        let before = upstream();
        let (head, body) = replay(&api, case).await;
        assert_eq!(head["statusCode"], status, "{case}: {body}");
        assert!(body.contains(word), "{case}: {body}");
        assert_eq!(upstream() > before, goes_upstream, "{case}");
    }
    let doctor = api.stage.function(door.function).invoke(event(door, "doctor")).await;
    let report: Value = serde_json::from_slice(&doctor.payload).unwrap();
    assert_eq!(report["ok"], true, "{report}");
}

#[test]
fn every_event_has_a_case() {
    let folder = std::fs::read_dir(repository().join("events")).unwrap();
    let names: Vec<String> = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    for door in [BLOB_API, GCS_API] {
        let case = |name: &String| {
            let case = name.strip_prefix(door.function)?.strip_prefix('.')?.strip_suffix(".json")?;
            (case != "doctor").then(|| case.to_owned())
        };
        let mut files: Vec<String> = names.iter().filter_map(case).collect();
        let mut cases = CASES.map(|case| case.0.to_owned()).to_vec();
        files.sort();
        cases.sort();
        assert_eq!(files, cases, "{}", door.function);
    }
}

fn event(door: Door, case: &str) -> Vec<u8> {
    std::fs::read(repository().join(format!("events/{}.{case}.json", door.function))).unwrap()
}

/// Metadata and body of the streamed answer: they are eight NULs apart.
async fn replay(api: &Api, case: &str) -> (BTreeMap<String, Value>, String) {
    let function = api.stage.function(api.door.function);
    let output = function.invoke(event(api.door, case)).await;
    assert_eq!(output.function_error, None, "{case}: {output:?}");
    let end = output.payload.windows(8).position(|eight| eight == [0; 8]).expect("a metadata prelude");
    let head = serde_json::from_slice(&output.payload[..end]).unwrap();
    (head, String::from_utf8(output.payload[end + 8..].to_vec()).unwrap())
}
