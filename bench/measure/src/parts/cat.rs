//! `carnet cat` of 1 GiB beside bare reqwest doing the same MD5. They take turns.

use crate::Result;
use crate::args::Settings;
use crate::clouds::{ACCOUNT, BIG, BIG_SIZE, CONTAINER, Clouds};
use crate::process::{Spent, median, spent};
use crate::report::{Report, Target, mib, millis};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const MOST_MEMORY: u64 = 32 << 20;

pub fn measure(settings: &Settings, clouds: &Clouds, report: &mut Report) -> Result {
    let rounds = if settings.quick { 1 } else { 5 };
    let env = clouds.env()?;
    let url = format!("azure://{ACCOUNT}/{CONTAINER}/{BIG}");
    let ours: (PathBuf, [&str; 2]) = (settings.binary("carnet"), ["cat", &url]);
    let bare: (PathBuf, [&str; 1]) = (settings.binary("reqwest-cat"), [BIG]);
    check(&ours.0, &ours.1, &env)?;
    check(&bare.0, &bare.1, &env)?;
    let (mut our_runs, mut bare_runs): (Vec<Spent>, Vec<Spent>) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        our_runs.push(spent(&ours.0, &ours.1, &env)?);
        bare_runs.push(spent(&bare.0, &bare.1, &env)?);
    }
    let (our_wall, bare_wall) = (wall(&our_runs)?, wall(&bare_runs)?);
    report
        .compare("speed of carnet cat, 1 GiB, to bare reqwest", speed(our_wall), speed(bare_wall))
        .ratio(bare_wall.as_secs_f64() / our_wall.as_secs_f64(), Target::AtLeast(0.9));
    let our_memory = our_runs.iter().map(|run| run.memory).max().unwrap_or_default();
    let bare_memory = bare_runs.iter().map(|run| run.memory).max().unwrap_or_default();
    report
        .compare("peak memory of carnet cat, 1 GiB, to bare reqwest", mib(our_memory), mib(bare_memory))
        .limit(our_memory, MOST_MEMORY, mib(MOST_MEMORY));
    let (our_cpu, bare_cpu) = (cpu(&our_runs)?, cpu(&bare_runs)?);
    report.compare("CPU of carnet cat, 1 GiB, to bare reqwest", millis(our_cpu), millis(bare_cpu)).note();
    Ok(())
}

fn wall(runs: &[Spent]) -> Result<Duration> {
    median(runs.iter().map(|run| run.wall))
}

fn cpu(runs: &[Spent]) -> Result<Duration> {
    median(runs.iter().map(|run| run.cpu))
}

fn speed(wall: Duration) -> String {
    format!("{:.0} MiB/s", BIG_SIZE as f64 / wall.as_secs_f64() / f64::from(1 << 20))
}

/// A first run, not measured: all of the blob comes out. It also warms the disk's cache.
fn check(program: &Path, arguments: &[&str], env: &[(String, String)]) -> Result {
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(env.iter().map(|(name, value)| (name, value)))
        .stdout(Stdio::piped())
        .spawn()?;
    let mut out = child.stdout.take().ok_or("no standard output")?;
    let (mut length, mut buffer) = (0_u64, vec![0; 1 << 16]);
    loop {
        match out.read(&mut buffer)? {
            0 => break,
            read => length += read as u64,
        }
    }
    let status = child.wait()?;
    if !status.success() || length != BIG_SIZE {
        return Err(format!("{} ended with {status} after {length} bytes", program.display()).into());
    }
    Ok(())
}
