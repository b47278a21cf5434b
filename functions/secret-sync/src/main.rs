//! Secrets of Key Vault and Secret Manager are copied into AWS Secrets Manager, by a schedule.
//!
//! | module | what happens there |
//! |---|---|
//! | `settings` | the environment, read once at start |
//! | `sync` | the function: each pair by itself, told row by row |

mod settings;
mod sync;

use carnet_federation::config::Env;
use carnet_federation::telemetry;
use sync::SecretSync;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let sync = start(&Env::from_process()).await?;
    carnet_lambda::serve(sync).await
}

async fn start(env: &Env) -> carnet_federation::Result<SecretSync> {
    telemetry::init_lambda(env)?;
    let sync = settings::read(env)?.open(env).await?;
    carnet_lambda::warm_up(sync.warm_up()).await;
    Ok(sync)
}
