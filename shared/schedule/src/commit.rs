//! `sync-commit`: gathers what was copied, merges one range, concludes.

use crate::schedule::{Schedule, asked, failed, stop};
use carnet_federation::telemetry::metrics;
use carnet_lambda::{Call, Failure};
use carnet_sync::steps::Step;
use carnet_sync::{RunId, Summary};
use serde::Deserialize;
use serde_json::{Value, json};

const FORM: &str = r#"{"step":"gather"|"merge"|"conclude","run":RUN}, with "range" to merge"#;

#[derive(Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
enum Asked {
    Gather { run: RunId },
    Merge { run: RunId, range: u32 },
    Conclude { run: RunId },
}

impl Schedule {
    pub async fn commit(&self, call: Call<'_>) -> Result<Value, Failure> {
        let steps = self.steps(None);
        match asked(&call, FORM)? {
            Asked::Gather { run } => {
                let gathered = steps.gather(&run).await.map_err(failed)?;
                Ok(json!({
                    "run": run,
                    "bucket": self.bucket(),
                    "ranges": gathered.ranges,
                    "count": gathered.count,
                    "results": self.results(&run),
                }))
            }
            Asked::Merge { run, range } => {
                steps.merge(&run, range).await.map_err(failed)?;
                Ok(json!({ "range": range }))
            }
            Asked::Conclude { run } => match steps.conclude(&run, &stop(&call)).await.map_err(failed)? {
                Step::Stopped => Ok(json!({ "run": run, "done": false })),
                Step::Done(summary) => Ok(self.concluded(&summary)),
            },
        }
    }

    fn concluded(&self, summary: &Summary) -> Value {
        let counts = &summary.counts;
        metrics::count("SyncRuns", "Count", 1);
        metrics::count("SyncCopied", "Count", counts.copied);
        metrics::count("SyncCopiedBytes", "Bytes", counts.copied_bytes);
        metrics::count("SyncDeleted", "Count", counts.deleted);
        metrics::count("SyncFailed", "Count", counts.failed + counts.not_deleted);
        let report = self.state_file(&format!("reports/{}.json", summary.run));
        json!({
            "run": summary.run,
            "done": true,
            "ending": summary.ending,
            "copied": counts.copied,
            "deleted": counts.deleted,
            "failed": counts.failed,
            "report": format!("s3://{}/{report}", self.bucket()),
        })
    }
}
