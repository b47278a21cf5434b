//! A synthetic source of a million objects, and a manifest in S3 that has them all: `million seed`
//! writes the manifest, as a run would have left it that copied them; `million plan` compares the two.

use carnet_federation::config::{self, Env};
use carnet_federation::http::Http;
use carnet_federation::mint::AwsSession;
use carnet_objects::s3::{S3Bucket, S3Settings};
use carnet_sync::synthetic::{Synthetic, commit_all};
use carnet_sync::{Job, PlanOptions, State, dry_run};
use std::sync::Arc;

type Error = Box<dyn std::error::Error + Send + Sync>;

const OBJECTS: u64 = 1_000_000;
const BUCKET: &str = "carnet-bench-copies";
const PREFIX: &str = "million/";

#[tokio::main]
async fn main() -> Result<(), Error> {
    let job = job().await?;
    match std::env::args().nth(1).as_deref() {
        Some("seed") => Ok(commit_all(&job, OBJECTS).await?),
        Some("plan") => plan(&job).await,
        _ => Err("usage: million seed|plan".into()),
    }
}

async fn job() -> Result<Arc<Job>, Error> {
    let env = Env::from_process();
    let http = Http::from_env(&env)?;
    let session = AwsSession::load(&http).await?;
    let settings = config::gather(|faults| S3Settings::read(&env, faults))?;
    let sink = Arc::new(S3Bucket::new(&http, &session, &settings, BUCKET)?);
    let state = State::new(sink.clone(), format!("{PREFIX}.carnet-sync/"))?;
    let to = format!("s3://{BUCKET}/{PREFIX}");
    Ok(Arc::new(Job::new(Arc::new(Synthetic::new(OBJECTS)), "synthetic://", sink, to, PREFIX, state)?))
}

async fn plan(job: &Arc<Job>) -> Result<(), Error> {
    let plan = dry_run(job, &PlanOptions::default(), |_| {}).await?;
    let tally = plan.tally();
    match (tally.listed, tally.keep) {
        (OBJECTS, OBJECTS) => Ok(()),
        (listed, keep) => Err(format!("{listed} objects were listed, {keep} of them unchanged").into()),
    }
}
