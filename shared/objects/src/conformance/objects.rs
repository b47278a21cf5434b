//! What is known of an object.

use super::{Ability, Suite, Upload, key};
use crate::key::{Key, MAX_BYTES};
use crate::object::{Conditions, Match, Version};
use crate::read::read_to_vec;
use crate::source::ReadRequest;
use bytes::Bytes;
use carnet_federation::Kind;
use std::time::{Duration, SystemTime};

pub(super) async fn run(suite: &Suite<'_>) {
    known(suite).await;
    missing(suite).await;
    conditions(suite).await;
    names(suite).await;
}

async fn known(suite: &Suite<'_>) {
    let key = key("conformance/head/known.txt");
    let upload = Upload {
        content_type: Some("text/x-carnet".into()),
        cache_control: Some("max-age=60".into()),
        metadata: [("owner".to_owned(), "carnet".to_owned())].into(),
        without_digest: false,
    };
    let before = SystemTime::now();
    suite.fixture.put(&key, Bytes::from_static(b"known"), upload).await;
    let meta = crate::head(&*suite.source, &key, &Conditions::default()).await.expect("head");
    assert_eq!((&meta.key, meta.size), (&key, 5));
    if suite.fixture.can(Ability::ContentHeaders) {
        assert_eq!(meta.content_type.as_deref(), Some("text/x-carnet"));
        assert_eq!(meta.cache_control.as_deref(), Some("max-age=60"));
    }
    if suite.fixture.can(Ability::Metadata) {
        assert_eq!(meta.metadata.get("owner").map(String::as_str), Some("carnet"));
    }
    if suite.fixture.can(Ability::Digest) {
        assert!(meta.digests.to_check().is_some(), "the store keeps a digest");
        let (md5, crc32c) = (crate::digest::md5(b"known").md5, crc32c::crc32c(b"known"));
        assert!(meta.digests.md5.is_none() || meta.digests.md5 == md5, "{:?}", meta.digests);
        assert!(meta.digests.crc32c.is_none_or(|stated| stated == crc32c), "{:?}", meta.digests);
    }
    // Dates have seconds, and clocks differ: this only catches a date that means nothing.
    let age = meta.last_modified.duration_since(before).unwrap_or_else(|earlier| earlier.duration());
    assert!(age < Duration::from_secs(3600), "last modified {age:?} away from now");
    let (opened, bytes, _) =
        read_to_vec(suite.source.clone(), &key, ReadRequest::default(), 5).await.expect("read");
    assert_eq!(bytes, b"known");
    assert_eq!(opened, meta, "a read and a head know the same");
}

async fn missing(suite: &Suite<'_>) {
    let key = key("conformance/head/missing");
    let head = crate::head(&*suite.source, &key, &Conditions::default()).await;
    assert_eq!(head.expect_err("no such object").kind(), Kind::NotFound);
    let read = crate::read(suite.source.clone(), &key, ReadRequest::default()).await;
    assert_eq!(read.expect_err("no such object").kind(), Kind::NotFound);
}

async fn conditions(suite: &Suite<'_>) {
    let key = key("conformance/head/conditions");
    suite.put(&key, "here").await;
    let version = crate::head(&*suite.source, &key, &Conditions::default()).await.expect("head").version;
    let (this, other) = (Match::Version(version), Match::Version(Version::parse("\"0x0\"").expect("a tag")));
    for (if_match, if_none_match, expected) in [
        (Some(&this), None, None),
        (Some(&Match::Any), None, None),
        (Some(&other), None, Some(Kind::Changed)),
        (None, Some(&this), Some(Kind::NotModified)),
        (None, Some(&other), None),
    ] {
        let conditions = Conditions { if_match: if_match.cloned(), if_none_match: if_none_match.cloned() };
        let what = format!("{conditions:?}");
        let head = crate::head(&*suite.source, &key, &conditions).await;
        assert_eq!(head.err().map(|error| error.kind()), expected, "head with {what}");
        let request = ReadRequest { conditions, ..ReadRequest::default() };
        let read = crate::read(suite.source.clone(), &key, request).await;
        assert_eq!(read.err().map(|error| error.kind()), expected, "read with {what}");
    }
}

async fn names(suite: &Suite<'_>) {
    for name in odd_names().into_iter().filter(|name| suite.fixture.holds(name)) {
        suite.put(&name, name.as_str().to_owned()).await;
        let read = read_to_vec(suite.source.clone(), &name, ReadRequest::default(), MAX_BYTES).await;
        let (meta, bytes, _) = read.unwrap_or_else(|error| panic!("reading {name:?}: {error}"));
        assert_eq!(bytes, name.as_str().as_bytes(), "the object {name:?} and no other");
        assert_eq!(meta.key, name);
        let request = crate::ListRequest { prefix: name.as_str().to_owned(), ..Default::default() };
        let page = crate::list_page(&*suite.source, &request).await.expect("a listing by name");
        assert_eq!(page.objects.first().map(|meta| &meta.key), Some(&name), "listed by its name");
    }
}

fn odd_names() -> Vec<Key> {
    const FOLDER: &str = "conformance/names/";
    let mut names: Vec<Key> = [
        "a b",
        " lead",
        "a+b",
        "a%b",
        "a%2fb",
        "%2e%2e",
        "a%252fb",
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
        "UPPER",
        "upper",
    ]
    .iter()
    .map(|name| key(&format!("{FOLDER}{name}")))
    .collect();
    // Segments short enough for any store, together as long as a name can be.
    let mut long = format!("{FOLDER}{}", format!("{}/", "s".repeat(99)).repeat(11));
    long.truncate(MAX_BYTES - 1);
    names.push(key(&(long + "e")));
    names
}
