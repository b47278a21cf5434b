//! The one suite that every source must pass: the stand-ins, a real account.
//!
//! [`run`] is a test in the shape of a function: it panics at the first thing that is not as it must be, and
//! says which. It makes secrets of its own, whose names begin with `conformance-`.

use crate::secret::{State, Value};
use crate::source::{SecretSource, attempt};
use crate::url::Held;
use carnet_federation::{BoxFuture, Error, Kind};

/// How the suite writes into the vault or project that the source reads.
pub trait Fixture: Send + Sync {
    /// Adds a version, which becomes the current one, and gives its id.
    fn put<'a>(&'a self, name: &'a str, value: &'a [u8]) -> BoxFuture<'a, String>;

    fn disable<'a>(&'a self, name: &'a str, version: &'a str) -> BoxFuture<'a, ()>;

    /// Takes away what lets the source's identity read this one.
    fn deny<'a>(&'a self, name: &'a str) -> BoxFuture<'a, ()>;

    fn holder(&self) -> String;

    /// Whether values may be other than text.
    fn holds_binary(&self) -> bool;

    /// As a version that never was is called.
    fn unknown_version(&self) -> String;
}

pub async fn run(source: &dyn SecretSource, fixture: &dyn Fixture) {
    versions(source, fixture).await;
    values(source, fixture).await;
    disabled(source, fixture).await;
    refusals(source, fixture).await;
}

fn secret(fixture: &dyn Fixture, name: &str) -> Held {
    Held { holder: fixture.holder(), name: name.to_owned(), version: None }
}

async fn read(source: &dyn SecretSource, secret: &Held) -> Result<(String, Value), Error> {
    let reading = attempt(source, secret, || source.read(secret)).await?;
    Ok((reading.version.id, reading.value))
}

async fn versions(source: &dyn SecretSource, fixture: &dyn Fixture) {
    let name = "conformance-versions";
    let secret = secret(fixture, name);
    let mut ids = Vec::new();
    // More than a page of any service, so that the newest is not on the first.
    for number in 0..30 {
        ids.push(fixture.put(name, format!("value {number}").as_bytes()).await);
    }
    let last = ids.last().expect("thirty were put");
    let current = source.describe(&secret).await.expect("the current version");
    assert_eq!((&current.id, current.state), (last, State::Enabled), "the newest version is current");
    assert!(current.created.is_some(), "a version has a time of creation");
    let pinned = secret.at(&ids[3]);
    assert_eq!(source.describe(&pinned).await.expect("an old version").id, ids[3]);
    for (asked, id, value) in [(&secret, last, "value 29"), (&pinned, &ids[3], "value 3")] {
        let (found, read) = read(source, asked).await.expect("a version's value");
        assert_eq!((&found, read.expose()), (id, value.as_bytes()));
    }
}

async fn values(source: &dyn SecretSource, fixture: &dyn Fixture) {
    let long = "x".repeat(24 << 10);
    for (name, value) in [
        ("conformance-text", "pässword \"with\" \\ and\nlines"),
        ("conformance-json", r#"{"user":"u","password":"p"}"#),
        ("conformance-long", &long),
    ] {
        fixture.put(name, value.as_bytes()).await;
        let (_, read) = read(source, &secret(fixture, name)).await.expect("a value");
        assert!(matches!(read, Value::Text(_)) && read.expose() == value.as_bytes(), "{name}");
    }
    if fixture.holds_binary() {
        let bytes: Vec<u8> = (0..=255).collect();
        fixture.put("conformance-binary", &bytes).await;
        let (_, read) = read(source, &secret(fixture, "conformance-binary")).await.expect("bytes");
        assert!(matches!(read, Value::Binary(_)) && read.expose() == bytes, "conformance-binary");
    }
}

async fn disabled(source: &dyn SecretSource, fixture: &dyn Fixture) {
    let name = "conformance-disabled";
    let secret = secret(fixture, name);
    let old = fixture.put(name, b"old").await;
    let new = fixture.put(name, b"new").await;
    fixture.disable(name, &new).await;
    let current = source.describe(&secret).await.expect("a disabled version can be described");
    assert_eq!((current.id, current.state), (new, State::Disabled), "the current one stays current");
    refused(read(source, &secret).await, Kind::Forbidden, "the value of a disabled version");
    assert_eq!(read(source, &secret.at(&old)).await.expect("the old one is enabled").1.expose(), b"old");
}

async fn refusals(source: &dyn SecretSource, fixture: &dyn Fixture) {
    let missing = secret(fixture, "conformance-missing");
    for outcome in [source.describe(&missing).await.err(), source.read(&missing).await.err()] {
        let kind = outcome.map(|error| error.kind());
        // Secret Manager says the same of what is missing and of what is not allowed.
        assert!(matches!(kind, Some(Kind::NotFound | Kind::Forbidden)), "a secret that is missing: {kind:?}");
    }
    fixture.put("conformance-versions", b"one more").await;
    let unknown = secret(fixture, "conformance-versions").at(&fixture.unknown_version());
    refused(read(source, &unknown).await, Kind::NotFound, "a version that never was");
    fixture.put("conformance-denied", b"not yours").await;
    fixture.deny("conformance-denied").await;
    let denied = secret(fixture, "conformance-denied");
    let error = refused(read(source, &denied).await, Kind::Forbidden, "a secret without a grant");
    assert!(error.hint().is_some() && error.presented().is_some(), "who lacks what is said: {error}");
    assert!(!format!("{error:?}").contains("not yours"), "no value in an error");
    let error = source.describe(&denied).await.expect_err("a secret without a grant is not described");
    assert_eq!(error.kind(), Kind::Forbidden);
}

fn refused(outcome: Result<(String, Value), Error>, kind: Kind, what: &str) -> Error {
    match outcome {
        Ok(_) => panic!("{what} was given"),
        Err(error) => {
            assert_eq!(error.kind(), kind, "{what}: {error}");
            error
        }
    }
}
