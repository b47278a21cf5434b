//! Objects in parts.

use super::{SinkAbility, Suite, attributes, key, noise, written};
use crate::key::Key;
use crate::sink::{
    Attributes, CompleteRequest, Condition, Crc32c, MIN_PART, Part, Upload, UploadId, UploadPage,
    WriteOutcome,
};
use bytes::Bytes;
use carnet_federation::{Error, Hop, Kind, Result};
use futures_util::stream;

pub(super) async fn run(suite: &Suite<'_>) {
    in_parts(suite).await;
    one_small_part(suite).await;
    broken(suite).await;
    wrongly_completed(suite).await;
    if suite.can(SinkAbility::ConditionalCompletion) {
        conditions(suite).await;
    }
    over(suite).await;
    if suite.can(SinkAbility::ListsUploads) {
        listed(suite).await;
    }
}

async fn begin(suite: &Suite<'_>, key: &Key) -> Upload {
    suite.sink.begin_upload(key, &attributes()).await.expect("an upload")
}

async fn send(suite: &Suite<'_>, upload: &Upload, number: u32, body: &Bytes) -> Part {
    let part = put(suite, upload, number, body).await.expect("a part");
    assert_eq!((part.number, part.size), (number, body.len() as u64));
    assert_eq!(part.crc32c, Some(Crc32c::of(body)), "as it was sent");
    part
}

/// In chunks that are no divisors of anything.
async fn put(suite: &Suite<'_>, upload: &Upload, number: u32, body: &Bytes) -> Result<Part> {
    let chunks: Vec<_> = body.chunks(70_001).map(|chunk| Ok(body.slice_ref(chunk))).collect();
    suite.sink.put_part(upload, number, body.len() as u64, Box::pin(stream::iter(chunks))).await
}

fn whole(body: &[u8]) -> CompleteRequest {
    CompleteRequest { crc32c: Crc32c::of(body), size: body.len() as u64, condition: Condition::None }
}

async fn complete(
    suite: &Suite<'_>,
    upload: &Upload,
    parts: &[Part],
    request: &CompleteRequest,
) -> Result<WriteOutcome> {
    suite.sink.complete(upload, parts, request).await
}

/// Out of order, one of them twice: the second counts. Nothing is visible until the end.
async fn in_parts(suite: &Suite<'_>) {
    let key = key("conformance/parts/whole");
    suite.clear(&key).await;
    let min = MIN_PART as usize;
    let body = noise(2 * min + 1000);
    let pieces = [body.slice(..min), body.slice(min..2 * min), body.slice(2 * min..)];
    let upload = begin(suite, &key).await;
    let third = send(suite, &upload, 3, &pieces[2]).await;
    send(suite, &upload, 1, &pieces[1]).await;
    let first = send(suite, &upload, 1, &pieces[0]).await;
    if suite.can(SinkAbility::ListsParts) {
        let listed = suite.sink.list_parts(&upload, None).await.expect("the parts").parts;
        assert_eq!(listed.iter().map(|part| part.number).collect::<Vec<_>>(), [1, 3]);
        same(suite, &listed[0], &first);
        let rest = suite.sink.list_parts(&upload, Some(1)).await.expect("the parts").parts;
        assert_eq!(rest.iter().map(|part| part.number).collect::<Vec<_>>(), [3], "after the first");
    }
    let second = send(suite, &upload, 2, &pieces[1]).await;
    assert_eq!(suite.body(&key).await, None, "parts are not visible");
    let parts = [first, second, third];
    let outcome = complete(suite, &upload, &parts, &whole(&body)).await.expect("a whole object");
    let receipt = written(outcome);
    let object = suite.sink.head(&key).await.expect("a head").expect("it was completed");
    assert_eq!((object.size, &object.version), (body.len() as u64, &receipt.version));
    assert_eq!(object.attributes.content_type, attributes().content_type, "as stated at the beginning");
    assert_eq!(object.attributes.metadata, attributes().metadata);
    if suite.can(SinkAbility::KeepsWholeObjectChecksum) {
        assert_eq!(receipt.crc32c, Some(Crc32c::of(&body)), "of the whole object");
        assert_eq!(object.crc32c, Some(Crc32c::of(&body)));
    }
    became(suite, &key, &body).await;
}

/// The parts, one after the other.
async fn became(suite: &Suite<'_>, key: &Key, body: &[u8]) {
    let object = suite.sink.head(key).await.expect("a head").expect("it was completed");
    assert_eq!(object.size, body.len() as u64, "{key}");
    if suite.can(SinkAbility::KeepsWholeObjectChecksum) {
        assert!(suite.body(key).await.expect("it was completed").0 == body, "{key}");
    }
}

fn same(suite: &Suite<'_>, listed: &Part, sent: &Part) {
    assert_eq!((listed.number, listed.size, &listed.tag), (sent.number, sent.size, &sent.tag));
    if suite.can(SinkAbility::KeepsChecksums) {
        assert_eq!(listed.crc32c, sent.crc32c);
    }
}

async fn one_small_part(suite: &Suite<'_>) {
    let (key, body) = (key("conformance/parts/one"), Bytes::from_static(b"the last part may be small"));
    let upload = begin(suite, &key).await;
    let part = send(suite, &upload, 1, &body).await;
    written(complete(suite, &upload, &[part], &whole(&body)).await.expect("one part"));
    became(suite, &key, &body).await;
}

/// A part whose bytes end early, or break off, is none.
async fn broken(suite: &Suite<'_>) {
    let key = key("conformance/parts/broken");
    suite.clear(&key).await;
    let body = noise(MIN_PART as usize);
    let upload = begin(suite, &key).await;
    let failure = || Error::new(Hop::Read, Kind::Unavailable, "the source", "it broke off");
    let early = vec![Ok(body.slice(..100_000))];
    let broken = vec![Ok(body.slice(..100_000)), Err(failure())];
    for chunks in [early, broken] {
        let outcome =
            suite.sink.put_part(&upload, 1, body.len() as u64, Box::pin(stream::iter(chunks))).await;
        outcome.expect_err("not all of it came");
    }
    if suite.can(SinkAbility::ListsParts) {
        let page = suite.sink.list_parts(&upload, None).await.expect("the parts");
        assert_eq!(page.parts, [], "it has not arrived");
    }
    let part = send(suite, &upload, 1, &body).await;
    written(complete(suite, &upload, &[part], &whole(&body)).await.expect("sent again, it is right"));
    became(suite, &key, &body).await;
}

/// What the parts are not, they cannot become. The upload stays as it was.
async fn wrongly_completed(suite: &Suite<'_>) {
    let key = key("conformance/parts/wrong");
    suite.clear(&key).await;
    let (small, last) = (Bytes::from_static(b"too small to be first"), Bytes::from_static(b"last"));
    let upload = begin(suite, &key).await;
    let (first, second) = (send(suite, &upload, 1, &small).await, send(suite, &upload, 2, &last).await);
    let both = [small.as_ref(), last.as_ref()].concat();
    let refused = async |what: &str, parts: &[Part], request: &CompleteRequest| {
        let error: Error = complete(suite, &upload, parts, request).await.expect_err(what);
        assert!(!error.kind().is_transient(), "{what} does not become right: {error}");
        assert_eq!(suite.body(&key).await, None, "{what}: nothing is visible");
    };
    if suite.can(SinkAbility::VerifiesParts) {
        refused("a small part that is not the last", &[first.clone(), second.clone()], &whole(&both)).await;
        refused("parts out of order", &[second.clone(), first.clone()], &whole(&both)).await;
        let other = Part { tag: second.tag.clone(), ..first.clone() };
        refused("another part's tag", &[other], &whole(&small)).await;
        let unsent = Part { number: 2, ..first.clone() };
        refused("a part that was not sent so", &[first.clone(), unsent], &whole(&both)).await;
        refused("no part", &[], &whole(b"")).await;
    }
    if suite.can(SinkAbility::VerifiesWholeObject) {
        let wrong = CompleteRequest { crc32c: Crc32c::of(b"another object"), ..whole(&small) };
        refused("another object's checksum", std::slice::from_ref(&first), &wrong).await;
        let wrong = CompleteRequest { size: 7, ..whole(&small) };
        refused("another object's size", std::slice::from_ref(&first), &wrong).await;
    }
    written(complete(suite, &upload, &[first], &whole(&small)).await.expect("what is right"));
    suite.clear(&key).await;
}

async fn conditions(suite: &Suite<'_>) {
    let (key, body) = (key("conformance/parts/conditions"), Bytes::from_static(b"in one part"));
    let version = suite.put(&key, "before").await.version;
    let upload = begin(suite, &key).await;
    let parts = [send(suite, &upload, 1, &body).await];
    let on = async |condition| {
        let request = CompleteRequest { condition, ..whole(&body) };
        complete(suite, &upload, &parts, &request).await.expect("an answer")
    };
    assert_eq!(on(Condition::Absent).await, WriteOutcome::Unmet);
    let other = suite.put(&key, "meanwhile").await.version;
    assert_eq!(on(Condition::Unchanged(version)).await, WriteOutcome::Unmet);
    assert_eq!(suite.body(&key).await.expect("what is there").0, "meanwhile");
    assert!(matches!(on(Condition::Unchanged(other)).await, WriteOutcome::Written(_)));
    became(suite, &key, &body).await;
}

/// After its end an upload takes nothing more.
async fn over(suite: &Suite<'_>) {
    let (key, body) = (key("conformance/parts/over"), Bytes::from_static(b"over"));
    suite.clear(&key).await;
    let aborted = begin(suite, &key).await;
    let part = send(suite, &aborted, 1, &body).await;
    suite.sink.abort(&aborted).await.expect("an abort");
    suite.sink.abort(&aborted).await.expect("a second abort");
    let unknown = Upload { key: key.clone(), id: UploadId::new("no-upload-of-this-name") };
    for upload in [&aborted, &unknown] {
        let error = put(suite, upload, 2, &body).await.expect_err("it is over");
        if suite.can(SinkAbility::TellsEndedUploads) {
            assert_eq!(error.kind(), Kind::NotFound, "a part");
        }
        let error = complete(suite, upload, std::slice::from_ref(&part), &whole(&body)).await;
        let error = error.expect_err("it is over");
        if suite.can(SinkAbility::TellsEndedUploads) {
            assert_eq!(error.kind(), Kind::NotFound, "completion");
        }
        if suite.can(SinkAbility::ListsParts) {
            let error = suite.sink.list_parts(upload, None).await.expect_err("it is over");
            assert_eq!(error.kind(), Kind::NotFound, "its parts");
        }
    }
    assert_eq!(suite.body(&key).await, None, "nothing became of it");
}

async fn listed(suite: &Suite<'_>) {
    let prefix = "conformance/parts/listed/";
    let all = async || {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let UploadPage { uploads, next } =
                suite.sink.list_uploads(prefix, after.as_ref()).await.expect("uploads");
            found.extend(uploads.into_iter().map(|pending| pending.upload));
            match next {
                Some(marker) => after = Some(marker),
                None => return found,
            }
        }
    };
    for left in all().await {
        suite.sink.abort(&left).await.expect("an abort");
    }
    let mut begun = Vec::new();
    for name in ["a", "b", "b", "ü c"] {
        let key = key(&format!("{prefix}{name}"));
        begun.push(suite.sink.begin_upload(&key, &Attributes::default()).await.expect("an upload"));
    }
    let mut found = all().await;
    assert!(found.is_sorted_by_key(|upload| upload.key.clone()), "by key: {found:?}");
    found.sort_by(|a, b| (&a.key, &a.id).cmp(&(&b.key, &b.id)));
    begun.sort_by(|a, b| (&a.key, &a.id).cmp(&(&b.key, &b.id)));
    assert_eq!(found, begun);
    for upload in &begun {
        suite.sink.abort(upload).await.expect("an abort");
    }
    assert_eq!(all().await, []);
}
