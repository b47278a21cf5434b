//! What goes wrong while bytes come from Cloud Storage, through Google's own client, whose retries,
//! resumes and checks are off: the bytes are those of one generation, or there is an error before the
//! end.

use carnet_localclouds::faults::{Fault, Hop, Rule, Seen};
use carnet_objects::google::Bucket;
use carnet_objects::{ByteRange, Error, Key, Kind, ReadRequest, Reading, read, read_to_vec};
use carnet_tests::{BUCKET, Stage, secrecy};
use futures_util::StreamExt as _;
use std::sync::Arc;

/// Several of the stand-in's steps long, so that a consumer has some of it before the rest comes.
const LENGTH: usize = 3 << 20;
const CUT: u64 = 1 << 20;
const NAME: &str = "big.bin";

struct Shelf {
    stage: Stage,
    source: Arc<Bucket>,
    bytes: Vec<u8>,
}

impl Shelf {
    async fn new() -> Self {
        secrecy::watch();
        let stage = Stage::new().await;
        let bytes: Vec<u8> =
            (0..LENGTH as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        stage.put(NAME, &bytes);
        let source = stage.bucket().await.unwrap();
        Self { stage, source, bytes }
    }

    fn add(&self, rule: Rule) {
        self.stage.local.shared.faults.add(rule);
    }

    fn media(&self, fault: Fault) -> Rule {
        Rule::always(Hop::GoogleMedia, fault)
    }

    fn reads(&self) -> Vec<Seen> {
        self.stage.local.shared.faults.seen(Hop::GoogleMedia)
    }

    async fn open(&self) -> Reading {
        read(self.source.clone(), &key(), ReadRequest::default()).await.unwrap()
    }

    async fn gather(&self) -> Result<Vec<u8>, Error> {
        let gathered = read_to_vec(self.source.clone(), &key(), ReadRequest::default(), usize::MAX).await;
        gathered.map(|(_, bytes, _)| bytes).inspect_err(secrecy::assert_kept)
    }

    /// What came is a true beginning of the object, and its consumer was told that it is no more.
    fn assert_broken_off(&self, (bytes, end): (Vec<u8>, Result<(), Error>)) -> Error {
        assert!(bytes.len() < LENGTH && self.bytes.starts_with(&bytes), "a beginning, and the end held back");
        let error = end.expect_err("no end that could be taken for the object's");
        secrecy::assert_kept(&error);
        error
    }

    /// Wrong bytes may have been handed out, but never the last of them.
    fn assert_broken_off_unless_corrupt(&self, streamed: (Vec<u8>, Result<(), Error>), fault: &Fault) {
        if !matches!(fault, Fault::CorruptBody) {
            self.assert_broken_off(streamed);
            return;
        }
        let (bytes, end) = streamed;
        assert!(bytes.len() < LENGTH, "the end was held back");
        let hint = end.expect_err("wrong bytes").hint().map(|hint| hint.anchor);
        assert_eq!(hint, Some("wrong-bytes"));
    }
}

fn key() -> Key {
    Key::parse(NAME).unwrap()
}

/// The bytes handed out, and how the stream ended.
async fn drain(mut reading: Reading) -> (Vec<u8>, Result<(), Error>) {
    let mut bytes = Vec::new();
    while let Some(chunk) = reading.next().await {
        match chunk {
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(error) => return (bytes, Err(error)),
        }
    }
    (bytes, Ok(()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_body_goes_on_where_it_was_cut_in_the_same_generation() {
    let shelf = Shelf::new().await;
    shelf.add(shelf.media(Fault::CutBody { after: CUT }).times(2));
    let reading = shelf.open().await;
    let version = reading.meta().version.clone();
    let (bytes, end) = drain(reading).await;
    end.unwrap();
    assert!(bytes == shelf.bytes);
    let reads = shelf.reads();
    assert_eq!(reads.len(), 3, "{reads:?}");
    for read in &reads[1..] {
        let generation = read.if_match.as_deref().expect("the generation is pinned");
        assert_eq!(format!("\"{generation}\""), version.as_str());
        assert!(
            read.range.as_deref().is_some_and(|range| range.ends_with(&format!("-{}", LENGTH - 1))),
            "{read:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_the_wrong_length_or_bytes_is_never_taken_for_the_object() {
    let faults = [
        Fault::ShortBody { announce: true },
        Fault::ShortBody { announce: false },
        Fault::LongBody,
        Fault::CorruptBody,
    ];
    for fault in faults {
        let shelf = Shelf::new().await;
        shelf.add(shelf.media(fault.clone()));
        shelf.assert_broken_off_unless_corrupt(drain(shelf.open().await).await, &fault);
        shelf.gather().await.expect_err("no object");
        shelf.stage.local.shared.faults.set(vec![shelf.media(fault.clone()).times(1)]);
        let gathered = shelf.gather().await.unwrap_or_else(|error| panic!("{fault} once: {error}"));
        assert!(gathered == shelf.bytes, "{fault} once");
    }
}

/// What the client does not check: a part has no digest, and the client asks no more of an answer than
/// that it is as long as it says.
#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_is_too_long_is_an_error() {
    let shelf = Shelf::new().await;
    shelf.add(shelf.media(Fault::LongBody));
    let range = Some(ByteRange::Between { first: 10, last: 19 });
    let request = ReadRequest { range, ..ReadRequest::default() };
    let error = read_to_vec(shelf.source.clone(), &key(), request, 100).await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), Kind::Malformed, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_changes_or_goes_while_it_is_read_is_never_mixed() {
    for goes in [false, true] {
        let shelf = Shelf::new().await;
        shelf.add(shelf.media(Fault::CutBody { after: CUT }).times(1));
        let mut reading = shelf.open().await;
        let first = reading.next().await.unwrap().unwrap();
        // Of the same length, so that only the generation tells them apart.
        match goes {
            false => shelf.stage.put(NAME, vec![0; LENGTH]),
            true => std::fs::remove_file(shelf.stage.blobs().join(NAME)).unwrap(),
        }
        let (rest, end) = drain(reading).await;
        let error = shelf.assert_broken_off(([&first[..], &rest].concat(), end));
        let expected = if goes { (Kind::NotFound, Some(404)) } else { (Kind::Changed, Some(412)) };
        assert_eq!((error.kind(), error.status()), expected);
        if !goes {
            assert!(shelf.gather().await.unwrap() == vec![0; LENGTH], "begun again, it is the new version");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ends_in_the_middle_is_replaced_once_and_the_read_goes_on() {
    // Whichever of the two calls of the resume is the one that is refused.
    for hop in [Hop::GoogleMedia, Hop::GoogleStorage] {
        let shelf = Shelf::new().await;
        shelf.add(shelf.media(Fault::CutBody { after: CUT }).times(1));
        let mut reading = shelf.open().await;
        let first = reading.next().await.unwrap().unwrap();
        let refused = Fault::Status { status: 401, headers: Vec::new(), body: "Invalid Credentials".into() };
        shelf.add(Rule::always(hop, refused).times(1));
        let (rest, end) = drain(reading).await;
        end.unwrap();
        assert!([&first[..], &rest].concat() == shelf.bytes);
        assert_eq!(shelf.stage.count(Hop::GoogleSts), 2, "{hop:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_object_that_is_not_there_is_not_found() {
    let shelf = Shelf::new().await;
    let missing = Key::parse("missing").unwrap();
    let kind_of = async |key: &Key| {
        let error = read(shelf.source.clone(), key, ReadRequest::default()).await.expect_err("no object");
        secrecy::assert_kept(&error);
        error.kind()
    };
    assert_eq!(kind_of(&missing).await, Kind::NotFound);
    shelf.stage.local.shared.world_mut().google.buckets.get_mut(BUCKET).unwrap().readers.clear();
    for key in [&missing, &key()] {
        assert_eq!(kind_of(key).await, Kind::Forbidden, "without the grant, {key} is neither there nor gone");
    }
}

/// As it is stored: its size, its digest and its bytes are those of what was uploaded.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_compressed_stays_so() {
    let stage = Stage::new().await;
    // Not even gzip: whoever undid it would fail.
    stage.put("packed", "as it is stored");
    std::fs::write(
        stage.blobs().join(carnet_localclouds::google_storage::SIDECAR),
        r#"{"packed": {"content_encoding": "gzip"}}"#,
    )
    .unwrap();
    let packed = Key::parse("packed").unwrap();
    let source = stage.bucket().await.unwrap();
    let (meta, bytes, verdict) = read_to_vec(source, &packed, ReadRequest::default(), 100).await.unwrap();
    assert_eq!((meta.content_encoding.as_deref(), bytes.as_slice()), (Some("gzip"), &b"as it is stored"[..]));
    assert_eq!(verdict.to_string(), "verified by CRC32C");
}
