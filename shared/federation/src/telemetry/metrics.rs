//! CloudWatch metrics, in the embedded metric format: one JSON line an invocation, no API call.
//! ("Specification: Embedded metric format", Amazon CloudWatch user guide.)

use crate::error::{Hop, Kind};
use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, SystemTime};

static TALLY: OnceLock<Mutex<Tally>> = OnceLock::new();

#[derive(Default)]
struct Tally {
    function: String,
    hops: BTreeMap<Hop, Vec<f64>>,
    hits: u32,
    misses: u32,
    errors: BTreeMap<Kind, u32>,
    counts: BTreeMap<&'static str, (&'static str, u64)>,
}

/// Starts counting. Before it, and outside Lambda, nothing is counted.
pub fn enable(function: &str) {
    let _ = TALLY.set(Mutex::new(Tally { function: function.to_owned(), ..Tally::default() }));
}

pub(crate) fn hop(hop: Hop, took: Duration) {
    with(|tally| tally.hops.entry(hop).or_default().push(took.as_secs_f64() * 1000.0));
}

pub(crate) fn cache(hit: bool) {
    with(|tally| if hit { tally.hits += 1 } else { tally.misses += 1 });
}

pub(crate) fn error(kind: Kind) {
    with(|tally| *tally.errors.entry(kind).or_default() += 1);
}

/// Counts what a function itself has to say, e.g. `("SyncRuns", "Count", 1)`. Units are CloudWatch's.
pub fn count(name: &'static str, unit: &'static str, more: u64) {
    with(|tally| tally.counts.entry(name).or_insert((unit, 0)).1 += more);
}

/// Writes what was counted since the last time, as one line on stdout. Called at an invocation's end.
pub fn flush() {
    with(|tally| {
        if let Some(line) = tally.take_line(SystemTime::now()) {
            println!("{line}");
        }
    });
}

fn with(change: impl FnOnce(&mut Tally)) {
    if let Some(tally) = TALLY.get() {
        change(&mut tally.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
    }
}

impl Tally {
    /// Written piece by piece: names and units are ours and need no escaping, and this line is part
    /// of every invocation.
    fn take_line(&mut self, now: SystemTime) -> Option<String> {
        let mut line = Line::default();
        for (hop, times) in std::mem::take(&mut self.hops) {
            let times: Vec<String> = times.iter().map(|time| format!("{time:.3}")).collect();
            line.put(format_args!("HopTime.{hop}"), "Milliseconds", format_args!("[{}]", times.join(",")));
        }
        let (hits, misses) = (std::mem::take(&mut self.hits), std::mem::take(&mut self.misses));
        if hits + misses > 0 {
            line.put("TokenCacheHits", "Count", hits);
            line.put("TokenCacheMisses", "Count", misses);
        }
        for (kind, count) in std::mem::take(&mut self.errors) {
            line.put(format_args!("Errors.{kind}"), "Count", count);
        }
        for (name, (unit, count)) in std::mem::take(&mut self.counts) {
            line.put(name, unit, count);
        }
        let millis = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        line.end(&self.function, millis)
    }
}

/// A document in the making: what is defined, and what is said.
#[derive(Default)]
struct Line {
    definitions: String,
    values: String,
}

impl Line {
    fn put(&mut self, name: impl Display, unit: &str, value: impl Display) {
        let comma = if self.definitions.is_empty() { "" } else { "," };
        // Writing into a String cannot fail.
        let _ = write!(self.definitions, r#"{comma}{{"Name":"{name}","Unit":"{unit}"}}"#);
        let _ = write!(self.values, r#","{name}":{value}"#);
    }

    fn end(self, function: &str, millis: u128) -> Option<String> {
        if self.definitions.is_empty() {
            return None;
        }
        let (definitions, values) = (self.definitions, self.values);
        let function = serde_json::Value::from(function);
        Some(format!(
            r#"{{"_aws":{{"Timestamp":{millis},"CloudWatchMetrics":[{{"Namespace":"Carnet","Dimensions":[["Function"]],"Metrics":[{definitions}]}}]}},"Function":{function}{values}}}"#
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_line_defines_every_value_it_holds_and_starts_anew() {
        let mut tally = Tally { function: "blob-api".into(), ..Tally::default() };
        tally.hops.entry(Hop::Mint).or_default().extend([1.5, 2.5]);
        tally.misses = 1;
        tally.errors.insert(Kind::Refused, 1);
        tally.counts.insert("SyncRuns", ("Count", 2));
        let line: Value = serde_json::from_str(&tally.take_line(SystemTime::now()).unwrap()).unwrap();
        let metrics = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(metrics["Dimensions"], json!([["Function"]]));
        for metric in metrics["Metrics"].as_array().unwrap() {
            assert!(line.get(metric["Name"].as_str().unwrap()).is_some(), "{metric}");
        }
        assert_eq!(line["HopTime.mint"], json!([1.5, 2.5]));
        assert_eq!(line["Errors.refused"], json!(1));
        assert_eq!(line["SyncRuns"], json!(2));
        assert_eq!(tally.take_line(SystemTime::now()), None);
    }
}
