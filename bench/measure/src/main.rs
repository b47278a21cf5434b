//! Measures Carnet on loopback, in one run. `cargo xtask bench` builds everything and starts this.
//!
//! | module | what happens there |
//! |---|---|
//! | [`args`] | which parts, how often; where the binaries are |
//! | [`clouds`] | `carnet local` as a process of its own, and what it counts |
//! | [`emulator`] | a function under Lambda's Runtime Interface Emulator |
//! | [`process`] | CPU and memory of other processes |
//! | [`parts`] | one module a measurement |
//! | [`report`] | the figures, their targets, the table |
//!
//! The machine may be busy. So everything that is compared is measured in turns, CPU time rather
//! than wall time is what counts, and medians are compared.

mod args;
mod clouds;
mod emulator;
mod parts;
mod process;
mod report;

use args::{Invocation, Part};
use clouds::Clouds;
use report::Report;
use std::process::ExitCode;

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T = ()> = std::result::Result<T, Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let outcome = match args::parse(lexopt::Parser::from_env()) {
        Ok(Invocation::Measured(command)) => process::run_measured(&command),
        Ok(Invocation::Bench(settings)) => bench(&settings).await,
        Err(error) => Err(error),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("carnet-bench: {error}");
        ExitCode::FAILURE
    })
}

async fn bench(settings: &args::Settings) -> Result<ExitCode> {
    let mut report = Report::default();
    if settings.wants(Part::Size) {
        parts::size::measure(settings, &mut report)?;
    }
    if settings.wants(Part::Scale) {
        parts::scale::measure(settings, &mut report)?;
    }
    if settings.wants_clouds() {
        with_clouds(settings, &mut report).await?;
    }
    report.write(&settings.output)?;
    let missed = report.missed();
    Ok(if settings.check && missed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Everything that the stand-ins take part in.
async fn with_clouds(settings: &args::Settings, report: &mut Report) -> Result {
    let clouds = Clouds::start(settings).await?;
    if settings.wants(Part::Cold) {
        parts::cold::measure(settings, &clouds, report).await?;
    }
    if settings.wants(Part::Warm) {
        parts::warm::measure(settings, &clouds, report).await?;
    }
    if settings.wants(Part::Cat) {
        parts::cat::measure(settings, &clouds, report)?;
    }
    if settings.wants(Part::Callers) {
        parts::callers::measure(settings, &clouds, report).await?;
    }
    if settings.wants(Part::Google) {
        parts::google::measure(settings, &clouds, report).await?;
    }
    if settings.wants(Part::Sync) {
        parts::sync::measure(settings, &clouds, report).await?;
    }
    if settings.wants(Part::Million) {
        parts::million::measure(&clouds, report)?;
    }
    Ok(())
}
