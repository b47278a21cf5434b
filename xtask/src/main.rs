//! `cargo xtask`: the only way anyone runs a check, a person or CI.
//!
//! | module | what happens there |
//! |---|---|
//! | [`args`] | the command line and its help |
//! | [`demo`], [`test`], [`bench`], [`live`] | the tasks, as lists of steps |
//! | [`steps`] | runs steps, times them, reports |
//! | [`process`] | starts programs: cargo, tools, `carnet local` |
//! | [`tools`] | pinned Python and Node tools inside `target/tools` |

mod args;
mod bench;
mod demo;
mod live;
mod process;
mod sam;
mod shipped;
mod steps;
mod test;
mod tools;

use args::{Parsed, Task};
use std::process::ExitCode;

fn main() -> ExitCode {
    match args::parse(lexopt::Parser::from_env()) {
        Ok(Parsed::Help(text)) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Ok(Parsed::Task(task)) => run(task),
        Err(error) => {
            eprintln!("xtask: {error}\n\nTry `cargo xtask --help`.");
            ExitCode::from(2)
        }
    }
}

fn run(task: Task) -> ExitCode {
    let succeeded = |()| ExitCode::SUCCESS;
    let outcome = match task {
        Task::Demo { arguments } => demo::run_all(&arguments).map(succeeded),
        Task::Test { only } => Ok(test::run_chosen(&only)),
        Task::Bench { arguments } => bench::run_all(&arguments).map(succeeded),
        Task::Live { arguments } => live::run_all(&arguments),
        Task::Setup => Ok(test::setup()),
    };
    outcome.unwrap_or_else(|why| {
        eprintln!("xtask: {why}");
        ExitCode::FAILURE
    })
}
