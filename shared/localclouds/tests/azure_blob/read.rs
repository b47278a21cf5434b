//! Get Blob and Get Blob Properties.

use crate::service::{Service, header, refused, texts};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use carnet_localclouds::azure_blob;
use http::header::{
    CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE,
    LAST_MODIFIED, RANGE,
};
use md5::{Digest as _, Md5};
use reqwest::Method;
use std::time::SystemTime;

#[tokio::test]
async fn a_whole_read_says_everything_about_the_blob() {
    let service = Service::new(false).await;
    service.folder.write("a/hello.txt", "hello world");
    let response =
        service.call(Method::GET, "docs/a/hello.txt").header("x-ms-client-request-id", "mine").send().await;
    let response = response.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "content-length"), "11");
    assert_eq!(header(&response, "content-type"), "text/plain");
    assert_eq!(header(&response, "content-md5"), STANDARD.encode(Md5::digest(b"hello world")));
    assert!(header(&response, "etag").starts_with("\"0x8D"));
    assert_eq!(header(&response, "x-ms-blob-type"), "BlockBlob");
    assert_eq!(header(&response, "x-ms-version"), "2026-04-06");
    assert_eq!(header(&response, "x-ms-client-request-id"), "mine");
    assert!(!header(&response, "x-ms-request-id").is_empty());
    assert!(!header(&response, "x-ms-creation-time").is_empty());
    assert!(!header(&response, "date").is_empty());
    assert!(header(&response, "server").starts_with("Windows-Azure-Blob/1.0"));
    assert_eq!(response.text().await.unwrap(), "hello world");

    let head = service.call(Method::HEAD, "docs/a/hello.txt").send().await.unwrap();
    assert_eq!((head.status().as_u16(), &head.headers()[CONTENT_LENGTH]), (200, &"11".parse().unwrap()));
    let absent = service.call(Method::HEAD, "docs/absent").send().await.unwrap();
    assert_eq!((absent.status().as_u16(), header(&absent, "x-ms-error-code")), (404, "BlobNotFound"));
    assert!(absent.bytes().await.unwrap().is_empty());
}

#[tokio::test]
async fn ranges_are_given_clamped_and_refused() {
    let service = Service::new(false).await;
    let bytes: Vec<u8> = (0..3_000_000u32).map(|number| (number % 251) as u8).collect();
    service.folder.write("big", &bytes);
    let whole = STANDARD.encode(Md5::digest(&bytes));
    for (range, expected) in [
        ("bytes=0-0", 0..1),
        ("bytes=5-1048580", 5..1_048_581),
        ("bytes=2999999-", 2_999_999..3_000_000),
        ("bytes=1000000-99999999999999", 1_000_000..3_000_000),
    ] {
        for name in ["range", "x-ms-range"] {
            let response = service.call(Method::GET, "docs/big").header(name, range).send().await.unwrap();
            assert_eq!(response.status(), 206, "{range}");
            let content_range = format!("bytes {}-{}/3000000", expected.start, expected.end - 1);
            assert_eq!(response.headers()[CONTENT_RANGE], content_range);
            assert_eq!(header(&response, "x-ms-blob-content-md5"), whole);
            assert!(!response.headers().contains_key("content-md5"));
            assert_eq!(response.bytes().await.unwrap(), bytes[expected.clone()]);
        }
    }
    let beyond = service.call(Method::GET, "docs/big").header(RANGE, "bytes=3000000-").send().await.unwrap();
    assert_eq!(beyond.headers()[CONTENT_RANGE], "bytes */3000000");
    refused(beyond, 416, "InvalidRange").await;
    let suffix = service.call(Method::GET, "docs/big").header(RANGE, "bytes=-5").send().await.unwrap();
    assert_eq!((suffix.status().as_u16(), suffix.bytes().await.unwrap().len()), (200, 3_000_000));
}

#[tokio::test]
async fn a_range_comes_with_its_own_digest_when_asked() {
    let service = Service::new(false).await;
    service.folder.write("digits", "123456789");
    service.folder.write("big", vec![0; (4 << 20) + 1]);
    let ask = |name: &'static str, range: &'static str, blob: &'static str| {
        service.call(Method::GET, blob).header(name, "true").header(RANGE, range).send()
    };
    let md5 = ask("x-ms-range-get-content-md5", "bytes=0-3", "docs/digits").await.unwrap();
    assert_eq!(header(&md5, "content-md5"), STANDARD.encode(Md5::digest(b"1234")));
    // The check value of CRC-64/NVME.
    let crc = ask("x-ms-range-get-content-crc64", "bytes=0-", "docs/digits").await.unwrap();
    assert_eq!(header(&crc, "x-ms-content-crc64"), STANDARD.encode(0xae8b_1486_0a79_9888_u64.to_le_bytes()));
    let long = ask("x-ms-range-get-content-md5", "bytes=0-", "docs/big").await.unwrap();
    refused(long, 400, "InvalidHeaderValue").await;
    let whole = service.call(Method::GET, "docs/digits").header("x-ms-range-get-content-md5", "true");
    refused(whole.send().await.unwrap(), 400, "InvalidHeaderValue").await;
}

#[tokio::test]
async fn conditions_pin_the_version_that_was_seen() {
    let service = Service::new(false).await;
    service.folder.write("doc", "one");
    let seen = service.get("docs/doc").await;
    let (etag, modified) = (seen.headers()[ETAG].clone(), seen.headers()[LAST_MODIFIED].clone());
    let ask = |name, value: &http::HeaderValue| {
        service.call(Method::GET, "docs/doc").header(name, value.clone()).send()
    };
    assert_eq!(ask(IF_MATCH, &etag).await.unwrap().status(), 200);
    assert_eq!(ask(IF_UNMODIFIED_SINCE, &modified).await.unwrap().status(), 200);
    for name in [IF_NONE_MATCH, IF_MODIFIED_SINCE] {
        let value = if name == IF_NONE_MATCH { &etag } else { &modified };
        let response = ask(name, value).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), header(&response, "x-ms-error-code")),
            (304, "ConditionNotMet")
        );
        assert!(response.bytes().await.unwrap().is_empty());
    }
    service.folder.write("doc", "two");
    let changed = service.get("docs/doc").await;
    assert_ne!(changed.headers()[ETAG], etag);
    assert_eq!(header(&changed, "content-md5"), STANDARD.encode(Md5::digest(b"two")));
    refused(ask(IF_MATCH, &etag).await.unwrap(), 412, "ConditionNotMet").await;
    assert_eq!(ask(IF_NONE_MATCH, &etag).await.unwrap().status(), 200);
    let long_ago = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH).parse().unwrap();
    refused(ask(IF_UNMODIFIED_SINCE, &long_ago).await.unwrap(), 412, "ConditionNotMet").await;
}

#[tokio::test]
async fn a_sidecar_states_properties_and_is_no_blob() {
    let service = Service::new(false).await;
    for name in ["page", "unhashed", "wrong"] {
        service.folder.write(name, "hello");
    }
    service.folder.write(
        azure_blob::SIDECAR,
        r#"{"page": {"content_type": "text/html", "cache_control": "max-age=60", "content_encoding": "identity",
                     "content_md5": "auto", "metadata": {"owner": "me"}},
            "unhashed": {"content_md5": null}, "wrong": {"content_md5": "AAAAAAAAAAAAAAAAAAAAAA=="}}"#,
    );
    let page = service.get("docs/page").await;
    for (name, value) in [
        ("content-type", "text/html"),
        ("cache-control", "max-age=60"),
        ("content-encoding", "identity"),
        ("content-md5", "XUFAKrxLKna5cZ2REBfFkg=="),
        ("x-ms-meta-owner", "me"),
    ] {
        assert_eq!(header(&page, name), value);
    }
    assert!(!service.get("docs/unhashed").await.headers().contains_key("content-md5"));
    assert_eq!(header(&service.get("docs/wrong").await, "content-md5"), "AAAAAAAAAAAAAAAAAAAAAA==");
    let xml = service.list("&include=metadata").await;
    assert_eq!(texts(&xml, "Name"), ["page", "unhashed", "wrong"]);
    assert_eq!(texts(&xml, "owner"), ["me"]);
    assert_eq!(texts(&service.list("").await, "owner"), Vec::<String>::new());
    refused(service.get(&format!("docs/{}", azure_blob::SIDECAR)).await, 404, "BlobNotFound").await;
}
