//! A store in memory: the reference implementation of both traits, and what programs test against.
//!
//! As a source it is read, as a [sink](crate::ObjectSink) (`sink`) it is written; both see the same
//! objects.

mod sink;

use crate::digest::{Digests, md5};
use crate::key::Key;
use crate::list::{ListRequest, Page, PageToken};
use crate::object::{Conditions, ObjectMeta, Version};
use crate::sink::{Attributes, MIN_PART};
use crate::source::{ObjectSource, Opened, ReadRequest};
use bytes::Bytes;
use carnet_federation::{BoxFuture, Error, Hop, Kind, Result};
use futures_util::stream;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::SystemTime;

/// A page's size where the request names none, and at most; as Azure has it.
const MAX_PAGE: usize = 5000;
/// Bodies come in pieces of this size, as from a socket.
const CHUNK: usize = 64 * 1024;

/// Sorted by the bytes of the names.
pub struct Memory {
    contents: RwLock<Contents>,
    /// The smallest part but for the last.
    min_part: u64,
}

#[derive(Default)]
struct Contents {
    objects: BTreeMap<String, Stored>,
    /// By key and id.
    uploads: BTreeMap<(String, String), sink::Parts>,
    /// Counts writes; every one of them makes a version of its own.
    writes: u64,
}

#[derive(Clone)]
struct Stored {
    meta: ObjectMeta,
    body: Bytes,
    attributes: Attributes,
}

/// What is written beside the bytes.
#[derive(Clone, Debug, Default)]
pub struct PutOptions {
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    pub cache_control: Option<String>,
    pub content_disposition: Option<String>,
    pub metadata: BTreeMap<String, String>,
    /// Keep no digest, as an upload in blocks leaves none.
    pub without_digest: bool,
}

impl Default for Memory {
    fn default() -> Self {
        Self { contents: RwLock::default(), min_part: MIN_PART }
    }
}

impl Memory {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes parts of other sizes than S3 does, so that a test need not move megabytes.
    pub fn with_min_part(bytes: u64) -> Self {
        Self { min_part: bytes, ..Self::default() }
    }

    /// Writes or overwrites an object; it has a new version even if the bytes are the same.
    pub fn put(&self, key: &Key, body: impl Into<Bytes>, options: PutOptions) -> Version {
        let body = body.into();
        let digests = if options.without_digest { Digests::NONE } else { md5(&body) };
        let attributes = Attributes {
            content_type: options.content_type,
            content_encoding: options.content_encoding,
            cache_control: options.cache_control,
            content_disposition: options.content_disposition,
            metadata: options.metadata,
            ..Attributes::default()
        };
        self.write().insert(key, body, digests, attributes)
    }

    /// Whether there was one.
    pub fn remove(&self, key: &Key) -> bool {
        self.write().objects.remove(key.as_str()).is_some()
    }

    fn find(&self, key: &Key) -> Result<Stored> {
        self.read()
            .objects
            .get(key.as_str())
            .cloned()
            .ok_or_else(|| error(Hop::Read, Kind::NotFound, "no such object"))
    }

    // A writer that panicked left a map that is whole: nothing here panics half way.
    fn read(&self) -> RwLockReadGuard<'_, Contents> {
        self.contents.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn write(&self) -> RwLockWriteGuard<'_, Contents> {
        self.contents.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn page(&self, request: &ListRequest) -> Page {
        let size = request.page_size.map_or(MAX_PAGE, |size| (size as usize).clamp(1, MAX_PAGE));
        let contents = self.read();
        let mut page = Page::default();
        let mut next = first_name(request);
        while let Some((name, stored)) = contents.objects.range((next, Bound::Unbounded)).next() {
            if !name.starts_with(&request.prefix) {
                break;
            }
            if page.objects.len() + page.prefixes.len() == size {
                // The next page begins with this name.
                page.next = Some(PageToken::new(name.clone()));
                break;
            }
            next = match folded(name, request) {
                Some(prefix) => {
                    page.prefixes.push(prefix.to_owned());
                    Bound::Included(after_all(prefix))
                }
                None => {
                    page.objects.push(ObjectMeta { metadata: BTreeMap::new(), ..stored.meta.clone() });
                    Bound::Excluded(name.clone())
                }
            };
        }
        page
    }
}

impl Contents {
    fn insert(&mut self, key: &Key, body: Bytes, digests: Digests, attributes: Attributes) -> Version {
        self.writes += 1;
        let version = entity_tag(self.writes);
        let stated = attributes.clone();
        let meta = ObjectMeta {
            key: key.clone(),
            size: body.len() as u64,
            version: version.clone(),
            last_modified: SystemTime::now(),
            content_type: stated.content_type,
            content_encoding: stated.content_encoding,
            cache_control: stated.cache_control,
            content_disposition: stated.content_disposition,
            metadata: stated.metadata,
            digests,
        };
        self.objects.insert(key.as_str().to_owned(), Stored { meta, body, attributes });
        version
    }
}

/// The name a listing begins with: the furthest of what bounds it.
fn first_name(request: &ListRequest) -> Bound<String> {
    let token = request.page_token.as_ref().map_or("", PageToken::as_str);
    let from = request.start_from.as_deref().unwrap_or_default();
    Bound::Included(request.prefix.as_str().max(token).max(from).to_owned())
}

/// The prefix that stands for this name in a listing with a delimiter.
fn folded<'n>(name: &'n str, request: &ListRequest) -> Option<&'n str> {
    let delimiter = request.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty())?;
    let rest = &name[request.prefix.len()..];
    let end = request.prefix.len() + rest.find(delimiter)? + delimiter.len();
    Some(&name[..end])
}

/// Sorts behind every valid name that begins with `prefix`: names are at most 1,024 bytes long and
/// cannot hold this many of the last character.
fn after_all(prefix: &str) -> String {
    let mut name = prefix.to_owned();
    name.extend(std::iter::repeat_n(char::MAX, crate::key::MAX_BYTES / char::MAX.len_utf8() + 1));
    name
}

fn entity_tag(write: u64) -> Version {
    // Hexadecimal digits are an entity tag.
    Version::parse(&format!("{write:016X}")).unwrap_or_else(|never| unreachable!("{never}"))
}

fn error(hop: Hop, kind: Kind, message: &str) -> Error {
    Error::new(hop, kind, "memory", message)
}

fn allow(meta: &ObjectMeta, conditions: &Conditions) -> Result<()> {
    if conditions.if_match.as_ref().is_some_and(|wanted| !wanted.holds(&meta.version)) {
        return Err(error(Hop::Read, Kind::Changed, "it is another version"));
    }
    if conditions.if_none_match.as_ref().is_some_and(|held| held.holds(&meta.version)) {
        return Err(error(Hop::Read, Kind::NotModified, "it is the version at hand"));
    }
    Ok(())
}

impl ObjectSource for Memory {
    fn target(&self) -> &str {
        "memory"
    }

    fn list<'a>(&'a self, request: &'a ListRequest) -> BoxFuture<'a, Result<Page>> {
        Box::pin(std::future::ready(Ok(self.page(request))))
    }

    fn head<'a>(&'a self, key: &'a Key, conditions: &'a Conditions) -> BoxFuture<'a, Result<ObjectMeta>> {
        Box::pin(async move {
            let meta = self.find(key)?.meta;
            allow(&meta, conditions)?;
            Ok(meta)
        })
    }

    fn open<'a>(&'a self, key: &'a Key, request: &'a ReadRequest) -> BoxFuture<'a, Result<Opened>> {
        Box::pin(async move {
            let Stored { meta, body, .. } = self.find(key)?;
            if request.version.as_ref().is_some_and(|pinned| *pinned != meta.version) {
                return Err(error(Hop::Read, Kind::Changed, "it is no longer the pinned version"));
            }
            allow(&meta, &request.conditions)?;
            let range = match request.range {
                None => 0..meta.size,
                Some(range) => range
                    .resolve(meta.size)
                    .ok_or_else(|| error(Hop::Read, Kind::OutOfRange, "it has no such bytes"))?,
            };
            let rest = body.slice(range.start as usize..range.end as usize);
            let chunks = std::iter::successors(Some(rest), |rest| Some(rest.slice(rest.len().min(CHUNK)..)))
                .take_while(|rest| !rest.is_empty())
                .map(|rest| Ok(rest.slice(..rest.len().min(CHUNK))));
            Ok(Opened { meta, range, body: Box::pin(stream::iter(chunks)) })
        })
    }

    /// Nobody has to sign in to memory.
    fn credential_rejected(&self) {}
}
