//! Batches: what is copied together, has its receipts in one file, and is begun again together.

use super::action::Task;
use crate::error::Result;
use crate::state::{RunId, State};
use serde::{Deserialize, Serialize};

/// The folder of batches that are being copied, in a run's.
pub(crate) const BEGUN: &str = "begun/";

/// Where batches are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchLimits {
    pub objects: usize,
    pub bytes: u64,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { objects: 500, bytes: 4 << 30 }
    }
}

/// By key, and after all batches with a smaller number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    pub run: RunId,
    pub number: u64,
    pub tasks: Vec<Task>,
}

impl Batch {
    pub(crate) fn path(run: &RunId, number: u64) -> String {
        format!("runs/{run}/batches/{number:08}.json")
    }

    /// Puts it where another process finds it.
    pub async fn store(&self, state: &State) -> Result<()> {
        state.replace_json(&Self::path(&self.run, self.number), self).await
    }

    pub async fn load(state: &State, run: &RunId, number: u64) -> Result<Self> {
        let path = Self::path(run, number);
        match state.get_json(&path).await? {
            Some((batch, _)) => Ok(batch),
            None => Err(crate::SyncError::corrupt(path, "it is missing")),
        }
    }

    /// Says that this batch is being copied, and so which keys may have been written by a process that
    /// did not live to say so.
    pub(crate) async fn begun(&self, state: &State) -> Result<()> {
        state.replace_json(&format!("runs/{}/{BEGUN}{:08}.json", self.run, self.number), self).await
    }

    pub(crate) fn receipts_path(run: &RunId, number: u64) -> String {
        crate::piece::path(&format!("runs/{run}/receipts/{number:08}"))
    }
}

/// Gathers tasks until a batch is full.
#[derive(Debug)]
pub struct Cutter {
    run: RunId,
    limits: BatchLimits,
    next: u64,
    tasks: Vec<Task>,
    bytes: u64,
}

impl Cutter {
    /// `next` is the number of the first batch.
    pub fn new(run: RunId, limits: BatchLimits, next: u64) -> Self {
        Self { run, limits, next, tasks: Vec::new(), bytes: 0 }
    }

    /// The batch that this task has filled.
    pub fn push(&mut self, task: Task) -> Option<Batch> {
        self.bytes = self.bytes.saturating_add(task.found.size);
        self.tasks.push(task);
        let full = self.tasks.len() >= self.limits.objects || self.bytes >= self.limits.bytes;
        if full { self.cut() } else { None }
    }

    /// The last batch, which need not be full.
    pub fn cut(&mut self) -> Option<Batch> {
        if self.tasks.is_empty() {
            return None;
        }
        let batch =
            Batch { run: self.run.clone(), number: self.next, tasks: std::mem::take(&mut self.tasks) };
        self.next += 1;
        self.bytes = 0;
        Some(batch)
    }

    /// The number of the next batch.
    pub fn next_number(&self) -> u64 {
        self.next
    }
}
