//! What became of a call.

use super::{Attributes, Crc32c};
use crate::key::Key;
use crate::list::PageToken;
use crate::object::Version;
use bytes::Bytes;
use std::time::SystemTime;

/// What is known of an object at its destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkObject {
    pub key: Key,
    pub size: u64,
    pub version: Version,
    pub last_modified: SystemTime,
    /// Of the whole object; `None` where the destination keeps none, or one of the parts' checksums.
    pub crc32c: Option<Crc32c>,
    /// Without tags.
    pub attributes: Attributes,
}

/// The answer to [`get`](super::ObjectSink::get).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    Object {
        object: Box<SinkObject>,
        body: Bytes,
    },
    /// It is the version at hand.
    NotModified,
    Missing,
}

/// The answer to a write.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum WriteOutcome {
    Written(Written),
    /// The condition does not hold (412): there is an object, or it is another version.
    Unmet,
    /// [`Unchanged`](super::Condition::Unchanged) was asked of an object that is gone (404).
    Gone,
    /// Another write or delete of this key was under way (409). A put may be sent again; an upload
    /// in parts must begin anew.
    Conflict,
}

impl WriteOutcome {
    pub fn written(self) -> Option<Written> {
        match self {
            WriteOutcome::Written(written) => Some(written),
            _ => None,
        }
    }
}

/// An object that is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub version: Version,
    /// The id in a bucket with versioning.
    pub version_id: Option<String>,
    /// As the destination states it, of the whole object.
    pub crc32c: Option<Crc32c>,
    pub request_id: Option<String>,
}

/// The answer to [`delete`](super::ObjectSink::delete).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Deletion {
    Deleted,
    /// It was gone already.
    Gone,
    /// It is another version now, and stays.
    Changed,
    /// Another write of this key was under way: it may be tried again.
    Conflict,
}

/// An object as a listing knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub key: Key,
    pub size: u64,
    pub version: Version,
    pub last_modified: SystemTime,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryPage {
    pub objects: Vec<Entry>,
    /// Names that the destination holds but [`Key::parse`] refuses.
    pub unaddressable: Vec<String>,
    pub next: Option<PageToken>,
}
