//! What a blob says about itself, and what the sidecar says instead.

use crate::folder::digest::{Digests, Version};
use crate::folder::sidecar::{self, Sidecar};
use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::path::Path;
use std::time::SystemTime;

#[derive(Clone, Debug)]
pub(crate) struct Properties {
    /// Without quotes, as listings write it.
    pub etag: String,
    pub last_modified: SystemTime,
    pub created: SystemTime,
    pub length: u64,
    pub content_type: String,
    pub content_encoding: Option<String>,
    pub content_disposition: Option<String>,
    pub cache_control: Option<String>,
    pub content_md5: Option<String>,
    pub metadata: BTreeMap<String, String>,
    pub directory: bool,
}

impl Properties {
    pub(crate) fn of_file(
        path: &Path,
        file: &File,
        metadata: &Metadata,
        sidecar: &Sidecar,
        digests: &Digests,
    ) -> std::io::Result<Self> {
        let stated = sidecar::stated(sidecar, path);
        Ok(Self {
            length: metadata.len(),
            content_type: sidecar::content_type(&stated, path),
            content_encoding: stated.content_encoding,
            content_disposition: stated.content_disposition,
            cache_control: stated.cache_control,
            content_md5: stated.content_md5.of(|| digests.of(path, file, metadata))?,
            metadata: stated.metadata,
            directory: false,
            ..Self::bare(metadata)?
        })
    }

    /// A directory of a hierarchical account, shown as an empty blob.
    pub(crate) fn of_directory(metadata: &Metadata) -> std::io::Result<Self> {
        let mut properties = Self::bare(metadata)?;
        properties.metadata.insert("hdi_isfolder".to_owned(), "true".to_owned());
        Ok(properties)
    }

    fn bare(metadata: &Metadata) -> std::io::Result<Self> {
        let last_modified = metadata.modified()?;
        Ok(Self {
            etag: etag(metadata),
            last_modified,
            // Not every file system knows when a file was made.
            created: metadata.created().unwrap_or(last_modified),
            length: 0,
            content_type: "application/octet-stream".to_owned(),
            content_encoding: None,
            content_disposition: None,
            cache_control: None,
            content_md5: None,
            metadata: BTreeMap::new(),
            directory: true,
        })
    }
}

/// In Azure's form. Changes whenever the file does.
pub(crate) fn etag(metadata: &Metadata) -> String {
    format!("0x8D{:013X}", Version::of(metadata).hash() >> 12)
}
