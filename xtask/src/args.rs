//! The command line and its help.

use crate::test::{GROUPS, Group};
use lexopt::prelude::*;
use std::ffi::OsString;

pub enum Task {
    Demo { arguments: Vec<OsString> },
    Test { only: Vec<Group> },
    Bench { arguments: Vec<OsString> },
    Live { arguments: Vec<OsString> },
    Setup,
}

pub enum Parsed {
    Task(Task),
    Help(String),
}

const HELP: &str = "\
Shows, tests and measures Carnet. Everything a task needs is set up inside target/.

Usage: cargo xtask <TASK> [OPTIONS]

Tasks:
  demo   Build in the dev profile, then watch a Lambda function read a blob without a key
  test   Run every check that CI runs
  bench  Measure against the limit, Python and rclone; writes target/bench/
  live   Check what you have deployed, in your own accounts; no other task does that
  setup  Only install the pinned tools that `test` and `bench` use

Options:
  -h, --help  Show help; `cargo xtask <TASK> --help` shows a task's own

Examples:
  cargo xtask demo
  cargo xtask test --only lint,unit
  cargo xtask bench --quick

NO_COLOR is obeyed.
";

const DEMO: &str = "\
Builds the command and the function in the dev profile and runs `carnet demo`.
Needs Rust and a C compiler, nothing else. Prints how long building and running took.

Usage: cargo xtask demo [-- ARGUMENTS OF CARNET DEMO]

Examples:
  cargo xtask demo
  cargo xtask demo -- --help
";

const BENCH: &str = "\
Measures on loopback, in one run: a cold start and warm calls of blob-api under Lambda's Runtime
Interface Emulator, beside the hand-written limit and a Python handler; `carnet cat` beside bare
reqwest; 1,000 concurrent cold callers; the binary's size; `carnet sync` beside rclone and a bare
pipe; planning a million objects; every step of a sync of up to ten million. Writes
target/bench/results.md and .json.

Usage: cargo xtask bench [OPTIONS]

Options:
  --quick            Fewer repetitions: whether it works, not how fast it is
  --check            Exit with 1 if a target is missed
  --only PARTS       Comma-separated: cold, warm, cat, callers, size, google, sync, million,
                     scale

Examples:
  cargo xtask bench
  cargo xtask bench --only cold,size --check
  cargo xtask bench --only scale --quick

Needs python3 with venv.
";

const LIVE: &str = "\
Runs the end-to-end checks against your own accounts: what carnet.toml states, as it is deployed.
Says first what it will call and read, then one line a check, then how many ran, passed, failed and
were NOT RUN. Writes nothing in any cloud; shows no object's contents and no token.

Usage: cargo xtask live [OPTIONS]

Options:
  --config FILE            The configuration [default: carnet.toml]
  --stage NAME             The stage, where it has several
  --region REGION          The region, where the stage has several
  --api [FUNCTION=]URL     The API's base URL: the stack's output ApiUrl
  --only CHECKS            Comma-separated: functions, api, machine; without it, all are asked for
  --object PLACE/KEY       Read this object of the place, whole whatever its size; once a place
  --as INSTANCE            Take this machine for that instance of carnet.toml, whatever its role
  --format text|json       [default: text]

Checks:
  functions  each function's doctor, by Lambda Invoke, and whether what it found is what carnet.toml states
  api        a call without signature, a page of 10 names, and of the smallest object among them its head,
             64 KiB, and the whole if that is 1 MiB at most; a version known, a name not there, names refused
  machine    on an instance of carnet.toml: the `carnet` command's token, ls and cat; that AWS refuses a
             token that is not granted; that cat and the API give the same bytes

AWS credentials are found as the AWS SDKs find them. The identity needs lambda:InvokeFunction on the
functions for `functions`, execute-api:Invoke for `api`, and an instance's role for `machine`.
AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL_LAMBDA, proxies and the settings of `carnet` are obeyed.

Exit codes:
  0  every check that was asked for ran and passed
  1  a check failed
  2  the command line or the configuration is wrong; nothing was asked
  3  nothing failed, but a check that was asked for was not run

Examples:
  cargo xtask live --stage dev --only functions
  cargo xtask live --stage dev --only functions,api --api https://a1b2c3.execute-api.eu-central-1.amazonaws.com/live/
  cargo xtask live --stage prod --region eu-west-1 --object assets/reports/june.csv --format json
";

/// What `live` takes; each has a value.
const LIVE_OPTIONS: [&str; 8] = ["config", "stage", "region", "api", "only", "object", "as", "format"];

pub fn parse(mut parser: lexopt::Parser) -> Result<Parsed, lexopt::Error> {
    let task = match parser.next()? {
        None | Some(Short('h') | Long("help")) => return Ok(Parsed::Help(HELP.into())),
        Some(Value(task)) => task.string()?,
        Some(other) => return Err(other.unexpected()),
    };
    match task.as_str() {
        "demo" => demo(parser),
        "test" => test(parser),
        "bench" => bench(parser),
        "live" => live(parser),
        "setup" => no_options(
            parser,
            Task::Setup,
            "Installs the pinned tools into target/tools.\n\nExample:\n  cargo xtask setup\n",
        ),
        "help" => Ok(Parsed::Help(HELP.into())),
        other => {
            Err(format!("there is no task {other:?}; the tasks are demo, test, bench, live, setup").into())
        }
    }
}

fn demo(mut parser: lexopt::Parser) -> Result<Parsed, lexopt::Error> {
    let mut arguments = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(Parsed::Help(DEMO.into())),
            Value(value) => arguments.push(value),
            other => return Err(other.unexpected()),
        }
    }
    Ok(Parsed::Task(Task::Demo { arguments }))
}

fn test(mut parser: lexopt::Parser) -> Result<Parsed, lexopt::Error> {
    let mut only = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(Parsed::Help(test_help())),
            Long("only") => {
                for name in parser.value()?.string()?.split(',') {
                    only.push(Group::named(name).ok_or_else(|| unknown_group(name))?);
                }
            }
            other => return Err(other.unexpected()),
        }
    }
    Ok(Parsed::Task(Task::Test { only }))
}

fn unknown_group(name: &str) -> lexopt::Error {
    let names: Vec<&str> = GROUPS.iter().map(|group| group.name()).collect();
    format!("there is no group {name:?}; the groups are {}", names.join(", ")).into()
}

fn test_help() -> String {
    let mut text = String::from(
        "Runs every check, in an order that builds nothing twice, and says how long each took.\n\n\
         Usage: cargo xtask test [--only GROUPS]\n\nGroups, in the order they run:\n",
    );
    for group in GROUPS {
        text.push_str(&format!("  {:8}{}\n", group.name(), group.about()));
    }
    text.push_str(
        "\nExamples:\n  cargo xtask test\n  cargo xtask test --only lint,unit\n\n\
         Needs python3 with venv for e2e, python, sam and build, and node with npm for e2e.\n",
    );
    text
}

/// Handed on as they are: the bench's own program knows them.
fn bench(mut parser: lexopt::Parser) -> Result<Parsed, lexopt::Error> {
    let mut arguments: Vec<OsString> = Vec::new();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(Parsed::Help(BENCH.into())),
            Long("quick") => arguments.push("--quick".into()),
            Long("check") => arguments.push("--check".into()),
            Long("only") => {
                let parts = parser.value()?;
                arguments.extend(["--only".into(), parts]);
            }
            other => return Err(other.unexpected()),
        }
    }
    Ok(Parsed::Task(Task::Bench { arguments }))
}

/// Handed on as well: the checks' own program reads the values.
fn live(mut parser: lexopt::Parser) -> Result<Parsed, lexopt::Error> {
    let mut arguments: Vec<OsString> = Vec::new();
    while let Some(argument) = parser.next()? {
        let option = match argument {
            Short('h') | Long("help") => return Ok(Parsed::Help(LIVE.into())),
            Long(name) if LIVE_OPTIONS.contains(&name) => format!("--{name}"),
            other => return Err(other.unexpected()),
        };
        arguments.extend([option.into(), parser.value()?]);
    }
    Ok(Parsed::Task(Task::Live { arguments }))
}

fn no_options(mut parser: lexopt::Parser, task: Task, help: &str) -> Result<Parsed, lexopt::Error> {
    match parser.next()? {
        None => Ok(Parsed::Task(task)),
        Some(Short('h') | Long("help")) => Ok(Parsed::Help(help.into())),
        Some(other) => Err(other.unexpected()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Parsed, lexopt::Error> {
        parse(lexopt::Parser::from_args(arguments))
    }

    #[test]
    fn groups_are_chosen_by_name() {
        let Ok(Parsed::Task(Task::Test { only })) = parsed(&["test", "--only", "lint,sam"]) else {
            panic!("not a test task");
        };
        assert_eq!(only, [Group::Lint, Group::Sam]);
    }

    #[test]
    fn what_is_unknown_is_named() {
        for (arguments, named) in
            [(["tset", ""], "tset"), (["test", "--fast"], "--fast"), (["test", "--only=x"], "\"x\"")]
        {
            let arguments: Vec<&str> = arguments.into_iter().filter(|text| !text.is_empty()).collect();
            let error = parsed(&arguments).err().expect("refused").to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn what_live_is_told_is_handed_on() {
        let arguments = ["live", "--stage=dev", "--object", "assets/-odd", "--only", "api"];
        let Ok(Parsed::Task(Task::Live { arguments })) = parsed(&arguments) else {
            panic!("not a live task")
        };
        assert_eq!(arguments, ["--stage", "dev", "--object", "assets/-odd", "--only", "api"]);
        assert!(parsed(&["live", "--stages", "dev"]).is_err() && parsed(&["live", "--stage"]).is_err());
        assert!(LIVE_OPTIONS.iter().all(|option| LIVE.contains(&format!("  --{option} "))));
    }

    #[test]
    fn every_task_has_help_with_an_example() {
        for task in ["demo", "test", "bench", "live", "setup"] {
            let Ok(Parsed::Help(text)) = parsed(&[task, "--help"]) else { panic!("no help for {task}") };
            assert!(text.contains(&format!("cargo xtask {task}")), "{text}");
        }
    }
}
