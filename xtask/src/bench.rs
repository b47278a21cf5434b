//! Builds what is measured, in release, and hands over to the bench's own program.

use crate::process::{cargo, dev_binary, root, run, target};
use crate::steps::Result;
use crate::tools;
use std::ffi::OsString;
use std::process::Command;

/// Each package in an invocation of its own, so that no one's features leak into what is measured.
const MEASURED: [&str; 5] = ["blob-api", "gcs-api", "limit", "carnet-cli", SCALE];
/// Measured by itself, so that nothing else need be built for it.
const SCALE: &str = "carnet-scale";

pub fn run_all(arguments: &[OsString]) -> Result {
    tools::SAM.install()?;
    tools::PEER.install()?;
    tools::RCLONE.install()?;
    let alone = arguments.windows(2).any(|words| words[0] == "--only" && words[1] == "scale");
    for package in MEASURED.into_iter().filter(|package| !alone || *package == SCALE) {
        println!("Building {package} (release) ...");
        run(&mut cargo(&["build", "--release", "--package", package]))?;
    }
    // What measures need not be fast itself.
    run(&mut cargo(&["build", "--package", "carnet-bench"]))?;
    run(Command::new(dev_binary("carnet-bench"))
        .args(arguments)
        .current_dir(root())
        .env("CARNET_BENCH_BINARIES", target().join("release"))
        .env("CARNET_BENCH_OUTPUT", target().join("bench"))
        .env("CARNET_BENCH_PYTHON", tools::PEER.program("python"))
        .env("CARNET_BENCH_PEER", root().join("bench/peer"))
        .env("CARNET_BENCH_EVENTS", root().join("events"))
        .env("CARNET_RCLONE", tools::RCLONE.program("rclone"))
        .env("CARNET_RIE_BIN", tools::rie()?))
}
