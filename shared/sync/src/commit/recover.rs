//! What an earlier run left behind: receipts that no manifest holds, and deletions that nobody
//! confirmed. Done first by the next run, so that its plan compares with what is really there.

use super::{Harvest, deletions, merge_all, swap};
use crate::error::Result;
use crate::job::Job;
use crate::lease::Lease;
use crate::manifest::Manifest;
use crate::piece::{examine, stem};
use crate::progress::{Event, Progress};
use crate::receipt::Receipt;
use crate::state::RunId;
use std::collections::{BTreeMap, BTreeSet};

/// Brings the manifest up to what is at the destination. Gives the runs whose receipts it holds.
pub async fn recover(
    job: &Job,
    manifest: &mut Manifest,
    lease: &mut Lease,
    run: &RunId,
    progress: &dyn Progress,
) -> Result<Vec<RunId>> {
    let mut files: BTreeMap<RunId, Vec<String>> = BTreeMap::new();
    for (path, _) in job.state.list("runs/").await? {
        if let Some((left, file)) = run_of(&path)
            && left != *run
        {
            let files = files.entry(left).or_default();
            if file.starts_with("receipts/") && stem(&path)?.is_some() {
                files.push(path.clone());
            }
        }
    }
    let held: BTreeSet<RunId> = manifest
        .root
        .iter()
        .flat_map(|root| &root.absorbed)
        .filter(|run| files.contains_key(run))
        .cloned()
        .collect();
    let mut absorbed: Vec<RunId> = held.iter().cloned().collect();
    let mut harvest = Harvest { left_behind: true, ..Harvest::default() };
    // Run after run: where two have copied the same key, the later one's receipt counts.
    for (left, paths) in files.iter().filter(|(left, _)| !held.contains(left)) {
        let mut receipts = 0;
        for path in paths {
            if let Some(piece) = examine::<Receipt>(&job.state, path).await? {
                receipts += piece.records;
                harvest.receipts.push(piece);
            }
        }
        absorbed.push(left.clone());
        if receipts > 0 {
            progress.hear(&Event::Recovered { run: left, receipts });
        }
    }
    if !harvest.is_empty() {
        let merged = merge_all(job, manifest, run, &harvest).await?;
        let order = manifest.source_order();
        swap(job, manifest, run, merged, order, absorbed.clone()).await?;
    }
    if let Some(root) = manifest.root.clone().filter(|root| !root.pending.is_empty()) {
        let deleted = deletions::make(job, lease, run, &root.pending, progress).await?;
        let root = crate::manifest::Root { pending: deleted.pending, written_at: job.clock.now(), ..root };
        manifest.swap(&job.state, root).await?;
    }
    Ok(absorbed)
}

/// A file of a run's folder.
pub(crate) fn run_of(path: &str) -> Option<(RunId, &str)> {
    let (run, file) = path.strip_prefix("runs/")?.split_once('/')?;
    Some((RunId::named(run), file))
}
