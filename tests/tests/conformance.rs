//! The sources of both clouds against their stand-ins: the suite that every source must pass.

use bytes::Bytes;
use carnet_localclouds::azure_blob::SIDECAR;
use carnet_objects::conformance::{Ability, Fixture, Upload, run};
use carnet_objects::{Algorithm, BoxFuture, Key, ObjectSource, ReadRequest, Rooted, Verdict, read};
use carnet_tests::Stage;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Writes files where the stand-in finds blobs, and states in a sidecar what a file cannot.
struct Folder<'s> {
    stage: &'s Stage,
    /// Empty, or ends with a slash.
    prefix: &'static str,
    cannot: &'static [Ability],
}

/// "Hashes and ETags": every object has a CRC32C.
const CLOUD_STORAGE_CANNOT: &[Ability] = &[Ability::NoDigest];

impl Folder<'_> {
    fn name(&self, key: &Key) -> String {
        format!("{}{key}", self.prefix)
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.stage.blobs().join(self.name(key))
    }
}

impl Fixture for Folder<'_> {
    fn put<'a>(&'a self, key: &'a Key, body: Bytes, upload: Upload) -> BoxFuture<'a, ()> {
        let path = self.path(key);
        std::fs::create_dir_all(path.parent().expect("a key has a folder")).expect("folders");
        state(&path, &upload);
        self.stage.put(&self.name(key), body);
        Box::pin(std::future::ready(()))
    }

    fn remove<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, ()> {
        std::fs::remove_file(self.path(key)).expect("a blob to remove");
        Box::pin(std::future::ready(()))
    }

    fn can(&self, ability: Ability) -> bool {
        !self.cannot.contains(&ability)
    }

    /// A file cannot be a folder too, which a blob can; and a name has an end.
    fn holds(&self, key: &Key) -> bool {
        let folders = ["conformance/list/a", "conformance/list/a/b", "conformance/list/c"];
        !folders.contains(&key.as_str()) && Key::parse(&self.name(key)).is_ok()
    }
}

fn state(path: &Path, upload: &Upload) {
    let sidecar = path.with_file_name(SIDECAR);
    let mut stated: Map<String, Value> = match std::fs::read(&sidecar) {
        Ok(bytes) => serde_json::from_slice(&bytes).expect("a sidecar of our own"),
        Err(_) => Map::new(),
    };
    let name = path.file_name().and_then(|name| name.to_str()).expect("a key is Unicode");
    let md5 = if upload.without_digest { Value::Null } else { json!("auto") };
    stated.insert(
        name.to_owned(),
        json!({
            "content_type": upload.content_type,
            "cache_control": upload.cache_control,
            "metadata": upload.metadata,
            "content_md5": md5,
        }),
    );
    std::fs::write(&sidecar, Value::Object(stated).to_string()).expect("a sidecar");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_azure_source_conforms() {
    let stage = Stage::new().await;
    let source = stage.source().await.unwrap();
    run(source, &Folder { stage: &stage, prefix: "", cannot: &[] }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_azure_source_conforms_below_a_prefix_with_neighbours() {
    let stage = Stage::new().await;
    for neighbour in ["inner", "in0conformance/list/a", "conformance/list/x"] {
        stage.put(neighbour, "not yours");
    }
    let rooted = Rooted::new(stage.source().await.unwrap(), "in");
    run(Arc::new(rooted), &Folder { stage: &stage, prefix: "in/", cannot: &[] }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_google_source_conforms() {
    let stage = Stage::new().await;
    let source = stage.bucket().await.unwrap();
    run(source, &Folder { stage: &stage, prefix: "", cannot: CLOUD_STORAGE_CANNOT }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_google_source_conforms_below_a_prefix_with_neighbours() {
    let stage = Stage::new().await;
    for neighbour in ["inner", "in0conformance/list/a", "conformance/list/x"] {
        stage.put(neighbour, "not yours");
    }
    let rooted = Rooted::new(stage.bucket().await.unwrap(), "in");
    run(Arc::new(rooted), &Folder { stage: &stage, prefix: "in/", cannot: CLOUD_STORAGE_CANNOT }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_store_is_checked_by_the_digest_it_keeps() {
    let stage = Stage::new().await;
    let verdict = async |source: Arc<dyn ObjectSource>, name: &str| {
        let key = Key::parse(name).unwrap();
        read(source, &key, ReadRequest::default()).await.unwrap().verdict()
    };
    let composite = Upload { without_digest: true, ..Upload::default() };
    state(&stage.blobs().join("composite"), &composite);
    stage.put("composite", "parts");
    stage.put("whole", "one");
    let (azure, google) = (stage.source().await.unwrap(), stage.bucket().await.unwrap());
    let verified = |algorithm| Verdict::Verified { algorithm };
    assert_eq!(verdict(azure.clone(), "whole").await, verified(Algorithm::Md5));
    assert_eq!(verdict(azure, "composite").await, Verdict::NothingToCheck);
    assert_eq!(verdict(google.clone(), "whole").await, verified(Algorithm::Crc32c));
    assert_eq!(verdict(google, "composite").await, verified(Algorithm::Crc32c));
}
