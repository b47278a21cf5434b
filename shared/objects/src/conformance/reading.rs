//! Bodies.

use super::{Ability, Suite, Upload, key, noise};
use crate::digest::Verdict;
use crate::key::Key;
use crate::range::ByteRange;
use crate::read::{read, read_to_vec};
use crate::source::ReadRequest;
use bytes::Bytes;
use carnet_federation::{Kind, Result};
use futures_util::StreamExt;

const LENGTH: u64 = 1000;

pub(super) async fn run(suite: &Suite<'_>) {
    ranges(suite).await;
    an_empty_object(suite).await;
    a_pinned_version(suite).await;
    verdicts(suite).await;
    a_large_body(suite).await;
}

fn part(range: ByteRange) -> ReadRequest {
    ReadRequest { range: Some(range), ..ReadRequest::default() }
}

async fn bytes(suite: &Suite<'_>, key: &Key, request: ReadRequest) -> Result<Vec<u8>> {
    Ok(read_to_vec(suite.source.clone(), key, request, usize::MAX).await?.1)
}

async fn ranges(suite: &Suite<'_>) {
    let (key, body) = (key("conformance/read/ranges"), noise(LENGTH as usize));
    suite.put(&key, body.clone()).await;
    assert_eq!(bytes(suite, &key, ReadRequest::default()).await.expect("whole"), body);
    use ByteRange::{Between, From, Last};
    for (range, expected) in [
        (Between { first: 0, last: 0 }, 0..1),
        (Between { first: LENGTH - 1, last: LENGTH - 1 }, LENGTH - 1..LENGTH),
        (Between { first: 10, last: 19 }, 10..20),
        (Between { first: 0, last: LENGTH - 1 }, 0..LENGTH),
        (Between { first: 990, last: 5000 }, 990..LENGTH),
        (Between { first: 0, last: u64::MAX }, 0..LENGTH),
        (Between { first: 7, last: u64::MAX }, 7..LENGTH),
        (From(0), 0..LENGTH),
        (From(999), 999..LENGTH),
        (Last(1), LENGTH - 1..LENGTH),
        (Last(LENGTH), 0..LENGTH),
        (Last(u64::MAX), 0..LENGTH),
    ] {
        let reading = read(suite.source.clone(), &key, part(range)).await.expect("a range");
        assert_eq!((reading.range(), reading.meta().size), (expected.clone(), LENGTH), "{range:?}");
        let read = bytes(suite, &key, part(range)).await.expect("a range");
        assert_eq!(read, body[expected.start as usize..expected.end as usize], "{range:?}");
    }
    for range in [From(LENGTH), From(u64::MAX), Between { first: LENGTH, last: LENGTH + 9 }, Last(0)] {
        let error = bytes(suite, &key, part(range)).await.expect_err("an unsatisfiable range");
        assert_eq!(error.kind(), Kind::OutOfRange, "{range:?}");
    }
}

async fn an_empty_object(suite: &Suite<'_>) {
    let key = key("conformance/read/empty");
    suite.put(&key, "").await;
    let mut reading =
        read(suite.source.clone(), &key, ReadRequest::default()).await.expect("an empty object");
    assert_eq!((reading.range(), reading.meta().size), (0..0, 0));
    assert!(reading.next().await.is_none(), "an empty object has no bytes");
    if !suite.fixture.can(Ability::RangesOfNothing) {
        return;
    }
    use ByteRange::{Between, From, Last};
    for range in [From(0), Between { first: 0, last: 0 }, Last(1)] {
        let error = bytes(suite, &key, part(range)).await.expect_err("no bytes to have");
        assert_eq!(error.kind(), Kind::OutOfRange, "{range:?} of an empty object");
    }
}

async fn a_pinned_version(suite: &Suite<'_>) {
    let key = key("conformance/read/pinned");
    suite.put(&key, "first").await;
    let version = crate::head(&*suite.source, &key, &Default::default()).await.expect("head").version;
    let pinned = ReadRequest { version: Some(version), ..ReadRequest::default() };
    assert_eq!(bytes(suite, &key, pinned.clone()).await.expect("the pinned version"), b"first");
    // Of the same length, so that only the version tells them apart.
    suite.put(&key, "other").await;
    for range in [None, Some(ByteRange::From(1)), Some(ByteRange::Last(2))] {
        let request = ReadRequest { range, ..pinned.clone() };
        let error = bytes(suite, &key, request).await.expect_err("it was overwritten");
        assert_eq!(error.kind(), Kind::Changed, "{range:?}");
    }
    assert_eq!(bytes(suite, &key, ReadRequest::default()).await.expect("the new version"), b"other");
}

async fn verdicts(suite: &Suite<'_>) {
    let key = key("conformance/read/verdicts");
    let verdict = async |request| read(suite.source.clone(), &key, request).await.expect("read").verdict();
    let put = async |without_digest| {
        let upload = Upload { without_digest, ..Upload::default() };
        suite.fixture.put(&key, Bytes::from_static(b"checked"), upload).await;
    };
    if suite.fixture.can(Ability::Digest) {
        put(false).await;
        for everything in [ReadRequest::default(), part(ByteRange::From(0))] {
            let verdict = verdict(everything.clone()).await;
            assert!(matches!(verdict, Verdict::Verified { .. }), "{everything:?}: {verdict}");
        }
        assert_eq!(verdict(part(ByteRange::From(1))).await, Verdict::RangeNotChecked);
        assert_eq!(bytes(suite, &key, ReadRequest::default()).await.expect("checked"), b"checked");
    }
    if suite.fixture.can(Ability::NoDigest) {
        put(true).await;
        assert_eq!(verdict(ReadRequest::default()).await, Verdict::NothingToCheck);
        assert_eq!(verdict(part(ByteRange::From(1))).await, Verdict::RangeNotChecked);
        assert_eq!(bytes(suite, &key, ReadRequest::default()).await.expect("unchecked"), b"checked");
    }
}

async fn a_large_body(suite: &Suite<'_>) {
    let (key, body) = (key("conformance/read/large"), noise(5 << 20));
    suite.put(&key, body.clone()).await;
    let mut reading = read(suite.source.clone(), &key, ReadRequest::default()).await.expect("5 MiB");
    let (mut position, mut largest) = (0, 0);
    while let Some(chunk) = reading.next().await {
        let chunk = chunk.expect("a chunk");
        assert!(chunk == body[position..position + chunk.len()], "the bytes from {position} on");
        position += chunk.len();
        largest = largest.max(chunk.len());
    }
    assert_eq!(position, body.len());
    assert!(largest <= 1 << 20, "streamed, not gathered: a chunk of {largest} bytes");
}
