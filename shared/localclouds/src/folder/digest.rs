//! Digests of files, taken once per version of a file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::hash::{DefaultHasher, Hasher as _};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

const STEP: usize = 1 << 20;

#[derive(Default)]
pub(crate) struct Digests {
    known: Mutex<HashMap<PathBuf, (Version, FileDigests)>>,
}

/// In base64, as the stores write them.
#[derive(Clone, Debug)]
pub(crate) struct FileDigests {
    pub md5: String,
    /// Its bytes big-endian, as Cloud Storage has it.
    pub crc32c: String,
}

/// What changes when a file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Version {
    modified_nanoseconds: i128,
    size: u64,
    inode: u64,
}

impl Version {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            modified_nanoseconds: i128::from(metadata.mtime()) * 1_000_000_000
                + i128::from(metadata.mtime_nsec()),
            size: metadata.len(),
            inode: metadata.ino(),
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        std::hash::Hash::hash(self, &mut hasher);
        hasher.finish()
    }

    pub(crate) fn modified_microseconds(&self) -> i64 {
        i64::try_from(self.modified_nanoseconds / 1000).unwrap_or_default()
    }
}

impl Digests {
    /// Of an open file, so that it is the version that `metadata` is of, whatever lies at `path` by
    /// now. Reads the whole of it the first time: call it where blocking is allowed.
    pub(crate) fn of(&self, path: &Path, file: &File, metadata: &Metadata) -> io::Result<FileDigests> {
        let version = Version::of(metadata);
        if let Some((known, digests)) = self.lock().get(path)
            && *known == version
        {
            return Ok(digests.clone());
        }
        let digests = of_file(file)?;
        self.lock().insert(path.to_path_buf(), (version, digests.clone()));
        Ok(digests)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, (Version, FileDigests)>> {
        // Entries are inserted whole: a panic elsewhere leaves none half-made.
        self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn of_file(file: &File) -> io::Result<FileDigests> {
    let (mut md5, mut crc32c) = (Md5::new(), 0_u32);
    let (mut at, mut buffer) = (0, vec![0; STEP]);
    loop {
        // Not from the file's own position, which whoever streams it needs.
        let read = file.read_at(&mut buffer, at)?;
        at += read as u64;
        if read == 0 {
            let (md5, crc32c) = (STANDARD.encode(md5.finalize()), STANDARD.encode(crc32c.to_be_bytes()));
            return Ok(FileDigests { md5, crc32c });
        }
        md5.update(&buffer[..read]);
        crc32c = crc32c::crc32c_append(crc32c, &buffer[..read]);
    }
}

pub(crate) fn md5(bytes: &[u8]) -> String {
    STANDARD.encode(Md5::digest(bytes))
}
