//! What a blob says about itself.

use super::digest::{Digests, Version};
use super::folder::SIDECAR;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
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
    pub cache_control: Option<String>,
    pub content_md5: Option<String>,
    pub metadata: BTreeMap<String, String>,
    pub directory: bool,
}

/// By file name: what the sidecar of a folder states.
pub(crate) type Sidecar = BTreeMap<String, Stated>;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stated {
    content_type: Option<String>,
    cache_control: Option<String>,
    content_encoding: Option<String>,
    /// `"auto"` (the default), `null` for a blob that has none, or any base64: whoever uploads
    /// blocks may state what they like.
    #[serde(default)]
    content_md5: StatedMd5,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum StatedMd5 {
    #[default]
    Auto,
    Absent,
    Text(String),
}

impl<'de> Deserialize<'de> for StatedMd5 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Option::<String>::deserialize(deserializer)? {
            None => StatedMd5::Absent,
            Some(text) if text == "auto" => StatedMd5::Auto,
            Some(text) => StatedMd5::Text(text),
        })
    }
}

/// The sidecar of a folder; none is an empty one. A malformed one is an error, not an absence.
pub(crate) fn sidecar(directory: &Path) -> std::io::Result<Sidecar> {
    match fs::read(directory.join(SIDECAR)) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(std::io::Error::other),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Sidecar::new()),
        Err(error) => Err(error),
    }
}

impl Properties {
    pub(crate) fn of_file(
        path: &Path,
        metadata: &Metadata,
        sidecar: &Sidecar,
        digests: &Digests,
    ) -> std::io::Result<Self> {
        let stated = path.file_name().and_then(|name| name.to_str()).and_then(|name| sidecar.get(name));
        let stated = stated.cloned().unwrap_or_default();
        let guessed = || mime_guess::from_path(path).first_or_octet_stream().to_string();
        Ok(Self {
            length: metadata.len(),
            content_type: stated.content_type.unwrap_or_else(guessed),
            content_encoding: stated.content_encoding,
            cache_control: stated.cache_control,
            content_md5: match stated.content_md5 {
                StatedMd5::Auto => Some(digests.md5(path, metadata)?),
                StatedMd5::Absent => None,
                StatedMd5::Text(text) => Some(text),
            },
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
            cache_control: None,
            content_md5: None,
            metadata: BTreeMap::new(),
            directory: true,
        })
    }
}

/// In Azure's form. Changes whenever the file does.
pub(crate) fn etag(metadata: &Metadata) -> String {
    let mut hasher = DefaultHasher::new();
    Version::of(metadata).hash(&mut hasher);
    format!("0x8D{:013X}", hasher.finish() >> 12)
}
