//! The steps of a sync, each a process of its own, as Lambda has them, over objects that never were:
//! `scale STEP FOLDER RUN OBJECTS CHANGED [RANGE]`. What passes between them goes through files in FOLDER.
//!
//! | step | what it does |
//! |---|---|
//! | `plan` | lease, what was left behind, plan; batches, the work file |
//! | `copy` | every batch, one after the other: its objects arrive nowhere, its receipts are written |
//! | `gather` | reads the receipts; says what is to be merged, and in which ranges |
//! | `merge` | merges one range |
//! | `conclude` | swaps the root, sweeps |
//!
//! Each leaves `FOLDER/steps/RUN-STEP[-RANGE].json` with the calls that it made.

mod folder;

use carnet_sync::commit::merge::{self, Merged};
use carnet_sync::commit::recover;
use carnet_sync::plan::step::advance;
use carnet_sync::run::{Copied, conclude, decide};
use carnet_sync::synthetic::{Changed, Synthetic};
use carnet_sync::{
    Batch, BatchLimits, Copier, CopyOptions, Ending, Guard, Job, KeyRange, Lease, Manifest, PlanOptions,
    PlanState, RunId, Silent, State, Stop,
};
use folder::Folder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T = ()> = std::result::Result<T, Error>;

const STATE: &str = ".carnet-sync/";
const TERM: Duration = Duration::from_secs(24 * 3600);
/// Records that one process merges.
const RANGE: u64 = 1_000_000;

struct Step {
    folder: PathBuf,
    sink: Arc<Folder>,
    job: Arc<Job>,
    run: RunId,
}

/// As the engine's map takes it: one a batch.
#[derive(Serialize)]
struct Item<'i> {
    run: &'i RunId,
    batch: u64,
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
    this.leave(&name, &this.sink.calls())
}

impl Step {
    fn new(folder: PathBuf, source: Synthetic, run: &str) -> Result<Self> {
        std::fs::create_dir_all(folder.join("steps"))?;
        let sink = Arc::new(Folder::new(&folder, STATE));
        let state = State::new(sink.clone(), STATE)?;
        let job = Job::new(Arc::new(source), "synthetic://", sink.clone(), "folder://", "copies/", state)?;
        let run = RunId::parse(run).ok_or("a run's name has letters, digits, - and _")?;
        Ok(Self { folder, sink, job: Arc::new(job), run })
    }

    fn leave<T: Serialize>(&self, name: &str, what: &T) -> Result {
        Ok(std::fs::write(self.folder.join(format!("{name}.json")), serde_json::to_vec(what)?)?)
    }

    fn find<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        let path = self.folder.join(format!("{name}.json"));
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    }

    /// A name of this run's, beside the state.
    fn of_run(&self, what: &str) -> String {
        format!("{}-{what}", self.run)
    }

    async fn manifest(&self) -> Result<Manifest> {
        Ok(Manifest::of(&self.job.state, &self.job.from, &self.job.to).await?)
    }

    async fn planned(&self) -> Result<PlanState> {
        Ok(PlanState::load(&self.job.state, &self.run).await?.ok_or("there is no plan")?)
    }

    async fn plan(&self) -> Result {
        let (job, options) =
            (&self.job, PlanOptions { batches: BatchLimits::default(), ..Default::default() });
        let mut lease = Lease::take(&job.state, &job.clock, "scale", &self.run, TERM).await?;
        let mut manifest = self.manifest().await?;
        let absorbed = recover(job, &mut manifest, &mut lease, &self.run, &Silent).await?;
        self.leave(&self.of_run("absorbed"), &absorbed)?;
        let plan = PlanState::begin(self.run.clone(), job.clock.now(), &manifest, &options);
        let plan = advance(job, &manifest, &options, plan, &job.state, &Silent, &Stop::new()).await?;
        plan.store(&job.state).await?;
        let items = (plan.first_batch..plan.next_batch).map(|batch| Item { run: &self.run, batch });
        self.leave(&self.of_run("work"), &items.collect::<Vec<_>>())
    }

    async fn copy(&self) -> Result {
        let plan = self.planned().await?;
        for number in plan.first_batch..plan.next_batch {
            let batch = Batch::load(&self.job.state, &self.run, number).await?;
            let options = CopyOptions::default();
            let run = self.run.clone();
            let copier = Copier::new(self.job.clone(), run, options, Arc::new(Silent), Stop::new());
            let report = copier.batch(&batch).await?;
            if report.is_unfinished() {
                return Err(format!("batch {number}: {:?}", report.failures.first()).into());
            }
        }
        Ok(())
    }

    async fn gather(&self) -> Result {
        let (manifest, plan) = (self.manifest().await?, self.planned().await?);
        let copied = Copied::gather(&self.job, &self.run).await?;
        let decision = decide(&manifest, &plan, &copied, &Guard::default());
        self.leave(&self.of_run("gathered"), &copied)?;
        self.leave(&self.of_run("ranges"), &merge::ranges(&manifest, &decision.harvest, RANGE))
    }

    async fn merge(&self, number: usize) -> Result {
        let (manifest, plan) = (self.manifest().await?, self.planned().await?);
        let copied: Copied = self.find(&self.of_run("gathered"))?;
        let ranges: Vec<KeyRange> = self.find(&self.of_run("ranges"))?;
        let range = ranges.get(number).ok_or("there is no such range")?;
        let decision = decide(&manifest, &plan, &copied, &Guard::default());
        let file = u32::try_from(number)?;
        let merged = merge::range(&self.job, &manifest, &self.run, &decision.harvest, range, file).await?;
        self.leave(&self.of_run(&format!("merged-{number}")), &merged)
    }

    async fn conclude(&self) -> Result {
        let (job, plan) = (&self.job, self.planned().await?);
        let mut manifest = self.manifest().await?;
        let copied: Copied = self.find(&self.of_run("gathered"))?;
        let ranges: Vec<KeyRange> = self.find(&self.of_run("ranges"))?;
        let mut merged = Merged::default();
        for number in 0..ranges.len() {
            merged.join(self.find(&self.of_run(&format!("merged-{number}")))?);
        }
        let decision = decide(&manifest, &plan, &copied, &Guard::default());
        let absorbed = self.find(&self.of_run("absorbed"))?;
        let mut lease = Lease::resume(&job.state, &job.clock, &self.run, TERM).await?;
        let summary = conclude(
            job,
            &mut manifest,
            &mut lease,
            &plan,
            copied,
            absorbed,
            decision,
            Some(merged),
            &Silent,
        )
        .await?;
        lease.release().await?;
        match summary.ending {
            Ending::Done => Ok(()),
            ending => Err(format!("the run ended with {ending:?}").into()),
        }
    }
}
