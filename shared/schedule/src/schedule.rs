//! The two ends of a deployment's sync, and the steps on them.

use crate::failure;
use crate::settings::Settings;
use carnet_federation::config::{self, Env};
use carnet_federation::doctor::Report;
use carnet_federation::{Result, telemetry};
use carnet_lambda::{Call, Failure, warm_up};
use carnet_objects::sink::SinkListRequest;
use carnet_objects::way::{self, Way};
use carnet_objects::{ObjectSink as _, s3::S3Bucket};
use carnet_sync::steps::Engine;
use carnet_sync::{Event, Job, Progress, Steps, Stop, SyncError};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;

/// Kept back of a call's time: what is under way is dropped, and what has arrived is written down.
const TO_END: Duration = Duration::from_secs(20);

/// "Transitions in Distributed Map state" (AWS Step Functions): what starts a child counts as one, then each
/// state that it enters. A run's own are the states of the machine in `template.yaml` on their way.
const STEP_FUNCTIONS: Engine = Engine { memory_mb: 0, of_item: 4, of_range: 2, of_run: 12 };

pub struct Schedule {
    pub(crate) settings: Settings,
    job: Arc<Job>,
    from: Way,
    bucket: Arc<S3Bucket>,
}

impl Schedule {
    pub async fn start(env: &Env) -> Result<Self> {
        telemetry::init_lambda(env)?;
        let settings = config::gather(|faults| Settings::read(env, faults))?;
        let ends = way::ends(env, &settings.source).await?;
        let bucket = ends.buckets.bucket(&settings.bucket)?;
        let job = settings.job(&ends.from, bucket.clone())?;
        warm_up(ends.from.warm_up()).await;
        Ok(Self { settings, job: Arc::new(job), from: ends.from, bucket })
    }

    /// The way to the source, then one look at the destination.
    pub async fn doctor(&self) -> Report {
        let mut report = self.from.doctor().await;
        let request = SinkListRequest { prefix: self.settings.state_folder(), ..SinkListRequest::default() };
        let found = |page: &carnet_objects::sink::EntryPage| serde_json::json!({ "has_state": !page.objects.is_empty() });
        report.step("destination", self.bucket.target(), self.bucket.list(&request), found).await;
        report
    }

    /// Who is called is said to whoever finds the lease taken.
    pub(crate) fn steps(&self, holder: Option<&str>) -> Steps {
        let mut options = self.settings.options.clone();
        if let Some(holder) = holder {
            options.holder = holder.to_owned();
        }
        Steps {
            job: self.job.clone(),
            options,
            progress: Arc::new(Log),
            range_objects: self.settings.range_objects,
            engine: Engine { memory_mb: self.settings.memory_mb, ..STEP_FUNCTIONS },
        }
    }

    pub(crate) fn bucket(&self) -> &str {
        &self.settings.bucket
    }

    /// A file of the state, by its name in the bucket.
    pub(crate) fn state_file(&self, path: &str) -> String {
        self.job.state.name_of(path)
    }
}

/// Stops in time to write down what was done.
pub(crate) fn stop(call: &Call<'_>) -> Stop {
    Stop::after(call.left.saturating_sub(TO_END.min(call.left / 4)))
}

/// What a task is asked.
pub(crate) fn asked<T: DeserializeOwned>(call: &Call<'_>, form: &str) -> std::result::Result<T, Failure> {
    serde_json::from_str(call.event.get())
        .map_err(|why| Failure::new("BadEvent", format!("the event is not {form}: {why}")))
}

/// What a run tells, as log lines. Objects that are copied are many and in the receipts: they are said at
/// level DEBUG.
struct Log;

impl Progress for Log {
    fn hear(&self, event: &Event<'_>) {
        let Ok(json) = serde_json::to_string(event) else { return };
        match event {
            Event::Failed(failure) => {
                tracing::error!(target: "carnet_sync", key = failure.key, kind = failure.kind, "{}", failure.message);
            }
            Event::Bytes { .. } => {}
            Event::Copied { .. } | Event::Deleted { .. } => tracing::debug!(target: "carnet_sync", "{json}"),
            _ => tracing::info!(target: "carnet_sync", "{json}"),
        }
    }
}

pub(crate) fn failed(error: SyncError) -> Failure {
    failure::of(&error)
}
