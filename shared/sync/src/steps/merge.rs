//! Merging one range of keys into shards of the next manifest. Nothing refers to them yet.

use super::gather::Share;
use super::{Steps, concluded, over};
use crate::commit::{Merged, merge};
use crate::error::Result;
use crate::state::RunId;

pub(super) fn path(run: &RunId, number: u32) -> String {
    format!("runs/{run}/merged/{number:05}.json")
}

impl Steps {
    pub async fn merge(&self, run: &RunId, number: u32) -> Result<()> {
        let state = &self.job.state;
        let manifest = self.manifest().await?;
        if concluded(&manifest, run).is_some()
            || state.get_json::<Merged>(&path(run, number)).await?.is_some()
        {
            return Ok(());
        }
        let share = state.get_json::<Share>(&Share::path(run, number)).await?;
        let (Share { range, harvest }, _) = share.ok_or_else(|| over(run))?;
        self.share_lease(run).await?;
        let merged = merge::range(&self.job, &manifest, run, &harvest, &range, number).await?;
        state.replace_json(&path(run, number), &merged).await
    }
}
