//! What a file cannot say of itself, stated in a file beside it.

use super::digest::FileDigests;
use super::files::SIDECAR;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// By file name: what the sidecar of a folder states.
pub(crate) type Sidecar = BTreeMap<String, Stated>;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stated {
    pub content_type: Option<String>,
    pub cache_control: Option<String>,
    pub content_encoding: Option<String>,
    pub content_disposition: Option<String>,
    /// `"auto"` (the default), `null` for an object that has none, or any base64: whoever uploads
    /// in parts may state what they like.
    #[serde(default)]
    pub content_md5: StatedMd5,
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum StatedMd5 {
    #[default]
    Auto,
    Absent,
    Text(String),
}

impl StatedMd5 {
    pub(crate) fn of(self, digests: impl FnOnce() -> io::Result<FileDigests>) -> io::Result<Option<String>> {
        Ok(match self {
            StatedMd5::Auto => Some(digests()?.md5),
            StatedMd5::Absent => None,
            StatedMd5::Text(text) => Some(text),
        })
    }
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
pub(crate) fn of_folder(directory: &Path) -> io::Result<Sidecar> {
    match fs::read(directory.join(SIDECAR)) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Sidecar::new()),
        Err(error) => Err(error),
    }
}

/// The sidecar beside `path`, read once for all files of its folder.
pub(crate) fn cached<'s>(read: &'s mut HashMap<PathBuf, Sidecar>, path: &Path) -> io::Result<&'s Sidecar> {
    let directory = path.parent().unwrap_or(path);
    if !read.contains_key(directory) {
        read.insert(directory.to_path_buf(), of_folder(directory)?);
    }
    Ok(&read[directory])
}

/// What is stated of one file.
pub(crate) fn stated(sidecar: &Sidecar, path: &Path) -> Stated {
    let name = path.file_name().and_then(|name| name.to_str());
    name.and_then(|name| sidecar.get(name)).cloned().unwrap_or_default()
}

/// What is stated, or guessed from the file's name.
pub(crate) fn content_type(stated: &Stated, path: &Path) -> String {
    let guessed = || mime_guess::from_path(path).first_or_octet_stream().to_string();
    stated.content_type.clone().unwrap_or_else(guessed)
}
