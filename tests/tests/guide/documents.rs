//! What the documents name, and whether it is there.

use carnet_tests::repository;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub fn page(file: &str) -> String {
    std::fs::read_to_string(repository().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The pages that people read.
pub const PAGES: [&str; 10] = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/architecture.md",
    "docs/configuration.md",
    "docs/deploying.md",
    "docs/events.md",
    "docs/figures.md",
    "docs/threat-model.md",
    "docs/troubleshooting.md",
];

/// The rows of every table in a section, cell by cell.
pub fn rows(page: &str, section: &str) -> Vec<Vec<String>> {
    let within = page.lines().skip_while(|line| *line != section).skip(1);
    let rows = within.take_while(|line| !line.starts_with("## ")).filter(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// What stands in backticks.
pub fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// As GitHub makes them of headings.
pub fn anchors(page: &str) -> BTreeSet<String> {
    let mut code = false;
    let headings = page.lines().filter_map(|line| {
        code ^= line.starts_with("```");
        (!code && line.starts_with('#')).then(|| line.trim_start_matches('#').trim())
    });
    let anchor = |title: &str| {
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

/// Links within the repository, as they are written.
pub fn links(page: &str) -> Vec<&str> {
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://")).collect()
}

/// Every Rust file that ships, without its tests.
pub fn sources() -> BTreeMap<PathBuf, String> {
    let mut sources = BTreeMap::new();
    for folder in ["cli/src", "functions"] {
        gather(&repository().join(folder), &mut sources);
    }
    let shared = std::fs::read_dir(repository().join("shared")).expect("a folder");
    for crate_of_ours in shared.map(|entry| entry.expect("an entry").path()) {
        // The stand-ins do not ship, and `trust` only says what others read.
        if !["localclouds", "trust"].iter().any(|name| crate_of_ours.ends_with(name)) {
            gather(&crate_of_ours.join("src"), &mut sources);
        }
    }
    sources
}

fn gather(folder: &Path, sources: &mut BTreeMap<PathBuf, String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            gather(&path, sources);
        } else if path.extension().is_some_and(|kind| kind == "rs") && !path.ends_with("tests.rs") {
            let text = std::fs::read_to_string(&path).expect("a source");
            let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
            sources.insert(path, shipped.to_owned());
        }
    }
}
