//! What goes wrong on the way to S3, and what must hold all the same.

use bytes::Bytes;
use carnet_localclouds::faults::Hop;
use carnet_objects::sink::{
    CompleteRequest, Condition, Crc32c, Got, MIN_PART, ObjectSink, PutRequest, WriteOutcome,
};
use carnet_objects::{ByteStream, Key, Kind};
use carnet_tests::{S3_BUCKET, Stage};
use futures_util::stream;
use std::sync::Arc;

fn key(name: &str) -> Key {
    Key::parse(name).unwrap()
}

async fn body_of(sink: &Arc<dyn ObjectSink>, key: &Key) -> Option<Bytes> {
    match sink.get(key, None, 64 << 20).await.unwrap() {
        Got::Object { body, .. } => Some(body),
        _ => None,
    }
}

fn noise(length: usize) -> Bytes {
    (0..length).map(|at| (at * 31 + at / 251) as u8).collect()
}

fn one_chunk(body: &Bytes) -> ByteStream {
    Box::pin(stream::iter([Ok(body.clone())]))
}

/// A bit that flips between here and S3 is found by S3, before anything is visible.
#[tokio::test(flavor = "multi_thread")]
async fn a_part_corrupted_on_its_way_is_refused_and_can_be_sent_again() {
    let stage = Stage::new().await;
    let sink: Arc<dyn ObjectSink> = stage.s3().await.unwrap();
    let (key, body) = (key("corrupted"), noise(MIN_PART as usize + 1000));
    let (first, last) = (body.slice(..MIN_PART as usize), body.slice(MIN_PART as usize..));
    let upload = sink.begin_upload(&key, &Default::default()).await.unwrap();
    stage.fault("aws.s3=corrupt-request*2");
    for piece in [&first, &last] {
        let refused = sink.put_part(&upload, 1, piece.len() as u64, one_chunk(piece)).await.unwrap_err();
        assert_eq!((refused.kind(), refused.code()), (Kind::Unavailable, Some("BadDigest")));
    }
    assert_eq!(sink.list_parts(&upload, None).await.unwrap().parts, []);
    let mut parts = Vec::new();
    for (number, piece) in [(1, &first), (2, &last)] {
        parts.push(sink.put_part(&upload, number, piece.len() as u64, one_chunk(piece)).await.unwrap());
    }
    let request =
        CompleteRequest { crc32c: Crc32c::of(&body), size: body.len() as u64, condition: Condition::None };
    let outcome = sink.complete(&upload, &parts, &request).await.unwrap();
    assert!(matches!(outcome, WriteOutcome::Written(_)), "{outcome:?}");
    assert!(body_of(&sink, &key).await.unwrap() == body);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_corrupted_on_its_way_is_refused() {
    let stage = Stage::new().await;
    let sink: Arc<dyn ObjectSink> = stage.s3().await.unwrap();
    for size in [100, 1 << 20] {
        let (key, body) = (key(&format!("corrupted-{size}")), noise(size));
        stage.fault("aws.s3=corrupt-request*1");
        let request = PutRequest::new(Crc32c::of(&body));
        let refused = sink.put(&key, body.clone(), &request).await.unwrap_err();
        assert_eq!((refused.kind(), refused.code()), (Kind::Unavailable, Some("BadDigest")));
        assert_eq!(sink.head(&key).await.unwrap(), None, "nothing of it is visible");
        stage.local.shared.faults.clear();
    }
}

/// A connection that breaks leaves nothing behind, however much had arrived.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_cut_leaves_nothing() {
    let stage = Stage::new().await;
    let sink: Arc<dyn ObjectSink> = stage.s3().await.unwrap();
    let (key, body) = (key("cut"), noise(3 << 20));
    stage.fault("aws.s3=cut-request:1048576*1");
    let error = sink.put(&key, body.clone(), &PutRequest::new(Crc32c::of(&body))).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
    stage.local.shared.faults.clear();
    assert_eq!(sink.head(&key).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_cut_is_no_object() {
    let stage = Stage::new().await;
    let sink: Arc<dyn ObjectSink> = stage.s3().await.unwrap();
    let (key, body) = (key("read"), noise(200_000));
    let _ = sink.put(&key, body.clone(), &PutRequest::new(Crc32c::of(&body))).await.unwrap();
    for (fault, kind) in [("cut:1000", Kind::Unavailable), ("corrupt", Kind::Malformed)] {
        stage.fault(&format!("aws.s3=+0{fault}*1").replace("+0", ""));
        let error = sink.get(&key, None, 1 << 20).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{fault}: {error}");
        stage.local.shared.faults.clear();
    }
    assert!(body_of(&sink, &key).await.unwrap() == body);
}

/// What S3 says when it is busy, and what stands between us and it.
#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_their_kinds() {
    let stage = Stage::new().await;
    let sink: Arc<dyn ObjectSink> = stage.s3().await.unwrap();
    let (key, body) = (key("refused"), Bytes::from_static(b"body"));
    let xml = |code: &str| format!("body=<Error><Code>{code}</Code><Message>no</Message></Error>");
    for (fault, kind, code) in [
        (format!("status:503:{}", xml("SlowDown")), Kind::Throttled, Some("SlowDown")),
        (format!("status:500:{}", xml("InternalError")), Kind::Unavailable, Some("InternalError")),
        (format!("status:403:{}", xml("AccessDenied")), Kind::Forbidden, Some("AccessDenied")),
        (format!("status:400:{}", xml("ExpiredToken")), Kind::Unauthenticated, Some("ExpiredToken")),
        (
            format!("status:403:{}", xml("RequestTimeTooSkewed")),
            Kind::Unauthenticated,
            Some("RequestTimeTooSkewed"),
        ),
        (format!("status:301:{}", xml("PermanentRedirect")), Kind::NotConfigured, Some("PermanentRedirect")),
        (format!("status:400:{}", xml("RequestTimeout")), Kind::Unavailable, Some("RequestTimeout")),
        (format!("status:409:{}", xml("OperationAborted")), Kind::Unavailable, Some("OperationAborted")),
        ("reset".to_owned(), Kind::Unavailable, None),
        ("status:502".to_owned(), Kind::Unavailable, None),
    ] {
        stage.fault(&format!("aws.s3={fault}*1"));
        let error = sink.put(&key, body.clone(), &PutRequest::new(Crc32c::of(&body))).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (kind, code), "{fault}: {error}");
        assert!(error.to_string().contains("s3://"), "it names the bucket: {error}");
        stage.local.shared.faults.clear();
    }
    assert_eq!(stage.count(Hop::S3), 10, "the client tries nothing again");
}

/// 409 and 412 are two things, to those who asked for a condition.
#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_told_from_a_condition_that_does_not_hold() {
    let stage = Stage::new().await;
    let sink: Arc<dyn ObjectSink> = stage.s3().await.unwrap();
    let (key, body) = (key("conditional"), Bytes::from_static(b"body"));
    let request = PutRequest::new(Crc32c::of(&body)).on(Condition::Absent);
    stage.fault("aws.s3=status:409:body=<Error><Code>ConditionalRequestConflict</Code></Error>*1");
    assert_eq!(sink.put(&key, body.clone(), &request).await.unwrap(), WriteOutcome::Conflict);
    assert!(matches!(sink.put(&key, body.clone(), &request).await.unwrap(), WriteOutcome::Written(_)));
    assert_eq!(sink.put(&key, body, &request).await.unwrap(), WriteOutcome::Unmet);
}

/// "CompleteMultipartUpload": an error can come after status 200 was sent.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_inside_a_200_is_an_error() {
    let stage = Stage::new().await;
    let sink: Arc<dyn ObjectSink> = stage.s3().await.unwrap();
    let (key, body) = (key("late"), Bytes::from_static(b"body"));
    let upload = sink.begin_upload(&key, &Default::default()).await.unwrap();
    let parts = [sink.put_part(&upload, 1, body.len() as u64, one_chunk(&body)).await.unwrap()];
    let request = CompleteRequest { crc32c: Crc32c::of(&body), size: 4, condition: Condition::Absent };
    for (code, expected) in [("InternalError", None), ("PreconditionFailed", Some(WriteOutcome::Unmet))] {
        stage.fault(&format!("aws.s3=status:200:body=<Error><Code>{code}</Code></Error>*1"));
        match (sink.complete(&upload, &parts, &request).await, expected) {
            (Ok(outcome), Some(expected)) => assert_eq!(outcome, expected),
            (Err(error), None) => assert_eq!(error.kind(), Kind::Unavailable, "{error}"),
            (other, _) => panic!("{code}: {other:?}"),
        }
        stage.local.shared.faults.clear();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_is_not_gathered() {
    let stage = Stage::new().await;
    let sink: Arc<dyn ObjectSink> = stage.s3().await.unwrap();
    stage.fault("aws.s3=oversize");
    let error = sink.list(&Default::default()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Malformed, "{error}");
    let seen = stage.local.shared.faults.seen(Hop::S3);
    assert_eq!(seen[0].path, format!("/{S3_BUCKET}/"), "path-style at an endpoint of one's own");
}
