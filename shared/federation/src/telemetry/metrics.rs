//! CloudWatch metrics, in the embedded metric format: one JSON line an invocation, no API call.
//! ("Specification: Embedded metric format", Amazon CloudWatch user guide.)

use crate::error::{Hop, Kind};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
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
    fn take_line(&mut self, now: SystemTime) -> Option<String> {
        let mut values = Map::new();
        let mut definitions = Vec::new();
        let mut put = |name: String, unit: &str, value: Value| {
            definitions.push(json!({ "Name": name, "Unit": unit }));
            values.insert(name, value);
        };
        for (hop, times) in std::mem::take(&mut self.hops) {
            put(format!("HopTime.{hop}"), "Milliseconds", json!(times));
        }
        let (hits, misses) = (std::mem::take(&mut self.hits), std::mem::take(&mut self.misses));
        if hits + misses > 0 {
            put("TokenCacheHits".into(), "Count", json!(hits));
            put("TokenCacheMisses".into(), "Count", json!(misses));
        }
        for (kind, count) in std::mem::take(&mut self.errors) {
            put(format!("Errors.{kind}"), "Count", json!(count));
        }
        if definitions.is_empty() {
            return None;
        }
        let millis = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        values.insert("Function".into(), json!(self.function));
        values.insert(
            "_aws".into(),
            json!({
                "Timestamp": millis,
                "CloudWatchMetrics": [{ "Namespace": "Carnet", "Dimensions": [["Function"]], "Metrics": definitions }],
            }),
        );
        Some(Value::Object(values).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_defines_every_value_it_holds_and_starts_anew() {
        let mut tally = Tally { function: "blob-api".into(), ..Tally::default() };
        tally.hops.entry(Hop::Mint).or_default().extend([1.5, 2.5]);
        tally.misses = 1;
        tally.errors.insert(Kind::Refused, 1);
        let line: Value = serde_json::from_str(&tally.take_line(SystemTime::now()).unwrap()).unwrap();
        let metrics = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(metrics["Dimensions"], json!([["Function"]]));
        for metric in metrics["Metrics"].as_array().unwrap() {
            assert!(line.get(metric["Name"].as_str().unwrap()).is_some(), "{metric}");
        }
        assert_eq!(line["HopTime.mint"], json!([1.5, 2.5]));
        assert_eq!(line["Errors.refused"], json!(1));
        assert_eq!(tally.take_line(SystemTime::now()), None);
    }
}
