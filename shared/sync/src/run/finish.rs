//! The last step: what the copies gave becomes the manifest, the guard is asked, deletions are made.

use crate::commit::{self, Harvest, Merged, deletions, sweep};
use crate::copy::BatchReport;
use crate::error::{Result, SyncError};
use crate::guard::{Guard, Refusal};
use crate::job::Job;
use crate::lease::Lease;
use crate::manifest::Manifest;
use crate::order::Order;
use crate::piece::{Piece, examine};
use crate::plan::step::PlanState;
use crate::progress::{Event, Failure, Progress};
use crate::receipt::Receipt;
use crate::state::RunId;
use crate::summary::{Counts, Ending, Summary};
use serde::{Deserialize, Serialize};

/// Failures that a report names; the events name all.
const NAMED: usize = 1_000;

/// What the copies of a plan gave, put together from the reports of its batches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    pub counts: Counts,
    pub receipts: Vec<Piece>,
    /// The first of them.
    pub failures: Vec<Failure>,
}

/// What `reports/<run>.json` holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub summary: Summary,
    pub failures: Vec<Failure>,
}

impl Copied {
    /// In any order of batches.
    pub fn add(&mut self, report: BatchReport) {
        self.counts.add(&report.counts);
        self.receipts.extend(report.receipts);
        self.receipts.sort_by(|a, b| a.path.cmp(&b.path));
        let room = NAMED.saturating_sub(self.failures.len());
        self.failures.extend(report.failures.into_iter().take(room));
    }

    /// From the receipts that are in the state, where the reports went elsewhere. Counts only what
    /// receipts tell: not what failed or was left.
    pub async fn gather(job: &Job, run: &RunId) -> Result<Self> {
        let mut copied = Self::default();
        for (path, _) in job.state.list(&format!("runs/{run}/receipts/")).await? {
            let Some(piece) = examine::<Receipt>(&job.state, &path).await? else { continue };
            let mut records = crate::piece::Records::<Receipt>::new(&job.state, vec![piece.clone()]);
            while let Some(receipt) = records.next().await? {
                copied.counts.add_receipt(&receipt);
            }
            copied.receipts.push(piece);
        }
        Ok(copied)
    }
}

/// What may be committed of a run, decided before anything is.
#[derive(Clone, Debug)]
pub struct Decision {
    pub harvest: Harvest,
    pub refusal: Option<Refusal>,
    /// The plan is not complete, or objects were left.
    pub stopped: bool,
    may_delete: bool,
    order: Order,
}

/// Deletes only if the plan is complete, every copy succeeded and the guard lets it.
pub fn decide(manifest: &Manifest, plan: &PlanState, copied: &Copied, guard: &Guard) -> Decision {
    let [digest, deletions_digest] = plan.digests();
    let stopped = !plan.complete || copied.counts.left > 0;
    let refusal = match plan.complete {
        true => guard.check(&plan.tally(), [&digest, &deletions_digest], manifest.objects()).err(),
        false => None,
    };
    // An order is proven by a listing that came to its end.
    let order = if plan.complete { plan.approach.proved() } else { manifest.source_order() };
    let may_delete = !stopped && refusal.is_none() && copied.counts.failed == 0;
    let deletions = if may_delete { plan.deletions.clone() } else { Vec::new() };
    let harvest = Harvest { receipts: copied.receipts.clone(), deletions, left_behind: false };
    Decision { harvest, refusal, stopped, may_delete, order }
}

/// The whole last step: decides, merges, concludes.
#[expect(clippy::too_many_arguments, reason = "they are the whole of a run, and each is one thing")]
pub async fn finish(
    job: &Job,
    manifest: &mut Manifest,
    lease: &mut Lease,
    plan: &PlanState,
    copied: Copied,
    absorbed: Vec<RunId>,
    guard: &Guard,
    progress: &dyn Progress,
) -> Result<Summary> {
    let decision = decide(manifest, plan, &copied, guard);
    let merged = match decision.harvest.is_empty() {
        true => None,
        false => Some(lease.during(commit::merge_all(job, manifest, &plan.run, &decision.harvest)).await?),
    };
    conclude(job, manifest, lease, plan, copied, absorbed, decision, merged, progress).await
}

/// What follows the merge, which an engine may have made range by range: the root is swapped, deletions
/// are made, the run is recorded. `absorbed` is what [`recover`](commit::recover()) gave.
#[expect(clippy::too_many_arguments, reason = "they are the whole of a run, and each is one thing")]
pub async fn conclude(
    job: &Job,
    manifest: &mut Manifest,
    lease: &mut Lease,
    plan: &PlanState,
    copied: Copied,
    absorbed: Vec<RunId>,
    decision: Decision,
    merged: Option<Merged>,
    progress: &dyn Progress,
) -> Result<Summary> {
    let (tally, [digest, deletions_digest]) = (plan.tally(), plan.digests());
    let Copied { mut counts, failures, .. } = copied;
    let Decision { refusal, stopped, may_delete, order, .. } = decision;
    if let Some(refusal) = &refusal {
        progress.hear(&Event::Refused { refusal, deletions_digest: &deletions_digest });
    }
    let mut done = absorbed;
    // What failed or was left may have been written all the same: the next run looks.
    if counts.failed == 0 && counts.left == 0 {
        done.push(plan.run.clone());
    }
    if let Some(merged) = merged {
        lease.renew().await?;
        commit::swap(job, manifest, &plan.run, merged, order, done.clone()).await?;
    }
    let pending = manifest.root.as_ref().map_or(Vec::new(), |root| root.pending.clone());
    let deleted = deletions::make(job, lease, &plan.run, &pending, progress).await?;
    counts.deleted = deleted.deleted;
    counts.not_ours = deleted.not_ours;
    counts.not_deleted = if may_delete { deleted.failures.len() as u64 } else { tally.delete };
    let ending = match () {
        () if stopped => Ending::Stopped,
        () if refusal.is_some() => Ending::RefusedByGuard,
        () if counts.failed > 0 || counts.not_deleted > 0 => Ending::PartlyFailed,
        () if counts.copied + counts.adopted + counts.deleted + counts.gone == 0 => Ending::NothingToDo,
        () => Ending::Done,
    };
    let summary = Summary {
        run: plan.run.clone(),
        began: plan.began,
        ended: job.clock.now(),
        ending,
        planned: tally,
        digest,
        deletions_digest,
        counts,
        refusal,
        objects: manifest.objects(),
        bytes: manifest.root.as_ref().map_or(0, |root| root.bytes),
    };
    commit::record(job, manifest, &plan.run, deleted.pending, order, &summary).await?;
    progress.hear(&Event::Committed { objects: summary.objects, bytes: summary.bytes });
    let report = Report { summary, failures: failures.into_iter().chain(deleted.failures).collect() };
    job.state.replace_json(&format!("reports/{}.json", plan.run), &report).await?;
    match sweep::sweep(job, manifest, &done).await {
        Err(SyncError::LeaseLost) => return Err(SyncError::LeaseLost),
        Err(error) => tracing::warn!(target: "carnet_sync", %error, "old files of the state stay for now"),
        Ok(_) => {}
    }
    progress.hear(&Event::Finished { summary: &report.summary });
    Ok(report.summary)
}
