//! Receipts: what was written, from what, and what was proven of it. A manifest is made of them.

use crate::piece::Record;
use crate::state::RunId;
use carnet_objects::sink::Crc32c;
use carnet_objects::{Key, Version};
use serde::{Deserialize, Serialize};
use std::time::SystemTime;

/// One object at the destination. Flat, so that a line is a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// In the source; the destination's prefix comes before it there.
    #[serde(with = "crate::text::key")]
    pub key: Key,
    /// ETag or generation.
    #[serde(with = "crate::text::version")]
    pub source_version: Version,
    #[serde(with = "crate::clock::stamp")]
    pub source_modified: SystemTime,
    pub size: u64,
    /// Of the bytes that were read, and as the destination checked it.
    #[serde(with = "crate::text::crc32c")]
    pub crc32c: Crc32c,
    /// As the source states it.
    #[serde(with = "crate::text::optional_md5", default)]
    pub md5: Option<[u8; 16]>,
    #[serde(with = "crate::text::version")]
    pub etag: Version,
    /// In a bucket with versioning.
    #[serde(default)]
    pub version_id: Option<String>,
    pub proven: Proven,
    /// Why no more was proven.
    #[serde(default)]
    pub unproven: Option<Unproven>,
    pub origin: Origin,
    /// What the source says of the object that S3 cannot hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<String>,
    #[serde(with = "crate::clock::stamp")]
    pub written_at: SystemTime,
    pub run: RunId,
}

/// By what the bytes at the destination are known to be the source's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proven {
    /// They have the CRC32C that the source computed itself.
    Crc32c,
    /// They have the MD5 that the source states.
    Md5,
    /// The pinned version was read to its full length, and S3 checked the CRC32C of what was read.
    /// Nothing of the source's own says that what was read is what is stored there.
    Length,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unproven {
    /// The source keeps no digest of this object.
    SourceHasNoDigest,
    /// Its MD5 is of the whole, and the parts were read one by one.
    ReadInParts,
    /// The process that wrote it did not live to say what it had compared.
    ReceiptWasLost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// We wrote it.
    Copied,
    /// It was there, with the source's digest. We never delete it.
    Adopted,
}

impl Record for Receipt {
    fn name(&self) -> &str {
        self.key.as_str()
    }
}
