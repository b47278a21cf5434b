//! What ships: each function's package, built alone.
//!
//! A build of several packages would switch on the features of one for all, and the official client
//! of one cloud would be built into the function of another.

use crate::process::{cargo, output, release_binary, run};
use crate::steps::Result;
use std::collections::{BTreeMap, BTreeSet};

pub struct Function {
    pub name: &'static str,
    /// Its name in template.yaml.
    pub resource: &'static str,
    /// In bytes, of the release binary.
    limit: u64,
}

/// The official Cloud Storage client brings its gRPC half along, used or not: see docs/architecture.md.
/// Those of the sync have the clients of three clouds: which of two is the source, a parameter says.
pub const FUNCTIONS: [Function; 8] = [
    Function { name: "blob-api", resource: "BlobApi", limit: 6_000_000 },
    Function { name: "gcs-api", resource: "GcsApi", limit: 9_000_000 },
    Function { name: "sync-plan", resource: "SyncPlan", limit: 15_000_000 },
    Function { name: "sync-copy", resource: "SyncCopy", limit: 15_000_000 },
    Function { name: "sync-commit", resource: "SyncCommit", limit: 15_000_000 },
    Function { name: "ingest-object", resource: "IngestObject", limit: 15_000_000 },
    Function { name: "event-webhook", resource: "EventWebhook", limit: 7_000_000 },
    Function { name: "secret-sync", resource: "SecretSync", limit: 8_000_000 },
];

/// What a function's package must not contain: stand-ins, and another TLS provider than ring.
const BANNED: [&str; 6] =
    ["carnet-localclouds", "aws-lc-rs", "aws-lc-sys", "native-tls", "openssl", "openssl-sys"];
/// What a function's package must contain once only.
const SINGLE: [&str; 4] = ["hyper", "reqwest", "rustls", "ring"];

/// The variable by which the tests are told where a function's binary is.
pub fn variable(function: &Function) -> String {
    format!("CARNET_BIN_{}", function.name.replace('-', "_").to_uppercase())
}

/// Runs a check on every function; the faults of all of them in one error.
pub fn each(check: impl Fn(&Function) -> Result) -> Result {
    let faults: Vec<String> = FUNCTIONS
        .iter()
        .filter_map(|function| check(function).err().map(|why| format!("{}: {why}", function.name)))
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

/// As cargo-lambda compiles it, to the letter: so that `sam build` finds it done.
pub fn build(function: &Function) -> Result {
    let cpu = if std::env::consts::ARCH == "aarch64" { "neoverse-n1" } else { "haswell" };
    let flags = format!(r#"build.rustflags=["-C", "target-cpu={cpu}"]"#);
    run(&mut cargo(&[
        "build",
        "--release",
        "--package",
        function.name,
        "--target",
        &triple(),
        "--config",
        &flags,
    ]))
}

/// This machine's, named as cargo-lambda names it to cargo.
pub fn triple() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

/// What may be in it, and how often.
pub fn dependencies(function: &Function) -> Result {
    let tree = output(&mut cargo(&[
        "tree",
        "--package",
        function.name,
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]))?;
    let faults = faults_of(&tree);
    if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
}

/// What is wrong with a list of `name vVERSION ...` lines.
fn faults_of(tree: &str) -> Vec<String> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in tree.lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(version)) = (words.next(), words.next()) {
            versions.entry(name).or_default().insert(version);
        }
    }
    let banned = BANNED.iter().filter(|name| versions.contains_key(**name));
    let counted = SINGLE.iter().filter_map(|name| {
        let count = versions.get(name).map_or(0, BTreeSet::len);
        (count != 1).then(|| format!("{count} versions of {name}, not 1"))
    });
    banned.map(|name| format!("{name} must not be in it")).chain(counted).collect()
}

pub fn size(function: &Function) -> Result {
    let path = release_binary(function.name);
    let size = std::fs::metadata(&path).map_err(|error| format!("{}: {error}", path.display()))?.len();
    println!("    {}: {size} bytes, under {}", function.name, function.limit);
    if size < function.limit {
        Ok(())
    } else {
        Err(format!("it has {size} bytes, not under {}", function.limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "blob-api v0.1.0 (/x)\nhyper v1.8.1\nreqwest v0.13.5\nrustls v0.23.1\nring v0.17.14\nring v0.17.14 (*)\n";

    #[test]
    fn a_clean_tree_has_no_faults() {
        assert_eq!(faults_of(GOOD), Vec::<String>::new());
    }

    #[test]
    fn a_second_stack_is_found() {
        let tree = format!("{GOOD}hyper v0.14.1\nopenssl-sys v0.9.1\n");
        assert_eq!(faults_of(&tree), ["openssl-sys must not be in it", "2 versions of hyper, not 1"]);
        assert_eq!(faults_of("").len(), SINGLE.len(), "an empty tree is no proof");
    }
}
