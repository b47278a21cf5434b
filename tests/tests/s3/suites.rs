//! The suites that every sink and every source must pass.

use bytes::Bytes;
use carnet_objects::conformance::{self, Ability, Fixture, Upload};
use carnet_objects::sink::{Attributes, Crc32c, ObjectSink, PutRequest, WriteOutcome};
use carnet_objects::{BoxFuture, Key};
use carnet_tests::Stage;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn the_sink_conforms() {
    let stage = Stage::new().await;
    let sink = stage.s3().await.unwrap();
    conformance::sink::run(sink, &[]).await;
}

/// What was there before does not disturb it.
#[tokio::test(flavor = "multi_thread")]
async fn the_sink_conforms_a_second_time() {
    let stage = Stage::new().await;
    for _ in 0..2 {
        conformance::sink::run(stage.s3().await.unwrap(), &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bucket_conforms_as_a_source() {
    let stage = Stage::new().await;
    let bucket = stage.s3().await.unwrap();
    conformance::run(bucket.clone(), &Written(bucket)).await;
}

/// Writes what the source then reads.
struct Written(Arc<dyn ObjectSink>);

impl Fixture for Written {
    fn put<'a>(&'a self, key: &'a Key, body: Bytes, upload: Upload) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let attributes = Attributes {
                content_type: upload.content_type,
                cache_control: upload.cache_control,
                metadata: upload.metadata,
                ..Attributes::default()
            };
            let request = PutRequest::new(Crc32c::of(&body)).with_attributes(attributes);
            let outcome = self.0.put(key, body, &request).await.expect("a put");
            assert!(matches!(outcome, WriteOutcome::Written(_)), "{outcome:?}");
        })
    }

    fn remove<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let _ = self.0.delete(key, None).await.expect("a delete");
        })
    }

    /// S3 keeps a checksum of every object.
    fn can(&self, ability: Ability) -> bool {
        ability != Ability::NoDigest
    }
}
