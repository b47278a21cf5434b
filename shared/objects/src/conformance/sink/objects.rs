//! Objects in one piece.

use super::{SinkAbility, Suite, attributes, key, noise, written};
use crate::key::{Key, MAX_BYTES};
use crate::object::Version;
use crate::sink::{Condition, Crc32c, Deletion, Got, PutRequest, SinkListRequest, WriteOutcome};
use bytes::Bytes;
use carnet_federation::Kind;
use std::time::{Duration, SystemTime};

pub(super) async fn run(suite: &Suite<'_>) {
    known(suite).await;
    missing(suite).await;
    sizes(suite).await;
    read_again(suite).await;
    corrupted(suite).await;
    if suite.can(SinkAbility::IfAbsent) {
        written_once(suite).await;
        one_of_many(suite).await;
    }
    if suite.can(SinkAbility::IfUnchanged) {
        swapped(suite).await;
    }
    deletes(suite).await;
    if suite.can(SinkAbility::AnyName) {
        names(suite).await;
    }
}

async fn known(suite: &Suite<'_>) {
    let key = key("conformance/put/known.txt");
    let body = Bytes::from_static(b"known");
    let request = PutRequest::new(Crc32c::of(&body)).with_attributes(attributes());
    let before = SystemTime::now();
    let receipt = written(suite.sink.put(&key, body.clone(), &request).await.expect("a put"));
    let object = suite.sink.head(&key).await.expect("a head").expect("it was written");
    assert_eq!((&object.key, object.size), (&key, 5));
    assert_eq!(object.version, receipt.version, "the receipt names the version that is there");
    let (found, wanted) = (&object.attributes, attributes());
    assert_eq!(found.content_type, wanted.content_type);
    assert_eq!(found.metadata, wanted.metadata);
    if suite.can(SinkAbility::ContentHeaders) {
        assert_eq!(found.content_encoding, wanted.content_encoding);
        assert_eq!(found.cache_control, wanted.cache_control);
        assert_eq!(found.content_disposition, wanted.content_disposition);
    }
    if suite.can(SinkAbility::KeepsChecksums) {
        assert_eq!(receipt.crc32c, Some(request.crc32c), "the receipt states the checksum");
        assert_eq!(object.crc32c, Some(request.crc32c));
    }
    // Dates have seconds, and clocks differ: this only catches a date that means nothing.
    let age = object.last_modified.duration_since(before).unwrap_or_else(|earlier| earlier.duration());
    assert!(age < Duration::from_secs(3600), "last modified {age:?} away from now");
    match suite.sink.get(&key, None, 5).await.expect("a get") {
        Got::Object { object: got, body: bytes } => {
            assert_eq!(bytes, body);
            assert_eq!(*got, object, "a get and a head know the same");
        }
        other => panic!("{other:?}"),
    }
}

async fn missing(suite: &Suite<'_>) {
    let key = key("conformance/put/missing");
    suite.clear(&key).await;
    assert_eq!(suite.sink.head(&key).await.expect("a head"), None);
    assert_eq!(suite.sink.get(&key, None, 10).await.expect("a get"), Got::Missing);
}

async fn sizes(suite: &Suite<'_>) {
    for size in [0, 1, 70_000, 3 << 20] {
        let (key, body) = (key(&format!("conformance/put/size-{size}")), noise(size));
        suite.put(&key, body.clone()).await;
        let (found, _) = suite.body(&key).await.expect("it was written");
        assert!(found == body, "{size} bytes come back as they went");
        assert_eq!(suite.sink.head(&key).await.expect("a head").map(|object| object.size), Some(size as u64));
    }
}

async fn read_again(suite: &Suite<'_>) {
    let key = key("conformance/put/again");
    let version = suite.put(&key, "first").await.version;
    let again = suite.sink.get(&key, Some(&version), 10).await.expect("a get");
    assert_eq!(again, Got::NotModified);
    suite.put(&key, "other").await;
    let changed = suite.sink.get(&key, Some(&version), 10).await.expect("a get");
    assert!(matches!(&changed, Got::Object { body, .. } if body == "other"), "{changed:?}");
    let error = suite.sink.get(&key, None, 4).await.expect_err("five bytes are more than four");
    assert_eq!(error.kind(), Kind::OutOfRange);
}

/// A byte changed on its way: what was there stays.
async fn corrupted(suite: &Suite<'_>) {
    if !suite.can(SinkAbility::VerifiesChecksums) {
        return;
    }
    let key = key("conformance/put/corrupted");
    suite.clear(&key).await;
    for before in [None, Some("before")] {
        if let Some(body) = before {
            suite.put(&key, body).await;
        }
        let request = PutRequest::new(Crc32c::of(b"what was sent"));
        let error = suite.sink.put(&key, Bytes::from_static(b"what arrived!"), &request).await;
        let error = error.expect_err("bytes that are not those of the checksum");
        assert_eq!(error.kind(), Kind::Unavailable, "worth sending again: {error}");
        let found = suite.body(&key).await.map(|(body, _)| body);
        assert_eq!(found.as_deref(), before.map(str::as_bytes), "nothing of it is visible");
    }
}

async fn written_once(suite: &Suite<'_>) {
    let key = key("conformance/put/once");
    suite.clear(&key).await;
    let put = async |body: &'static str| {
        let request = PutRequest::new(Crc32c::of(body.as_bytes())).on(Condition::Absent);
        suite.sink.put(&key, Bytes::from(body), &request).await.expect("an answer")
    };
    assert!(matches!(put("first").await, WriteOutcome::Written(_)));
    assert_eq!(put("second").await, WriteOutcome::Unmet);
    assert_eq!(suite.body(&key).await.expect("the first").0, "first");
    suite.clear(&key).await;
    assert!(matches!(put("third").await, WriteOutcome::Written(_)));
}

/// Of many that write at once, one does.
async fn one_of_many(suite: &Suite<'_>) {
    let key = key("conformance/put/race");
    suite.clear(&key).await;
    let puts = (0..8).map(|number| {
        let body = Bytes::from(format!("writer {number}"));
        let request = PutRequest::new(Crc32c::of(&body)).on(Condition::Absent);
        let key = &key;
        async move { suite.sink.put(key, body.clone(), &request).await.map(|outcome| (outcome, body)) }
    });
    let mut winners = Vec::new();
    for outcome in futures_util::future::join_all(puts).await {
        match outcome.expect("an answer") {
            (WriteOutcome::Written(_), body) => winners.push(body),
            (WriteOutcome::Unmet | WriteOutcome::Conflict, _) => {}
            (other, _) => panic!("{other:?}"),
        }
    }
    assert_eq!(winners.len(), 1, "one writer of eight: {winners:?}");
    assert_eq!(suite.body(&key).await.expect("the winner's").0, winners[0]);
}

async fn swapped(suite: &Suite<'_>) {
    let key = key("conformance/put/swapped");
    let first = suite.put(&key, "first").await.version;
    let put = async |body: &'static str, version: &Version| {
        let condition = Condition::Unchanged(version.clone());
        let request = PutRequest::new(Crc32c::of(body.as_bytes())).on(condition);
        suite.sink.put(&key, Bytes::from(body), &request).await.expect("an answer")
    };
    let second = written(put("second", &first).await).version;
    assert_eq!(put("third", &first).await, WriteOutcome::Unmet, "the first is gone");
    assert_eq!(suite.body(&key).await, Some((Bytes::from_static(b"second"), second.clone())));
    suite.clear(&key).await;
    assert_eq!(put("fourth", &second).await, WriteOutcome::Gone);
    assert_eq!(suite.body(&key).await, None);
}

async fn deletes(suite: &Suite<'_>) {
    let key = key("conformance/put/deleted");
    let first = suite.put(&key, "first").await.version;
    if suite.can(SinkAbility::ConditionalDelete) {
        let second = suite.put(&key, "second").await.version;
        let outcome = suite.sink.delete(&key, Some(&first)).await.expect("an answer");
        assert_eq!(outcome, Deletion::Changed);
        assert_eq!(suite.body(&key).await.expect("the second").0, "second");
        let outcome = suite.sink.delete(&key, Some(&second)).await.expect("an answer");
        assert_eq!(outcome, Deletion::Deleted);
        let outcome = suite.sink.delete(&key, Some(&second)).await.expect("an answer");
        assert_eq!(outcome, Deletion::Gone);
    } else {
        suite.clear(&key).await;
    }
    assert_eq!(suite.body(&key).await, None);
    // Once more: what is not there cannot be deleted, and need not.
    suite.clear(&key).await;
}

async fn names(suite: &Suite<'_>) {
    for name in odd_names() {
        suite.put(&name, name.as_str().to_owned()).await;
        let (body, _) = suite.body(&name).await.unwrap_or_else(|| panic!("{name:?} was written"));
        assert_eq!(body, name.as_str().as_bytes(), "the object {name:?} and no other");
        let request = SinkListRequest { prefix: name.as_str().to_owned(), ..Default::default() };
        let page = suite.sink.list(&request).await.expect("a listing by name");
        assert_eq!(page.objects.first().map(|entry| &entry.key), Some(&name), "listed by its name");
        suite.clear(&name).await;
        assert_eq!(suite.body(&name).await, None, "{name:?} was deleted");
    }
}

/// What other people's tools trip over: spaces, slashes at both ends, two normal forms, leading
/// dots, everything that a URL gives a meaning to.
fn odd_names() -> Vec<Key> {
    const FOLDER: &str = "conformance/odd/";
    let mut names: Vec<Key> = [
        "a b",
        " lead",
        "trail ",
        "a+b",
        "a%b",
        "a%2fb",
        "%2e%2e",
        "a#b",
        "a?b=c&d",
        "a&b",
        "a=b",
        "a'b\"c",
        "a<b>",
        "a;b,c",
        "a@b:c",
        "[a]",
        "{a}",
        "a|b",
        "a^b`c",
        "a~b!c$d*e(f)",
        ".hidden",
        "..two",
        "a..b",
        "x/.hidden/y",
        "Grüße",
        "日本語",
        "🦀",
        "e\u{301}",
        "\u{e9}",
        "UPPER",
        "/slashes//inside/",
    ]
    .iter()
    .map(|name| key(&format!("{FOLDER}{name}")))
    .collect();
    names.push(key("/conformance/odd/slashes at both ends/"));
    names.push(key(&format!("{FOLDER}{}", "l".repeat(MAX_BYTES - FOLDER.len()))));
    names
}
