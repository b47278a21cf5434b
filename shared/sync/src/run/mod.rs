//! The three steps in one process.
//!
//! Copying begins while the plan is still being made. That is safe, since a copy only ever brings what
//! the source has; what deletes waits for the whole plan, the guard, and the copies.
//!
//! | module | what happens there |
//! |---|---|
//! | this one | [`run`]: lease, recovery, plan and copy at once, commit |
//! | [`finish`] | guard, commit, deletions, record: the last step, for whichever engine |
//! | [`status`] | what the state says, without changing it |

pub mod finish;
pub mod status;

pub use finish::{Concluded, Copied, Decision, Finish, Report, Spent, Worked, decide};
pub use status::{Status, status};

use crate::commit::recover;
use crate::copy::{BatchReport, Copier, CopyOptions};
use crate::cost::Prices;
use crate::error::{Result, SyncError};
use crate::guard::Guard;
use crate::job::Job;
use crate::lease::Lease;
use crate::manifest::Manifest;
use crate::plan::step::{Deliver, PlanOptions, PlanState, advance};
use crate::plan::{Action, Batch};
use crate::progress::{Event, Progress};
use crate::state::{RunId, attempt};
use crate::stop::Stop;
use crate::summary::Summary;
use carnet_federation::{BoxFuture, Hop};
use carnet_objects::sink::SinkListRequest;
use futures_util::{FutureExt as _, StreamExt as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

#[derive(Clone, Debug)]
pub struct RunOptions {
    pub plan: PlanOptions,
    pub copy: CopyOptions,
    pub guard: Guard,
    /// Batches that are copied at once: so that the last big object of one does not keep the next
    /// waiting.
    pub batches_at_once: usize,
    /// Who this is, for whoever finds the lease taken.
    pub holder: String,
    pub lease_term: Duration,
    /// What calls and bytes cost, for the report.
    pub prices: Prices,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            plan: PlanOptions::default(),
            copy: CopyOptions::default(),
            guard: Guard::default(),
            batches_at_once: 3,
            holder: format!("process {}", std::process::id()),
            lease_term: Duration::from_secs(300),
            prices: Prices::compiled_in(),
        }
    }
}

/// Makes the destination what the source is.
pub async fn run(
    job: Arc<Job>,
    options: RunOptions,
    progress: Arc<dyn Progress>,
    stop: Stop,
) -> Result<Summary> {
    // What cannot be meant, and what is not ours, is refused before anything is written.
    crate::filter::Filter::new(options.plan.filter.clone(), job.clock.now())?;
    Manifest::of(&job.state, &job.from, &job.to).await?;
    let run = RunId::new(job.clock.now());
    let mut lease = Lease::take(&job.state, &job.clock, &options.holder, &run, options.lease_term).await?;
    progress.hear(&Event::Began { run: &run });
    let outcome = leased(&job, &options, &progress, &stop, &run, &mut lease).await;
    if !matches!(outcome, Err(SyncError::LeaseLost))
        && let Err(error) = lease.release().await
    {
        tracing::warn!(target: "carnet_sync", %error, "the lease could not be given back: it ends by itself");
    }
    outcome
}

/// What a run would do, action by action, without a lease and without writing anything.
pub async fn dry_run(
    job: &Arc<Job>,
    options: &PlanOptions,
    each: impl FnMut(Option<&Action>),
) -> Result<PlanState> {
    let manifest = Manifest::of(&job.state, &job.from, &job.to).await?;
    crate::plan::step::explain(job, &manifest, options, each).await
}

async fn leased(
    job: &Arc<Job>,
    options: &RunOptions,
    progress: &Arc<dyn Progress>,
    stop: &Stop,
    run: &RunId,
    lease: &mut Lease,
) -> Result<Summary> {
    let mut manifest = Manifest::of(&job.state, &job.from, &job.to).await?;
    let absorbed = recover(job, &mut manifest, lease, run, &**progress).await?;
    let mut copy = options.copy.clone();
    copy.adopt = copy.adopt || (manifest.root.is_none() && is_inhabited(job).await?);
    let copier = Copier::new(job.clone(), run.clone(), copy, progress.clone(), stop.clone());
    let plan = PlanState::begin(run.clone(), job.clock.now(), &manifest, &options.plan);
    let (plan, reports) =
        lease.during(plan_and_copy(job, &manifest, options, plan, &copier, &**progress, stop)).await?;
    let mut copied = Copied::default();
    for report in reports {
        copied.add(report);
    }
    let worked = Worked { plan, copied, absorbed, spent: None };
    // What was passed to be deleted is few enough to be finished.
    let (manifest, stop) = (&mut manifest, &Stop::new());
    let mut finish = Finish { job, manifest, lease, stop, progress: &**progress, prices: &options.prices };
    match finish.all(worked, &options.guard).await? {
        Concluded::Done(summary) => Ok(*summary),
        Concluded::Stopped(_) => Err(SyncError::Machine("the deletions ended before their end".to_owned())),
    }
}

/// The plan hands batches to the copies as it cuts them.
async fn plan_and_copy(
    job: &Arc<Job>,
    manifest: &Manifest,
    options: &RunOptions,
    plan: PlanState,
    copier: &Copier,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<(PlanState, Vec<BatchReport>)> {
    let (sender, receiver) = mpsc::channel(1);
    let planning = async move {
        let hand = Hand(sender);
        advance(job, manifest, &options.plan, plan, &hand, progress, stop).await
    };
    let copying = async move {
        let batches = futures_util::stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|batch| (batch, receiver))
        });
        let copies = batches
            .map(|batch: Batch| async move { copier.fresh_batch(&batch).await }.boxed())
            .buffer_unordered(options.batches_at_once.max(1));
        let mut copies = std::pin::pin!(copies);
        let mut reports = Vec::new();
        while let Some(report) = copies.next().await {
            reports.push(report?);
        }
        Ok::<_, SyncError>(reports)
    };
    let (plan, reports) = tokio::join!(planning, copying);
    // A batch that could not be recorded closes the channel, which is then all that planning knows.
    let reports = reports?;
    Ok((plan?, reports))
}

struct Hand(mpsc::Sender<Batch>);

impl Deliver for Hand {
    fn batch(&self, batch: Batch) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let closed = |_| SyncError::Machine("copying has ended before the plan".to_owned());
            self.0.send(batch).await.map_err(closed)
        })
    }
}

/// Whether the destination holds anything besides the state.
async fn is_inhabited(job: &Job) -> Result<bool> {
    let request = SinkListRequest { prefix: job.prefix().to_owned(), ..SinkListRequest::default() };
    let page = attempt(Hop::List, &*job.sink, || job.sink.list(&request)).await?;
    Ok(page.objects.iter().any(|entry| !entry.key.as_str().starts_with(job.state.folder())))
}
