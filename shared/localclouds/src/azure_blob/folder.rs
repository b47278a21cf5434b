//! Names to files and back. Never outside the folder, never through a link.

use super::error::BlobError;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// A file of this name in a folder states properties of the blobs beside it. It is no blob.
pub const SIDECAR: &str = ".carnet-blob.json";

/// A blob, opened once: what it says of itself and the bytes it gives are one version.
pub(crate) struct Opened {
    pub path: PathBuf,
    pub metadata: Metadata,
    /// `None` for a directory, which hierarchical accounts show as an empty blob.
    pub file: Option<File>,
}

/// Opens the file behind a blob's name.
pub(crate) fn open(folder: &Path, blob: &str, directories: bool) -> Result<Opened, BlobError> {
    let path = locate(folder, blob)?;
    let metadata = fs::symlink_metadata(&path).map_err(|error| missing(&error))?;
    if metadata.is_dir() && directories {
        return Ok(Opened { path, metadata, file: None });
    }
    if !metadata.is_file() {
        return Err(BlobError::blob_not_found());
    }
    let file = File::open(&path).map_err(|error| missing(&error))?;
    let metadata = file.metadata().map_err(|error| missing(&error))?;
    Ok(Opened { path, metadata, file: Some(file) })
}

/// Every step is looked at before the next: a link, wherever it points, is not followed.
fn locate(folder: &Path, blob: &str) -> Result<PathBuf, BlobError> {
    let mut path = folder.to_path_buf();
    let mut steps = blob.split('/').peekable();
    while let Some(step) = steps.next() {
        match step {
            "." | ".." => return Err(BlobError::invalid_uri()),
            "" | SIDECAR => return Err(BlobError::blob_not_found()),
            _ if step.contains('\0') => return Err(BlobError::blob_not_found()),
            _ => path.push(step),
        }
        if steps.peek().is_some() {
            let between = fs::symlink_metadata(&path).map_err(|error| missing(&error))?;
            if !between.is_dir() {
                return Err(BlobError::blob_not_found());
            }
        }
    }
    Ok(path)
}

/// The names of a directory's blobs and directories. Links, sockets and names that are not
/// Unicode are not there.
pub(crate) fn entries(directory: &Path) -> io::Result<Vec<(String, bool)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name != SIDECAR && (kind.is_file() || kind.is_dir()) {
            found.push((name, kind.is_dir()));
        }
    }
    Ok(found)
}

fn missing(error: &io::Error) -> BlobError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename => {
            BlobError::blob_not_found()
        }
        _ => BlobError::internal(error),
    }
}
