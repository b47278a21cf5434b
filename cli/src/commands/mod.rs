//! The subcommands, one file each.

mod aws_credentials;
mod cat;
mod completions;
mod demo;
mod local;
mod ls;
mod secret;
mod sync;
mod token;
mod trust;

use crate::args::Global;
use crate::failure::Failure;
use carnet_federation::config::Env;
use tokio::signal::unix::{Signal, SignalKind, signal};

#[derive(clap::Subcommand)]
pub enum Command {
    Token(token::Args),
    AwsCredentials(aws_credentials::Args),
    Ls(ls::Args),
    Cat(cat::Args),
    Sync(Box<sync::Args>),
    Secret(secret::Args),
    Local(local::Args),
    Demo(demo::Args),
    Trust(trust::Args),
    Completions(completions::Args),
}

pub fn run(command: &Command, global: &Global, env: &Env) -> Result<(), Failure> {
    match command {
        Command::Token(args) => block_on(token::run(args, global, env)),
        Command::AwsCredentials(args) => block_on(aws_credentials::run(args, env)),
        Command::Ls(args) => block_on(ls::run(args, global, env)),
        Command::Cat(args) => block_on(cat::run(args, global, env)),
        Command::Sync(args) => block_on_many(sync::run(args, global, env)),
        Command::Secret(args) => block_on(secret::run(args, global, env)),
        Command::Local(args) => block_on_many(local::run(args, global)),
        Command::Demo(args) => block_on_many(demo::run(args, global)),
        Command::Trust(args) => trust::run(args, global),
        Command::Completions(args) => completions::run(args),
    }
}

/// Several threads: the stand-ins answer many callers, and sign for them; a sync has many transfers
/// under way.
fn block_on_many(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::Other(format!("no runtime: {error}")))?.block_on(work)
}

/// One thread: these commands wait for one connection at a time.
fn block_on(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::Other(format!("no runtime: {error}")))?.block_on(work)
}

/// Ctrl-C or SIGTERM.
pub async fn stopped() {
    Stop::listen().asked_for().await;
}

/// Hears Ctrl-C and SIGTERM from its making on: what must be cleared away is, however early they come.
pub struct Stop {
    // Without a handler the signal ends the process by itself.
    signals: Vec<Signal>,
}

impl Stop {
    pub fn listen() -> Self {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate()];
        Self { signals: kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect() }
    }

    pub async fn asked_for(&mut self) {
        let mut signals = self.signals.iter_mut();
        match (signals.next(), signals.next()) {
            (Some(one), Some(other)) => {
                tokio::select! {
                    _ = one.recv() => {}
                    _ = other.recv() => {}
                }
            }
            (Some(one), None) => drop(one.recv().await),
            _ => std::future::pending().await,
        }
    }
}
