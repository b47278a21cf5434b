//! The reader over a source that breaks as told.

use super::*;
use crate::digest::{Algorithm, md5};
use crate::list::{ListRequest, Page};
use crate::object::{Conditions, Version};
use crate::range::ByteRange;
use futures_util::stream;
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

/// What one `open` does. When there are none left, the object is served whole.
#[derive(Clone, Debug)]
enum Act {
    /// So many bytes of what was asked for, then an error.
    Break(usize),
    /// So many bytes of what was asked for, then a clean end.
    End(usize),
    Fail(Kind),
    /// One byte more than was asked for.
    Long,
    /// The first byte wrong.
    Corrupt,
    /// Another version, as a store that ignores If-Match would send.
    OtherVersion,
    /// Everything, though a part was asked for.
    IgnoreRange,
    /// Headers, and then nothing for ever.
    Stall,
}

struct Scripted {
    object: Bytes,
    digests: Digests,
    chunk: usize,
    acts: Mutex<VecDeque<Act>>,
    asked: Mutex<Vec<ReadRequest>>,
    rejected: AtomicUsize,
}

use crate::digest::Digests;

fn object(length: usize) -> Bytes {
    (0..length).map(|at| (at * 7 + at / 256) as u8).collect()
}

fn tag(name: &str) -> Version {
    Version::parse(name).unwrap()
}

fn key() -> Key {
    Key::parse("some/key").unwrap()
}

impl Scripted {
    fn new(length: usize, chunk: usize, acts: impl IntoIterator<Item = Act>) -> Self {
        let object = object(length);
        Self {
            digests: md5(&object),
            object,
            chunk,
            acts: Mutex::new(acts.into_iter().collect()),
            asked: Mutex::default(),
            rejected: AtomicUsize::new(0),
        }
    }

    fn asked(&self) -> Vec<ReadRequest> {
        self.asked.lock().unwrap().clone()
    }

    fn answer(&self, act: Option<Act>, request: &ReadRequest) -> Result<Opened> {
        let size = self.object.len() as u64;
        let mut range = match request.range {
            None => 0..size,
            Some(range) => range.resolve(size).ok_or_else(|| failure(Kind::OutOfRange))?,
        };
        let (mut version, mut end) = (tag("v1"), None);
        let mut bytes = self.object.slice(range.start as usize..range.end as usize).to_vec();
        match act {
            None => {}
            Some(Act::Fail(kind)) => return Err(failure(kind)),
            Some(Act::End(after)) => bytes.truncate(after),
            Some(Act::Break(after)) => {
                bytes.truncate(after);
                end = Some(Err(failure(Kind::Unavailable)));
            }
            Some(Act::Long) => bytes.push(0),
            Some(Act::Corrupt) => bytes[0] ^= 1,
            Some(Act::OtherVersion) => version = tag("v2"),
            Some(Act::IgnoreRange) => (range, bytes) = (0..size, self.object.to_vec()),
            Some(Act::Stall) => bytes.clear(),
        }
        let stalls = matches!(act, Some(Act::Stall));
        let chunks: Vec<Result<Bytes>> =
            bytes.chunks(self.chunk).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).chain(end).collect();
        let body: ByteStream =
            if stalls { Box::pin(stream::pending()) } else { Box::pin(stream::iter(chunks)) };
        let meta = ObjectMeta {
            key: key(),
            size,
            version,
            last_modified: SystemTime::UNIX_EPOCH,
            content_type: None,
            content_encoding: None,
            cache_control: None,
            content_disposition: None,
            metadata: BTreeMap::new(),
            digests: self.digests,
        };
        Ok(Opened { meta, range, body })
    }
}

fn failure(kind: Kind) -> Error {
    Error::new(Hop::Read, kind, "scripted", "as told")
}

impl ObjectSource for Scripted {
    fn target(&self) -> &str {
        "scripted"
    }

    fn list<'a>(&'a self, _: &'a ListRequest) -> BoxFuture<'a, Result<Page>> {
        unreachable!("nothing here lists")
    }

    fn head<'a>(&'a self, _: &'a Key, _: &'a Conditions) -> BoxFuture<'a, Result<ObjectMeta>> {
        unreachable!("nothing here heads")
    }

    fn open<'a>(&'a self, _: &'a Key, request: &'a ReadRequest) -> BoxFuture<'a, Result<Opened>> {
        self.asked.lock().unwrap().push(request.clone());
        let act = self.acts.lock().unwrap().pop_front();
        Box::pin(std::future::ready(self.answer(act, request)))
    }

    fn credential_rejected(&self) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a consumer gets: the bytes before the end or the error.
struct Got {
    bytes: Vec<u8>,
    outcome: Result<Verdict>,
}

async fn consume(source: &Arc<Scripted>, request: ReadRequest) -> Got {
    let mut bytes = Vec::new();
    let mut reading = match read(source.clone(), &key(), request).await {
        Ok(reading) => reading,
        Err(error) => return Got { bytes, outcome: Err(error) },
    };
    while let Some(chunk) = reading.next().await {
        match chunk {
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(error) => {
                assert!(reading.next().await.is_none(), "nothing comes after an error");
                return Got { bytes, outcome: Err(error) };
            }
        }
    }
    Got { bytes, outcome: Ok(reading.verdict()) }
}

async fn whole(length: usize, chunk: usize, acts: impl IntoIterator<Item = Act>) -> (Arc<Scripted>, Got) {
    let source = Arc::new(Scripted::new(length, chunk, acts));
    let got = consume(&source, ReadRequest::default()).await;
    (source, got)
}

const VERIFIED: Verdict = Verdict::Verified { algorithm: Algorithm::Md5 };

#[tokio::test(start_paused = true)]
async fn a_body_cut_anywhere_resumes_at_the_right_byte_of_the_same_version() {
    for at in 0..=40 {
        for act in [Act::Break(at), Act::End(at)] {
            let (source, got) = whole(40, 7, [act]).await;
            assert_eq!(got.outcome.unwrap(), VERIFIED, "cut at {at}");
            assert_eq!(got.bytes, source.object, "cut at {at}");
            let asked = source.asked();
            // With every byte there, how the connection ends does not matter.
            assert_eq!(asked.len(), if at == 40 { 1 } else { 2 }, "cut at {at}");
            if let [_, resumed] = asked.as_slice() {
                assert_eq!(resumed.range, Some(ByteRange::Between { first: at as u64, last: 39 }));
                assert_eq!(resumed.version, Some(tag("v1")));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_part_resumes_within_itself() {
    let source = Arc::new(Scripted::new(40, 7, [Act::Break(5)]));
    let part =
        ReadRequest { range: Some(ByteRange::Between { first: 10, last: 19 }), ..ReadRequest::default() };
    let got = consume(&source, part).await;
    assert_eq!(got.outcome.unwrap(), Verdict::RangeNotChecked);
    assert_eq!(got.bytes, source.object[10..20]);
    assert_eq!(source.asked()[1].range, Some(ByteRange::Between { first: 15, last: 19 }));
}

#[tokio::test(start_paused = true)]
async fn resumes_that_bring_nothing_are_bounded() {
    let (source, got) =
        whole(40, 7, std::iter::once(Act::End(9)).chain(std::iter::repeat_n(Act::End(0), 99))).await;
    assert_eq!(got.outcome.unwrap_err().kind(), Kind::Malformed);
    assert_eq!(got.bytes, source.object[..9]);
    assert_eq!(source.asked().len() as u32, 1 + FRUITLESS_RESUMES);
    let (_, got) = whole(40, 7, std::iter::repeat_n(Act::Break(0), 99)).await;
    assert_eq!(got.outcome.unwrap_err().kind(), Kind::Unavailable, "the store's own failure is told");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_too_long_is_never_handed_out_to_its_end() {
    let (source, got) = whole(40, 7, [Act::Long, Act::Long]).await;
    assert_eq!(got.outcome.unwrap_err().kind(), Kind::Malformed);
    assert!(got.bytes.len() < 40 && source.object.starts_with(&got.bytes));
}

#[tokio::test(start_paused = true)]
async fn wrong_bytes_end_in_an_error_before_the_last_chunk() {
    let (_, got) = whole(40, 7, [Act::Corrupt]).await;
    assert_eq!(got.outcome.unwrap_err().kind(), Kind::Malformed);
    assert_eq!(got.bytes.len(), 35);
}

#[tokio::test(start_paused = true)]
async fn wrong_bytes_of_which_none_was_handed_out_are_read_once_more() {
    for act in [Act::Corrupt, Act::Long] {
        let (source, got) = whole(40, 64, [act.clone()]).await;
        assert_eq!(got.outcome.unwrap(), VERIFIED);
        assert_eq!(got.bytes, source.object);
        let (source, got) = whole(40, 64, [act.clone(), act]).await;
        assert_eq!((got.outcome.unwrap_err().kind(), got.bytes.len()), (Kind::Malformed, 0));
        assert_eq!(source.asked().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_gathered_object_is_read_twice_at_most() {
    for (acts, expected, opens) in [
        (vec![Act::Corrupt], None, 2),
        (vec![Act::Corrupt; 9], Some(Kind::Malformed), 2),
        (vec![Act::Fail(Kind::NotFound)], Some(Kind::NotFound), 1),
    ] {
        for chunk in [7, 64] {
            let source = Arc::new(Scripted::new(40, chunk, acts.clone()));
            let outcome = read_to_vec(source.clone(), &key(), ReadRequest::default(), 40).await;
            match (outcome, expected) {
                (Ok((_, bytes, verdict)), None) => {
                    assert_eq!((bytes, verdict), (source.object.to_vec(), VERIFIED))
                }
                (Err(error), Some(kind)) => assert_eq!(error.kind(), kind),
                (outcome, _) => panic!("{acts:?}: {:?}", outcome.map(|_| ())),
            }
            assert_eq!(source.asked().len(), opens, "{acts:?}");
        }
    }
    let source = Arc::new(Scripted::new(40, 7, []));
    let error = read_to_vec(source, &key(), ReadRequest::default(), 39).await.unwrap_err();
    assert_eq!(error.kind(), Kind::OutOfRange);
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_is_refreshed_once_at_open_and_once_in_the_middle() {
    let unauthenticated = || Act::Fail(Kind::Unauthenticated);
    let (source, got) = whole(40, 7, [unauthenticated(), Act::Break(20), unauthenticated()]).await;
    assert_eq!(got.bytes, source.object);
    assert_eq!(got.outcome.unwrap(), VERIFIED);
    assert_eq!(source.rejected.load(Ordering::Relaxed), 2);

    let (source, got) = whole(40, 7, [unauthenticated(), unauthenticated()]).await;
    assert_eq!(got.outcome.unwrap_err().kind(), Kind::Unauthenticated);
    assert_eq!((source.rejected.load(Ordering::Relaxed), source.asked().len()), (1, 2));

    let (source, got) = whole(40, 7, [Act::Break(20), unauthenticated(), unauthenticated()]).await;
    assert_eq!(got.outcome.unwrap_err().kind(), Kind::Unauthenticated);
    assert_eq!((got.bytes.len(), source.rejected.load(Ordering::Relaxed)), (20, 1));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_resumed_is_not() {
    for (act, kind) in [
        (Act::Fail(Kind::Changed), Kind::Changed),
        (Act::OtherVersion, Kind::Changed),
        (Act::Fail(Kind::NotFound), Kind::NotFound),
        (Act::Fail(Kind::Forbidden), Kind::Forbidden),
        (Act::Fail(Kind::OutOfRange), Kind::Malformed),
        (Act::IgnoreRange, Kind::Malformed),
    ] {
        let (source, got) = whole(40, 7, [Act::Break(20), act.clone()]).await;
        assert_eq!(got.outcome.unwrap_err().kind(), kind, "{act:?}");
        assert_eq!(got.bytes, source.object[..20], "{act:?}");
        assert_eq!(source.asked().len(), 2, "{act:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn transient_failures_to_open_are_tried_again() {
    let busy = [Act::Fail(Kind::Throttled), Act::Fail(Kind::Unavailable)];
    let (source, got) = whole(40, 7, busy.clone()).await;
    assert_eq!(got.bytes, source.object);
    let (source, got) = whole(40, 7, [Act::Break(8)].into_iter().chain(busy)).await;
    assert_eq!(got.bytes, source.object);
}

#[tokio::test(start_paused = true)]
async fn an_answer_other_than_what_was_asked_for_is_refused_at_once() {
    let source = Arc::new(Scripted::new(40, 7, [Act::IgnoreRange]));
    let part = ReadRequest { range: Some(ByteRange::From(10)), ..ReadRequest::default() };
    let got = consume(&source, part).await;
    assert_eq!((got.outcome.unwrap_err().kind(), got.bytes.len()), (Kind::Malformed, 0));
}

#[tokio::test(start_paused = true)]
async fn without_a_digest_the_count_is_all_there_is() {
    let source = Arc::new(Scripted { digests: Digests::NONE, ..Scripted::new(40, 7, []) });
    let got = consume(&source, ReadRequest::default()).await;
    assert_eq!(got.outcome.unwrap(), Verdict::NothingToCheck);
    assert_eq!(got.bytes, source.object);
}

#[tokio::test(start_paused = true)]
async fn an_empty_object_is_checked_too() {
    let (_, got) = whole(0, 7, []).await;
    assert_eq!((got.outcome.unwrap(), got.bytes.len()), (VERIFIED, 0));
    let source = Arc::new(Scripted { digests: md5(b"something"), ..Scripted::new(0, 7, []) });
    let got = consume(&source, ReadRequest::default()).await;
    assert_eq!(got.outcome.unwrap_err().kind(), Kind::Malformed);
    assert_eq!(source.asked().len(), 2, "nothing was handed out, so it is read once more");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_at_open_holds_to_the_end() {
    let source = Arc::new(Scripted::new(40, 7, [Act::Stall]));
    let key = key();
    let opening = read(source, &key, ReadRequest::default());
    let mut reading = deadline::within(Duration::from_secs(5), opening).await.unwrap();
    // Polled outside of the deadline's scope, as a server polls a response's body.
    let start = Instant::now();
    let error = reading.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), Kind::Deadline);
    assert!(start.elapsed() <= Duration::from_secs(5));
    assert!(reading.next().await.is_none());
}

/// What must come of a read whose every `open` is cut as told: how many bytes, and whether all.
fn model(length: usize, cuts: &[Act]) -> (usize, bool) {
    let (mut position, mut fruitless) = (0, 0);
    for cut in cuts {
        let (Act::Break(after) | Act::End(after)) = *cut else { unreachable!("only cuts") };
        let came = after.min(length - position);
        position += came;
        if position == length {
            return (length, true);
        }
        if came > 0 {
            fruitless = 0;
        }
        if fruitless == FRUITLESS_RESUMES {
            return (position, false);
        }
        fruitless += 1;
    }
    (length, true)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn any_sequence_of_cuts_yields_exactly_the_bytes(
        length in 0usize..300,
        chunk in 1usize..80,
        cuts in prop::collection::vec(
            prop_oneof![(0usize..40).prop_map(Act::Break), (0usize..40).prop_map(Act::End), Just(Act::End(0))],
            0..24,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let (source, got) = runtime.block_on(whole(length, chunk, cuts.clone()));
        let (expected, complete) = model(length, &cuts);
        prop_assert_eq!(got.outcome.is_ok(), complete);
        prop_assert_eq!(&got.bytes, &source.object[..expected]);
    }
}
