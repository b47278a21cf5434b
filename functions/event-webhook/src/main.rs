//! The keyless door for events: Azure Event Grid and Google's Pub/Sub push come in here, with tokens
//! of Entra's and Google's. What is verified goes into the queue, and nothing else does.
//!
//! | module | what happens there |
//! |---|---|
//! | `settings` | the environment, read once at start |
//! | `request` | what API Gateway hands over |
//! | `door` | token, handshake, events, queue: in this order |
//! | `answer` | what a sender is told, which is little |

mod answer;
mod door;
mod request;
mod settings;

use carnet_federation::config::Env;
use carnet_federation::http::Http;
use carnet_federation::mint::AwsSession;
use carnet_federation::{Result, telemetry};
use carnet_ingest::Queue;
use door::Door;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::result::Result<(), lambda_runtime::Error> {
    let door = start(&Env::from_process()).await?;
    carnet_lambda::serve(door).await
}

async fn start(env: &Env) -> Result<Door> {
    telemetry::init_lambda(env)?;
    let settings = settings::read(env)?;
    let http = Http::from_env(env)?;
    let queue = Queue::new(&AwsSession::load(&http).await?, &settings.queue)?;
    Ok(Door::new(settings, &http, queue))
}
