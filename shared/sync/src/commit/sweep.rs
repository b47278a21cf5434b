//! Files that nothing refers to any more. Failing here fails nothing: the next run sweeps again.

use super::recover::run_of;
use crate::error::Result;
use crate::job::Job;
use crate::manifest::Manifest;
use crate::plan::batch::{BEGUN, RECEIPTS};
use crate::state::RunId;
use crate::stop::Stop;
use carnet_federation::BoxFuture;
use carnet_objects::sink::Deletion;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use std::collections::HashSet;

const AT_ONCE: usize = 16;

/// A run whose receipts are in the manifest. Of batches that did not come to their end the next run looks
/// what was written.
pub struct Ended<'r> {
    pub run: &'r RunId,
    pub unfinished: HashSet<u64>,
}

impl Ended<'_> {
    fn needs(&self, file: &str) -> bool {
        let number = [BEGUN, RECEIPTS].iter().find_map(|folder| file.strip_prefix(folder)?.get(..8));
        number.and_then(|number| number.parse().ok()).is_some_and(|number| self.unfinished.contains(&number))
    }
}

/// Deletes shards that neither this manifest nor the one before it has, pending deletions that are
/// not pending, and the files of runs that are in the manifest. Only under the lease. What it does not
/// come to, the next run sweeps.
pub async fn sweep(
    job: &Job,
    manifest: &Manifest,
    done: &[RunId],
    ended: &Ended<'_>,
    stop: &Stop,
) -> Result<u64> {
    let Some(root) = &manifest.root else { return Ok(0) };
    let shards = root.shards.iter().map(|shard| shard.path.as_str());
    let pending = root.pending.iter().map(|piece| piece.path.as_str());
    let kept: HashSet<&str> = shards.chain(pending).chain(root.retired.iter().map(String::as_str)).collect();
    let is_stale = |path: &str| match run_of(path) {
        Some((run, file)) => done.contains(&run) || (run == *ended.run && !ended.needs(file)),
        None => !kept.contains(path),
    };
    let work = async {
        let mut swept = 0;
        for folder in ["manifest/", "pending/", "runs/"] {
            let mut after = None;
            loop {
                let (page, next) = job.state.page(folder, after).await?;
                let stale: Vec<String> =
                    page.into_iter().map(|(path, _)| path).filter(|path| is_stale(path)).collect();
                let deletions: Vec<BoxFuture<'_, Result<Deletion>>> =
                    stale.iter().map(|path| job.state.delete(path, None).boxed()).collect();
                let deletions = stream::iter(deletions).buffer_unordered(AT_ONCE);
                swept += deletions.try_fold(0, |swept, _| std::future::ready(Ok(swept + 1))).await?;
                match next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        Ok(swept)
    };
    stop.or(work).await.unwrap_or(Ok(0))
}
