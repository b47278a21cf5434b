//! The end-to-end checks against a person's own accounts. `cargo xtask live` builds and starts it.
//!
//! It reads as little as will do, writes nothing in any cloud, and prints neither what an object holds
//! nor a token. Endpoints and credentials are found as everything else here finds them, so the same
//! program runs against `carnet local`.
//!
//! | module | what happens there |
//! |---|---|
//! | [`args`] | the command line |
//! | [`target`] | what of `carnet.toml` is asked: one stage in one region |
//! | [`report`] | checks as they end, for a person or a program |
//! | [`failure`] | what a check that failed says |
//! | [`aws`] | this machine's AWS identity, and requests signed by it |
//! | [`doctor`] | each function examines its own way |
//! | [`api`] | the API, as one of its callers |
//! | [`machine`] | the ways from this machine, by the `carnet` command |
//! | [`digest`] | whether two readings are of the same bytes |

mod api;
mod args;
mod aws;
mod digest;
mod doctor;
mod failure;
mod machine;
mod report;
mod target;

use args::{Args, Group};
use aws::Aws;
use failure::Failure;
use report::{Check, Report, check};
use std::process::ExitCode;
use target::Target;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let target = Args::parse(lexopt::Parser::from_env()).map_err(|error| error.to_string());
    match target.and_then(Target::choose) {
        Ok(target) => run(&target).await,
        Err(why) => {
            eprintln!("live: {why}\n\nTry `cargo xtask live --help`. Nothing was asked of a cloud.");
            ExitCode::from(2)
        }
    }
}

const IDENTITY: Check = check("identity", "AWS STS GetCallerIdentity: one of the stage's account");

async fn run(target: &Target) -> ExitCode {
    let mut report = Report::begin(target);
    match identified(target, &mut report).await {
        Some((aws, arn)) => {
            if target.asks(Group::Functions) {
                doctor::run(target, &aws, &mut report).await;
            }
            let read =
                if target.asks(Group::Api) { api::run(target, &aws, &mut report).await } else { Vec::new() };
            if target.asks(Group::Machine) {
                machine::run(target, &arn, &read, &mut report).await;
            }
        }
        None => everything_else_is_not_run(target, &mut report),
    }
    report.end()
}

/// Whom this machine's credentials are of. Without that, nothing else can be asked.
async fn identified(target: &Target, report: &mut Report) -> Option<(Aws, String)> {
    let outcome = async {
        let aws = Aws::of(target.region()).await?;
        let arn = aws.whoami().await?;
        target.is_in_its_account(&arn)?;
        Ok::<_, Failure>((aws, arn))
    };
    let asked = report.ask("this machine", IDENTITY, outcome).await;
    if let Some((_, arn)) = &asked {
        report.found(arn);
    }
    asked
}

fn everything_else_is_not_run(target: &Target, report: &mut Report) {
    const WHY: &str = "this machine has no AWS identity that could ask";
    if target.asks(Group::Functions) {
        target.functions().for_each(|function| report.not_run(function.name, &doctor::CHECKS, WHY));
    }
    if target.asks(Group::Api) {
        target.functions().flat_map(|function| function.places).for_each(|place| {
            report.not_run(&place.subject(), &api::CHECKS, WHY);
        });
    }
    if target.asks(Group::Machine) {
        report.not_run("this machine", &machine::CHECKS, WHY);
    }
}
