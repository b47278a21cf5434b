//! Every check, in an order that builds nothing twice.
//!
//! All packages are linted and tested in one build of the workspace, so that each dependency is
//! compiled once. What ships is not taken from it: see [`shipped`].

use crate::process::{LocalClouds, cargo, dev_binary, release_binary, root, run, target};
use crate::steps::{Result, Steps};
use crate::{demo, live, sam, shipped, tools};
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
    S3,
    Machine,
    Secrets,
    Rie,
    Python,
    Sam,
    Build,
}

pub const GROUPS: [Group; 13] = [
    Group::Demo,
    Group::Lint,
    Group::Release,
    Group::Unit,
    Group::E2e,
    Group::Azurite,
    Group::S3,
    Group::Machine,
    Group::Secrets,
    Group::Rie,
    Group::Python,
    Group::Sam,
    Group::Build,
];

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
            Group::S3 => "s3_servers",
            Group::Machine => "state_machine",
            Group::Secrets => "secret_sync",
            Group::Rie => "rie",
            Group::Python => "python",
            Group::Sam => "sam",
            Group::Build => "build",
        }
    }

    pub fn about(self) -> &'static str {
        match self {
            Group::Demo => "build and run the demo, as a newcomer does",
            Group::Lint => "formatting, clippy, what the shipped packages may depend on",
            Group::Release => "build what ships, once, and weigh it",
            Group::Unit => "the packages' own tests",
            Group::E2e => "the real binaries, end to end; includes the five that follow",
            Group::Azurite => "of e2e: our Azure source against Azurite, with OAuth over TLS",
            Group::S3 => "of e2e: our S3 sink against moto and rclone",
            Group::Machine => "of e2e: template.yaml's state machine, executed by moto on the real binaries",
            Group::Secrets => "of e2e: the real function copies secrets into moto's Secrets Manager",
            Group::Rie => "of e2e: the real binary under Lambda's Runtime Interface Emulator",
            Group::Python => "the clouds' own Python clients against `carnet local`",
            Group::Sam => "sam validate --lint, cfn-lint and checkov on template.yaml",
            Group::Build => "sam build for this machine, and what it built under the same emulator",
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
        steps.run("dependencies of what ships", || shipped::each(shipped::dependencies));
        steps.run("clippy", || {
            run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))
        });
    }
    let on_what_ships =
        [Group::E2e, Group::Azurite, Group::Machine, Group::Secrets, Group::Rie].into_iter().any(wants);
    if wants(Group::Release) || on_what_ships {
        steps.run("build what ships", || shipped::each(shipped::build));
        steps.run("size of what ships", || shipped::each(shipped::size));
    }
    if wants(Group::Unit) {
        steps.run("unit tests", || run(&mut cargo(&["test", "--workspace", "--lib", "--bins"])));
        steps.run("documentation tests", || run(&mut cargo(&["test", "--workspace", "--doc", "--quiet"])));
    }
    if [Group::E2e, Group::Azurite, Group::Machine, Group::Secrets, Group::Rie, Group::Sam, Group::Build]
        .into_iter()
        .any(wants)
    {
        steps.run("tools: SAM", || tools::SAM.install());
    }
    if [Group::E2e, Group::Azurite].into_iter().any(wants) {
        steps.run("tools: Azurite", tools::install_azurite);
    }
    if [Group::E2e, Group::S3, Group::Machine, Group::Secrets].into_iter().any(wants) {
        steps.run("tools: moto", || tools::MOTO.install());
    }
    if [Group::E2e, Group::S3].into_iter().any(wants) {
        steps.run("tools: rclone", || tools::RCLONE.install());
    }
    if [Group::E2e, Group::Azurite, Group::Secrets, Group::Rie, Group::Python].into_iter().any(wants) {
        steps.run("build the command", || run(&mut cargo(demo::BUILD)));
    }
    if tests_whole {
        steps.run("tools: libfaketime", || tools::FAKETIME.install());
        steps.run("build the test function", || {
            run(&mut cargo(&["build", "--workspace", "--example", "echo_function"]))
        });
        steps.run("end-to-end tests", || end_to_end("*"));
    } else {
        let one_file = [Group::Azurite, Group::Machine, Group::Secrets, Group::Rie];
        for group in one_file.into_iter().filter(|group| wants(*group)) {
            steps.run(group.about(), || end_to_end(group.name()));
        }
        if wants(Group::S3) {
            steps.run(Group::S3.about(), || {
                let test = Group::S3.name();
                let arguments = ["test", "--workspace", "--test", test, "--", "--include-ignored"];
                run(s3_servers(&mut cargo(&arguments)))
            });
        }
    }
    if wants(Group::Python) {
        steps.run("tools: the clouds' Python clients", || tools::CLIENTS.install());
        steps.run("the clouds' Python clients", python_clients);
    }
    if wants(Group::Sam) {
        steps.run("sam validate --lint", sam::validate);
        steps.run("cfn-lint", sam::cfn_lint);
        steps.run("tools: checkov", || tools::CHECKOV.install());
        steps.run("checkov", sam::checkov);
    }
    if wants(Group::Build) {
        steps.run("tools: cargo-lambda", || tools::CARGO_LAMBDA.install());
        steps.run("sam build", sam::build);
        steps.run("C library of what sam built", || shipped::each(sam::runs_on_al2023));
        steps.run("what sam built, under the emulator", under_the_emulator);
    }
    let outcome = steps.report();
    println!("{}", live::NOT_RUN);
    outcome
}

/// Installs every pinned tool.
pub fn setup() -> ExitCode {
    let mut steps = Steps::default();
    steps.run("tools: SAM", || tools::SAM.install());
    steps.run("tools: the clouds' Python clients", || tools::CLIENTS.install());
    steps.run("tools: the bench's Python handler", || tools::PEER.install());
    steps.run("tools: Azurite", tools::install_azurite);
    steps.run("tools: libfaketime", || tools::FAKETIME.install());
    steps.run("tools: checkov", || tools::CHECKOV.install());
    steps.run("tools: cargo-lambda", || tools::CARGO_LAMBDA.install());
    steps.run("tools: moto", || tools::MOTO.install());
    steps.run("tools: rclone", || tools::RCLONE.install());
    steps.report()
}

/// Integration tests by target name, those included that need tools: here the tools are there.
fn end_to_end(tests: &str) -> Result {
    // Whatever fails, the rest is worth knowing.
    let arguments = ["test", "--workspace", "--no-fail-fast", "--test", tests, "--", "--include-ignored"];
    let mut command = cargo(&arguments);
    for function in &shipped::FUNCTIONS {
        command.env(shipped::variable(function), release_binary(function.name));
    }
    command
        .env("CARNET_BIN_CARNET", dev_binary("carnet"))
        .env("CARNET_AZURITE_BIN", tools::azurite())
        .env("CARNET_RIE_BIN", tools::rie()?);
    s3_servers(&mut command);
    // Where it is missing, the one test that needs it says so.
    if let Ok(library) = tools::faketime() {
        command.env("CARNET_FAKETIME_LIB", library);
    }
    run(&mut command)
}

/// Other people's S3, and their queues and state machines.
fn s3_servers(command: &mut Command) -> &mut Command {
    command
        .env("CARNET_MOTO_SERVER", tools::MOTO.program("moto_server"))
        .env("CARNET_MOTO_PYTHON", tools::MOTO.program("python"))
        .env("CARNET_RCLONE", tools::RCLONE.program("rclone"))
}

fn under_the_emulator() -> Result {
    let mut command = cargo(&["test", "--workspace", "--test", "rie", "--", "--include-ignored"]);
    for function in &shipped::FUNCTIONS {
        command.env(shipped::variable(function), sam::artifact(function));
    }
    run(command.env("CARNET_RIE_BIN", tools::rie()?))
}

fn python_clients() -> Result {
    let folder = target().join("python-clients");
    let local = LocalClouds::start(&dev_binary("carnet"), &root().join("tests/python/carnet.toml"), &folder)?;
    run(Command::new(tools::CLIENTS.program("python"))
        .args(["-m", "pytest", "-p", "no:cacheprovider"])
        .arg(root().join("tests/python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("CARNET_BIN_CARNET", dev_binary("carnet"))
        .env("CARNET_STATE", &local.state_file))
}
