//! The steps of a sync, each a process of its own, as Lambda has them, over objects that never were:
//! `scale STEP FOLDER RUN OBJECTS CHANGED [RANGE]`. What passes between them is in the state, in FOLDER.
//!
//! | step | what it does |
//! |---|---|
//! | `plan` | lease, what was left behind, plan; batches, the work file |
//! | `copy` | every batch, one after the other: its objects arrive nowhere, its receipts are written |
//! | `gather` | reads the reports; says what is to be merged, and in which ranges |
//! | `merge` | merges one range |
//! | `conclude` | swaps the root, sweeps |
//!
//! Each leaves `FOLDER/steps/RUN-STEP[-RANGE].json` with the calls that it made.

mod folder;

use carnet_sync::steps::{Item, Planned, Step as Concluding, Steps};
use carnet_sync::synthetic::{Changed, Synthetic};
use carnet_sync::{BatchLimits, Ending, Job, PlanOptions, RunId, RunOptions, Silent, State, Stop};
use folder::Folder;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T = ()> = std::result::Result<T, Error>;

const STATE: &str = ".carnet-sync/";
const TERM: Duration = Duration::from_secs(24 * 3600);
/// Objects that one process merges, as a deployment has it that says nothing else.
const RANGE: u64 = 1_000_000;

struct Step {
    folder: PathBuf,
    sink: Arc<Folder>,
    steps: Steps,
    run: RunId,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [step, folder, run, objects, changed, range @ ..] = &arguments[..] else {
        return Err("usage: scale STEP FOLDER RUN OBJECTS nothing|block|spread [RANGE]".into());
    };
    let changed = match changed.as_str() {
        "nothing" => Changed::Nothing,
        "block" => Changed::Block,
        "spread" => Changed::Spread,
        other => return Err(format!("{other} is no way to change").into()),
    };
    let source = Synthetic::new(objects.parse()?).changed(changed);
    let this = Step::new(folder.into(), source, run)?;
    let mut name = format!("steps/{run}-{step}");
    match (step.as_str(), range) {
        ("plan", []) => this.plan().await?,
        ("copy", []) => this.copy().await?,
        ("gather", []) => this.gather().await?,
        ("merge", [range]) => {
            name = format!("{name}-{range}");
            this.merge(range.parse()?).await?;
        }
        ("conclude", []) => this.conclude().await?,
        _ => return Err(format!("there is no such step: {step} {range:?}").into()),
    }
    let calls = serde_json::to_vec(&this.sink.calls())?;
    Ok(std::fs::write(this.folder.join(format!("{name}.json")), calls)?)
}

impl Step {
    fn new(folder: PathBuf, source: Synthetic, run: &str) -> Result<Self> {
        std::fs::create_dir_all(folder.join("steps"))?;
        let sink = Arc::new(Folder::new(&folder, STATE));
        let state = State::new(sink.clone(), STATE)?;
        let job = Job::new(Arc::new(source), "synthetic://", sink.clone(), "folder://", "copies/", state)?;
        let run = RunId::parse(run).ok_or("a run's name has letters, digits, - and _")?;
        // As a deployment has it that says nothing else.
        let batches = BatchLimits { spread: true, ..BatchLimits::default() };
        let plan = PlanOptions { delete: false, batches, ..PlanOptions::default() };
        let options = RunOptions { plan, lease_term: TERM, ..RunOptions::default() };
        let progress = Arc::new(Silent);
        let steps = Steps { job: Arc::new(job), options, progress, range_objects: RANGE };
        Ok(Self { folder, sink, steps, run })
    }

    async fn plan(&self) -> Result {
        match self.steps.plan(&self.run, SystemTime::now(), None, &Stop::new()).await? {
            Planned::Complete(_) => Ok(()),
            Planned::Stopped => Err("the plan stopped".into()),
        }
    }

    async fn copy(&self) -> Result {
        let work = self.folder.join(format!("{STATE}runs/{}/work.json", self.run));
        let items: Vec<Item> = serde_json::from_slice(&std::fs::read(work)?)?;
        for item in items {
            let copying = self.steps.copy(&item, &Stop::new()).await?;
            if copying.left + copying.failed > 0 {
                return Err(format!("{item:?}: {copying:?}").into());
            }
        }
        Ok(())
    }

    async fn gather(&self) -> Result {
        self.steps.gather(&self.run).await?;
        Ok(())
    }

    async fn merge(&self, range: u32) -> Result {
        Ok(self.steps.merge(&self.run, range).await?)
    }

    async fn conclude(&self) -> Result {
        match self.steps.conclude(&self.run, &Stop::new()).await? {
            Concluding::Done(summary) if summary.ending == Ending::Done => Ok(()),
            other => Err(format!("the run ended with {other:?}").into()),
        }
    }
}
