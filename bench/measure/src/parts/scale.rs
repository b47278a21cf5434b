//! What a sync takes as the number of objects grows: each step a process of its own (`bench/scale`), as
//! Lambda has them, over objects that never were. Three runs each: all is new; then a thousandth has
//! changed, once all in one place and once everywhere.

use crate::Result;
use crate::args::Settings;
use crate::process::{Spent, spent};
use crate::report::{Report, mib};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

const POINTS: [u64; 3] = [100_000, 1_000_000, 10_000_000];
/// With `--quick`.
const QUICK: [u64; 2] = [100_000, 1_000_000];
/// A run's name, and what has changed.
const RUNS: [(&str, &str); 3] = [("first", "nothing"), ("block", "block"), ("spread", "spread")];
/// What a Lambda function may be given to stay cheap.
const MOST_MEMORY: u64 = 256 << 20;

/// What one step took, over all its processes.
#[derive(Clone, Copy, Default)]
struct Taken {
    cpu: Duration,
    /// Of the largest.
    memory: u64,
    processes: u64,
}

/// Files by folder: how many, how large.
type Files = BTreeMap<&'static str, (u64, u64)>;

struct Point {
    objects: u64,
    steps: BTreeMap<(usize, usize), Taken>,
    files: Vec<Files>,
}

const STEPS: [&str; 5] = ["plan", "copy", "gather", "merge", "conclude"];
/// Files of a run, before its last step sweeps them.
const KINDS: [(&str, &str); 6] = [
    ("batches", "batches"),
    ("batches begun", "begun"),
    ("receipts", "receipts"),
    ("reports", "reports"),
    ("ranges", "ranges"),
    ("merged", "merged"),
];
/// Files that stay, and the one that the engine's map reads.
const OTHERS: [&str; 4] = ["work file", "root", "shards", "shards written anew"];

pub fn measure(settings: &Settings, report: &mut Report) -> Result {
    let sizes = if settings.quick { &QUICK[..] } else { &POINTS };
    let points: Vec<Point> = sizes.iter().map(|objects| point(settings, *objects)).collect::<Result<_>>()?;
    for (run, (name, _)) in RUNS.iter().enumerate() {
        for (step, what) in STEPS.iter().enumerate() {
            tell_step(&points, name, what, (run, step), report);
        }
        for kind in KINDS.iter().map(|(kind, _)| kind).chain(&OTHERS) {
            tell_files(&points, name, kind, run, report);
        }
    }
    Ok(())
}

fn point(settings: &Settings, objects: u64) -> Result<Point> {
    let folder = settings.output.join("scale").join(objects.to_string());
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let mut point = Point { objects, steps: BTreeMap::new(), files: Vec::new() };
    for (run, (name, changed)) in RUNS.iter().enumerate() {
        let bench = Bench { settings, folder: &folder, run: name, changed, objects };
        for (step, name) in STEPS.iter().enumerate().take(3) {
            point.steps.insert((run, step), bench.step(name, None)?);
        }
        let mut merge = Taken::default();
        for range in 0..bench.ranges()? {
            merge.add(bench.step("merge", Some(range))?);
        }
        point.steps.insert((run, 3), merge);
        let mut files = bench.files()?;
        point.steps.insert((run, 4), bench.step("conclude", None)?);
        files.extend(bench.manifest()?);
        println!("{objects} {name}: {files:?}");
        point.files.push(files);
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(point)
}

struct Bench<'b> {
    settings: &'b Settings,
    folder: &'b Path,
    run: &'b str,
    changed: &'b str,
    objects: u64,
}

impl Bench<'_> {
    fn step(&self, step: &str, range: Option<usize>) -> Result<Taken> {
        let (folder, objects) = (self.folder.display().to_string(), self.objects.to_string());
        let range = range.map(|range| range.to_string());
        let mut arguments = vec![step, &folder, self.run, &objects, self.changed];
        arguments.extend(range.as_deref());
        let Spent { cpu, memory, .. } = spent(&self.settings.binary("scale"), &arguments, &[])?;
        println!("{objects} {} {step}: {:.2} s CPU, {}", self.run, cpu.as_secs_f64(), mib(memory));
        Ok(Taken { cpu, memory, processes: 1 })
    }

    fn of_run(&self) -> PathBuf {
        self.folder.join(".carnet-sync/runs").join(self.run)
    }

    fn ranges(&self) -> Result<usize> {
        let ranges: Vec<Value> = serde_json::from_slice(&std::fs::read(self.of_run().join("ranges.json"))?)?;
        Ok(ranges.len())
    }

    fn files(&self) -> Result<Files> {
        let run = self.of_run();
        let mut files = Files::new();
        for (kind, place) in KINDS {
            files.insert(kind, weigh(&run.join(place))?);
        }
        let work = std::fs::metadata(run.join("work.json"))?.len();
        files.insert("work file", (1, work));
        Ok(files)
    }

    fn manifest(&self) -> Result<Files> {
        let text = std::fs::read(self.folder.join(".carnet-sync/root.json"))?;
        let root: Value = serde_json::from_slice(&text)?;
        let (mut all, mut new) = ((0, 0), (0, 0));
        for shard in root["shards"].as_array().ok_or("the root has no shards")? {
            let bytes = shard["bytes"].as_u64().ok_or("a shard has no size")?;
            let path = shard["path"].as_str().ok_or("a shard has no path")?;
            all = (all.0 + 1, all.1 + bytes);
            if path.contains(self.run) {
                new = (new.0 + 1, new.1 + bytes);
            }
        }
        Ok(Files::from([("root", (1, text.len() as u64)), ("shards", all), ("shards written anew", new)]))
    }
}

impl Taken {
    fn add(&mut self, other: Self) {
        self.cpu += other.cpu;
        self.memory = self.memory.max(other.memory);
        self.processes += other.processes;
    }
}

/// Files and bytes of a folder.
fn weigh(path: &Path) -> Result<(u64, u64)> {
    let mut sum = (0, 0);
    for entry in std::fs::read_dir(path)? {
        sum = (sum.0 + 1, sum.1 + entry?.metadata()?.len());
    }
    Ok(sum)
}

/// The largest beside the one before: ten times as many objects.
fn tell_step(points: &[Point], run: &str, step: &str, at: (usize, usize), report: &mut Report) {
    let all: Vec<(u64, Taken)> =
        points.iter().filter_map(|point| Some((point.objects, *point.steps.get(&at)?))).collect();
    let join = |text: &dyn Fn(&Taken) -> String| {
        all.iter().map(|(_, taken)| text(taken)).collect::<Vec<_>>().join(" / ")
    };
    let cpu = join(&|taken| format!("{:.2} s", taken.cpu.as_secs_f64()));
    let per = all.iter().map(|(objects, taken)| taken.cpu.as_secs_f64() * 1e6 / *objects as f64);
    let per = per.map(|micros| format!("{micros:.1} µs")).collect::<Vec<_>>().join(" / ");
    report.compare(&format!("scale, {run}: CPU of {step}, and of each object"), cpu, per).note();
    let memory = join(&|taken| mib(taken.memory));
    let processes = join(&|taken| taken.processes.to_string());
    let most = all.iter().map(|(_, taken)| taken.memory).max().unwrap_or_default();
    report
        .compare(&format!("scale, {run}: peak memory of {step}, and its processes"), memory, processes)
        .limit(most, MOST_MEMORY, mib(MOST_MEMORY));
}

fn tell_files(points: &[Point], run: &str, kind: &str, at: usize, report: &mut Report) {
    let of =
        |point: &Point| point.files.get(at).and_then(|files| files.get(kind)).copied().unwrap_or_default();
    let join = |text: &dyn Fn((u64, u64)) -> String| {
        points.iter().map(|point| text(of(point))).collect::<Vec<_>>().join(" / ")
    };
    let bytes = join(&|(_, bytes)| format!("{:.2} MB", bytes as f64 / 1e6));
    let files = join(&|(files, _)| files.to_string());
    report.compare(&format!("scale, {run}: {kind}, and its files"), bytes, files).note();
}
