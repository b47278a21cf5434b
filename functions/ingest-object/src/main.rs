//! An event names an object, and its current version is copied into S3, by the same code as sync.
//!
//! | module | what happens there |
//! |---|---|
//! | `settings` | the environment, read once at start |
//! | `event` | what Lambda hands over: a batch of SQS, or one event |
//! | `ingest` | the function: what is not done is handed back |

mod event;
mod ingest;
mod settings;

use carnet_federation::config::Env;
use carnet_federation::{deadline, telemetry};
use ingest::Ingest;
use std::time::Duration;

/// Of the 10 s that Lambda gives the init phase.
const WARM_UP: Duration = Duration::from_secs(6);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ingest = start(&Env::from_process()).await?;
    carnet_lambda::serve(ingest).await
}

async fn start(env: &Env) -> carnet_federation::Result<Ingest> {
    telemetry::init_lambda(env)?;
    let ingest = settings::read(env)?.open(env).await?;
    // The first event finds a token waiting. If there is none to be had, that event says why.
    if let Err(error) = deadline::within(WARM_UP, ingest.warm_up()).await {
        tracing::warn!(%error, "no token at init; the first event tries again");
    }
    Ok(ingest)
}
