//! The one suite that every source must pass: memory, the stand-in, Azurite, a real account. That of
//! the sinks is [`sink`].
//!
//! [`run`] is a test in the shape of a function: it panics at the first thing that is not as it
//! must be, and says which. It writes below names of its own that begin with `conformance/`, so the
//! container need not be empty.
//!
//! | module | what it asks |
//! |---|---|
//! | `listing` | order, pages of every size, prefixes, delimiters, tokens past the end |
//! | `objects` | what is known of an object, conditions, names of every kind |
//! | `reading` | whole bodies, ranges, pinned versions, verdicts, 5 MiB |

mod listing;
mod objects;
mod reading;
pub mod sink;

use crate::key::Key;
use crate::source::ObjectSource;
use bytes::Bytes;
use carnet_federation::BoxFuture;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How the suite writes into the store that the source reads.
pub trait Fixture: Send + Sync {
    /// Writes or overwrites an object. Panics if it cannot.
    fn put<'a>(&'a self, key: &'a Key, body: Bytes, upload: Upload) -> BoxFuture<'a, ()>;

    fn remove<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, ()>;

    /// Whether the store can do this at all. What it cannot is left out.
    fn can(&self, _ability: Ability) -> bool {
        true
    }

    /// Whether the store can hold an object of this name. (A folder has narrower limits: no file in
    /// it is a folder too.)
    fn holds(&self, _key: &Key) -> bool {
        true
    }
}

/// What is written beside the bytes.
#[derive(Clone, Debug, Default)]
pub struct Upload {
    pub content_type: Option<String>,
    pub cache_control: Option<String>,
    pub metadata: BTreeMap<String, String>,
    /// Keep no digest of it.
    pub without_digest: bool,
}

/// What a store may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ability {
    /// Content-Type and Cache-Control as uploaded.
    ContentHeaders,
    /// The uploader's own pairs.
    Metadata,
    /// Objects with a digest.
    Digest,
    /// Objects without one.
    NoDigest,
    /// `start_from` in a listing.
    StartFrom,
    /// 416 for a range of an empty object. (Azurite 3.37 answers 206 with `bytes 0--1/0`, which
    /// Microsoft's own client cannot read.)
    RangesOfNothing,
}

/// Runs every case.
pub async fn run(source: Arc<dyn ObjectSource>, fixture: &dyn Fixture) {
    let suite = Suite { source, fixture };
    listing::run(&suite).await;
    objects::run(&suite).await;
    reading::run(&suite).await;
}

struct Suite<'f> {
    source: Arc<dyn ObjectSource>,
    fixture: &'f dyn Fixture,
}

impl Suite<'_> {
    async fn put(&self, key: &Key, body: impl Into<Bytes>) {
        self.fixture.put(key, body.into(), Upload::default()).await;
    }
}

fn key(name: &str) -> Key {
    Key::parse(name).unwrap_or_else(|why| panic!("{name:?}: {why}"))
}

/// Bytes that repeat nowhere near, the same in every run.
fn noise(length: usize) -> Bytes {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Memory, PutOptions};
    use crate::rooted::Rooted;

    struct InMemory(Arc<Memory>, Option<&'static str>);

    impl InMemory {
        fn place(&self, key: &Key) -> Key {
            super::key(&format!("{}{key}", self.1.unwrap_or_default()))
        }
    }

    impl Fixture for InMemory {
        fn put<'a>(&'a self, key: &'a Key, body: Bytes, upload: Upload) -> BoxFuture<'a, ()> {
            let options = PutOptions {
                content_type: upload.content_type,
                cache_control: upload.cache_control,
                metadata: upload.metadata,
                without_digest: upload.without_digest,
                ..PutOptions::default()
            };
            self.0.put(&self.place(key), body, options);
            Box::pin(std::future::ready(()))
        }

        fn remove<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, ()> {
            assert!(self.0.remove(&self.place(key)));
            Box::pin(std::future::ready(()))
        }

        fn holds(&self, key: &Key) -> bool {
            self.1.unwrap_or_default().len() + key.as_str().len() <= crate::key::MAX_BYTES
        }
    }

    #[tokio::test]
    async fn memory_conforms() {
        let memory = Arc::new(Memory::new());
        run(memory.clone(), &InMemory(memory, None)).await;
    }

    #[tokio::test]
    async fn memory_conforms_below_a_prefix_with_neighbours() {
        let memory = Arc::new(Memory::new());
        for neighbour in ["in", "in/", "inner", "in0conformance/list/a", "conformance/list/x"] {
            memory.put(&key(neighbour), "not yours", PutOptions::default());
        }
        run(Arc::new(Rooted::new(memory.clone(), "in")), &InMemory(memory, Some("in/"))).await;
    }
}
