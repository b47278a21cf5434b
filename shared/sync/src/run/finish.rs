//! The last step: what the copies gave becomes the manifest, the guard is asked, deletions are made.

use crate::commit::sweep::Ended;
use crate::commit::{self, Deleted, Harvest, Merged, deletions, sweep};
use crate::copy::BatchReport;
use crate::cost::{Batches, Calls, Cloud, Estimate, Prices};
use crate::error::{Result, SyncError};
use crate::guard::{Guard, Refusal};
use crate::job::Job;
use crate::lease::Lease;
use crate::manifest::{Manifest, Root};
use crate::order::Order;
use crate::piece::{Piece, examine};
use crate::plan::step::PlanState;
use crate::progress::{Event, Failure, Progress};
use crate::receipt::Receipt;
use crate::state::RunId;
use crate::stop::Stop;
use crate::summary::{Counts, Ending, Summary};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Failures that a report names; the events name all.
const NAMED: usize = 1_000;

/// What the copies of a plan gave, put together from the reports of its batches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    pub counts: Counts,
    pub receipts: Vec<Piece>,
    /// The first of them.
    pub failures: Vec<Failure>,
    /// What was asked of the stores for the objects, by the rules.
    #[serde(default)]
    pub calls: Calls,
    /// Batches of which something failed or was left.
    #[serde(default)]
    pub unfinished: Vec<u64>,
}

/// What `reports/<run>.json` holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub summary: Summary,
    pub failures: Vec<Failure>,
    /// Of a run of several processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spent: Option<Spent>,
    /// What it cost by list prices: see [`cost`](crate::cost).
    #[serde(default)]
    pub cost: Option<Estimate>,
}

/// Where a run's time went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spent {
    pub plan_seconds: f64,
    pub copy_seconds: f64,
    /// Of all workers together.
    pub worker_seconds: f64,
    /// How often one was called.
    pub calls: u64,
    /// What the engine itself bills.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<Calls>,
}

impl Copied {
    /// In any order of batches.
    pub fn add(&mut self, report: BatchReport) {
        if report.is_unfinished() {
            self.unfinished.push(report.number);
        }
        self.counts.add(&report.counts);
        self.calls.add(&report.calls);
        self.receipts.extend(report.receipts);
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
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    let mut receipts = copied.receipts.clone();
    receipts.sort_by(|a, b| a.path.cmp(&b.path));
    let harvest = Harvest { receipts, deletions, left_behind: false };
    Decision { harvest, refusal, stopped, may_delete, order }
}

/// What a run has come to before its last step.
#[derive(Clone, Debug)]
pub struct Worked {
    pub plan: PlanState,
    pub copied: Copied,
    /// What [`recover`](commit::recover()) gave.
    pub absorbed: Vec<RunId>,
    /// What engines of several processes know of it.
    pub spent: Option<Spent>,
}

/// The last step, by whichever process holds the lease.
pub struct Finish<'f> {
    pub job: &'f Job,
    pub manifest: &'f mut Manifest,
    pub lease: &'f mut Lease,
    pub stop: &'f Stop,
    pub progress: &'f dyn Progress,
    pub prices: &'f Prices,
}

/// How the last step ended.
#[derive(Clone, Debug)]
pub enum Concluded {
    Done(Box<Summary>),
    /// It was to stop while it deleted: what was done so far, by kind. To be called again.
    Stopped(Counts),
}

impl Finish<'_> {
    /// The whole of it: decides, merges, concludes.
    pub async fn all(&mut self, worked: Worked, guard: &Guard) -> Result<Concluded> {
        let decision = decide(self.manifest, &worked.plan, &worked.copied, guard);
        let (job, run, harvest) = (self.job, &worked.plan.run, &decision.harvest);
        let merged = match harvest.is_empty() {
            true => None,
            false => Some(self.lease.during(commit::merge_all(job, self.manifest, run, harvest)).await?),
        };
        self.conclude(worked, decision, merged).await
    }

    /// What follows the merge, which an engine may have made range by range: the root is swapped,
    /// deletions are made, the run is recorded. May be called again.
    pub async fn conclude(
        &mut self,
        worked: Worked,
        decision: Decision,
        merged: Option<Merged>,
    ) -> Result<Concluded> {
        let Worked {
            plan,
            copied: Copied { mut counts, failures, mut calls, receipts, unfinished },
            absorbed,
            spent,
        } = worked;
        self.count_calls(&plan, &receipts, spent.as_ref(), merged.as_ref(), &mut calls);
        let changes = merged.is_some();
        let [digest, deletions_digest] = plan.digests();
        if let Some(refusal) = &decision.refusal {
            self.progress.hear(&Event::Refused { refusal, deletions_digest: &deletions_digest });
        }
        let mut done = absorbed;
        // What failed or was left may have been written all the same: the next run looks.
        let ended = Ended { run: &plan.run, unfinished: unfinished.into_iter().collect() };
        if counts.failed == 0 && counts.left == 0 {
            done.push(plan.run.clone());
        }
        if let Some(merged) = merged.filter(|merged| !self.is_swapped(merged)) {
            self.lease.renew().await?;
            commit::swap(self.job, self.manifest, &plan.run, merged, decision.order, done.clone()).await?;
        }
        let deleted = self.delete(&plan.run).await?;
        counts.deleted += deleted.deleted;
        counts.not_ours += deleted.not_ours;
        if deleted.stopped {
            return Ok(Concluded::Stopped(counts));
        }
        counts.not_deleted =
            if decision.may_delete { deleted.failures.len() as u64 } else { plan.tally().delete };
        let summary = Summary {
            run: plan.run.clone(),
            began: plan.began,
            ended: self.job.clock.now(),
            ending: ending(&decision, &counts),
            planned: plan.tally(),
            digest,
            deletions_digest,
            counts,
            refusal: decision.refusal,
            objects: self.manifest.objects(),
            bytes: self.manifest.root.as_ref().map_or(0, |root| root.bytes),
        };
        let (job, run) = (self.job, &plan.run);
        commit::record(job, self.manifest, run, deleted.pending, decision.order, &summary).await?;
        self.progress.hear(&Event::Committed { objects: summary.objects, bytes: summary.bytes });
        let failures = failures.into_iter().chain(deleted.failures).collect();
        calls.run(plan.checkpoint.as_ref().is_none_or(|at| at.manifest.is_none()), changes);
        calls.deleted(summary.counts.deleted + summary.counts.not_ours);
        let cost = Some(Estimate::of(&calls, Cloud::of(&job.from), self.prices));
        let report = Report { summary, failures, spent, cost };
        job.state.replace_json(&report_path(run), &report).await?;
        match sweep::sweep(job, self.manifest, &done, &ended, self.stop).await {
            Err(SyncError::LeaseLost) => return Err(SyncError::LeaseLost),
            Err(error) => {
                tracing::warn!(target: "carnet_sync", %error, "old files of the state stay for now")
            }
            Ok(_) => {}
        }
        self.progress.hear(&Event::Finished { summary: &report.summary });
        Ok(Concluded::Done(Box::new(report.summary)))
    }

    /// Besides those for the objects.
    fn count_calls(
        &self,
        plan: &PlanState,
        receipts: &[Piece],
        spent: Option<&Spent>,
        merged: Option<&Merged>,
        calls: &mut Calls,
    ) {
        let page = Cloud::of(&self.job.from).map_or(u64::MAX, Cloud::page);
        calls.listing(plan.tally().listed, 1, page);
        let old: HashSet<&str> = self.manifest.shards().iter().map(|shard| shard.path.as_str()).collect();
        calls.planned_with(old.len() as u64);
        let batches = plan.next_batch - plan.first_batch;
        // Of several processes the receipts are with the ranges that were merged: a file a batch.
        let (receipts, taken) = match spent {
            None => (receipts.len() as u64, Batches::Handed),
            Some(_) => (batches, Batches::Stored),
        };
        calls.batches(batches, receipts, taken);
        if let Some(merged) = merged {
            let kept = merged.shards.iter().filter(|shard| old.contains(shard.path.as_str())).count();
            calls.merged(receipts + (old.len() - kept) as u64, (merged.shards.len() - kept) as u64);
        }
        if let Some(engine) = spent.and_then(|spent| spent.engine.as_ref()) {
            calls.add(engine);
        }
    }

    /// Whether an earlier call has made the swap: the names of shards that are written come once.
    fn is_swapped(&self, merged: &Merged) -> bool {
        self.manifest
            .root
            .as_ref()
            .is_some_and(|root| root.shards == merged.shards && !merged.shards.is_empty())
    }

    async fn delete(&mut self, run: &RunId) -> Result<Deleted> {
        let pending = self.manifest.root.as_ref().map_or(Vec::new(), |root| root.pending.clone());
        let deleted = deletions::make(self.job, self.lease, run, &pending, self.progress, self.stop).await?;
        if deleted.stopped
            && let Some(root) = self.manifest.root.clone()
        {
            let root = Root { pending: deleted.pending.clone(), written_at: self.job.clock.now(), ..root };
            self.manifest.swap(&self.job.state, root).await?;
        }
        Ok(deleted)
    }
}

fn ending(decision: &Decision, counts: &Counts) -> Ending {
    match () {
        () if decision.stopped => Ending::Stopped,
        () if decision.refusal.is_some() => Ending::RefusedByGuard,
        () if counts.failed > 0 || counts.not_deleted > 0 => Ending::PartlyFailed,
        () if counts.copied + counts.adopted + counts.deleted + counts.gone == 0 => Ending::NothingToDo,
        () => Ending::Done,
    }
}

pub(crate) fn report_path(run: &RunId) -> String {
    format!("reports/{run}.json")
}
