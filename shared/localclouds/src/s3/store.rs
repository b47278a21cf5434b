//! What there is: objects and uploads behind one lock, bodies in files.

use super::body::Piece;
use super::checksum::{Algorithm, Sum};
use super::error;
use s3s::S3Result;
use s3s::dto::{ETag, ETagCondition};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

/// All buckets' contents. Which buckets there are is the world's to say.
#[derive(Default)]
pub struct Store {
    folder: OnceLock<PathBuf>,
    contents: Mutex<Contents>,
    receiving: AtomicUsize,
}

/// A write that has begun: what was deleted before it is known.
pub(super) struct Begun<'s> {
    store: &'s Store,
    pub since: u64,
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.store.receiving.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Default)]
pub(super) struct Contents {
    buckets: BTreeMap<String, Bucket>,
    /// Counts what happens, so that it can be told what happened first.
    clock: u64,
}

#[derive(Default)]
pub(super) struct Bucket {
    /// By name, and so sorted by bytes.
    pub objects: BTreeMap<String, Arc<Object>>,
    /// By name and id.
    pub uploads: BTreeMap<(String, String), Upload>,
    /// When an object of this name was deleted last.
    deletes: BTreeMap<String, u64>,
}

/// What is stated of an object beside its bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Stated {
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    pub content_disposition: Option<String>,
    pub content_language: Option<String>,
    pub cache_control: Option<String>,
    pub metadata: Option<s3s::dto::Metadata>,
    pub storage_class: Option<String>,
    pub kms_key_id: Option<String>,
    /// As they came: the parameters of a URL.
    pub tagging: Option<String>,
}

pub(super) struct Object {
    pub pieces: Vec<Piece>,
    pub size: u64,
    /// Without quotes.
    pub tag: String,
    pub sum: Sum,
    /// `FULL_OBJECT` or `COMPOSITE`.
    pub sum_type: &'static str,
    pub stated: Stated,
    pub modified: SystemTime,
}

/// An upload in parts that is not over.
pub(super) struct Upload {
    pub algorithm: Algorithm,
    pub sum_type: &'static str,
    /// Whether whoever began it named the algorithm.
    pub named: bool,
    pub stated: Stated,
    pub initiated: SystemTime,
    pub parts: BTreeMap<i32, Part>,
}

#[derive(Clone)]
pub(super) struct Part {
    pub piece: Piece,
    pub size: u64,
    pub md5: [u8; 16],
    pub sum: Sum,
    pub modified: SystemTime,
}

/// The conditions of a write.
#[derive(Default)]
pub(super) struct Conditions {
    pub if_match: Option<ETagCondition>,
    pub if_none_match: Option<ETagCondition>,
    /// The clock when the request came.
    pub since: u64,
}

impl Store {
    /// Bodies are kept in a folder of their own in this one, until the store is dropped.
    pub(crate) fn keep_in(&self, parent: &Path) {
        // Set once, before anything answers.
        let _ = self.folder.set(own_folder(parent));
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.get_or_init(|| own_folder(&std::env::temp_dir()))
    }

    /// Never held across an await.
    pub(super) fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self) -> Begun<'_> {
        let since = self.lock().clock;
        self.receiving.fetch_add(1, Ordering::Relaxed);
        Begun { store: self, since }
    }

    /// How many objects are on their way in.
    pub fn receiving(&self) -> usize {
        self.receiving.load(Ordering::Relaxed)
    }
}

fn own_folder(parent: &Path) -> PathBuf {
    parent.join(format!("carnet-s3-{}", uuid::Uuid::new_v4().simple()))
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(folder) = self.folder.get() {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

impl Contents {
    pub(super) fn bucket(&mut self, name: &str) -> &mut Bucket {
        self.clock += 1;
        self.buckets.entry(name.to_owned()).or_default()
    }

    pub(super) fn delete(&mut self, bucket: &str, name: &str) {
        let clock = self.clock;
        let bucket = self.bucket(bucket);
        if bucket.objects.remove(name).is_some() {
            bucket.deletes.insert(name.to_owned(), clock + 1);
        }
    }
}

impl Bucket {
    /// "How to prevent object overwrites with conditional writes": 412 where the object is another,
    /// 404 where it is gone, 409 where it was deleted while this write was under way.
    pub(super) fn allow(&self, name: &str, conditions: &Conditions) -> S3Result<()> {
        let present = self.objects.get(name);
        match &conditions.if_none_match {
            None => {}
            Some(ETagCondition::ETag(_)) => return Err(error::not_implemented_header()),
            Some(ETagCondition::Any) if present.is_some() => return Err(error::precondition_failed()),
            Some(ETagCondition::Any) if self.deletes.get(name).is_some_and(|at| *at > conditions.since) => {
                return Err(error::conflict());
            }
            Some(ETagCondition::Any) => {}
        }
        match (&conditions.if_match, present) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(error::no_such_key()),
            (Some(wanted), Some(object)) if object.is(wanted) => Ok(()),
            (Some(_), Some(_)) => Err(error::precondition_failed()),
        }
    }
}

impl Object {
    pub(super) fn is(&self, wanted: &ETagCondition) -> bool {
        match wanted {
            ETagCondition::Any => true,
            ETagCondition::ETag(tag) => tag.as_strong() == Some(&self.tag),
        }
    }

    pub(super) fn e_tag(&self) -> ETag {
        ETag::Strong(self.tag.clone())
    }
}
