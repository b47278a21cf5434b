//! The source's listing as one stream, ascending by bytes, or an error.
//!
//! A listing that ends is complete: every page came, the order held, and each range of a split one
//! was read to where the next begins. Only then may anything be derived from what it lacks.

mod pages;
mod split;

use crate::error::{Disorder, Result, SyncError};
use crate::order::{Order, Witness};
use crate::sort::{Scratch, Sorted, Sorter};
use carnet_objects::{Digests, Key, ListRequest, ObjectMeta, ObjectSource, Version, list_page};
use pages::Pages;
pub use split::KeyRange;
use split::Split;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

/// What a comparison needs to know of an object.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Found {
    #[serde(with = "crate::text::key")]
    pub key: Key,
    pub size: u64,
    #[serde(with = "crate::text::version")]
    pub version: Version,
    #[serde(with = "crate::clock::stamp")]
    pub modified: SystemTime,
    #[serde(with = "SourceDigests")]
    pub digests: Digests,
}

/// [`Digests`] as the files of the state have them.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(remote = "Digests")]
pub(crate) struct SourceDigests {
    #[serde(with = "crate::text::optional_md5", default, skip_serializing_if = "Option::is_none")]
    md5: Option<[u8; 16]>,
    #[serde(with = "crate::text::optional_crc32c", default, skip_serializing_if = "Option::is_none")]
    crc32c: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Listed {
    Object(Found),
    /// A name that cannot be asked for. It is there all the same.
    Unaddressable(String),
}

impl Listed {
    pub fn name(&self) -> &str {
        match self {
            Listed::Object(found) => found.key.as_str(),
            Listed::Unaddressable(name) => name,
        }
    }

    /// About what it takes in memory.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Self>() + self.name().len() + 64
    }
}

impl From<ObjectMeta> for Found {
    fn from(meta: ObjectMeta) -> Self {
        Self {
            key: meta.key,
            size: meta.size,
            version: meta.version,
            modified: crate::clock::whole_seconds(meta.last_modified),
            digests: meta.digests,
        }
    }
}

/// Names to cut a listing at: the folders at the top of the source, as far as one page tells. They
/// ascend by bytes.
pub async fn folders(source: &dyn ObjectSource) -> Result<Vec<String>> {
    let request = ListRequest { delimiter: Some("/".to_owned()), ..ListRequest::default() };
    let mut folders = list_page(source, &request).await?.prefixes;
    folders.sort_unstable_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
    folders.dedup();
    Ok(folders)
}

pub struct Listing {
    from: Feed,
    witness: Witness,
    /// Names up to this one were seen by whoever wrote the checkpoint.
    after: Option<String>,
}

enum Feed {
    /// Ranges that follow each other, some of them read ahead.
    Store {
        split: Split,
        page: VecDeque<Listed>,
    },
    Scratch(Box<Sorted>),
}

impl Listing {
    /// As the store lists, which must be by bytes. `ranges` follow each other and together are what
    /// is wanted; up to `ahead` of them are read at once.
    pub fn ascending(
        source: Arc<dyn ObjectSource>,
        ranges: Vec<KeyRange>,
        after: Option<String>,
        ahead: usize,
    ) -> Self {
        let ranges = KeyRange::rest(ranges, after.as_deref());
        Self {
            from: Feed::Store { split: Split::new(source, ranges, ahead), page: VecDeque::new() },
            witness: Witness::after(after.clone()),
            after,
        }
    }

    /// Reads the whole listing, in either known order, and sorts it by bytes on disk.
    pub async fn resorted(
        source: Arc<dyn ObjectSource>,
        after: Option<String>,
        scratch: Scratch,
    ) -> Result<Self> {
        let mut pages = Pages::new(source, KeyRange::default());
        let mut sorter = Sorter::new(scratch);
        // A page has its unaddressable names apart, so each kind is a sequence of its own.
        let (mut objects, mut others) = (Witness::new(), Witness::new());
        while let Some(page) = pages.next().await? {
            for found in page.objects {
                objects.see(found.key.as_str()).map_err(SyncError::Disorder)?;
                sorter.push(Listed::Object(found))?;
            }
            for name in page.unaddressable {
                others.see(&name).map_err(SyncError::Disorder)?;
                sorter.push(Listed::Unaddressable(name))?;
            }
        }
        Ok(Self { from: Feed::Scratch(Box::new(sorter.finish()?)), witness: Witness::new(), after })
    }

    /// The next name, or the end of a listing that is complete.
    pub async fn next(&mut self) -> Result<Option<Listed>> {
        loop {
            let listed = match &mut self.from {
                Feed::Scratch(sorted) => sorted.next()?,
                Feed::Store { split, page } => loop {
                    if let Some(listed) = page.pop_front() {
                        break Some(listed);
                    }
                    match split.next().await? {
                        Some(next) => page.extend(next.merged()),
                        None => break None,
                    }
                },
            };
            let Some(listed) = listed else { return Ok(None) };
            if self.after.as_deref().is_some_and(|after| listed.name().as_bytes() <= after.as_bytes()) {
                continue;
            }
            self.after = None;
            self.witness.see(listed.name()).map_err(SyncError::Disorder)?;
            if !self.witness.holds(Order::Bytes) {
                return Err(SyncError::Disorder(Disorder::Hierarchical));
            }
            return Ok(Some(listed));
        }
    }
}
