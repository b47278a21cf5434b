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
use carnet_federation::telemetry;
use ingest::Ingest;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ingest = start(&Env::from_process()).await?;
    carnet_lambda::serve(ingest).await
}

async fn start(env: &Env) -> carnet_federation::Result<Ingest> {
    telemetry::init_lambda(env)?;
    let ingest = settings::read(env)?.open(env).await?;
    carnet_lambda::warm_up(ingest.warm_up()).await;
    Ok(ingest)
}
