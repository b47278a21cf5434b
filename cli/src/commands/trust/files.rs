//! Documents as files.

use carnet_trust::render::{Document, MARK};
use serde::Serialize;
use std::fs::Permissions;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As it should be.
    Same,
    Differs,
    Missing,
    /// One of ours that is not rendered any more.
    Stale,
    /// It was.
    Removed,
}

/// A file compared with what it should be.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    pub path: PathBuf,
    pub state: State,
    /// The first lines that differ, as `-` and `+`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
}

/// Every document with its file, then files of ours that no document is for.
pub fn compare(folder: &Path, documents: &[Document]) -> io::Result<Vec<Compared>> {
    let mut compared = Vec::new();
    for document in documents {
        let path = folder.join(&*document.path);
        let (state, lines) = match std::fs::read_to_string(&path) {
            Ok(found) if found == document.text => (State::Same, Vec::new()),
            Ok(found) => (State::Differs, first_difference(&found, &document.text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (State::Missing, Vec::new()),
            // Not text, so not ours.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => (State::Differs, Vec::new()),
            Err(error) => return Err(in_file(&path, error)),
        };
        compared.push(Compared { path, state, lines });
    }
    Ok(compared)
}

/// Files that bear our mark and that none of `all` is for.
pub fn stale(folder: &Path, all: &[Document]) -> io::Result<Vec<Compared>> {
    let mut stale = Vec::new();
    for folder in [folder.to_owned(), folder.join("commands"), folder.join("parameters")] {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(in_file(&folder, error)),
        };
        for entry in entries {
            stale.push(entry?.path());
        }
    }
    stale.sort();
    let ours = |path: &PathBuf| {
        let known = all.iter().any(|document| path.ends_with(&*document.path));
        let marked = || {
            std::fs::read_to_string(path)
                .is_ok_and(|text| text.lines().take(2).any(|line| line == format!("# {MARK}")))
        };
        path.extension().is_some_and(|kind| kind == "tf" || kind == "sh" || kind == "yaml")
            && !known
            && marked()
    };
    let gone = stale.into_iter().filter(ours);
    Ok(gone.map(|path| Compared { path, state: State::Stale, lines: Vec::new() }).collect())
}

/// Whole or not at all: written beside the file, then put in its place.
pub fn write(folder: &Path, document: &Document) -> io::Result<()> {
    let path = folder.join(&*document.path);
    let parent = path.parent().unwrap_or(folder);
    let mode = if document.executable { 0o755 } else { 0o644 };
    let written = || -> io::Result<()> {
        std::fs::create_dir_all(parent)?;
        let mut file =
            tempfile::Builder::new().permissions(Permissions::from_mode(mode)).tempfile_in(parent)?;
        file.write_all(document.text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|error| error.error)?;
        Ok(())
    };
    written().map_err(|error| in_file(&path, error))
}

pub fn remove(path: &Path) -> io::Result<()> {
    std::fs::remove_file(path).map_err(|error| in_file(path, error))
}

fn in_file(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn first_difference(found: &str, meant: &str) -> Vec<String> {
    let (found, meant): (Vec<&str>, Vec<&str>) = (found.lines().collect(), meant.lines().collect());
    let same = found.iter().zip(&meant).take_while(|(found, meant)| found == meant).count();
    let line = |sign: &str, lines: &[&str]| lines.get(same).map(|line| format!("{sign}{line}"));
    let at = format!("@ line {}", same + 1);
    [Some(at), line("-", &found), line("+", &meant)].into_iter().flatten().collect()
}
