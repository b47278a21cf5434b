//! `carnet.toml`, as the commands read it.

use crate::failure::Failure;
use carnet_trust::config::{Config, listed};
use std::path::Path;

/// Every fault of the file in one failure.
pub fn read(path: &Path) -> Result<Config, Failure> {
    let fault = |what: String| Failure::Configuration(format!("{}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
    Config::parse(&text).map_err(|faults| fault(listed(&faults)))
}

/// With the one stage that `--stage` names, if it names one.
pub fn with_stage(config: Config, stage: Option<&str>) -> Result<Config, Failure> {
    let Some(name) = stage else { return Ok(config) };
    config.with_stage(name).ok_or_else(|| {
        let names: Vec<&str> = config.stages.keys().map(String::as_str).collect();
        Failure::Usage(match names.as_slice() {
            [] => format!("--stage {name}: the configuration has no [stages]"),
            _ => format!("--stage {name}: no such stage; there are {}", names.join(", ")),
        })
    })
}
