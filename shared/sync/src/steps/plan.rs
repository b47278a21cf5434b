//! Planning, until the plan is complete or it is to stop; then the work is written down.

use super::{Begun, Item, Steps};
use crate::commit::recover;
use crate::copy::parts_of;
use crate::error::{Result, SyncError};
use crate::filter::Filter;
use crate::lease::Lease;
use crate::listing::folders;
use crate::plan::step::{Spread, advance};
use crate::plan::{PlanDigest, PlanOptions, PlanState};
use crate::state::RunId;
use crate::stop::Stop;
use carnet_federation::Kind;
use serde::{Deserialize, Serialize};
use std::time::SystemTime;

/// From so many parts of the list items are taken together.
const REGIONS: usize = 64;

/// What there is to be copied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// An array of [`Item`]s, by its name in the bucket.
    pub items: String,
    pub count: u64,
    /// Objects whose parts several calls send: their last [`Item`]s, when all of those are done.
    pub finish: String,
    pub finish_count: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Planned {
    Complete(Work),
    /// To be called again.
    Stopped,
}

impl Steps {
    /// `passed` is the digest of a plan whose deletions somebody has looked at.
    pub async fn plan(
        &self,
        run: &RunId,
        began: SystemTime,
        passed: Option<PlanDigest>,
        stop: &Stop,
    ) -> Result<Planned> {
        let plan = match PlanState::load(&self.job.state, run).await? {
            Some(plan) => {
                self.share_lease(run).await?;
                plan
            }
            None => self.begin(run, began, passed).await?,
        };
        let plan = if plan.complete { plan } else { self.advance(plan, stop).await? };
        if !plan.complete {
            return Ok(Planned::Stopped);
        }
        Ok(Planned::Complete(self.write_work(&plan).await?))
    }

    /// What cannot be meant, and what is not ours, is refused before anything is written.
    async fn begin(&self, run: &RunId, began: SystemTime, passed: Option<PlanDigest>) -> Result<PlanState> {
        let (job, options) = (&self.job, &self.options);
        Filter::new(options.plan.filter.clone(), began)?;
        self.manifest().await?;
        let mut lease = Lease::take(&job.state, &job.clock, &options.holder, run, options.lease_term).await?;
        let begun = self.recover(run, began, passed, &mut lease).await;
        if let Err(error) = &begun
            && is_final(error)
        {
            // Nothing is under way yet that the lease would protect.
            lease.release().await?;
        }
        begun
    }

    async fn recover(
        &self,
        run: &RunId,
        began: SystemTime,
        passed: Option<PlanDigest>,
        lease: &mut Lease,
    ) -> Result<PlanState> {
        let job = &self.job;
        let mut manifest = self.manifest().await?;
        let absorbed = recover(job, &mut manifest, lease, run, &*self.progress).await?;
        // Before there is a manifest, the source's own folders say where its listing can be cut.
        let cuts = match manifest.root {
            Some(_) => Vec::new(),
            None => folders(&*job.source).await?,
        };
        let options = PlanOptions { cuts: cuts.clone(), ..self.options.plan.clone() };
        job.state.replace_json(&Begun::path(run), &Begun { absorbed, passed, cuts }).await?;
        let plan = PlanState::begin(run.clone(), began, &manifest, &options);
        plan.store(&job.state).await?;
        Ok(plan)
    }

    async fn advance(&self, plan: PlanState, stop: &Stop) -> Result<PlanState> {
        let (job, run) = (&self.job, plan.run.clone());
        let manifest = self.manifest().await?;
        let cuts = Begun::load(job, &run).await?.cuts;
        let options = PlanOptions { cuts, ..self.options.plan.clone() };
        let planning = advance(job, &manifest, &options, plan, &job.state, &*self.progress, stop);
        match planning.await {
            Ok(mut plan) => {
                plan.planned_at = plan.complete.then(|| job.clock.now());
                plan.store(&job.state).await?;
                Ok(plan)
            }
            Err(error) => {
                if is_final(&error) {
                    Lease::break_held(&job.state, &run).await?;
                }
                Err(error)
            }
        }
    }

    async fn write_work(&self, plan: &PlanState) -> Result<Work> {
        let spread = |batch: u64| {
            plan.spread.binary_search_by_key(&batch, |spread| spread.batch).ok().map(|at| plan.spread[at])
        };
        let (mut items, mut finish) = (Vec::new(), Vec::new());
        for batch in plan.first_batch..plan.next_batch {
            let whole = Item { run: plan.run.clone(), batch, first_part: None, last_part: None };
            match spread(batch) {
                Some(spread) => {
                    items.extend(self.shares(&whole, spread));
                    finish.push(whole);
                }
                None => items.push(whole),
            }
        }
        let (items, finish) = (spread_out(items), spread_out(finish));
        let state = &self.job.state;
        let [work, last] = ["work.json", "finish.json"].map(|file| format!("runs/{}/{file}", plan.run));
        for (path, items) in [(&work, &items), (&last, &finish)] {
            let body = serde_json::to_vec(items).map_err(std::io::Error::from)?;
            state.replace(path, body.into(), "application/json").await?;
        }
        Ok(Work {
            items: state.name_of(&work),
            count: items.len() as u64,
            finish: state.name_of(&last),
            finish_count: finish.len() as u64,
        })
    }

    /// A big object's parts, so many for each call as a batch may have bytes.
    fn shares(&self, whole: &Item, spread: Spread) -> Vec<Item> {
        let (count, part_size) = parts_of(spread.size, self.options.copy.part_size);
        let each = u32::try_from(self.options.plan.batches.bytes / part_size).unwrap_or(u32::MAX).max(1);
        let first = (1..=count).step_by(each as usize);
        first
            .map(|first| Item {
                first_part: Some(first),
                last_part: Some(count.min(first.saturating_add(each - 1))),
                ..whole.clone()
            })
            .collect()
    }
}

/// Workers take items in the order of the list. Names that are neighbours share a part of the bucket, and S3
/// takes so many requests a second for each ("Best practices design patterns: optimizing Amazon S3
/// performance"): so those that are taken together come from all over the list.
fn spread_out(items: Vec<Item>) -> Vec<Item> {
    let step = items.len().div_ceil(REGIONS).max(1);
    (0..step).flat_map(|first| items.iter().skip(first).step_by(step)).cloned().collect()
}

/// Whether calling again cannot help: the run ends here.
fn is_final(error: &SyncError) -> bool {
    match error {
        SyncError::LeaseLost | SyncError::Held { .. } => false,
        error => !matches!(
            error.kind(),
            Some(Kind::Unavailable | Kind::Throttled | Kind::Deadline | Kind::Unauthenticated)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_that_are_taken_together_are_no_neighbours() {
        let run = RunId::parse("run").unwrap();
        let item = |batch| Item { run: run.clone(), batch, first_part: None, last_part: None };
        let spread: Vec<u64> =
            spread_out((0..640).map(item).collect()).iter().map(|item| item.batch).collect();
        assert_eq!(spread[..4], [0, 10, 20, 30]);
        assert_eq!(spread[64..67], [1, 11, 21]);
        let mut all = spread;
        all.sort_unstable();
        assert_eq!(all, (0..640).collect::<Vec<_>>());
    }
}
