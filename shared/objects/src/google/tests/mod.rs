//! The Google source over a socket that answers as told: what is asked, and what becomes of answers.

mod store;

use super::terms::Terms;
use super::*;
use crate::digest::{Algorithm, Verdict};
use crate::list::ListRequest;
use crate::list::PageToken;
use crate::object::Conditions;
use crate::object::{Match, Version};
use crate::range::ByteRange;
use crate::read::read;
use crate::source::{ObjectSource, ReadRequest};
use carnet_federation::config::Env;
use futures_util::StreamExt as _;
use serde_json::json;
use std::sync::atomic::Ordering;
use std::time::Duration;
use store::*;
use tokio::net::TcpListener;

#[tokio::test]
async fn a_read_is_two_calls_at_once_for_one_encoded_name() {
    let odd = key("dir/a b+c%2f#?é");
    let store = Store::answering(vec![metadata_of("dir/a b+c%2f#?é", 7)], vec![media(7, 10)]).await;
    let request = ReadRequest { version: Some(Version::parse("7").unwrap()), ..ReadRequest::default() };
    let reading = read(store.source.clone(), &odd, request).await.unwrap();
    assert_eq!(reading.verdict(), Verdict::Verified { algorithm: Algorithm::Crc32c });
    let bytes: Vec<_> = reading.map(|chunk| chunk.unwrap().to_vec()).collect().await;
    assert_eq!(bytes.concat(), BODY.as_bytes());
    let ([api], [media]) = (store.asked(false).try_into().unwrap(), store.asked(true).try_into().unwrap());
    for head in [&api, &media] {
        let path = head.split([' ', '?']).nth(1).unwrap();
        let path = percent_encoding::percent_decode_str(path.strip_prefix("/storage/v1/b/box/o/").unwrap());
        assert_eq!(path.decode_utf8().unwrap(), odd.as_str());
        assert_eq!(head.split(' ').nth(1).unwrap().matches('/').count(), 6, "one segment: {head}");
        assert!(head.contains("\r\nauthorization: Bearer ya29.the-token-itself-0\r\n"), "{head}");
        assert!(has(head, "ifGenerationMatch", "7"), "{head}");
    }
    // As it is stored, whatever that is.
    assert!(media.contains("\r\naccept-encoding: gzip\r\n") && !media.contains("\r\nrange:"), "{media}");
}

#[tokio::test]
async fn ranges_on_the_wire_are_the_ones_asked_for() {
    for (asked, line, expected) in [
        (ByteRange::Between { first: 2, last: 4 }, "range: bytes=2-4\r\n", 2..5),
        (ByteRange::From(7), "range: bytes=7-\r\n", 7..10),
        (ByteRange::Between { first: 1, last: u64::MAX }, "range: bytes=1-\r\n", 1..10),
        (ByteRange::Last(3), "range: bytes=-3\r\n", 7..10),
        (ByteRange::Last(u64::MAX), "range: bytes=-9223372036854775807\r\n", 0..10),
    ] {
        let store = Store::answering(vec![metadata(7)], vec![part(7, expected.clone())]).await;
        let opened = store.open(range(asked)).await.unwrap();
        assert_eq!(opened.range, expected.start as u64..expected.end as u64);
        assert!(store.asked(true)[0].contains(line), "{line:?} in {}", store.asked(true)[0]);
    }
}

#[tokio::test]
async fn a_range_without_a_byte_in_it_is_refused_by_what_is_known() {
    for none in [ByteRange::Last(0), ByteRange::Between { first: 5, last: 2 }, ByteRange::From(u64::MAX)] {
        let store = Store::answering(vec![metadata(7)], vec![]).await;
        assert_eq!(store.refused(range(none)).await.kind(), Kind::OutOfRange, "{none:?}");
        let missing = refusal("404 Not Found", "notFound", "No such object: box/a/b");
        let store = Store::answering(vec![missing], vec![]).await;
        assert_eq!(store.refused(range(none)).await.kind(), Kind::NotFound, "{none:?}");
    }
    let past = ByteRange::Between { first: 10, last: (i64::MAX - 1) as u64 };
    for media in [bare("416 Requested Range Not Satisfiable", "no"), media(7, 10)] {
        let store = Store::answering(vec![metadata(7)], vec![media]).await;
        assert_eq!(store.refused(range(past)).await.kind(), Kind::OutOfRange);
    }
}

#[tokio::test]
async fn a_truncated_answer_is_resumed_and_not_believed() {
    // With a length that did not come, and without one.
    let unframed = media(7, 6).replace("content-length: 10", "x-goog-stored-content-length: 10");
    for cut in [media(7, 6), unframed] {
        let store = Store::answering(vec![metadata(7), metadata(7)], vec![cut, part(7, 6..10)]).await;
        let verified = Verdict::Verified { algorithm: Algorithm::Crc32c };
        assert_eq!(store.bytes().await.unwrap(), (BODY.into(), verified));
        let again = &store.asked(true)[1];
        assert!(again.contains("range: bytes=6-9\r\n") && has(again, "ifGenerationMatch", "7"), "{again}");
    }
}

#[tokio::test]
async fn an_answer_longer_than_its_range_is_an_error() {
    // The server ignores the range and sends everything, as HTTP lets it; the client would take it.
    let whole = || media(7, 10);
    let store = Store::answering(vec![metadata(7), metadata(7)], vec![whole(), whole()]).await;
    let request = range(ByteRange::Between { first: 2, last: 4 });
    let reading = read(store.source.clone(), &key("a/b"), request).await.unwrap();
    let read: Vec<_> = reading.collect().await;
    assert_eq!(read.last().unwrap().as_ref().unwrap_err().kind(), Kind::Malformed);
    let handed_out: usize = read.iter().flatten().map(|chunk| chunk.len()).sum();
    assert!(handed_out < 3, "the last chunk is never handed out: {handed_out} bytes were");
}

#[tokio::test]
async fn wrong_bytes_are_read_once_more_and_never_handed_out() {
    let wrong = || media(7, 10).replace(BODY, "012345678X");
    let store = Store::answering(vec![metadata(7), metadata(7)], vec![wrong(), wrong()]).await;
    let error = store.bytes().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Malformed);
    assert!(error.message().contains("CRC32C"), "{error}");
}

#[tokio::test]
async fn what_changes_between_the_two_calls_is_read_in_one_version() {
    let store = Store::answering(vec![metadata(7)], vec![media(8, 10), media(7, 10)]).await;
    let opened = store.open(ReadRequest::default()).await.unwrap();
    assert_eq!(opened.meta.version.as_str(), "\"7\"");
    assert!(has(&store.asked(true)[1], "ifGenerationMatch", "7"));
    // The version that is known is gone: a fresh try may do, of which the caller knows nothing.
    let gone = bare("412 Precondition Failed", "no");
    let store =
        Store::answering(vec![metadata(7), metadata(8)], vec![media(8, 10), gone, media(8, 10)]).await;
    let reading = read(store.source.clone(), &key("a/b"), ReadRequest::default()).await.unwrap();
    assert_eq!(reading.meta().version.as_str(), "\"8\"");
    // Who asked for a version is told.
    let changed = || refusal("412 Precondition Failed", "conditionNotMet", "no");
    let store = Store::answering(vec![changed()], vec![media(8, 10)]).await;
    let pinned = ReadRequest { version: Some(Version::parse("7").unwrap()), ..ReadRequest::default() };
    assert_eq!(store.refused(pinned).await.kind(), Kind::Changed);
}

#[tokio::test]
async fn a_tag_that_is_no_generation_is_decided_of_an_object_that_exists() {
    let foreign = || Some(Match::Version(Version::parse("\"0x8D\"").unwrap()));
    for (conditions, kind) in [
        (Conditions { if_match: foreign(), if_none_match: None }, Kind::Changed),
        (Conditions { if_match: None, if_none_match: Some(Match::Any) }, Kind::NotModified),
    ] {
        let request = ReadRequest { conditions: conditions.clone(), ..ReadRequest::default() };
        let store = Store::answering(vec![metadata(7), metadata(7)], vec![]).await;
        assert_eq!(store.refused(request.clone()).await.kind(), kind);
        assert_eq!(store.source.head(&key("a/b"), &conditions).await.unwrap_err().kind(), kind);
        let missing = refusal("404 Not Found", "notFound", "No such object: box/a/b");
        let store = Store::answering(vec![missing], vec![]).await;
        assert_eq!(store.refused(request).await.kind(), Kind::NotFound);
    }
    let conditions = Conditions { if_match: None, if_none_match: foreign() };
    let store = Store::answering(vec![metadata(7)], vec![]).await;
    store.source.head(&key("a/b"), &conditions).await.unwrap();
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let refused = || refusal("401 Unauthorized", "authError", "Invalid Credentials");
    let media = vec![bare("401 Unauthorized", "Invalid Credentials"), media(7, 10)];
    let store = Store::answering(vec![refused(), metadata(7)], media).await;
    store.bytes().await.unwrap();
    for asked in [store.asked(false), store.asked(true)] {
        assert!(asked[asked.len() - 1].contains("Bearer ya29.the-token-itself-1"), "{asked:?}");
    }
    let store = Store::answering(vec![refused(), refused()], vec![]).await;
    let error = crate::head(&*store.source, &key("a/b"), &Conditions::default()).await.unwrap_err();
    assert_eq!((error.kind(), store.credential.rejected.load(Ordering::Relaxed)), (Kind::Unauthenticated, 1));
    assert_eq!(error.presented(), Some("service account reader"));
}

#[tokio::test]
async fn a_refusal_by_the_token_service_stays_one() {
    let refusal = Error::new(Hop::Exchange, Kind::Refused, "sts", "no").with_code("unauthorized_client");
    let store = Store::with(vec![], vec![], Given { refusal: Some(refusal), ..Given::default() }).await;
    let media =
        store.source.client.read(&store.source.at, &key("a"), &Terms::default(), None).await.map(|_| ());
    for error in [
        media.unwrap_err(),
        store.refused(ReadRequest::default()).await,
        store.source.list(&ListRequest::default()).await.unwrap_err(),
        store.source.head(&key("a"), &Conditions::default()).await.unwrap_err(),
    ] {
        let expected = (Hop::Exchange, Kind::Refused, Some("unauthorized_client"));
        assert_eq!((error.hop(), error.kind(), error.code()), expected);
    }
}

#[tokio::test]
async fn answers_become_errors_of_their_kind() {
    for (status, reason, kind) in [
        ("304 Not Modified", None, Kind::NotModified),
        ("400 Bad Request", Some("invalid"), Kind::Malformed),
        ("401 Unauthorized", Some("authError"), Kind::Unauthenticated),
        ("403 Forbidden", Some("forbidden"), Kind::Forbidden),
        ("404 Not Found", Some("notFound"), Kind::NotFound),
        ("408 Request Timeout", Some("requestTimeout"), Kind::Unavailable),
        ("412 Precondition Failed", Some("conditionNotMet"), Kind::Changed),
        ("416 Requested Range Not Satisfiable", Some("requestedRangeNotSatisfiable"), Kind::OutOfRange),
        ("429 Too Many Requests", Some("rateLimitExceeded"), Kind::Throttled),
        ("500 Internal Server Error", Some("backendError"), Kind::Unavailable),
        ("503 Service Unavailable", Some("backendError"), Kind::Unavailable),
    ] {
        let later =
            |answer: String| answer.replace("connection: close", "connection: close\r\nretry-after: 7");
        let api = match reason {
            Some(reason) => later(refusal(status, reason, "sig=secret")),
            None => answer(status, &[], ""),
        };
        // The bytes' refusal alone, and both.
        let store =
            Store::answering(vec![metadata(7), api], vec![later(bare(status, "sig=secret")); 2]).await;
        let pinned = || ReadRequest { version: Some(Version::parse("7").unwrap()), ..ReadRequest::default() };
        let (by_media, by_both) = (store.refused(pinned()).await, store.refused(pinned()).await);
        assert_eq!((by_media.code(), by_both.code()), (None, reason), "{status}");
        for error in [by_media, by_both] {
            assert_eq!((error.kind(), error.status()), (kind, status[..3].parse().ok()), "{status}");
            assert_eq!(error.request_id(), Some("up-1"), "{status}");
            if kind.is_transient() {
                assert_eq!(error.retry_after(), Some(Duration::from_secs(7)), "{status}");
            }
            let shown = format!("{error} {error:?}");
            for secret in [TOKEN, "sig=secret", "Bearer"] {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
        // One call each and no retry of the client's own: those are ours to make.
        assert!(store.asked(true).len() <= 2, "{status}");
    }
}

#[tokio::test]
async fn a_limit_is_not_taken_for_a_denial() {
    let limited = refusal("403 Forbidden", "rateLimitExceeded", "Slow down");
    let store = Store::answering(vec![limited], vec![]).await;
    let error = store.source.head(&key("a/b"), &Conditions::default()).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Throttled, Some("rateLimitExceeded")));
}

#[tokio::test]
async fn a_missing_bucket_is_told_from_a_missing_object() {
    for (message, expected) in [
        ("The specified bucket does not exist.", "no such bucket"),
        ("No such object: box/a/b", "no such object"),
    ] {
        let store = Store::answering(vec![refusal("404 Not Found", "notFound", message)], vec![]).await;
        let error = store.source.head(&key("a/b"), &Conditions::default()).await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (Kind::NotFound, expected));
    }
}

#[tokio::test]
async fn answers_that_are_none_are_malformed() {
    for media in [
        answer("200 OK", &["content-length: 10"], BODY),
        answer("200 OK", &["x-goog-generation: 7"], BODY),
        answer("206 Partial Content", &["x-goog-generation: 7", "content-range: none"], BODY),
    ] {
        let store = Store::answering(vec![metadata(7)], vec![media.clone()]).await;
        assert_eq!(store.refused(ReadRequest::default()).await.kind(), Kind::Malformed, "{media}");
    }
    let page = || answer("200 OK", &["content-length: 20"], "<html>sign in</html>");
    let store = Store::answering(vec![page(), page()], vec![]).await;
    let listing = store.source.list(&ListRequest::default()).await.unwrap_err();
    let head = store.source.head(&key("a/b"), &Conditions::default()).await.unwrap_err();
    assert_eq!((listing.hop(), listing.kind(), head.kind()), (Hop::List, Kind::Malformed, Kind::Malformed));
    assert!(!format!("{listing:?}{head:?}").contains("sign in"));
    let store = Store::answering(vec![metadata_of("a/c", 7)], vec![]).await;
    let other = store.source.head(&key("a/b"), &Conditions::default()).await.unwrap_err();
    assert_eq!(other.kind(), Kind::Malformed);
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let endpoint = format!("http://127.0.0.1:{port}").parse().unwrap();
    let http = Http::from_env(&Env::default()).unwrap();
    let source =
        CloudStorage::new(&http, Arc::new(Given::default()), &endpoint).unwrap().bucket("box").unwrap();
    let head = source.head(&key("a"), &Conditions::default()).await.unwrap_err();
    let media =
        source.client.read(&source.at, &key("a"), &Terms::default(), None).await.map(|_| ()).unwrap_err();
    for error in [head, media] {
        assert_eq!((error.kind(), error.message()), (Kind::Unavailable, "no connection"));
    }
}

#[tokio::test]
async fn only_https_and_names_of_buckets_are_taken() {
    let http = Http::from_env(&Env::default()).unwrap();
    for (endpoint, bucket) in
        [("http://storage.googleapis.com", "box"), ("https://storage.googleapis.com", "b/x")]
    {
        let storage = CloudStorage::new(&http, Arc::new(Given::default()), &endpoint.parse().unwrap());
        let source = storage.and_then(|storage| storage.bucket(bucket));
        assert_eq!(source.map(|_| ()).unwrap_err().kind(), Kind::NotConfigured, "{endpoint} {bucket}");
    }
}

#[tokio::test]
async fn a_listing_asks_for_what_the_request_says() {
    let page = json_answer("200 OK", &json!({"prefixes": ["p q/r/"], "nextPageToken": "m2"}));
    let store = Store::answering(vec![page], vec![]).await;
    let request = ListRequest {
        prefix: "p q/&x=1".into(),
        delimiter: Some("/".into()),
        page_size: Some(99_999),
        page_token: Some(PageToken::new("m&1")),
        start_from: Some("p q/s".into()),
    };
    let page = store.source.list(&request).await.unwrap();
    assert_eq!((page.prefixes, page.next), (vec!["p q/r/".to_owned()], Some(PageToken::new("m2"))));
    let asked = store.asked(false)[0].clone();
    let expected = [
        ("delimiter", "/"),
        ("fields", resource::LIST_FIELDS),
        ("maxResults", "1000"),
        ("pageToken", "m&1"),
        ("prefix", "p q/&x=1"),
        ("startOffset", "p q/s"),
    ];
    assert_eq!(query_of(&asked), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert!(asked.starts_with("GET /storage/v1/b/box/o?"), "{asked}");
}

#[tokio::test]
async fn a_token_the_store_never_gave_is_the_callers_fault() {
    let bad = || refusal("400 Bad Request", "invalid", "Invalid argument.");
    let store = Store::answering(vec![bad(), bad()], vec![]).await;
    let request = ListRequest { page_token: Some(PageToken::new("made up")), ..ListRequest::default() };
    assert_eq!(store.source.list(&request).await.unwrap_err().kind(), Kind::OutOfRange);
    assert_eq!(store.source.list(&ListRequest::default()).await.unwrap_err().kind(), Kind::Malformed);
}
