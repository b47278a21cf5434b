//! Build what the demo needs, run it, say how long both took. Rust and a C compiler are enough.

use crate::process::{cargo, dev_binary, run};
use crate::steps::{Result, seconds};
use std::ffi::OsString;
use std::process::Command;
use std::time::Instant;

/// Three programs, with the features of the whole workspace: the tests build with those, so that what
/// the demo has built is theirs too. What ships is built alone, elsewhere.
pub const BUILD: &[&str] =
    &["build", "--workspace", "--bin", "carnet", "--bin", "blob-api", "--bin", "gcs-api"];

pub fn run_all(arguments: &[OsString]) -> Result {
    println!("Building the command and the functions (dev profile) ...");
    let start = Instant::now();
    run(&mut cargo(BUILD))?;
    let built = start.elapsed();
    println!("Built in {}.\n", seconds(built));

    let start = Instant::now();
    run(Command::new(dev_binary("carnet")).arg("demo").args(arguments))?;
    println!("\ndemo: built in {}, ran in {}", seconds(built), seconds(start.elapsed()));
    Ok(())
}
