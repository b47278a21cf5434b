//! CPU and memory of other processes, as Linux counts them.

use crate::{Error, Result};
use nix::sys::resource::{UsageWho, getrusage};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// User and system time of all threads, the ended ones included, to the nanosecond: the ticks of
/// /proc/PID/stat are 10 ms long, which is more than a whole cold start.
pub fn cpu_time(pid: Pid) -> Result<Duration> {
    Ok(clock_gettime(ClockId::pid_cpu_clock_id(pid)?)?.into())
}

/// The most memory that was ever resident, in bytes.
pub fn peak_memory(pid: Pid) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kibibytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse::<u64>().ok());
    Ok(kibibytes.ok_or("/proc/PID/status has no VmHWM")? * 1024)
}

/// The one process that `parent` has started.
pub fn child_of(parent: Pid) -> Result<Pid> {
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        if parent_of(pid) == Some(parent.as_raw()) {
            return Ok(Pid::from_raw(pid));
        }
    }
    Err(format!("process {parent} has no child").into())
}

fn parent_of(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold spaces and parentheses of its own.
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(1)?.parse().ok()
}

/// What one run of a program took.
#[derive(Clone, Copy)]
pub struct Spent {
    pub wall: Duration,
    pub cpu: Duration,
    pub memory: u64,
}

/// Runs a program to its end, output thrown away. A small process of our own stands between, since
/// the kernel tells a parent only of all its children together.
pub fn spent(program: &Path, arguments: &[&str], env: &[(String, String)]) -> Result<Spent> {
    let output = Command::new(std::env::current_exe()?)
        .arg("measured")
        .arg(program)
        .args(arguments)
        .env_clear()
        .envs(env.iter().map(|(name, value)| (name, value)))
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("{} ended with {}", program.display(), output.status).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let numbers: Vec<u64> = text.split_whitespace().map(str::parse).collect::<std::result::Result<_, _>>()?;
    match numbers[..] {
        [wall, cpu, memory] => {
            Ok(Spent { wall: Duration::from_micros(wall), cpu: Duration::from_micros(cpu), memory })
        }
        _ => Err(format!("unexpected measurement {text:?}").into()),
    }
}

/// The process in between: prints wall and CPU time in microseconds, peak memory in bytes.
pub fn run_measured(command: &[OsString]) -> Result<ExitCode> {
    let (program, arguments) = command.split_first().ok_or("measured needs a program")?;
    let start = Instant::now();
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).status()?;
    let wall = start.elapsed();
    if !status.success() {
        return Err(format!("{} ended with {status}", OsStr::to_string_lossy(program)).into());
    }
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu = micros(usage.user_time()) + micros(usage.system_time());
    let memory = u64::try_from(usage.max_rss())? * 1024;
    println!("{} {cpu} {memory}", wall.as_micros());
    Ok(ExitCode::SUCCESS)
}

fn micros(time: nix::sys::time::TimeVal) -> i64 {
    time.tv_sec() * 1_000_000 + time.tv_usec()
}

/// The middle of some measurements.
pub fn median<T: Copy + Ord>(values: impl IntoIterator<Item = T>) -> Result<T> {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().ok_or_else(|| Error::from("nothing was measured"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_cpu_and_memory() {
        let me = Pid::this();
        let before = cpu_time(me).unwrap();
        let mut sum = 0_u64;
        while cpu_time(me).unwrap() < before + Duration::from_millis(2) {
            sum = sum.wrapping_add(1);
        }
        assert!(sum > 0);
        assert!(peak_memory(me).unwrap() > 100_000);
    }

    #[test]
    fn a_child_is_found_by_its_parent() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let found = child_of(Pid::this());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found.unwrap().as_raw(), i32::try_from(child.id()).unwrap());
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median([5, 1, 9]).unwrap(), 5);
        assert!(median(Vec::<u8>::new()).is_err());
    }
}
