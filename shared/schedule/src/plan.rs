//! `sync-plan`: called until the plan is complete.

use crate::schedule::{Schedule, asked, failed, stop};
use carnet_lambda::{Call, Failure};
use carnet_sync::steps::{Planned, Work};
use carnet_sync::{PlanDigest, RunId, clock};
use serde::Deserialize;
use serde_json::{Value, json};

const FORM: &str = r#"{"execution":ARN,"began":TIME,"input":{...}}"#;

/// As the state machine's first state puts it together from its own context.
#[derive(Deserialize)]
struct Asked {
    execution: String,
    /// RFC 3339.
    began: String,
    #[serde(default)]
    input: Input,
}

/// What an execution is started with. A schedule gives nothing.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Input {
    /// The digest of the plan, or of its deletions, that somebody has looked at: its deletions are made
    /// whatever the guard says.
    confirm: Option<String>,
}

impl Schedule {
    pub async fn plan(&self, call: Call<'_>) -> Result<Value, Failure> {
        let Asked { execution, began, input } = asked(&call, FORM)?;
        let began = clock::parse(&began)
            .ok_or_else(|| Failure::new("BadEvent", "`began` is not a time as RFC 3339 writes it"))?;
        let wrong = || Failure::new("BadEvent", "`confirm` is not a plan's digest: 64 hexadecimal digits");
        let passed = match input.confirm.as_deref() {
            Some(text) => Some(PlanDigest::parse(text).ok_or_else(wrong)?),
            None => None,
        };
        let run = RunId::of_execution(began, &execution);
        let steps = self.steps(Some(&execution));
        match steps.plan(&run, began, passed, &stop(&call)).await.map_err(failed)? {
            Planned::Stopped => Ok(json!({ "run": run, "complete": false })),
            Planned::Complete(work) => Ok(self.planned(&run, &work)),
        }
    }

    fn planned(&self, run: &RunId, work: &Work) -> Value {
        json!({
            "run": run,
            "complete": true,
            "bucket": self.bucket(),
            "work": work.items,
            "batches": work.count,
            "big": work.finish,
            "bigs": work.finish_count,
            "results": self.results(run),
        })
    }

    /// Where the engine writes what became of each item.
    pub(crate) fn results(&self, run: &RunId) -> String {
        self.state_file(&format!("engine/{run}"))
    }
}
