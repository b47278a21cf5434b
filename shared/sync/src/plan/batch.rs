//! Batches: what is copied together, has its receipts in one file, and is begun again together.

use super::action::Task;
use crate::error::Result;
use crate::state::{RunId, State};
use serde::{Deserialize, Serialize};

/// The folder of batches that are being copied, in a run's.
pub(crate) const BEGUN: &str = "begun/";
/// The folder of receipts, in a run's.
pub(crate) const RECEIPTS: &str = "receipts/";

/// Where batches are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchLimits {
    pub objects: usize,
    pub bytes: u64,
    /// An object of more bytes than a batch may have is a batch of its own, for several workers.
    #[serde(default)]
    pub spread: bool,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { objects: 500, bytes: 4 << 30, spread: false }
    }
}

impl BatchLimits {
    fn spreads(&self, task: &Task) -> bool {
        self.spread && task.found.size > self.bytes
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
        match state.get_json(&Self::path(run, number)).await? {
            Some((batch, _)) => Ok(batch),
            None => Err(crate::SyncError::RunIsOver { run: run.clone() }),
        }
    }

    /// The one object that several workers copy.
    pub fn spread(&self, limits: &BatchLimits) -> Option<&Task> {
        match self.tasks.as_slice() {
            [task] if limits.spreads(task) => Some(task),
            _ => None,
        }
    }

    /// Says that this batch is being copied, and so which keys may have been written by a process that
    /// did not live to say so.
    pub(crate) async fn begun(&self, state: &State) -> Result<()> {
        state.replace_json(&self.begun_path(), self).await
    }

    /// Whether some process has said so.
    pub(crate) async fn is_begun(&self, state: &State) -> Result<bool> {
        state.holds(&self.begun_path()).await
    }

    fn begun_path(&self) -> String {
        format!("runs/{}/{BEGUN}{:08}.json", self.run, self.number)
    }

    pub(crate) fn receipts_path(run: &RunId, number: u64) -> String {
        crate::piece::path(&format!("runs/{run}/{RECEIPTS}{number:08}"))
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

    /// The batches that this task has filled: mostly none.
    pub fn push(&mut self, task: Task) -> Vec<Batch> {
        let alone = self.limits.spreads(&task);
        let before = if alone { self.cut() } else { None };
        self.bytes = self.bytes.saturating_add(task.found.size);
        self.tasks.push(task);
        let full = alone || self.tasks.len() >= self.limits.objects || self.bytes >= self.limits.bytes;
        let filled = if full { self.cut() } else { None };
        before.into_iter().chain(filled).collect()
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
}
