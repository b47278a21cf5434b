//! The checks against a person's own accounts: built here, made by a program of the tests.

use crate::process::{self, cargo, dev_binary};
use crate::steps::Result;
use std::ffi::OsString;
use std::process::{Command, ExitCode};

/// What a report of other checks says of these, which nobody asked for.
pub const NOT_RUN: &str = "live clouds: not run (cargo xtask live)";

/// With the features of the whole workspace, as everything that is not shipped is built.
const BUILD: &[&str] = &["build", "--workspace", "--quiet", "--bin", "carnet", "--bin", "carnet-live"];

/// Its exit code is that of the checks.
pub fn run_all(arguments: &[OsString]) -> Result<ExitCode> {
    // Standard output is the report's: it may be JSON.
    eprintln!("Building the command and the live checks (dev profile) ...");
    process::run(&mut cargo(BUILD))?;
    let mut command = Command::new(dev_binary("carnet-live"));
    let status = process::status(command.args(arguments).env("CARNET_BIN_CARNET", dev_binary("carnet")))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
