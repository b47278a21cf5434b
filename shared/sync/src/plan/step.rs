//! The planning step: runs a plan until it is complete or has to stop, cuts it into batches, and can go
//! on in another process from what it returns.

use super::batch::{Batch, BatchLimits, Cutter};
use super::finding::Approach;
use super::{Action, Checkpoint, Deletion, PlanDigest, Planner, Tally};
use crate::error::{Result, SyncError};
use crate::filter::{Filter, FilterSpec};
use crate::job::Job;
use crate::manifest::Manifest;
use crate::piece::{Cut, Piece, Pieces};
use crate::progress::{Event, Progress};
use crate::sort::Scratch;
use crate::state::{RunId, State};
use crate::stop::Stop;
use carnet_federation::BoxFuture;
use carnet_objects::sink::Condition;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::SystemTime;

/// Actions between two words about progress.
const WORD_EVERY: u64 = 10_000;

#[derive(Clone, Debug)]
pub struct PlanOptions {
    pub filter: FilterSpec,
    /// What is gone from the source is to be deleted; otherwise it stays, and so does its receipt.
    pub delete: bool,
    pub batches: BatchLimits,
    /// Ranges of the listing that are read at once.
    pub parallel: usize,
    /// Names that the listing is cut at while there is no manifest to tell, e.g.
    /// [`folders`](crate::listing::folders). They ascend by bytes.
    pub cuts: Vec<String>,
    pub scratch: Scratch,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self {
            filter: FilterSpec::default(),
            delete: true,
            batches: BatchLimits::default(),
            parallel: 4,
            cuts: Vec::new(),
            scratch: Scratch::default(),
        }
    }
}

/// A plan, complete or not: what the next call needs, or the next step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanState {
    pub run: RunId,
    /// Ages are counted to this moment, in whichever process.
    #[serde(with = "crate::clock::stamp")]
    pub began: SystemTime,
    pub approach: Approach,
    /// Batches of this plan have numbers from this one on.
    pub first_batch: u64,
    /// The number of the batch that would come next.
    pub next_batch: u64,
    pub deletions: Vec<Piece>,
    /// Batches of one object that several workers copy.
    #[serde(default)]
    pub spread: Vec<Spread>,
    pub checkpoint: Option<Checkpoint>,
    /// Both streams were read to their end. Only then may anything be deleted.
    pub complete: bool,
    #[serde(with = "crate::clock::optional_stamp", default)]
    pub planned_at: Option<SystemTime>,
}

/// An object that is a batch of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    pub batch: u64,
    pub size: u64,
}

impl PlanState {
    pub fn begin(run: RunId, began: SystemTime, manifest: &Manifest, options: &PlanOptions) -> Self {
        Self {
            run,
            began,
            approach: Approach::first(manifest, options),
            first_batch: 0,
            next_batch: 0,
            deletions: Vec::new(),
            spread: Vec::new(),
            checkpoint: None,
            complete: false,
            planned_at: None,
        }
    }

    pub fn tally(&self) -> Tally {
        self.checkpoint.as_ref().map(|checkpoint| checkpoint.tally.clone()).unwrap_or_default()
    }

    /// Of the whole plan, and of its deletions alone.
    pub fn digests(&self) -> [PlanDigest; 2] {
        let of = |chain: fn(&Checkpoint) -> PlanDigest| {
            self.checkpoint.as_ref().map(chain).unwrap_or_else(PlanDigest::of_nothing)
        };
        [of(|at| at.actions.digest()), of(|at| at.deletions.digest())]
    }

    fn path(run: &RunId) -> String {
        format!("runs/{run}/plan.json")
    }

    pub async fn store(&self, state: &State) -> Result<()> {
        state.put_json(&Self::path(&self.run), self, Condition::None).await.map(drop)
    }

    pub async fn load(state: &State, run: &RunId) -> Result<Option<Self>> {
        Ok(state.get_json(&Self::path(run)).await?.map(|(plan, _)| plan))
    }

    /// What was said so far is void. Batches that were handed out have their numbers for good.
    fn anew(&mut self, approach: Approach) {
        self.approach = approach;
        self.first_batch = self.next_batch;
        self.deletions.clear();
        self.spread.clear();
        self.checkpoint = None;
    }
}

/// Takes batches as they are cut.
pub trait Deliver: Send + Sync {
    fn batch(&self, batch: Batch) -> BoxFuture<'_, Result<()>>;
}

/// Puts batches where other processes find them.
impl Deliver for State {
    fn batch(&self, batch: Batch) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move { batch.store(self).await })
    }
}

/// Plans on, until the plan is complete or it is to stop.
pub async fn advance(
    job: &Arc<Job>,
    manifest: &Manifest,
    options: &PlanOptions,
    mut plan: PlanState,
    deliver: &dyn Deliver,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<PlanState> {
    loop {
        let error = match go(job, manifest, options, &mut plan, deliver, progress, stop).await {
            Ok(()) => return Ok(plan),
            Err(error) => error,
        };
        let Some(approach) = plan.approach.after(&error) else { return Err(error) };
        progress.hear(&Event::PlanningAgain { why: error.to_string() });
        plan.anew(approach);
    }
}

async fn go(
    job: &Arc<Job>,
    manifest: &Manifest,
    options: &PlanOptions,
    plan: &mut PlanState,
    deliver: &dyn Deliver,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<()> {
    let filter = Filter::new(options.filter.clone(), plan.began)?;
    let after = plan.checkpoint.as_ref().and_then(|checkpoint| checkpoint.after.clone());
    let listing = plan.approach.listing(job, manifest, options, after);
    let Some(listing) = stop.or(listing).await.transpose()? else { return Ok(()) };
    let mut planner = Planner::new(job.clone(), manifest, filter, listing, plan.checkpoint.clone())?
        .deleting(options.delete);
    let mut cutter = Cutter::new(plan.run.clone(), options.batches, plan.next_batch);
    // One call's pieces are not another's: a call may be made again.
    let stem = format!("runs/{}/deletions/{:08}-{:08x}-", plan.run, plan.next_batch, fastrand::u32(..));
    let mut deletions = Pieces::<Deletion>::new(&job.state, stem, Cut::default());
    let mut actions = 0u64;
    let complete = loop {
        let Some(action) = stop.or(planner.next()).await.transpose()? else { break false };
        match action {
            None => break true,
            Some(Action::Copy(task)) => {
                for batch in cutter.push(task) {
                    plan.next_batch = batch.number + 1;
                    if let Some(task) = batch.spread(&options.batches) {
                        plan.spread.push(Spread { batch: batch.number, size: task.found.size });
                    }
                    deliver.batch(batch).await?;
                }
            }
            Some(Action::Delete(deletion)) => deletions.push(&deletion).await?,
            Some(Action::Keep { .. } | Action::Skip { .. }) => {}
        }
        actions += 1;
        if actions.is_multiple_of(WORD_EVERY) {
            progress.hear(&Event::Planning { tally: planner.tally() });
        }
    };
    if let Some(batch) = cutter.cut() {
        plan.next_batch = batch.number + 1;
        deliver.batch(batch).await?;
    }
    plan.deletions.extend(deletions.finish().await?);
    plan.checkpoint = Some(planner.checkpoint().clone());
    plan.complete = complete;
    if complete {
        let [digest, deletions_digest] = plan.digests();
        let tally = &plan.tally();
        progress.hear(&Event::Planned { tally, digest: &digest, deletions_digest: &deletions_digest });
    }
    Ok(())
}

/// Shows a plan and changes nothing: `each` hears every action, by key. Where the source turns out to
/// list in another order, `each` hears `None` and all actions again.
pub async fn explain(
    job: &Arc<Job>,
    manifest: &Manifest,
    options: &PlanOptions,
    mut each: impl FnMut(Option<&Action>),
) -> Result<PlanState> {
    let run = RunId::new(job.clock.now());
    let mut plan = PlanState::begin(run, job.clock.now(), manifest, options);
    loop {
        match explained(job, manifest, options, &mut plan, &mut each).await {
            Ok(()) => return Ok(plan),
            Err(error) => match plan.approach.after(&error) {
                Some(approach) => plan.anew(approach),
                None => return Err(error),
            },
        }
        each(None);
    }
}

async fn explained(
    job: &Arc<Job>,
    manifest: &Manifest,
    options: &PlanOptions,
    plan: &mut PlanState,
    each: &mut impl FnMut(Option<&Action>),
) -> Result<(), SyncError> {
    let filter = Filter::new(options.filter.clone(), plan.began)?;
    let listing = plan.approach.listing(job, manifest, options, None).await?;
    let mut planner = Planner::new(job.clone(), manifest, filter, listing, None)?.deleting(options.delete);
    while let Some(action) = planner.next().await? {
        each(Some(&action));
    }
    plan.checkpoint = Some(planner.checkpoint().clone());
    plan.complete = true;
    Ok(())
}
