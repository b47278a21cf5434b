//! A big object in parts: nothing of it is visible until it is complete, and the parts that have
//! arrived are the checkpoint from which any process can go on.

use super::{Condition, Crc32c};
use crate::key::Key;
use crate::object::Version;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

/// The destination's own name for an upload; opaque. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UploadId(Arc<str>);

impl UploadId {
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An upload in parts that was begun.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Upload {
    pub key: Key,
    pub id: UploadId,
}

/// A part that has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// From 1 to [`MAX_PARTS`](super::MAX_PARTS); those of one upload follow each other without a
    /// gap ("Checking object integrity": parts with checksums are numbered consecutively).
    pub number: u32,
    pub size: u64,
    /// The part's entity tag.
    pub tag: Version,
    /// What was sent, or of a part that is listed what the destination has verified: `None` where it
    /// keeps none of parts.
    pub crc32c: Option<Crc32c>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartPage {
    pub parts: Vec<Part>,
    /// The number to go on after.
    pub next: Option<u32>,
}

/// What the parts must be together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompleteRequest {
    /// Of the whole object.
    pub crc32c: Crc32c,
    /// Of the whole object.
    pub size: u64,
    pub condition: Condition,
}

/// An upload that is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    pub upload: Upload,
    pub initiated: SystemTime,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadPage {
    pub uploads: Vec<Pending>,
    pub next: Option<UploadMarker>,
}

/// The upload to go on after. Its name is the destination's, and may be none that can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadMarker {
    pub key: String,
    pub id: String,
}
