//! What the copies gave, put together: what may be committed is decided, and cut into ranges of keys that
//! are merged at the same time.

use super::copy::Reported;
use super::{Begun, Steps, concluded};
use crate::commit::Harvest;
use crate::cost::Calls;
use crate::error::{Result, SyncError};
use crate::guard::Guard;
use crate::listing::KeyRange;
use crate::manifest::Manifest;
use crate::piece::Piece;
use crate::plan::{Batch, PlanState};
use crate::progress::Failure;
use crate::run::{Copied, Decision, Spent, decide};
use crate::state::RunId;
use crate::summary::Counts;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};

/// Small files of the state that are read or written at once.
pub(super) const AT_ONCE: usize = 64;

/// The ranges that are to be merged: an array of numbers, by its name in the bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gathered {
    pub ranges: String,
    pub count: u32,
}

/// One range, with what is to be merged into it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Share {
    pub range: KeyRange,
    pub harvest: Harvest,
}

impl Share {
    pub fn path(run: &RunId, number: u32) -> String {
        format!("runs/{run}/ranges/{number:05}.json")
    }
}

/// What the last step needs to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// Without its harvest, which is in the ranges.
    pub decision: Decision,
    pub counts: Counts,
    pub failures: Vec<Failure>,
    pub calls: Calls,
    pub unfinished: Vec<u64>,
    pub spent: Spent,
    pub ranges: u32,
}

impl Outcome {
    pub fn path(run: &RunId) -> String {
        format!("runs/{run}/gathered.json")
    }
}

/// One entry of the array of ranges, as the call that merges it gets it.
#[derive(Serialize)]
struct Entry<'r> {
    step: &'static str,
    run: &'r RunId,
    range: u32,
}

impl Steps {
    pub async fn gather(&self, run: &RunId) -> Result<Gathered> {
        let state = &self.job.state;
        let path = format!("runs/{run}/ranges.json");
        let none = Gathered { ranges: state.name_of(&path), count: 0 };
        let manifest = self.manifest().await?;
        if concluded(&manifest, run).is_some() {
            return Ok(none);
        }
        if let Some((outcome, _)) = state.get_json::<Outcome>(&Outcome::path(run)).await? {
            return Ok(Gathered { count: outcome.ranges, ..none });
        }
        let plan = self.complete_plan(run).await?;
        unmoved(&manifest, &plan)?;
        self.share_lease(run).await?;
        let (copied, mut spent, items) = self.copied(&plan).await?;
        let guard = Guard { passed: Begun::load(&self.job, run).await?.passed, ..self.options.guard.clone() };
        let mut decision = decide(&manifest, &plan, &copied, &guard);
        let harvest = std::mem::take(&mut decision.harvest);
        let ranges = match harvest.is_empty() {
            true => Vec::new(),
            false => cut(&manifest, &harvest, self.range_objects),
        };
        let count = u32::try_from(ranges.len()).unwrap_or(u32::MAX);
        let shares = ranges.into_iter().enumerate().map(|(number, range)| {
            let share = Share { harvest: within(&harvest, &range), range };
            async move { state.replace_json(&Share::path(run, number as u32), &share).await }.boxed()
        });
        stream::iter(shares.collect::<Vec<_>>()).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        spent.engine = Some(self.engine.bills(&spent, items, u64::from(count)));
        let Copied { counts, failures, calls, unfinished, .. } = copied;
        let entries: Vec<_> = (0..count).map(|range| Entry { step: "merge", run, range }).collect();
        let body = serde_json::to_vec(&entries).map_err(std::io::Error::from)?;
        state.replace(&path, body.into(), "application/json").await?;
        // Last: whoever is called again takes it for the whole.
        let outcome = Outcome { decision, counts, failures, calls, unfinished, spent, ranges: count };
        state.replace_json(&Outcome::path(run), &outcome).await?;
        Ok(Gathered { count, ..none })
    }

    /// From the reports of all items, which are counted. What has none was given up by the engine.
    async fn copied(&self, plan: &PlanState) -> Result<(Copied, Spent, u64)> {
        let (state, run) = (&self.job.state, &plan.run);
        let files = state.list(&Reported::folder(run)).await?;
        let items = files.len() as u64;
        let reads = files.into_iter().map(|(path, _)| {
            async move { Ok(state.get_json::<Reported>(&path).await?.map(|(reported, _)| reported)) }.boxed()
        });
        let mut reads = stream::iter(reads.collect::<Vec<_>>()).buffered(AT_ONCE);
        let (mut copied, mut spent) = (Copied::default(), Spent::default());
        let mut missing: std::collections::BTreeSet<u64> = (plan.first_batch..plan.next_batch).collect();
        while let Some(reported) = reads.next().await {
            let reported: Result<Option<Reported>> = reported;
            let Some(Reported { report, seconds, calls }) = reported? else { continue };
            spent.worker_seconds += seconds;
            spent.calls += calls;
            if let Some(report) = report
                && missing.remove(&report.number)
            {
                copied.add(report);
            }
        }
        for number in missing {
            let objects = Batch::load(state, run, number).await?.tasks.len() as u64;
            copied.counts.failed += objects;
            copied.unfinished.push(number);
            let message = format!("its {objects} objects: no worker came to their end");
            copied.failures.push(Failure { key: format!("batch {number}"), kind: None, message });
        }
        let now = self.job.clock.now();
        let planned_at = plan.planned_at.unwrap_or(now);
        spent.plan_seconds = between(plan.began, planned_at);
        spent.copy_seconds = between(planned_at, now);
        Ok((copied, spent, items))
    }
}

fn between(from: SystemTime, to: SystemTime) -> f64 {
    to.duration_since(from).unwrap_or(Duration::ZERO).as_secs_f64()
}

/// The plan was made against this very manifest.
fn unmoved(manifest: &Manifest, plan: &PlanState) -> Result<()> {
    let planned = plan.checkpoint.as_ref().and_then(|checkpoint| checkpoint.manifest.as_ref());
    match planned == manifest.root.as_ref().map(|root| &root.run) {
        true => Ok(()),
        false => Err(SyncError::ManifestMoved),
    }
}

/// The key space in ranges with about so many objects, old and new.
fn cut(manifest: &Manifest, harvest: &Harvest, objects: u64) -> Vec<KeyRange> {
    let new = harvest.receipts.iter().chain(&harvest.deletions);
    let mut begins: Vec<(&str, u64)> =
        manifest.shards().iter().chain(new).map(|piece| (piece.first.as_str(), piece.records)).collect();
    begins.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    let (mut cuts, mut so_far, mut last) = (Vec::new(), 0, begins.first().map(|(name, _)| *name));
    for (name, records) in begins {
        if so_far >= objects.max(1) && last != Some(name) {
            cuts.push(name.to_owned());
            last = Some(name);
            so_far = 0;
        }
        so_far += records;
    }
    KeyRange::cut(cuts)
}

fn within(harvest: &Harvest, range: &KeyRange) -> Harvest {
    let meet = |pieces: &[Piece]| {
        pieces.iter().filter(|piece| range.meets(&piece.first, &piece.last)).cloned().collect()
    };
    Harvest {
        receipts: meet(&harvest.receipts),
        deletions: meet(&harvest.deletions),
        left_behind: harvest.left_behind,
    }
}
