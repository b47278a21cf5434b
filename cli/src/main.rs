//! The `carnet` command.
//!
//! | module | what happens there |
//! |---|---|
//! | [`args`] | the command line: global options, exit codes, where settings come from |
//! | [`commands`] | one file a subcommand |
//! | [`configuration`] | `carnet.toml`, and the stage of it that is meant |
//! | [`way`] | the ways from this process to the clouds, built from the environment |
//! | [`location`] | `azure://account/container/...` |
//! | [`console`] | stdout, stderr, colours, moments in words |
//! | [`failure`] | how a run ends badly: the error block, the exit code |
//!
//! A token is shown by one option of one command (`token --show-token`), the credentials of a role by the one
//! that is for it (`aws-credentials`), and a stored secret's value by another (`secret read`). Nothing else
//! shows a secret.

mod args;
mod commands;
mod configuration;
mod console;
mod failure;
mod location;
mod way;

use args::Cli;
use carnet_federation::config::Env;
use carnet_federation::telemetry;
use clap::Parser as _;
use failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(cli.global.format),
    }
}

fn run(cli: &Cli) -> Result<(), Failure> {
    let env = environment(cli.global.verbose);
    // Lines for grep: no colour in them, on a terminal neither.
    telemetry::init_command(&env, false, std::io::stderr)?;
    commands::run(&cli.command, &cli.global, &env)
}

/// The process's environment; `-v` stands for a `RUST_LOG` that is not set.
fn environment(verbose: u8) -> Env {
    let env = Env::from_process();
    match verbose {
        0 => env,
        1 => env.or("RUST_LOG", "info"),
        _ => env.or("RUST_LOG", "debug"),
    }
}
