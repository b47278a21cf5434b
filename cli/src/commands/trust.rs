//! `carnet trust`
//!
//! | module | what happens there |
//! |---|---|
//! | `render` | the configuration as documents that grant what it states |
//! | `files` | the documents as files: written whole, or compared |

mod files;
mod render;

use crate::args::Global;
use crate::failure::Failure;
use carnet_trust::config::Config;
use std::path::Path;

/// Who may go where, as carnet.toml states it: the documents that make it so
///
/// Nothing is asked of a cloud, and no credential is read.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Render(render::Args),
}

pub fn run(args: &Args, global: &Global) -> Result<(), Failure> {
    match &args.command {
        Command::Render(args) => render::run(args, global),
    }
}

fn configuration(path: &Path) -> Result<Config, Failure> {
    let fault = |what: String| Failure::Configuration(format!("{}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
    Config::parse(&text)
        .map_err(|faults| fault(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  ")))
}
