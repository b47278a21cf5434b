//! Every check, in an order that builds nothing twice.
//!
//! All packages are linted and tested in one build of the workspace, so that each dependency is
//! compiled once. What ships is not taken from it: the release build names its package alone,
//! because a workspace build would switch on the features of its neighbours.

use crate::process::{LocalClouds, cargo, dev_binary, output, release_binary, root, run, target};
use crate::steps::{Result, Steps};
use crate::{demo, tools};
use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, ExitCode};

/// A part of the checks that can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Demo,
    Lint,
    Release,
    Unit,
    E2e,
    Azurite,
    Rie,
    Python,
    Sam,
}

pub const GROUPS: [Group; 9] = [
    Group::Demo,
    Group::Lint,
    Group::Release,
    Group::Unit,
    Group::E2e,
    Group::Azurite,
    Group::Rie,
    Group::Python,
    Group::Sam,
];

/// What a function's package must not contain: stand-ins, and another TLS provider than ring.
const BANNED: [&str; 6] =
    ["carnet-localclouds", "aws-lc-rs", "aws-lc-sys", "native-tls", "openssl", "openssl-sys"];
/// What a function's package must contain once only.
const SINGLE: [&str; 4] = ["hyper", "reqwest", "rustls", "ring"];
const LARGEST_FUNCTION: u64 = 6_000_000;

impl Group {
    pub fn named(name: &str) -> Option<Self> {
        GROUPS.into_iter().find(|group| group.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Group::Demo => "demo",
            Group::Lint => "lint",
            Group::Release => "release",
            Group::Unit => "unit",
            Group::E2e => "e2e",
            Group::Azurite => "azurite",
            Group::Rie => "rie",
            Group::Python => "python",
            Group::Sam => "sam",
        }
    }

    pub fn about(self) -> &'static str {
        match self {
            Group::Demo => "build and run the demo, as a newcomer does",
            Group::Lint => "formatting, clippy, what the shipped packages may depend on",
            Group::Release => "build what ships, once, and weigh it",
            Group::Unit => "the packages' own tests",
            Group::E2e => "the real binaries, end to end; includes azurite and rie",
            Group::Azurite => "of e2e: our Azure source against Azurite, with OAuth over TLS",
            Group::Rie => "of e2e: the real binary under Lambda's Runtime Interface Emulator",
            Group::Python => "the clouds' own Python clients against `carnet local`",
            Group::Sam => "sam validate --lint and cfn-lint on template.yaml",
        }
    }
}

pub fn run_chosen(only: &[Group]) -> ExitCode {
    let wants = |group: Group| only.is_empty() || only.contains(&group);
    let tests_whole = wants(Group::E2e);
    let mut steps = Steps::default();

    if wants(Group::Demo) {
        steps.run("demo", || demo::run_all(&[]));
    }
    if wants(Group::Lint) {
        steps.run("format", || run(&mut cargo(&["fmt", "--all", "--", "--check"])));
        steps.run("dependencies of what ships", dependencies);
        steps.run("clippy", || {
            run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))
        });
    }
    if [Group::Release, Group::E2e, Group::Azurite, Group::Rie].into_iter().any(wants) {
        steps.run("build what ships", || run(&mut cargo(&["build", "--release", "--package", "blob-api"])));
        steps.run("size of what ships", size);
    }
    if wants(Group::Unit) {
        steps.run("unit tests", || run(&mut cargo(&["test", "--workspace", "--lib", "--bins"])));
        steps.run("documentation tests", || run(&mut cargo(&["test", "--workspace", "--doc", "--quiet"])));
    }
    if [Group::E2e, Group::Azurite, Group::Rie, Group::Sam].into_iter().any(wants) {
        steps.run("tools: SAM", || tools::SAM.install());
    }
    if [Group::E2e, Group::Azurite].into_iter().any(wants) {
        steps.run("tools: Azurite", tools::install_azurite);
    }
    if [Group::E2e, Group::Azurite, Group::Rie, Group::Python].into_iter().any(wants) {
        steps.run("build the command", || run(&mut cargo(demo::BUILD)));
    }
    if tests_whole {
        steps.run("tools: libfaketime", || tools::FAKETIME.install());
        steps.run("build the test function", || {
            run(&mut cargo(&["build", "--workspace", "--example", "echo_function"]))
        });
        steps.run("end-to-end tests", || end_to_end("*"));
    } else {
        for group in [Group::Azurite, Group::Rie].into_iter().filter(|group| wants(*group)) {
            steps.run(group.about(), || end_to_end(group.name()));
        }
    }
    if wants(Group::Python) {
        steps.run("tools: the clouds' Python clients", || tools::CLIENTS.install());
        steps.run("the clouds' Python clients", python_clients);
    }
    if wants(Group::Sam) {
        steps.run("sam validate --lint", sam_validate);
        steps.run("cfn-lint", || {
            run(Command::new(tools::SAM.program("cfn-lint")).arg(root().join("template.yaml")))
        });
    }
    steps.report()
}

/// Installs every pinned tool.
pub fn setup() -> ExitCode {
    let mut steps = Steps::default();
    steps.run("tools: SAM", || tools::SAM.install());
    steps.run("tools: the clouds' Python clients", || tools::CLIENTS.install());
    steps.run("tools: the bench's Python handler", || tools::PEER.install());
    steps.run("tools: Azurite", tools::install_azurite);
    steps.run("tools: libfaketime", || tools::FAKETIME.install());
    steps.report()
}

/// Integration tests by target name, those included that need tools: here the tools are there.
fn end_to_end(tests: &str) -> Result {
    let mut command = cargo(&["test", "--workspace", "--test", tests, "--", "--include-ignored"]);
    command
        .env("CARNET_BIN_BLOB_API", release_binary("blob-api"))
        .env("CARNET_BIN_CARNET", dev_binary("carnet"))
        .env("CARNET_AZURITE_BIN", tools::azurite())
        .env("CARNET_RIE_BIN", tools::rie()?);
    // Where it is missing, the one test that needs it says so.
    if let Ok(library) = tools::faketime() {
        command.env("CARNET_FAKETIME_LIB", library);
    }
    run(&mut command)
}

fn dependencies() -> Result {
    let tree = output(&mut cargo(&[
        "tree",
        "--package",
        "blob-api",
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

fn size() -> Result {
    let path = release_binary("blob-api");
    let size = std::fs::metadata(&path).map_err(|error| format!("{}: {error}", path.display()))?.len();
    println!("    blob-api: {size} bytes, at most {LARGEST_FUNCTION}");
    if size < LARGEST_FUNCTION { Ok(()) } else { Err(format!("blob-api has {size} bytes")) }
}

fn python_clients() -> Result {
    let folder = target().join("python-clients");
    let local = LocalClouds::start(&dev_binary("carnet"), &root().join("tests/python/carnet.toml"), &folder)?;
    run(Command::new(tools::CLIENTS.program("python"))
        .args(["-m", "pytest", "-p", "no:cacheprovider"])
        .arg(root().join("tests/python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("CARNET_STATE", &local.state_file))
}

fn sam_validate() -> Result {
    run(Command::new(tools::SAM.program("sam"))
        .args(["validate", "--lint", "--template-file"])
        .arg(root().join("template.yaml"))
        // It asks for a region although it calls nothing.
        .env("AWS_DEFAULT_REGION", "eu-central-1")
        .env("SAM_CLI_TELEMETRY", "0"))
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
