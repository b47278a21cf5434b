//! Sorting more than memory holds: sorted runs in temporary files, then merged.
//!
//! The files have no name, so nothing of them stays behind, whatever ends the process. What is in them
//! is what a listing says: names, sizes, versions.

use crate::error::{Result, SyncError};
use crate::listing::Listed;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

/// Files that are merged at once: each has a buffer and a descriptor.
const FAN_IN: usize = 128;
const BUFFER: usize = 16 * 1024;

/// Where, and with how much memory.
#[derive(Clone, Debug)]
pub struct Scratch {
    pub folder: PathBuf,
    /// Bytes of one sorted run, about.
    pub memory: usize,
}

impl Default for Scratch {
    fn default() -> Self {
        Self { folder: std::env::temp_dir(), memory: 16 << 20 }
    }
}

pub struct Sorter {
    scratch: Scratch,
    held: Vec<Listed>,
    weight: usize,
    runs: Vec<File>,
}

/// By the bytes of the names.
pub struct Sorted {
    /// The next of every run, with the run's number.
    heads: BinaryHeap<Reverse<Head>>,
    runs: Vec<BufReader<File>>,
}

struct Head {
    listed: Listed,
    run: usize,
}

impl Sorter {
    pub fn new(scratch: Scratch) -> Self {
        Self { scratch, held: Vec::new(), weight: 0, runs: Vec::new() }
    }

    pub fn push(&mut self, listed: Listed) -> Result<()> {
        self.weight += listed.weight();
        self.held.push(listed);
        if self.weight >= self.scratch.memory {
            self.spill()?;
        }
        Ok(())
    }

    pub fn finish(mut self) -> Result<Sorted> {
        if !self.held.is_empty() {
            self.spill()?;
        }
        Sorted::merge(std::mem::take(&mut self.runs))
    }

    fn spill(&mut self) -> Result<()> {
        self.held.sort_unstable_by(|a, b| a.name().as_bytes().cmp(b.name().as_bytes()));
        let run = self.write(self.held.iter().map(Ok))?;
        self.held.clear();
        self.weight = 0;
        self.runs.push(run);
        if self.runs.len() == FAN_IN {
            let mut merged = Sorted::merge(std::mem::take(&mut self.runs))?;
            let run = self.write(std::iter::from_fn(|| merged.next().transpose()))?;
            self.runs.push(run);
        }
        Ok(())
    }

    fn write<L: std::borrow::Borrow<Listed>>(&self, items: impl Iterator<Item = Result<L>>) -> Result<File> {
        let mut file = BufWriter::new(tempfile::tempfile_in(&self.scratch.folder)?);
        for item in items {
            serde_json::to_writer(&mut file, item?.borrow()).map_err(std::io::Error::from)?;
            file.write_all(b"\n")?;
        }
        let mut file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(file)
    }
}

impl Sorted {
    fn merge(runs: Vec<File>) -> Result<Self> {
        let runs = runs.into_iter().map(|run| BufReader::with_capacity(BUFFER, run)).collect();
        let mut sorted = Self { heads: BinaryHeap::new(), runs };
        for run in 0..sorted.runs.len() {
            sorted.refill(run)?;
        }
        Ok(sorted)
    }

    #[expect(clippy::should_implement_trait, reason = "it fails, and callers ask with `?`")]
    pub fn next(&mut self) -> Result<Option<Listed>> {
        let Some(Reverse(Head { listed, run })) = self.heads.pop() else { return Ok(None) };
        self.refill(run)?;
        Ok(Some(listed))
    }

    fn refill(&mut self, run: usize) -> Result<()> {
        let mut line = Vec::new();
        if self.runs[run].read_until(b'\n', &mut line)? > 0 {
            let listed = serde_json::from_slice(&line)
                .map_err(|error| SyncError::Machine(format!("a temporary file changed: {error}")))?;
            self.heads.push(Reverse(Head { listed, run }));
        }
        Ok(())
    }
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.listed.name().as_bytes().cmp(other.listed.name().as_bytes()).then(self.run.cmp(&other.run))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sort(names: &[String], memory: usize) -> Vec<String> {
        let mut sorter = Sorter::new(Scratch { memory, ..Scratch::default() });
        for name in names {
            sorter.push(Listed::Unaddressable(name.clone())).unwrap();
        }
        let mut sorted = sorter.finish().unwrap();
        std::iter::from_fn(|| sorted.next().unwrap()).map(|listed| listed.name().to_owned()).collect()
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out_by_bytes(names in prop::collection::vec("[a/ü.-]{1,6}", 0..300), memory in 1usize..2000) {
            let mut expected = names.clone();
            expected.sort_unstable_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
            prop_assert_eq!(sort(&names, memory), expected);
        }
    }
}
