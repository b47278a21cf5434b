//! The three steps, each in the time of one call, for engines of many processes: whoever is called has
//! the state and the name of a run, and nothing else. Every call may be made again.
//!
//! | step | called | what it leaves in the run's folder |
//! |---|---|---|
//! | [`Steps::plan`](plan) | until it is complete | batches, deletions, `work.json`, `finish.json` |
//! | [`Steps::copy`](copy) | for each item of `work.json`, many at once; then of `finish.json` | receipts, `reports/` |
//! | [`Steps::gather`](gather) | once | `ranges/`, `gathered.json` |
//! | [`Steps::merge`](merge) | for each range, many at once | shards, `merged/` |
//! | [`Steps::conclude`](conclude) | until it is done | the root, the run's report |
//!
//! The lease is the run's, from the plan's first call to the end of the last: whoever comes in between
//! renews it where it is due. A run whose lease has ended and that nobody has taken over goes on; one
//! that was taken over finds its plan gone.

pub mod conclude;
pub mod copy;
pub mod gather;
pub mod merge;
pub mod plan;

pub use conclude::Step;
pub use copy::{Copying, Item};
pub use gather::Gathered;
pub use plan::{Planned, Work};

use crate::cost::Calls;
use crate::error::{Result, SyncError};
use crate::job::Job;
use crate::lease::Lease;
use crate::manifest::Manifest;
use crate::plan::{PlanDigest, PlanState};
use crate::progress::Progress;
use crate::run::{RunOptions, Spent};
use crate::state::RunId;
use crate::summary::Summary;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A call's tools.
pub struct Steps {
    pub job: Arc<Job>,
    pub options: RunOptions,
    pub progress: Arc<dyn Progress>,
    /// About so many objects of the manifest are merged by one call.
    pub range_objects: u64,
    pub engine: Engine,
}

/// What an engine bills besides what the stores do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Engine {
    /// Of a process.
    pub memory_mb: u64,
    /// State transitions of one item, of one range, and of a run besides.
    pub of_item: u64,
    pub of_range: u64,
    pub of_run: u64,
}

impl Engine {
    fn bills(&self, spent: &Spent, items: u64, ranges: u64) -> Calls {
        let mut calls = Calls::default();
        let seconds = spent.plan_seconds + spent.worker_seconds;
        // Plan, gather and conclude are called once at least.
        calls.lambda(spent.calls + ranges + 3, self.memory_mb, (seconds * 1000.0) as u64);
        calls.state_transitions = items * self.of_item + ranges * self.of_range + self.of_run;
        calls
    }
}

/// What the plan's first call found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Begun {
    /// What [`recover`](crate::commit::recover()) gave.
    absorbed: Vec<RunId>,
    /// The digest that somebody has passed.
    passed: Option<PlanDigest>,
    /// Where the listing is cut while there is no manifest to tell.
    #[serde(default)]
    cuts: Vec<String>,
}

impl Begun {
    fn path(run: &RunId) -> String {
        format!("runs/{run}/begun.json")
    }

    async fn load(job: &Job, run: &RunId) -> Result<Self> {
        let found = job.state.get_json::<Self>(&Self::path(run)).await?;
        found.map(|(begun, _)| begun).ok_or_else(|| over(run))
    }
}

impl Steps {
    async fn manifest(&self) -> Result<Manifest> {
        Manifest::of(&self.job.state, &self.job.from, &self.job.to).await
    }

    /// The lease is this run's, or was nobody's.
    async fn share_lease(&self, run: &RunId) -> Result<()> {
        let (job, options) = (&self.job, &self.options);
        Lease::share(&job.state, &job.clock, &options.holder, run, options.lease_term).await
    }

    async fn complete_plan(&self, run: &RunId) -> Result<PlanState> {
        let plan = PlanState::load(&self.job.state, run).await?.ok_or_else(|| over(run))?;
        match plan.complete {
            true => Ok(plan),
            false => Err(SyncError::Settings(format!("the plan of {run} is not complete"))),
        }
    }
}

/// What became of the run, if it is concluded.
fn concluded(manifest: &Manifest, run: &RunId) -> Option<Summary> {
    manifest.root.as_ref()?.last_run.clone().filter(|summary| summary.run == *run)
}

fn over(run: &RunId) -> SyncError {
    SyncError::RunIsOver { run: run.clone() }
}
