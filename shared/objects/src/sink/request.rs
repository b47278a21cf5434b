//! What is written beside the bytes, and on which condition.

use super::Crc32c;
use crate::list::PageToken;
use crate::object::Version;
use std::collections::BTreeMap;

/// What an object says of itself besides its bytes. What is `None` is left to the destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    pub cache_control: Option<String>,
    pub content_disposition: Option<String>,
    /// User metadata. Names are ASCII and lower case where they come back; values that are not ASCII
    /// must be encoded by whoever writes them ("Working with object metadata").
    pub metadata: BTreeMap<String, String>,
    /// As S3 names it, e.g. `STANDARD_IA`.
    pub storage_class: Option<String>,
    /// Encrypted with this KMS key; `None`: as the bucket says.
    pub kms_key_id: Option<String>,
    /// At most ten ("Categorizing your storage using tags"). Never read back.
    pub tags: BTreeMap<String, String>,
}

/// What must hold for a write to happen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    #[default]
    None,
    /// There is no such object (`If-None-Match: *`).
    Absent,
    /// The object is still this version (`If-Match`).
    Unchanged(Version),
}

/// How one object is written in one piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutRequest {
    pub attributes: Attributes,
    /// Of the body. Not computed here: whoever has the bytes has digested them already, and a second
    /// pass would hide a byte that changed in between.
    pub crc32c: Crc32c,
    pub condition: Condition,
}

impl PutRequest {
    /// Without attributes and without a condition.
    pub fn new(crc32c: Crc32c) -> Self {
        Self { attributes: Attributes::default(), crc32c, condition: Condition::None }
    }

    #[must_use]
    pub fn with_attributes(mut self, attributes: Attributes) -> Self {
        self.attributes = attributes;
        self
    }

    #[must_use]
    pub fn on(mut self, condition: Condition) -> Self {
        self.condition = condition;
        self
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkListRequest {
    /// Only names that begin with this.
    pub prefix: String,
    /// Only names that come after this one.
    pub start_after: Option<String>,
    /// At most so many; the destination's own maximum caps it (S3: 1,000).
    pub page_size: Option<u32>,
    /// Where the last page ended.
    pub page_token: Option<PageToken>,
}
