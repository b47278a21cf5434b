//! The figures, their targets, the table.

use crate::Result;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

#[derive(Default)]
pub struct Report(Vec<Figure>);

pub struct Figure {
    what: String,
    ours: String,
    against: String,
    ratio: Option<f64>,
    /// What was promised, and whether it was kept.
    target: Option<(String, bool)>,
}

#[derive(Clone, Copy)]
pub enum Target {
    AtMost(f64),
    AtLeast(f64),
}

impl Report {
    /// A figure of ours beside another's; a method of [`Figure`] says what was promised of it.
    pub fn compare(&mut self, what: &str, ours: String, against: String) -> Line<'_> {
        Line { report: self, figure: Figure { what: what.into(), ours, against, ratio: None, target: None } }
    }

    pub fn missed(&self) -> usize {
        self.0.iter().filter(|figure| figure.target.as_ref().is_some_and(|(_, reached)| !reached)).count()
    }

    /// Prints the table, and writes it as Markdown and as JSON.
    pub fn write(&self, folder: &Path) -> Result {
        let table = self.table();
        println!("\n{table}");
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("results.md"), &table)?;
        std::fs::write(folder.join("results.json"), serde_json::to_vec_pretty(&self.json())?)?;
        println!("written to {}/results.md and results.json", folder.display());
        Ok(())
    }

    fn table(&self) -> String {
        let mut text =
            String::from("| what | Carnet | against | ratio | target | |\n|---|---|---|---|---|---|\n");
        for figure in &self.0 {
            let ratio = figure.ratio.map(shown).unwrap_or_default();
            let (target, mark) = match &figure.target {
                Some((target, true)) => (target.as_str(), "reached"),
                Some((target, false)) => (target.as_str(), "MISSED"),
                None => ("", ""),
            };
            let Figure { what, ours, against, .. } = figure;
            // Writing to a String cannot fail.
            let _ = writeln!(text, "| {what} | {ours} | {against} | {ratio} | {target} | {mark} |");
        }
        let targets = self.0.iter().filter(|figure| figure.target.is_some()).count();
        let _ = writeln!(text, "\ntargets: {} reached, {} missed", targets - self.missed(), self.missed());
        text
    }

    fn json(&self) -> Value {
        let figures = self.0.iter().map(|figure| {
            json!({
                "what": figure.what,
                "carnet": figure.ours,
                "against": figure.against,
                "ratio": figure.ratio,
                "target": figure.target.as_ref().map(|(target, _)| target),
                "reached": figure.target.as_ref().map(|(_, reached)| reached),
            })
        });
        json!({ "machine": machine(), "figures": figures.collect::<Vec<_>>() })
    }
}

/// A line of the report that is not finished yet.
#[must_use]
pub struct Line<'a> {
    report: &'a mut Report,
    figure: Figure,
}

impl Line<'_> {
    pub fn ratio(mut self, ratio: f64, target: Target) {
        let (text, reached) = match target {
            Target::AtMost(most) => (format!("at most {}", shown(most)), ratio <= most),
            Target::AtLeast(least) => (format!("at least {}", shown(least)), ratio >= least),
        };
        self.figure.ratio = Some(ratio);
        self.finish(Some((text, reached)));
    }

    pub fn limit(self, value: u64, below: u64, shown: String) {
        self.finish(Some((format!("under {shown}"), value < below)));
    }

    pub fn exactly(self, value: u64, wanted: u64) {
        self.finish(Some((wanted.to_string(), value == wanted)));
    }

    /// Nothing was promised.
    pub fn note(self) {
        self.finish(None);
    }

    fn finish(mut self, target: Option<(String, bool)>) {
        self.figure.target = target;
        let Figure { what, ours, against, .. } = &self.figure;
        println!("{what}: {ours} ({against})");
        self.report.0.push(self.figure);
    }
}

fn machine() -> Value {
    let cpus = std::thread::available_parallelism().map(usize::from).unwrap_or_default();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    json!({ "cpus": cpus, "arch": std::env::consts::ARCH, "load": load.trim() })
}

/// Two digits that matter.
fn shown(ratio: f64) -> String {
    if ratio < 0.1 { format!("{ratio:.4}") } else { format!("{ratio:.2}") }
}

pub fn millis(duration: Duration) -> String {
    let millis = duration.as_secs_f64() * 1e3;
    if millis < 10.0 { format!("{millis:.2} ms") } else { format!("{millis:.0} ms") }
}

pub fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_target_is_told_from_a_reached_one() {
        let mut report = Report::default();
        report.compare("a", "1".into(), "1".into()).ratio(1.3, Target::AtMost(1.25));
        report.compare("b", "1".into(), "1".into()).ratio(0.9, Target::AtLeast(0.9));
        report.compare("c", "1".into(), "1".into()).exactly(2, 1);
        report.compare("d", "1".into(), "1".into()).limit(6, 6, "6".into());
        report.compare("e", "1".into(), "1".into()).note();
        assert_eq!(report.missed(), 3);
        assert!(report.table().contains("| a | 1 | 1 | 1.30 | at most 1.25 | MISSED |"));
        assert!(report.table().ends_with("targets: 1 reached, 3 missed\n"));
    }
}
