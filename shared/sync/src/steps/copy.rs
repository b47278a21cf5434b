//! Copying one item of the work: a batch, or some parts of an object that is a batch of its own.

use super::Steps;
use crate::copy::{BatchReport, Copier};
use crate::error::Result;
use crate::plan::Batch;
use crate::state::RunId;
use crate::stop::Stop;
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// What one call copies. As it stands in `work.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    pub run: RunId,
    pub batch: u64,
    /// Some parts of the batch's one object; without these the batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_part: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_part: Option<u32>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copying {
    /// Objects, or 1 for parts: to be called again.
    pub left: u64,
    pub failed: u64,
    /// Some of the failed may be cured by trying again.
    pub transient: bool,
}

/// What the calls of one item came to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Reported {
    pub report: Option<BatchReport>,
    pub seconds: f64,
    pub calls: u64,
}

impl Reported {
    /// The folder of all reports of a run.
    pub fn folder(run: &RunId) -> String {
        format!("runs/{run}/reports/")
    }

    fn path(item: &Item) -> String {
        let part = item.first_part.map_or(String::new(), |first| format!("-{first:05}"));
        format!("{}{:08}{part}.json", Self::folder(&item.run), item.batch)
    }
}

impl Steps {
    pub async fn copy(&self, item: &Item, stop: &Stop) -> Result<Copying> {
        let job = &self.job;
        let batch = Batch::load(&job.state, &item.run, item.batch).await?;
        self.share_lease(&item.run).await?;
        let begin = Instant::now();
        let (options, progress) = (self.options.copy.clone(), self.progress.clone());
        let copier = Copier::new(job.clone(), item.run.clone(), options, progress, stop.clone());
        let (report, copying) = match (item.first_part, item.last_part, batch.tasks.as_slice()) {
            (Some(first), Some(last), [task]) => {
                let sent = copier.share(task, first..=last).await?;
                (None, Copying { left: u64::from(!sent), failed: 0, transient: false })
            }
            _ => {
                let report = copier.batch(&batch).await?;
                let copying = Copying {
                    left: report.counts.left,
                    failed: report.counts.failed,
                    transient: report.failures.iter().any(|failure| failure.is_transient()),
                };
                (Some(report), copying)
            }
        };
        self.note(item, report, begin.elapsed().as_secs_f64()).await?;
        Ok(copying)
    }

    /// The last call's report is the whole of the item; times add up.
    async fn note(&self, item: &Item, report: Option<BatchReport>, seconds: f64) -> Result<()> {
        let path = Reported::path(item);
        let before = self.job.state.get_json::<Reported>(&path).await?;
        let before = before.map_or_else(Reported::default, |(before, _)| before);
        let reported = Reported { report, seconds: before.seconds + seconds, calls: before.calls + 1 };
        self.job.state.replace_json(&path, &reported).await
    }
}
