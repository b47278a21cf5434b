//! The files of the state: where they are, and calls to a destination that are tried again.
//!
//! | file | what it is |
//! |---|---|
//! | `root.json` | the manifest's root, the one file that is replaced |
//! | `lease.json` | who is at work |
//! | `manifest/<run>-<number>.v1.jsonl.gz` | shards, which are never changed |
//! | `runs/<run>/plan.json`, `batches/`, `deletions/` | a plan, where other processes carry it out |
//! | `runs/<run>/begun.json`, `work.json`, `reports/`, `ranges/`, `merged/`, `gathered.json` | what these tell each other: [`steps`](crate::steps) |
//! | `runs/<run>/begun/<batch>.json` | batches that are being copied: what may have been written |
//! | `runs/<run>/receipts/<batch>.v1.jsonl.gz` | what was copied, until a manifest holds it |
//! | `pending/<run>-<number>.v1.jsonl.gz` | deletions that are not confirmed |
//! | `reports/<run>.json` | what became of a run |
//! | `uploads/<digest of the key>.json` | big objects under way |

use crate::error::{Result, SyncError};
use bytes::Bytes;
use carnet_federation::http::retry::{Policy, retry};
use carnet_federation::{BoxFuture, Hop};
use carnet_objects::sink::{
    Attributes, Condition, Crc32c, Deletion, Entry, Got, PutRequest, SinkListRequest, WriteOutcome,
};
use carnet_objects::{Key, ObjectSink, PageToken, Version};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The version of all files of the state. Files of a newer one are refused.
pub const SCHEMA: u32 = 1;
/// What a file of the state may be at most: shards are cut far below, roots have a line a shard.
const MAX_FILE: usize = 64 << 20;

/// For writing: a part of 8 MiB over a slow line takes its time.
pub(crate) const WRITES: Policy = Policy {
    attempts: 4,
    budget: Duration::from_secs(300),
    attempt: Duration::from_secs(120),
    base: Duration::from_millis(200),
};

/// A folder at a destination that holds the state of one pair of places.
#[derive(Clone)]
pub struct State {
    sink: Arc<dyn ObjectSink>,
    folder: String,
}

/// The name of one run: when it began, and chance. Sorts by time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    pub fn new(now: SystemTime) -> Self {
        Self(format!("{}-{:08x}", Self::stamp(now), fastrand::u32(..)))
    }

    /// Of the run that an engine calls so: always the same for the same beginning and name.
    pub fn of_execution(began: SystemTime, name: &str) -> Self {
        let digest = crate::text::hex(&Sha256::digest(name.as_bytes())[..4]);
        Self(format!("{}-{digest}", Self::stamp(began)))
    }

    fn stamp(at: SystemTime) -> String {
        crate::clock::rfc3339(at).chars().filter(|c| c.is_ascii_alphanumeric()).collect()
    }

    /// As an engine calls it, e.g. by an execution's name: letters, digits, `-` and `_`.
    pub fn parse(name: &str) -> Option<Self> {
        let valid = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (!name.is_empty() && name.len() <= 80 && name.bytes().all(valid)).then(|| Self(name.to_owned()))
    }

    /// As the folder of a run is called.
    pub(crate) fn named(folder: &str) -> Self {
        Self(folder.to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Makes a call to a destination, again after a transient failure.
pub(crate) async fn attempt<'a, T>(
    hop: Hop,
    sink: &dyn ObjectSink,
    call: impl Fn() -> BoxFuture<'a, carnet_objects::Result<T>>,
) -> carnet_objects::Result<T> {
    retry(&WRITES, hop, sink.target(), call).await
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "State({}/{})", self.sink.target(), self.folder)
    }
}

impl State {
    /// `folder` is empty or ends with a slash.
    pub fn new(sink: Arc<dyn ObjectSink>, folder: impl Into<String>) -> Result<Self> {
        let folder = folder.into();
        let valid = folder.is_empty() || (folder.ends_with('/') && Key::parse(&folder).is_ok());
        if !valid || folder.len() > 512 {
            return Err(SyncError::Settings(format!("the state's folder {folder:?} must end with a slash")));
        }
        Ok(Self { sink, folder })
    }

    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// The whole name of one of its files, in the bucket.
    pub fn name_of(&self, path: &str) -> String {
        format!("{}{path}", self.folder)
    }

    pub(crate) fn sink(&self) -> &Arc<dyn ObjectSink> {
        &self.sink
    }

    fn key(&self, path: &str) -> Result<Key> {
        Key::parse(&format!("{}{path}", self.folder))
            .map_err(|why| SyncError::Settings(format!("the state's file {path:?}: {why}")))
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Option<(Bytes, Version)>> {
        let key = self.key(path)?;
        match attempt(Hop::Read, &*self.sink, || self.sink.get(&key, None, MAX_FILE)).await? {
            Got::Object { object, body } => Ok(Some((body, object.version))),
            Got::Missing | Got::NotModified => Ok(None),
        }
    }

    /// Whether there is such a file, without its body.
    pub(crate) async fn holds(&self, path: &str) -> Result<bool> {
        let key = self.key(path)?;
        Ok(attempt(Hop::Read, &*self.sink, || self.sink.head(&key)).await?.is_some())
    }

    pub(crate) async fn put(
        &self,
        path: &str,
        body: Bytes,
        content_type: &str,
        condition: Condition,
    ) -> Result<WriteOutcome> {
        let key = self.key(path)?;
        let attributes = Attributes { content_type: Some(content_type.to_owned()), ..Attributes::default() };
        let request = PutRequest::new(Crc32c::of(&body)).with_attributes(attributes).on(condition);
        Ok(attempt(Hop::Write, &*self.sink, || self.sink.put(&key, body.clone(), &request)).await?)
    }

    pub(crate) async fn delete(&self, path: &str, if_match: Option<&Version>) -> Result<Deletion> {
        let key = self.key(path)?;
        Ok(attempt(Hop::Write, &*self.sink, || self.sink.delete(&key, if_match)).await?)
    }

    /// All files below a folder of the state, by name; their paths begin in the state's folder. Only
    /// where there are few: see [`page`](Self::page).
    pub(crate) async fn list(&self, below: &str) -> Result<Vec<(String, Entry)>> {
        let (mut files, mut after) = (Vec::new(), None);
        loop {
            let (page, next) = self.page(below, after).await?;
            files.extend(page);
            match next {
                Some(next) => after = Some(next),
                None => return Ok(files),
            }
        }
    }

    /// The first of them, or the next: a run of a billion objects has files by the million.
    pub(crate) async fn page(
        &self,
        below: &str,
        after: Option<PageToken>,
    ) -> Result<(Vec<(String, Entry)>, Option<PageToken>)> {
        let prefix = format!("{}{below}", self.folder);
        let request = SinkListRequest { prefix, page_token: after, ..SinkListRequest::default() };
        let page = attempt(Hop::List, &*self.sink, || self.sink.list(&request)).await?;
        let path = |entry: &Entry| entry.key.as_str().strip_prefix(&self.folder).map(str::to_owned);
        let files = page.objects.into_iter().filter_map(|entry| Some((path(&entry)?, entry)));
        Ok((files.collect(), page.next))
    }

    /// A JSON file with a schema version; `None` if there is none.
    pub(crate) async fn get_json<T: DeserializeOwned>(&self, path: &str) -> Result<Option<(T, Version)>> {
        let Some((body, version)) = self.get(path).await? else { return Ok(None) };
        Ok(Some((parse(path, &body)?, version)))
    }

    pub(crate) async fn put_json<T: Serialize>(
        &self,
        path: &str,
        value: &T,
        condition: Condition,
    ) -> Result<WriteOutcome> {
        let versioned = Versioned { schema: SCHEMA, value };
        let body = serde_json::to_vec_pretty(&versioned)
            .map_err(|error| SyncError::Machine(format!("{path} cannot be written: {error}")))?;
        self.put(path, body.into(), "application/json", condition).await
    }

    /// Writes a file that only this run writes, whatever was there.
    pub(crate) async fn replace_json<T: Serialize>(&self, path: &str, value: &T) -> Result<()> {
        for _ in 0..REPLACES {
            match self.put_json(path, value, Condition::None).await? {
                WriteOutcome::Conflict => {}
                _ => return Ok(()),
            }
        }
        Err(crossed(&*self.sink, path).into())
    }

    pub(crate) async fn replace(&self, path: &str, body: Bytes, content_type: &str) -> Result<()> {
        for _ in 0..REPLACES {
            match self.put(path, body.clone(), content_type, Condition::None).await? {
                WriteOutcome::Conflict => {}
                _ => return Ok(()),
            }
        }
        Err(crossed(&*self.sink, path).into())
    }
}

const REPLACES: u32 = 5;

/// Somebody else keeps writing the same key.
pub(crate) fn crossed(sink: &dyn ObjectSink, what: &str) -> carnet_federation::Error {
    let message = format!("{what}: another write of the same key was under way, again and again");
    carnet_federation::Error::new(Hop::Write, carnet_federation::Kind::Unavailable, sink.target(), message)
}

#[derive(Serialize)]
struct Versioned<'v, T> {
    schema: u32,
    #[serde(flatten)]
    value: &'v T,
}

fn parse<T: DeserializeOwned>(path: &str, body: &[u8]) -> Result<T> {
    #[derive(Deserialize)]
    struct Schema {
        schema: u32,
    }
    let corrupt = |error: serde_json::Error| SyncError::corrupt(path, error.to_string());
    let found = serde_json::from_slice::<Schema>(body).map_err(corrupt)?.schema;
    if found > SCHEMA {
        return Err(SyncError::Newer { what: path.to_owned(), found, known: SCHEMA });
    }
    serde_json::from_slice(body).map_err(corrupt)
}

pub(crate) fn upload_path(key: &Key) -> String {
    let digest = Sha256::digest(key.as_str().as_bytes());
    format!("uploads/{}.json", crate::text::hex(&digest[..16]))
}
