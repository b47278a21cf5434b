//! Builds what is measured, in release, and hands over to the bench's own program.

use crate::process::{cargo, release_binary, root, run, target};
use crate::steps::Result;
use crate::tools;
use std::ffi::OsString;
use std::process::Command;

/// Each package in an invocation of its own, so that no one's features leak into what is measured.
const PACKAGES: [&str; 4] = ["blob-api", "limit", "carnet-cli", "carnet-bench"];

pub fn run_all(arguments: &[OsString]) -> Result {
    tools::SAM.install()?;
    tools::PEER.install()?;
    for package in PACKAGES {
        println!("Building {package} (release) ...");
        run(&mut cargo(&["build", "--release", "--package", package]))?;
    }
    run(Command::new(release_binary("carnet-bench"))
        .args(arguments)
        .current_dir(root())
        .env("CARNET_BENCH_BINARIES", target().join("release"))
        .env("CARNET_BENCH_OUTPUT", target().join("bench"))
        .env("CARNET_BENCH_PYTHON", tools::PEER.program("python"))
        .env("CARNET_BENCH_PEER", root().join("bench/peer"))
        .env("CARNET_RIE_BIN", tools::rie()?))
}
