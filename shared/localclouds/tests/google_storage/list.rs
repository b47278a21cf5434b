//! Objects: list.

use crate::service::{Service, names, refused};
use serde_json::Value;

#[tokio::test]
async fn a_listing_is_in_byte_order_and_complete() {
    let service = Service::new().await;
    for name in ["b", "a/2", "a/10", "a.txt", "a-b/c", "A", "é", "a/deep/er/x", "line\nbreak"] {
        service.folder.write(name, name);
    }
    std::fs::create_dir(service.folder.join("empty")).unwrap();
    let page = service.list("").await;
    let expected = ["A", "a-b/c", "a.txt", "a/10", "a/2", "a/deep/er/x", "b", "line\nbreak", "é"];
    assert_eq!(names(&page), expected);
    assert_eq!((&page["kind"], &page["nextPageToken"]), (&"storage#objects".into(), &Value::Null));
    assert_eq!(page["items"][3], service.metadata("a/10").await, "a listing says what the object says");
}

#[tokio::test]
async fn pages_join_to_the_whole_whatever_their_size() {
    let service = Service::new().await;
    for number in 0..23 {
        service.folder.write(&format!("d{}/f{number}", number % 4), "x");
        service.folder.write(&format!("f{number}"), "x");
    }
    let whole = service.names("").await;
    assert!(whole.len() == 46 && whole.is_sorted(), "{whole:?}");
    let levels = service.names("delimiter=/").await;
    assert_eq!(levels.len(), 27);
    for size in [1, 2, 7, 45, 46, 1000, 9999] {
        for (extra, expected) in [("", &whole), ("&delimiter=/", &levels)] {
            let (mut joined, mut token) = (Vec::new(), String::new());
            loop {
                let page = service.list(&format!("maxResults={size}&pageToken={token}{extra}")).await;
                assert!(names(&page).len() <= size);
                joined.extend(names(&page));
                match page["nextPageToken"].as_str() {
                    Some(next) => token = next.to_owned(),
                    None => break,
                }
            }
            // Objects and prefixes come apart, but not across pages.
            joined.sort();
            let mut expected = expected.clone();
            expected.sort();
            assert_eq!(joined, expected, "pages of {size}{extra}");
        }
    }
}

#[tokio::test]
async fn prefix_delimiter_and_offsets_narrow_a_listing() {
    let service = Service::new().await;
    for name in ["logs/2024/a", "logs/2024/b", "logs/2025/a", "logs/x", "logs-old/y", "other"] {
        service.folder.write(name, "x");
    }
    for (query, expected) in [
        ("prefix=logs/2024/", &["logs/2024/a", "logs/2024/b"][..]),
        ("delimiter=/", &["other", "logs-old/", "logs/"]),
        ("prefix=logs/&delimiter=/", &["logs/x", "logs/2024/", "logs/2025/"]),
        ("prefix=logs/20&delimiter=/", &["logs/2024/", "logs/2025/"]),
        // A delimiter need not be a slash, nor one character.
        ("delimiter=s/", &["logs-old/y", "other", "logs/"]),
        // The start belongs to the listing, the end does not.
        ("startOffset=logs/2025/a", &["logs/2025/a", "logs/x", "other"]),
        ("endOffset=logs/2025/a", &["logs-old/y", "logs/2024/a", "logs/2024/b"]),
        ("startOffset=logs/2024/b&endOffset=logs/x", &["logs/2024/b", "logs/2025/a"]),
        ("startOffset=z", &[]),
        // A folder of which nothing lies between is not there.
        ("startOffset=logs/2024/c&prefix=logs/&delimiter=/", &["logs/x", "logs/2025/"]),
        ("endOffset=logs/2025/a&prefix=logs/&delimiter=/", &["logs/2024/"]),
        ("endOffset=logs/2025/b&prefix=logs/&delimiter=/", &["logs/2024/", "logs/2025/"]),
        ("prefix=nothing", &[]),
    ] {
        assert_eq!(service.names(query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn a_token_survives_that_its_object_is_deleted() {
    let service = Service::new().await;
    for name in ["a", "b", "c", "d"] {
        service.folder.write(name, "x");
    }
    let page = service.list("maxResults=2").await;
    std::fs::remove_file(service.folder.join("c")).unwrap();
    let token = page["nextPageToken"].as_str().unwrap();
    assert_eq!(service.names(&format!("pageToken={token}")).await, ["d"]);
}

#[tokio::test]
async fn only_the_fields_asked_for_are_there() {
    let service = Service::new().await;
    service.folder.write("a", "x");
    let page = service.list("fields=items(name,size)").await;
    assert_eq!(page, serde_json::json!({"items": [{"name": "a", "size": "1"}]}));
}

#[tokio::test]
async fn parameters_that_mean_nothing_are_refused() {
    let service = Service::new().await;
    for (query, reason) in [
        ("maxResults=0", "invalidParameter"),
        ("maxResults=-1", "invalidParameter"),
        ("maxResults=many", "invalidParameter"),
        ("pageToken=made-up", "invalid"),
        ("fields=items(", "invalidParameter"),
        ("matchGlob=**", "invalidParameter"),
    ] {
        let path = format!("/storage/v1/b/{}/o?{query}", service.bucket);
        refused(service.get(&path).await, 400, reason).await;
    }
}
