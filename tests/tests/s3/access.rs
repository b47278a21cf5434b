//! Who may what: keys, sessions, policies.

use aws_credential_types::Credentials;
use bytes::Bytes;
use carnet_objects::sink::{Condition, Crc32c, ObjectSink, PutRequest};
use carnet_objects::{Key, Kind, ObjectSource};
use carnet_tests::{S3_BUCKET, Stage};
use carnet_trust::aws::{Effect, OneOrMany, Policy, Statement};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// Lets the operator do these and nothing else of S3's.
fn allow(stage: &Stage, allowed: &[(&str, &str)]) {
    let statements = allowed.iter().map(|(action, resource)| Statement {
        sid: None,
        effect: Effect::Allow,
        action: OneOrMany(vec![format!("s3:{action}")]),
        not_action: OneOrMany::default(),
        resource: OneOrMany(vec![format!("arn:aws:s3:::{resource}")]),
        condition: BTreeMap::new(),
    });
    let policy = Policy::new(statements.collect());
    let mut world = stage.local.shared.world_mut();
    let role = world.aws.access_keys[&world.operator].role.clone();
    world.aws.roles.get_mut(&role).unwrap().policies = vec![policy];
}

#[tokio::test(flavor = "multi_thread")]
async fn the_roles_policy_decides() {
    let stage = Stage::new().await;
    let sink = stage.s3().await.unwrap();
    let (key, body) = (Key::parse("in/a").unwrap(), Bytes::from_static(b"body"));
    let put = PutRequest::new(Crc32c::of(&body));
    let objects = format!("{S3_BUCKET}/in/*");
    allow(&stage, &[("PutObject", &objects)]);
    let written = sink.put(&key, body.clone(), &put).await.unwrap().written().unwrap();
    let other = Key::parse("out/a").unwrap();
    let error = sink.put(&other, body.clone(), &put).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code(), error.status()),
        (Kind::Forbidden, Some("AccessDenied"), Some(403))
    );
    assert!(!error.to_string().contains("arn:"), "S3's own sentence is not repeated: {error}");
    // An overwrite that names a version reads it, and so does a delete.
    let swap = put.clone().on(Condition::Unchanged(written.version.clone()));
    assert_eq!(sink.put(&key, body.clone(), &swap).await.unwrap_err().kind(), Kind::Forbidden);
    assert_eq!(sink.delete(&key, None).await.unwrap_err().kind(), Kind::Forbidden);
    assert_eq!(ObjectSink::list(&*sink, &Default::default()).await.unwrap_err().kind(), Kind::Forbidden);
    allow(&stage, &[("PutObject", &objects), ("GetObject", &objects), ("DeleteObject", &objects)]);
    assert!(sink.put(&key, body, &swap).await.unwrap().written().is_some());
}

/// A denial is never taken for a missing object: who may not list is not told what is missing.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_told_to_those_who_may_list() {
    let stage = Stage::new().await;
    let bucket = stage.s3().await.unwrap();
    let missing = Key::parse("missing").unwrap();
    assert_eq!(ObjectSink::head(&*bucket, &missing).await.unwrap(), None);
    allow(&stage, &[("GetObject", &format!("{S3_BUCKET}/*"))]);
    let error = ObjectSink::head(&*bucket, &missing).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Forbidden);
    let error = bucket.open(&missing, &Default::default()).await.err().unwrap();
    assert_eq!(error.kind(), Kind::Forbidden);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_and_signatures_are_checked() {
    let stage = Stage::new().await;
    let good = stage.access_key(None);
    let key = Key::parse("any").unwrap();
    let head = async |credentials: Credentials| {
        let sink = stage.s3_as(credentials, S3_BUCKET).await.unwrap();
        sink.put(&key, Bytes::new(), &PutRequest::new(Crc32c::EMPTY)).await
    };
    let with = |id: &str, secret: &str, token: Option<&str>| {
        Credentials::new(id, secret, token.map(str::to_owned), None, "test")
    };
    let (id, secret) = (good.access_key_id(), good.secret_access_key());
    for (credentials, code) in [
        (with(id, "another", None), "SignatureDoesNotMatch"),
        (with("AKIAUNKNOWN", secret, None), "InvalidAccessKeyId"),
        (with(id, secret, Some("a token it does not have")), "InvalidToken"),
    ] {
        let error = head(credentials).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::Unauthenticated, Some(code)));
        assert!(!error.to_string().contains(secret), "no secret in an error");
    }
    stage.local.shared.world_mut().aws.access_keys.get_mut(id).unwrap().expires_at =
        Some(SystemTime::now() - Duration::from_secs(1));
    let error = head(good).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::Unauthenticated, Some("ExpiredToken")));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_bucket_or_owner_is_an_error_before_anything_is_written() {
    let stage = Stage::new().await;
    let sink = stage.s3_as(stage.access_key(None), "carnet-test-missing").await.unwrap();
    let key = Key::parse("any").unwrap();
    // The policy names no such bucket, so that is what S3 says first.
    let error = sink.put(&key, Bytes::new(), &PutRequest::new(Crc32c::EMPTY)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Forbidden);
    allow(&stage, &[("PutObject", "*"), ("ListBucket", "*")]);
    let error = sink.put(&key, Bytes::new(), &PutRequest::new(Crc32c::EMPTY)).await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (Kind::NotFound, Some("NoSuchBucket")));
    let error = ObjectSink::list(&*sink, &Default::default()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert!(stage.s3_as(stage.access_key(None), "Not_A_Bucket").await.is_err());
}
