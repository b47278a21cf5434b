//! Where the bytes go.

use crate::console;
use crate::failure::Failure;
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// For the small chunks: larger ones are written as they come.
const BUFFER: usize = 64 * 1024;

pub struct Sink {
    out: BufWriter<File>,
    file: Option<Pending>,
}

/// A file that is not yet what its name promises. Removed on drop unless it was renamed.
struct Pending {
    written: PathBuf,
    wanted: PathBuf,
    renamed: bool,
}

impl Sink {
    pub fn stdout() -> Result<Self, Failure> {
        Ok(Self { out: console::stdout().map_err(Failure::stdout)?, file: None })
    }

    /// In the same folder, so that the rename cannot cross a file system.
    pub fn file(path: &Path) -> Result<Self, Failure> {
        let name = path.file_name().filter(|_| !path.is_dir()).ok_or_else(|| {
            Failure::Usage(format!("--output {}: is a folder; name a file", path.display()))
        })?;
        let mut temporary = std::ffi::OsString::from(".");
        temporary.push(name);
        temporary.push(format!(".{}.carnet-part", std::process::id()));
        let written = path.with_file_name(temporary);
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&written);
        let file = file.map_err(|error| Failure::file(&written, error))?;
        let pending = Pending { written, wanted: path.to_owned(), renamed: false };
        Ok(Self { out: BufWriter::with_capacity(BUFFER, file), file: Some(pending) })
    }

    pub fn is_stdout(&self) -> bool {
        self.file.is_none()
    }

    pub fn write(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        self.out.write_all(chunk).map_err(|error| self.failure(error))
    }

    /// Everything was written and is right.
    pub fn finish(mut self) -> Result<(), Failure> {
        self.out.flush().map_err(|error| self.failure(error))?;
        let Some(pending) = &mut self.file else { return Ok(()) };
        // Otherwise a power cut could leave the new name on an empty file.
        self.out.get_ref().sync_all().map_err(|error| Failure::file(&pending.written, error))?;
        fs::rename(&pending.written, &pending.wanted)
            .map_err(|error| Failure::file(&pending.wanted, error))?;
        pending.renamed = true;
        Ok(())
    }

    fn failure(&self, error: std::io::Error) -> Failure {
        match &self.file {
            Some(pending) => Failure::file(&pending.written, error),
            None => Failure::stdout(error),
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.renamed {
            // It is already gone, or its folder is: nothing is left either way.
            let _ = fs::remove_file(&self.written);
        }
    }
}
