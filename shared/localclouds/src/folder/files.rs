//! Names to files and back. Never outside the folder, never through a link.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// A file of this name in a folder states properties of the objects beside it. It is no object.
pub const SIDECAR: &str = ".carnet-blob.json";

/// An object, opened once: what it says of itself and the bytes it gives are one version.
pub(crate) struct Opened {
    pub path: PathBuf,
    pub metadata: Metadata,
    /// `None` for a directory, which some stores show as an empty object.
    pub file: Option<File>,
}

/// Why a name gives no file.
#[derive(Debug)]
pub(crate) enum Unopened {
    /// A step `.` or `..`, which no store takes for a name as it is.
    InvalidName,
    NotFound,
    Failed(io::Error),
}

/// Opens the file behind an object's name.
pub(crate) fn open(folder: &Path, name: &str, directories: bool) -> Result<Opened, Unopened> {
    let path = locate(folder, name)?;
    let metadata = fs::symlink_metadata(&path)?;
    if metadata.is_dir() && directories {
        return Ok(Opened { path, metadata, file: None });
    }
    if !metadata.is_file() {
        return Err(Unopened::NotFound);
    }
    let file = File::open(&path)?;
    let metadata = file.metadata()?;
    Ok(Opened { path, metadata, file: Some(file) })
}

/// Every step is looked at before the next: a link, wherever it points, is not followed.
fn locate(folder: &Path, name: &str) -> Result<PathBuf, Unopened> {
    let mut path = folder.to_path_buf();
    let mut steps = name.split('/').peekable();
    while let Some(step) = steps.next() {
        match step {
            "." | ".." => return Err(Unopened::InvalidName),
            "" | SIDECAR => return Err(Unopened::NotFound),
            _ if step.contains('\0') => return Err(Unopened::NotFound),
            _ => path.push(step),
        }
        if steps.peek().is_some() && !fs::symlink_metadata(&path)?.is_dir() {
            return Err(Unopened::NotFound);
        }
    }
    Ok(path)
}

/// The names of a directory's files and directories. Links, sockets and names that are not Unicode
/// are not there.
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

impl From<io::Error> for Unopened {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename => {
                Unopened::NotFound
            }
            _ => Unopened::Failed(error),
        }
    }
}
