//! A container or bucket, and its copies in S3, made by the real `carnet sync`.

use super::{Run, Vars, carnet_with, command};
use bytes::Bytes;
use carnet_localclouds::faults::{Hop, Rule};
use carnet_objects::sink::{Attributes, Crc32c, Got, PutRequest, SinkListRequest, WriteOutcome};
use carnet_objects::{Key, ObjectSink};
use carnet_tests::{ACCOUNT, BUCKET, CONTAINER, S3_BUCKET, Stage};
use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Child;

/// Where objects come from, and what of it shows.
#[derive(Clone, Copy)]
pub struct Side {
    pub scheme: &'static str,
    path: &'static [&'static str],
    pub lists: Hop,
    /// Where the bytes come from.
    pub bytes: Hop,
    /// In the summary: by what small objects are proven.
    pub proven: &'static str,
}

pub const AZURE: Side = Side {
    scheme: "azure",
    path: &[ACCOUNT, CONTAINER],
    lists: Hop::Blob,
    bytes: Hop::Blob,
    proven: "proven_md5",
};
pub const GOOGLE: Side = Side {
    scheme: "gs",
    path: &[BUCKET],
    lists: Hop::GoogleStorage,
    bytes: Hop::GoogleMedia,
    proven: "proven_crc32c",
};

pub const NOTHING_TO_DO: i32 = 10;
pub const PARTLY_FAILED: i32 = 11;
pub const REFUSED_BY_GUARD: i32 = 12;
pub const LEASE_HELD: i32 = 13;
pub const NOT_THE_SAME: i32 = 14;
pub const STOPPED: i32 = 130;

/// The smallest part that S3 takes.
pub const PART: usize = 5 << 20;

pub const PREFIX: &str = "copies/";
const STATE: &str = ".carnet-sync/";

pub struct Copies {
    pub stage: Stage,
    pub side: Side,
}

impl Copies {
    pub async fn new(side: Side) -> Self {
        Self { stage: Stage::new().await, side }
    }

    pub fn from(&self) -> String {
        format!("{}://{}", self.side.scheme, self.side.path.join("/"))
    }

    pub fn to(&self) -> String {
        format!("s3://{S3_BUCKET}/{PREFIX}")
    }

    pub async fn sync(&self, more: &[&str]) -> Run {
        self.sync_with(&self.stage.env(), more).await
    }

    pub async fn sync_with(&self, vars: &Vars, more: &[&str]) -> Run {
        carnet_with(vars, &[&["sync", &self.from(), &self.to()], more].concat()).await
    }

    /// The same with events, whose last line is the summary.
    pub async fn summary(&self, more: &[&str]) -> (i32, serde_json::Value) {
        let run = self.sync(&[more, &["--format", "json"]].concat()).await;
        (run.code, summary_of(&run))
    }

    /// A run that goes on while the test does something.
    pub fn begin(&self, more: &[&str]) -> Child {
        command(&self.stage.env(), &[&["sync", &self.from(), &self.to()], more].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("carnet runs")
    }

    /// What is at the destination, but for the state.
    pub async fn all(&self) -> BTreeMap<String, Vec<u8>> {
        let bucket = self.stage.s3().await.expect("the bucket");
        let mut objects = BTreeMap::new();
        for name in self.names(PREFIX).await {
            let below = name.strip_prefix(PREFIX).expect("below the prefix").to_owned();
            if below.starts_with(STATE) {
                continue;
            }
            let key = Key::parse(&name).expect("a key");
            let Got::Object { body, .. } = bucket.get(&key, None, usize::MAX).await.expect("an object")
            else {
                panic!("{name} is listed and not there")
            };
            objects.insert(below, body.to_vec());
        }
        objects
    }

    /// The files of the state, by their names in it.
    pub async fn state(&self) -> Vec<String> {
        let folder = format!("{PREFIX}{STATE}");
        let names = self.names(&folder).await;
        names.into_iter().map(|name| name[folder.len()..].to_owned()).collect()
    }

    async fn names(&self, prefix: &str) -> Vec<String> {
        let bucket = self.stage.s3().await.expect("the bucket");
        let mut request = SinkListRequest { prefix: prefix.to_owned(), ..SinkListRequest::default() };
        let mut names = Vec::new();
        loop {
            let page = ObjectSink::list(&*bucket, &request).await.expect("a listing");
            names.extend(page.objects.into_iter().map(|entry| entry.key.as_str().to_owned()));
            match page.next {
                Some(next) => request.page_token = Some(next),
                None => return names,
            }
        }
    }

    /// What S3 says of a copy besides its bytes.
    pub async fn attributes(&self, name: &str) -> Attributes {
        let bucket = self.stage.s3().await.expect("the bucket");
        let object = ObjectSink::head(&*bucket, &self.key(name)).await.expect("an answer");
        object.expect("an object").attributes
    }

    /// Somebody else writes there.
    pub async fn overwrite(&self, name: &str, bytes: &'static [u8]) {
        let bucket = self.stage.s3().await.expect("the bucket");
        let body = Bytes::from_static(bytes);
        let request = PutRequest::new(Crc32c::of(&body));
        let outcome = bucket.put(&self.key(name), body, &request).await.expect("an answer");
        assert!(matches!(outcome, WriteOutcome::Written(_)));
    }

    /// Somebody else deletes there.
    pub async fn remove_copy(&self, name: &str) {
        let bucket = self.stage.s3().await.expect("the bucket");
        bucket.delete(&self.key(name), None).await.map(drop).expect("an answer");
    }

    pub fn key(&self, name: &str) -> Key {
        Key::parse(&format!("{PREFIX}{name}")).expect("a key")
    }

    /// The source has it no more.
    pub fn remove(&self, name: &str) {
        std::fs::remove_file(self.stage.blobs().join(name)).expect("a file");
    }

    pub fn faults(&self, rules: Vec<Rule>) {
        self.stage.local.shared.faults.set(rules);
    }

    /// Requests of one method to S3 about a copy.
    pub fn asked(&self, method: &str, name: &str) -> usize {
        let path = format!("/{S3_BUCKET}/{PREFIX}{name}");
        let seen = self.stage.local.shared.faults.seen(Hop::S3);
        seen.iter().filter(|seen| seen.method == method && seen.path == path).count()
    }

    /// How often the source was asked for bytes of an object.
    pub fn reads(&self, name: &str) -> usize {
        let seen = self.stage.local.shared.faults.seen(self.side.bytes);
        seen.iter().filter(|seen| seen.method == "GET" && seen.path.ends_with(&format!("/{name}"))).count()
    }

    /// The parts that have arrived of the one upload that is under way; `None` if there is none.
    pub async fn arrived(&self) -> Option<usize> {
        let bucket = self.stage.s3().await.expect("the bucket");
        let uploads = bucket.list_uploads(PREFIX, None).await.expect("uploads").uploads;
        assert!(uploads.len() <= 1, "{uploads:?}");
        let upload = &uploads.first()?.upload;
        Some(bucket.list_parts(upload, None).await.expect("parts").parts.len())
    }
}

pub fn summary_of(run: &Run) -> serde_json::Value {
    let last = run.lines().pop().unwrap_or_else(|| panic!("nothing was said: {run:?}"));
    assert_eq!(last["event"], "summary", "{run:?}");
    last
}

/// Bytes that do not repeat, so that no part is like another.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let step = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(step).collect()
}

/// Waits until it holds; the test's own deadline ends it otherwise.
pub async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it comes to hold");
}
