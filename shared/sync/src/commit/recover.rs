//! What an earlier run left behind: receipts that no manifest holds, objects without receipts, and
//! deletions that nobody confirmed. Done first by the next run, so that its plan compares with what is
//! really there.

use super::{Harvest, deletions, lost, merge_all, swap};
use crate::error::Result;
use crate::job::Job;
use crate::lease::Lease;
use crate::manifest::{Manifest, Root};
use crate::piece::{Piece, examine, stem};
use crate::plan::Batch;
use crate::plan::batch::BEGUN;
use crate::progress::{Event, Progress};
use crate::receipt::Receipt;
use crate::state::RunId;
use crate::stop::Stop;
use carnet_federation::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use std::collections::{BTreeMap, HashSet};

/// Receipts that are read at once.
const AT_ONCE: usize = 16;
/// Batches that are looked through at once: of each, many objects may have to be looked for.
const BATCHES_AT_ONCE: usize = 4;

/// Files of one run that somebody may still need.
#[derive(Default)]
struct Left {
    receipts: Vec<String>,
    begun: Vec<String>,
}

/// Brings the manifest up to what is at the destination. Gives the runs whose files are not needed any
/// more.
pub async fn recover(
    job: &Job,
    manifest: &mut Manifest,
    lease: &mut Lease,
    run: &RunId,
    progress: &dyn Progress,
) -> Result<Vec<RunId>> {
    let held: HashSet<RunId> = manifest.root.iter().flat_map(|root| root.absorbed.clone()).collect();
    let left = left_behind(job, run, &held).await?;
    let mut harvest = Harvest { left_behind: true, ..Harvest::default() };
    // Run after run: where two have copied the same key, the later one's receipt counts.
    for (of, files) in left.iter().filter(|(of, _)| !held.contains(of)) {
        let before = harvest.receipts.len();
        gather(job, files, &mut harvest).await?;
        let receipts = harvest.receipts[before..].iter().map(|piece| piece.records).sum();
        if receipts > 0 {
            progress.hear(&Event::Recovered { run: of, receipts });
        }
    }
    let absorbed: Vec<RunId> = left.into_keys().collect();
    if !harvest.is_empty() {
        let merged = lease.during(merge_all(job, manifest, run, &harvest)).await?;
        let order = manifest.source_order();
        swap(job, manifest, run, merged, order, absorbed.clone()).await?;
    }
    if let Some(root) = manifest.root.clone().filter(|root| !root.pending.is_empty()) {
        let deleted = deletions::make(job, lease, run, &root.pending, progress, &Stop::new()).await?;
        let root = Root { pending: deleted.pending, written_at: job.clock.now(), ..root };
        manifest.swap(&job.state, root).await?;
    }
    Ok(absorbed)
}

/// Of runs that the manifest holds nothing but their names: their files may be many, and are only swept.
async fn left_behind(job: &Job, run: &RunId, held: &HashSet<RunId>) -> Result<BTreeMap<RunId, Left>> {
    let mut left: BTreeMap<RunId, Left> = BTreeMap::new();
    let mut after = None;
    loop {
        let (page, next) = job.state.page("runs/", after).await?;
        for (path, _) in page {
            let Some((of, file)) = run_of(&path).filter(|(of, _)| of != run) else { continue };
            let needed = !held.contains(&of);
            let files = left.entry(of).or_default();
            if needed && file.starts_with("receipts/") && stem(&path)?.is_some() {
                files.receipts.push(path);
            } else if needed && file.starts_with(BEGUN) {
                files.begun.push(path);
            }
        }
        match next {
            Some(next) => after = Some(next),
            None => return Ok(left),
        }
    }
}

async fn gather(job: &Job, files: &Left, harvest: &mut Harvest) -> Result<()> {
    let reads: Vec<BoxFuture<'_, Result<Option<Piece>>>> =
        files.receipts.iter().map(|path| examine::<Receipt>(&job.state, path).boxed()).collect();
    let pieces: Vec<Option<Piece>> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
    let by_path: BTreeMap<String, Piece> =
        pieces.into_iter().flatten().map(|piece| (piece.path.clone(), piece)).collect();
    let looks: Vec<BoxFuture<'_, Result<Vec<Piece>>>> =
        files.begun.iter().map(|path| written_without_receipt(job, path, &by_path).boxed()).collect();
    let mut looks = stream::iter(looks).buffered(BATCHES_AT_ONCE);
    while let Some(found) = looks.next().await {
        harvest.receipts.extend(found?);
    }
    drop(looks);
    harvest.receipts.extend(by_path.into_values());
    Ok(())
}

async fn written_without_receipt(
    job: &Job,
    begun: &str,
    receipts: &BTreeMap<String, Piece>,
) -> Result<Vec<Piece>> {
    let Some((batch, _)) = job.state.get_json::<Batch>(begun).await? else { return Ok(Vec::new()) };
    lost::find(job, &batch, receipts.get(&Batch::receipts_path(&batch.run, batch.number))).await
}

/// A file of a run's folder.
pub(crate) fn run_of(path: &str) -> Option<(RunId, &str)> {
    let (run, file) = path.strip_prefix("runs/")?.split_once('/')?;
    Some((RunId::named(run), file))
}
