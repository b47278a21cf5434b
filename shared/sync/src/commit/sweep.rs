//! Files that nothing refers to any more. Failing here fails nothing: the next run sweeps again.

use super::recover::run_of;
use crate::error::Result;
use crate::job::Job;
use crate::manifest::Manifest;
use crate::state::RunId;
use crate::stop::Stop;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use std::collections::HashSet;

const AT_ONCE: usize = 16;

/// Deletes shards that neither this manifest nor the one before it has, pending deletions that are
/// not pending, and the files of runs that are in the manifest. Only under the lease. What it does not
/// come to, the next run sweeps.
pub async fn sweep(job: &Job, manifest: &Manifest, done: &[RunId], stop: &Stop) -> Result<u64> {
    let Some(root) = &manifest.root else { return Ok(0) };
    let shards = root.shards.iter().map(|shard| shard.path.as_str());
    let pending = root.pending.iter().map(|piece| piece.path.as_str());
    let kept: HashSet<&str> = shards.chain(pending).chain(root.retired.iter().map(String::as_str)).collect();
    let mut stale: Vec<String> = Vec::new();
    for folder in ["manifest/", "pending/"] {
        let files = job.state.list(folder).await?;
        stale.extend(files.into_iter().map(|(path, _)| path).filter(|path| !kept.contains(path.as_str())));
    }
    for (path, _) in job.state.list("runs/").await? {
        if run_of(&path).is_some_and(|(run, _)| done.contains(&run)) {
            stale.push(path);
        }
    }
    let swept = stream::iter(stale)
        .map(|path| async move { job.state.delete(&path, None).await }.boxed())
        .buffer_unordered(AT_ONCE);
    let counted = swept.try_fold(0, |swept, _| std::future::ready(Ok(swept + 1)));
    stop.or(counted).await.unwrap_or(Ok(0))
}
