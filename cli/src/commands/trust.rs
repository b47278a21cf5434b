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
