//! What goes wrong while bytes come, done for real on the sockets, and what must hold then: the
//! bytes are those of one version, or there is an error before the end.

use carnet_localclouds::World;
use carnet_localclouds::faults::{Fault, Hop, Rule, Seen};
use carnet_localclouds::local::Shared;
use carnet_objects::{
    Algorithm, ByteRange, Error, Key, Kind, ObjectSource, ReadRequest, Reading, Verdict, read, read_to_vec,
};
use carnet_tests::{ACCOUNT, BUCKET, CONTAINER, Stage, each, secrecy};
use futures_util::StreamExt as _;
use std::sync::Arc;

/// Several of the stand-in's steps long, so that a consumer has some of it before the rest comes.
const LENGTH: usize = 3 << 20;
const CUT: u64 = 1 << 20;
const NAME: &str = "big.bin";

type Change = fn(&mut World);

/// A store, and what of it shows in faults and errors.
#[derive(Clone, Copy)]
struct Store {
    /// Where the bytes come from.
    bytes: Hop,
    /// What is asked once whenever an object is opened: at Azure the same, at Google its metadata.
    opens: Hop,
    token_service: Hop,
    digest: Algorithm,
    /// The code of a 401, and the answer that has it.
    unauthenticated: (&'static str, fn() -> Fault),
    /// From now on it takes no token that was given out before.
    revoke: fn(&Shared),
    /// Changes with which it lets nobody in, and how it says so.
    shut: [(Change, Kind); 2],
}

const AZURE: Store = Store {
    bytes: Hop::Blob,
    opens: Hop::Blob,
    token_service: Hop::EntraToken,
    digest: Algorithm::Md5,
    unauthenticated: ("InvalidAuthenticationInfo", || Fault::Status {
        status: 401,
        headers: vec![("x-ms-error-code".to_owned(), "InvalidAuthenticationInfo".to_owned())],
        body: "<?xml version=\"1.0\"?><Error><Code>InvalidAuthenticationInfo</Code></Error>".to_owned(),
    }),
    revoke: |clouds| {
        clouds.entra_keys.rotate().unwrap();
        clouds.entra_keys.retire_old();
    },
    shut: [
        (
            |world| {
                let account = world.azure.accounts.get_mut(ACCOUNT).unwrap();
                account.containers.get_mut(CONTAINER).unwrap().readers.clear();
            },
            Kind::Forbidden,
        ),
        (|world| world.azure.accounts.get_mut(ACCOUNT).unwrap().firewalled = true, Kind::Forbidden),
    ],
};

const GOOGLE: Store = Store {
    bytes: Hop::GoogleMedia,
    opens: Hop::GoogleStorage,
    token_service: Hop::GoogleSts,
    digest: Algorithm::Crc32c,
    unauthenticated: ("authError", || Fault::Status {
        status: 401,
        headers: Vec::new(),
        body: r#"{"error":{"code":401,"message":"Invalid Credentials","errors":[{"reason":"authError"}]}}"#
            .to_owned(),
    }),
    revoke: |clouds| clouds.google_seal.renew().unwrap(),
    shut: [
        (|world| world.google.buckets.get_mut(BUCKET).unwrap().readers.clear(), Kind::Forbidden),
        // Without uniform bucket-level access it takes no federated tokens.
        (|world| world.google.buckets.get_mut(BUCKET).unwrap().uniform_access = false, Kind::Unauthenticated),
    ],
};

each!(AZURE as azure, GOOGLE as google: (
    a_cut_body_goes_on_where_it_was_cut_in_the_same_version,
    a_body_that_is_cut_again_and_again_without_a_byte_ends_in_an_error,
    a_body_of_the_wrong_length_is_never_taken_for_the_object,
    a_part_of_the_wrong_length_is_never_taken_for_the_part,
    a_body_without_a_length_is_counted_all_the_same,
    wrong_bytes_are_read_once_more_and_then_refused,
    wrong_bytes_in_a_stream_end_in_an_error_before_its_end,
    an_object_that_changes_while_it_is_read_is_never_mixed,
    a_token_that_ends_in_the_middle_is_replaced_once_and_the_read_goes_on,
    a_store_that_takes_no_token_at_all_is_asked_twice,
    a_range_past_the_end_is_the_callers_fault_and_one_within_it_is_not,
    only_an_object_that_is_not_there_is_not_found,
    an_object_that_goes_away_in_the_middle_breaks_the_read_off,
    a_store_that_throttles_is_waited_for,
));

/// A stage with one big object.
struct Shelf {
    stage: Stage,
    store: Store,
    source: Arc<dyn ObjectSource>,
    bytes: Vec<u8>,
}

impl Shelf {
    async fn new(store: Store) -> Self {
        Self::of(store, LENGTH).await
    }

    async fn of(store: Store, length: usize) -> Self {
        secrecy::watch();
        let stage = Stage::new().await;
        let bytes = noise(length);
        stage.put(NAME, &bytes);
        let source: Arc<dyn ObjectSource> = match store.bytes {
            Hop::Blob => stage.source().await.unwrap(),
            _ => stage.bucket().await.unwrap(),
        };
        Self { stage, store, source, bytes }
    }

    /// A fault of reading, not of asking for a token.
    fn fault(&self, fault: Fault) -> Rule {
        Rule::always(self.store.bytes, fault).path(NAME)
    }

    fn add(&self, rule: Rule) {
        self.stage.local.shared.faults.add(rule);
    }

    fn reads(&self) -> Vec<Seen> {
        self.stage.local.shared.faults.seen(self.store.bytes)
    }

    fn opens(&self) -> usize {
        self.stage.count(self.store.opens)
    }

    fn tokens(&self) -> usize {
        self.stage.count(self.store.token_service)
    }

    async fn open(&self) -> Reading {
        read(self.source.clone(), &key(), ReadRequest::default()).await.unwrap()
    }

    async fn stream(&self) -> Streamed {
        drain(self.open().await).await
    }

    async fn gather(&self) -> Result<Vec<u8>, Error> {
        let gathered = read_to_vec(self.source.clone(), &key(), ReadRequest::default(), usize::MAX).await;
        gathered.map(|(_, bytes, _)| bytes).inspect_err(secrecy::assert_kept)
    }

    /// What came is a true beginning of the blob, and its consumer was told that it is no more.
    fn assert_broken_off(&self, streamed: Streamed) -> Error {
        let (bytes, end) = streamed;
        assert!(bytes.len() < self.bytes.len(), "the end was held back");
        let error = end.expect_err("no end that could be taken for the object's");
        secrecy::assert_kept(&error);
        error
    }
}

/// The bytes handed out, and how the stream ended.
type Streamed = (Vec<u8>, Result<(), Error>);

async fn drain(mut reading: Reading) -> Streamed {
    let mut bytes = Vec::new();
    while let Some(chunk) = reading.next().await {
        match chunk {
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(error) => return (bytes, Err(error)),
        }
    }
    (bytes, Ok(()))
}

fn key() -> Key {
    Key::parse(NAME).unwrap()
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let step = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(step).collect()
}

async fn a_cut_body_goes_on_where_it_was_cut_in_the_same_version(store: Store) {
    let shelf = Shelf::new(store).await;
    shelf.add(shelf.fault(Fault::CutBody { after: CUT }).times(2));
    let reading = shelf.open().await;
    let version = reading.meta().version.clone();
    assert_eq!(reading.verdict(), Verdict::Verified { algorithm: store.digest });
    let (bytes, end) = drain(reading).await;
    end.unwrap();
    assert!(bytes == shelf.bytes);
    let reads = shelf.reads();
    assert_eq!(reads.len(), 3, "{reads:?}");
    let mut from = Vec::new();
    for read in &reads[1..] {
        // A generation is sent without the quotes of a tag.
        let pinned = read.if_match.as_deref().unwrap_or_default();
        assert_eq!(pinned.trim_matches('"'), version.as_str().trim_matches('"'));
        from.push(first_byte(read));
    }
    assert!(0 < from[0] && from[0] <= CUT && from[0] < from[1] && from[1] <= 2 * CUT, "{from:?}");
}

/// The 7 of `bytes=7-`.
fn first_byte(read: &Seen) -> u64 {
    let range = read.range.as_deref().expect("a Range").strip_prefix("bytes=").expect("of bytes");
    range.split_once('-').expect("from somewhere").0.parse().expect("a number")
}

async fn a_body_that_is_cut_again_and_again_without_a_byte_ends_in_an_error(store: Store) {
    let shelf = Shelf::new(store).await;
    shelf.add(shelf.fault(Fault::CutBody { after: CUT }).times(1));
    shelf.add(shelf.fault(Fault::CutBody { after: 0 }).skip(1));
    let error = shelf.assert_broken_off(shelf.stream().await);
    assert!(matches!(error.kind(), Kind::Unavailable | Kind::Malformed), "{error}");
    assert!(shelf.reads().len() < 20, "it is not asked for ever");
}

async fn a_body_of_the_wrong_length_is_never_taken_for_the_object(store: Store) {
    for fault in [Fault::ShortBody { announce: true }, Fault::ShortBody { announce: false }, Fault::LongBody]
    {
        let shelf = Shelf::new(store).await;
        shelf.add(shelf.fault(fault.clone()));
        shelf.assert_broken_off(shelf.stream().await);
        shelf.gather().await.expect_err("no object");
        shelf.stage.local.shared.faults.set(vec![shelf.fault(fault.clone()).times(1)]);
        let gathered = shelf.gather().await.unwrap_or_else(|error| panic!("{fault} once: {error}"));
        assert!(gathered == shelf.bytes, "{fault} once");
    }
}

/// A client that takes what it is sent would take a longer answer for the part.
async fn a_part_of_the_wrong_length_is_never_taken_for_the_part(store: Store) {
    let shelf = Shelf::new(store).await;
    let part = async || {
        let range = Some(ByteRange::Between { first: 100, last: 299 });
        let request = ReadRequest { range, ..ReadRequest::default() };
        let read = read_to_vec(shelf.source.clone(), &key(), request, usize::MAX).await;
        read.map(|(_, bytes, verdict)| (bytes, verdict)).inspect_err(secrecy::assert_kept)
    };
    let (bytes, verdict) = part().await.unwrap();
    assert_eq!((bytes.as_slice(), verdict), (&shelf.bytes[100..300], Verdict::RangeNotChecked));
    for fault in [Fault::LongBody, Fault::ShortBody { announce: true }, Fault::ShortBody { announce: false }]
    {
        shelf.stage.local.shared.faults.set(vec![shelf.fault(fault.clone())]);
        assert!(part().await.is_err(), "{fault}");
        shelf.stage.local.shared.faults.set(vec![shelf.fault(fault.clone()).times(1)]);
        let (bytes, _) = part().await.unwrap_or_else(|error| panic!("{fault} once: {error}"));
        assert_eq!(bytes, &shelf.bytes[100..300], "{fault} once");
    }
}

async fn a_body_without_a_length_is_counted_all_the_same(store: Store) {
    let shelf = Shelf::new(store).await;
    shelf.add(shelf.fault(Fault::NoLength));
    assert!(shelf.gather().await.unwrap() == shelf.bytes);
    // And if it also breaks off, cleanly or not, that is no end.
    shelf.add(shelf.fault(Fault::ShortBody { announce: false }));
    shelf.assert_broken_off(shelf.stream().await);
}

async fn wrong_bytes_are_read_once_more_and_then_refused(store: Store) {
    let shelf = Shelf::of(store, 10_000).await;
    shelf.add(shelf.fault(Fault::CorruptBody).times(1));
    assert!(shelf.gather().await.unwrap() == shelf.bytes);
    assert_eq!(shelf.reads().len(), 2);

    let shelf = Shelf::of(store, 10_000).await;
    shelf.add(shelf.fault(Fault::CorruptBody));
    let error = shelf.gather().await.expect_err("wrong bytes");
    assert_eq!((error.kind(), error.hint().map(|hint| hint.anchor)), (Kind::Malformed, Some("wrong-bytes")));
    assert_eq!(shelf.reads().len(), 2, "once more, and not again");
}

async fn wrong_bytes_in_a_stream_end_in_an_error_before_its_end(store: Store) {
    let shelf = Shelf::new(store).await;
    shelf.add(shelf.fault(Fault::CorruptBody));
    let error = shelf.assert_broken_off(shelf.stream().await);
    assert_eq!((error.kind(), error.hint().map(|hint| hint.anchor)), (Kind::Malformed, Some("wrong-bytes")));
    assert_eq!(shelf.reads().len(), 1, "some of it was handed out: nothing can be taken back");
}

async fn an_object_that_changes_while_it_is_read_is_never_mixed(store: Store) {
    let shelf = Shelf::new(store).await;
    shelf.add(shelf.fault(Fault::CutBody { after: CUT }).times(1));
    let mut reading = shelf.open().await;
    let first = reading.next().await.unwrap().unwrap();
    // Of the same length, so that only the version tells them apart.
    shelf.stage.put(NAME, vec![0; LENGTH]);
    let (rest, end) = drain(reading).await;
    let error = shelf.assert_broken_off(([&first[..], &rest].concat(), end));
    assert_eq!((error.kind(), error.status()), (Kind::Changed, Some(412)));
    assert!(shelf.bytes.starts_with(&[&first[..], &rest].concat()), "nothing of the other version");
    assert!(shelf.gather().await.unwrap() == vec![0; LENGTH], "begun again, it is the new version");
}

async fn a_token_that_ends_in_the_middle_is_replaced_once_and_the_read_goes_on(store: Store) {
    let shelf = Shelf::new(store).await;
    shelf.add(shelf.fault(Fault::CutBody { after: CUT }).times(1));
    let mut reading = shelf.open().await;
    let first = reading.next().await.unwrap().unwrap();
    // From now on the store takes no token that was given out before.
    (store.revoke)(&shelf.stage.local.shared);
    let (rest, end) = drain(reading).await;
    end.unwrap();
    assert!([&first[..], &rest].concat() == shelf.bytes);
    assert_eq!(shelf.opens(), 3, "cut, 401, the rest");
    assert_eq!(shelf.tokens(), 2);
}

async fn a_store_that_takes_no_token_at_all_is_asked_twice(store: Store) {
    let shelf = Shelf::new(store).await;
    let (code, fault) = store.unauthenticated;
    shelf.add(Rule::always(store.opens, fault()).path(NAME));
    let error = shelf.gather().await.expect_err("no token is good enough");
    assert_eq!((error.kind(), error.code()), (Kind::Unauthenticated, Some(code)));
    assert_eq!((shelf.opens(), shelf.tokens()), (2, 2));
}

async fn a_range_past_the_end_is_the_callers_fault_and_one_within_it_is_not(store: Store) {
    let shelf = Shelf::new(store).await;
    let past = ReadRequest { range: Some(ByteRange::From(LENGTH as u64)), ..ReadRequest::default() };
    let error = read(shelf.source.clone(), &key(), past).await.expect_err("no such bytes");
    assert_eq!(error.kind(), Kind::OutOfRange);

    // The rest of a body lies within the size that is known: 416 for it is no end.
    shelf.add(shelf.fault(Fault::CutBody { after: CUT }).times(1));
    let mut reading = shelf.open().await;
    let first = reading.next().await.unwrap().unwrap();
    let (status, headers, body) = (416, Vec::new(), String::new());
    shelf.add(shelf.fault(Fault::Status { status, headers, body }));
    let (rest, end) = drain(reading).await;
    let error = shelf.assert_broken_off(([&first[..], &rest].concat(), end));
    assert_eq!(error.kind(), Kind::Malformed, "{error}");
}

async fn only_an_object_that_is_not_there_is_not_found(store: Store) {
    let shelf = Shelf::new(store).await;
    let missing = Key::parse("missing").unwrap();
    let kind_of = async |key: &Key| {
        let error = read(shelf.source.clone(), key, ReadRequest::default()).await.expect_err("no object");
        secrecy::assert_kept(&error);
        error.kind()
    };
    assert_eq!(kind_of(&missing).await, Kind::NotFound);
    for (shut, kind) in store.shut {
        let open = shelf.stage.local.shared.world().clone();
        shut(&mut shelf.stage.local.shared.world_mut());
        for key in [&missing, &key()] {
            assert_eq!(kind_of(key).await, kind, "from outside, {key} is neither there nor gone");
        }
        *shelf.stage.local.shared.world_mut() = open;
    }
}

async fn an_object_that_goes_away_in_the_middle_breaks_the_read_off(store: Store) {
    let shelf = Shelf::new(store).await;
    shelf.add(shelf.fault(Fault::CutBody { after: CUT }).times(1));
    let mut reading = shelf.open().await;
    let first = reading.next().await.unwrap().unwrap();
    std::fs::remove_file(shelf.stage.blobs().join(NAME)).unwrap();
    let (rest, end) = drain(reading).await;
    let error = shelf.assert_broken_off(([&first[..], &rest].concat(), end));
    assert!(matches!(error.kind(), Kind::NotFound | Kind::Changed), "{error}");
}

/// Google also says it with 403, which is then no matter of grants.
async fn a_store_that_throttles_is_waited_for(store: Store) {
    let shelf = Shelf::of(store, 10_000).await;
    let slow_down = |status, reason: &str| Fault::Status {
        status,
        headers: vec![("retry-after".to_owned(), "0".to_owned())],
        body: format!(r#"{{"error":{{"code":{status},"errors":[{{"reason":"{reason}"}}]}}}}"#),
    };
    shelf.add(Rule::always(store.opens, slow_down(429, "rateLimitExceeded")).path(NAME).times(1));
    if store.opens == Hop::GoogleStorage {
        shelf.add(
            Rule::always(store.opens, slow_down(403, "userRateLimitExceeded")).path(NAME).times(1).skip(1),
        );
        shelf.add(shelf.fault(slow_down(503, "backendError")).times(1));
    }
    assert!(shelf.gather().await.unwrap() == shelf.bytes);
    assert!(shelf.opens() >= 2);
}
