//! MD5 of files, taken once per version of a file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

const STEP: usize = 1 << 20;

#[derive(Default)]
pub(crate) struct Digests {
    known: Mutex<HashMap<PathBuf, (Version, String)>>,
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
}

impl Digests {
    /// In base64. Reads the whole file the first time: call it where blocking is allowed.
    pub(crate) fn md5(&self, path: &Path, metadata: &Metadata) -> io::Result<String> {
        let version = Version::of(metadata);
        if let Some((known, digest)) = self.lock().get(path)
            && *known == version
        {
            return Ok(digest.clone());
        }
        let digest = md5_of_file(path)?;
        self.lock().insert(path.to_path_buf(), (version, digest.clone()));
        Ok(digest)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<PathBuf, (Version, String)>> {
        // Entries are inserted whole: a panic elsewhere leaves none half-made.
        self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn md5_of_file(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Md5::new();
    let mut buffer = vec![0; STEP];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(STANDARD.encode(hasher.finalize()));
        }
        hasher.update(&buffer[..read]);
    }
}

pub(crate) fn md5(bytes: &[u8]) -> String {
    STANDARD.encode(Md5::digest(bytes))
}

/// Azure's CRC-64 is the one that NVMe uses; on the wire its bytes are little-endian.
pub(crate) fn crc64(bytes: &[u8]) -> String {
    let sum = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, bytes);
    STANDARD.encode(sum.to_le_bytes())
}
