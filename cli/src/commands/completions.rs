//! `carnet completions`

use crate::args::Cli;
use crate::console;
use crate::failure::Failure;
use clap::CommandFactory as _;
use std::io::Write as _;

/// Print a shell's completion script
///
/// Example: carnet completions bash > ~/.local/share/bash-completion/completions/carnet
#[derive(clap::Args)]
pub struct Args {
    /// The shell it is for
    shell: clap_complete::Shell,
}

pub fn run(args: &Args) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "carnet", &mut script);
    let mut out = console::stdout().map_err(Failure::stdout)?;
    out.write_all(&script).and_then(|()| out.flush()).map_err(Failure::stdout)
}
