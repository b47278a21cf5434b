//! The last step: the root is swapped, deletions are made, the run is recorded, the lease given back.

use super::gather::{AT_ONCE, Outcome};
use super::{Begun, Steps, concluded, merge, over};
use crate::commit::Merged;
use crate::error::Result;
use crate::lease::Lease;
use crate::run::{Concluded, Copied, Finish, Worked};
use crate::state::RunId;
use crate::stop::Stop;
use crate::summary::Summary;
use futures_util::{FutureExt as _, StreamExt as _, stream};

/// How one call of it ended.
#[derive(Clone, Debug)]
pub enum Step {
    Done(Box<Summary>),
    /// Deletions are left: to be called again.
    Stopped,
}

impl Steps {
    pub async fn conclude(&self, run: &RunId, stop: &Stop) -> Result<Step> {
        let (job, options) = (&self.job, &self.options);
        let mut manifest = self.manifest().await?;
        if let Some(summary) = concluded(&manifest, run) {
            // The answer to a call that came to its end was lost, and the lease perhaps not given back.
            Lease::break_held(&job.state, run).await?;
            return Ok(Step::Done(Box::new(summary)));
        }
        let plan = self.complete_plan(run).await?;
        let outcome = job.state.get_json::<Outcome>(&Outcome::path(run)).await?;
        let (mut outcome, _) = outcome.ok_or_else(|| over(run))?;
        let merged = self.merged(run, outcome.ranges).await?;
        self.share_lease(run).await?;
        let mut lease = Lease::resume(&job.state, &job.clock, run, options.lease_term).await?;
        let Outcome { decision, counts, failures, calls, unfinished, spent, .. } = outcome.clone();
        let worked = Worked {
            plan,
            copied: Copied { counts, failures, calls, unfinished, receipts: Vec::new() },
            absorbed: Begun::load(job, run).await?.absorbed,
            spent: Some(spent),
        };
        let (manifest, lease_held, progress) = (&mut manifest, &mut lease, &*self.progress);
        let prices = &options.prices;
        let mut finish = Finish { job, manifest, lease: lease_held, stop, progress, prices };
        match finish.conclude(worked, decision, merged).await? {
            Concluded::Stopped(counts) => {
                outcome.counts = counts;
                job.state.replace_json(&Outcome::path(run), &outcome).await?;
                Ok(Step::Stopped)
            }
            Concluded::Done(summary) => {
                lease.release().await?;
                Ok(Step::Done(summary))
            }
        }
    }

    /// What all ranges gave, in their order; `None` if there was nothing to merge.
    async fn merged(&self, run: &RunId, ranges: u32) -> Result<Option<Merged>> {
        let state = &self.job.state;
        let reads = (0..ranges).map(|number| {
            async move { Ok(state.get_json::<Merged>(&merge::path(run, number)).await?.map(|(it, _)| it)) }.boxed()
        });
        let mut reads = stream::iter(reads.collect::<Vec<_>>()).buffered(AT_ONCE);
        let mut joined: Option<Merged> = None;
        while let Some(merged) = reads.next().await {
            let merged: Result<Option<Merged>> = merged;
            let merged = merged?.ok_or_else(|| over(run))?;
            match &mut joined {
                Some(joined) => joined.join(merged),
                None => joined = Some(merged),
            }
        }
        Ok(joined)
    }
}
