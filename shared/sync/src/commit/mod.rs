//! Committing: receipts into the next manifest, one root swapped, then the deletions, then the record.
//!
//! | module | what happens there |
//! |---|---|
//! | this one | the swaps, in the order that a crash cannot hurt |
//! | [`merge`] | old shards, receipts and deletions into new shards, one range of keys at a time |
//! | [`deletions`] | deletes at the destination, each on the receipt's ETag |
//! | [`recover`] | what an earlier run left behind |
//! | [`lost`] | objects that were written by a process that did not live to say so |
//! | [`sweep`] | files that nothing refers to any more |
//!
//! 1. New shards are written. Nothing refers to them yet.
//! 2. The root is swapped. What is to be deleted is in no shard any more, but listed as pending.
//! 3. The deletions are made.
//! 4. The root is swapped again, without those that are confirmed, and with the run's summary.
//! 5. Files that nothing refers to are swept.
//!
//! Whatever dies where, the next run finds in the root what is certain, in the receipts of unfinished
//! runs what was written since, and among the pending what is still to be deleted.

pub mod deletions;
mod lost;
pub mod merge;
pub mod recover;
pub mod sweep;

pub use deletions::Deleted;
pub use merge::Merged;
pub use recover::recover;

use crate::error::Result;
use crate::job::Job;
use crate::listing::KeyRange;
use crate::manifest::{Manifest, Root};
use crate::order::Order;
use crate::piece::Piece;
use crate::state::RunId;
use crate::summary::Summary;
use serde::{Deserialize, Serialize};

/// What a run has to commit. Pieces may overlap; of two receipts for one key the later piece's counts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Harvest {
    pub receipts: Vec<Piece>,
    /// Empty where the guard, a failure or a stop holds them back.
    pub deletions: Vec<Piece>,
    /// From runs that did not end: what the manifest has of a later date stays.
    pub left_behind: bool,
}

impl Harvest {
    pub fn is_empty(&self) -> bool {
        self.receipts.is_empty() && self.deletions.is_empty()
    }
}

/// Merges a whole harvest, range after range. An engine may call [`merge::range`] for several ranges
/// at once instead, and join what they give in order.
pub async fn merge_all(job: &Job, manifest: &Manifest, run: &RunId, harvest: &Harvest) -> Result<Merged> {
    merge::range(job, manifest, run, harvest, &KeyRange::default(), 0).await
}

/// The first swap: the manifest holds the harvest, and what is to be deleted is pending.
pub async fn swap(
    job: &Job,
    manifest: &mut Manifest,
    run: &RunId,
    merged: Merged,
    order: Order,
    absorbed: Vec<RunId>,
) -> Result<()> {
    let old = manifest.root.as_ref();
    let kept: std::collections::HashSet<&str> =
        merged.shards.iter().map(|shard| shard.path.as_str()).collect();
    let retired =
        manifest.shards().iter().map(|shard| &shard.path).filter(|path| !kept.contains(path.as_str()));
    let bytes = old.map_or(0, |root| root.bytes).saturating_add(merged.bytes_added);
    let root = Root {
        source: job.from.clone(),
        destination: job.to.clone(),
        run: run.clone(),
        written_at: job.clock.now(),
        source_order: order,
        objects: merged.shards.iter().map(|shard| shard.records).sum(),
        bytes: bytes.saturating_sub(merged.bytes_removed),
        retired: retired.cloned().collect(),
        shards: merged.shards,
        pending: merged.pending,
        absorbed,
        last_run: old.and_then(|root| root.last_run.clone()),
    };
    manifest.swap(&job.state, root).await
}

/// The second swap: what is still pending, and what became of the run.
pub async fn record(
    job: &Job,
    manifest: &mut Manifest,
    run: &RunId,
    pending: Vec<Piece>,
    order: Order,
    summary: &Summary,
) -> Result<()> {
    let mut root = manifest.root.clone().unwrap_or_else(|| Root {
        source: job.from.clone(),
        destination: job.to.clone(),
        run: run.clone(),
        written_at: job.clock.now(),
        source_order: order,
        objects: 0,
        bytes: 0,
        shards: Vec::new(),
        pending: Vec::new(),
        absorbed: Vec::new(),
        retired: Vec::new(),
        last_run: None,
    });
    root.run = run.clone();
    root.written_at = job.clock.now();
    root.source_order = order;
    root.pending = pending;
    root.last_run = Some(summary.clone());
    manifest.swap(&job.state, root).await
}
