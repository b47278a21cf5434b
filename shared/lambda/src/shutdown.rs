//! A graceful end: SIGTERM before Lambda takes the environment away.
//!
//! Lambda sends it only to an environment with an extension ("Lambda Extensions API", shutdown
//! phase), so one is registered that asks for no events. `lambda_runtime` has the same under a
//! feature, whose `lambda-extension` brings chrono, regex and a server for logs into the binary.

use lambda_runtime::Error;
use lambda_runtime_api_client::body::Body;
use lambda_runtime_api_client::{Client, build_request};
use std::process::exit;
use tokio::signal::unix::{Signal, SignalKind, signal};

const NAME: &str = "carnet-graceful-end";
const IDENTIFIER: &str = "Lambda-Extension-Identifier";

/// Runs `last` when Lambda ends the environment, then ends the process. Called in the init phase.
pub async fn before_the_end(last: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    let mut told = signal(SignalKind::terminate())?;
    let client = Client::builder().build()?;
    let register = build_request()
        .method("POST")
        .uri("/2020-01-01/extension/register")
        .header("Lambda-Extension-Name", NAME)
        .header("Content-Type", "application/json")
        .body(Body::from(r#"{"events":[]}"#))?;
    let registered = client.call(register).await?;
    let Some(identifier) = registered.headers().get(IDENTIFIER).cloned() else {
        return Err(format!("no extension could be registered: status {}", registered.status()).into());
    };
    let next = build_request()
        .uri("/2020-01-01/extension/event/next")
        .header(IDENTIFIER, identifier)
        .body(Body::empty())?;
    tokio::spawn(async move {
        // Ready for events, though none will come: with this call the init phase can end. It stays
        // open as long as the environment lives.
        tokio::spawn(client.call(next));
        wait(&mut told).await;
        last();
        exit(0);
    });
    Ok(())
}

async fn wait(told: &mut Signal) {
    told.recv().await;
    tracing::info!("told to end");
}
