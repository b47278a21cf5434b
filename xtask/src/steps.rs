//! Runs steps one after another, times each, goes on after a failure, and reports at the end.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// What went wrong, for the person who ran the task.
pub type Result<T = ()> = std::result::Result<T, String>;

#[derive(Default)]
pub struct Steps {
    done: Vec<Done>,
}

struct Done {
    name: String,
    took: Duration,
    failure: Option<String>,
}

impl Steps {
    pub fn run(&mut self, name: &str, step: impl FnOnce() -> Result) {
        println!("\n{} {name}", paint("==>", "1;36"));
        let start = Instant::now();
        let failure = step().err();
        let took = start.elapsed();
        match &failure {
            None => println!("{} {name}, {}", paint("passed", "1;32"), seconds(took)),
            Some(why) => println!("{} {name}, {}: {why}", paint("FAILED", "1;31"), seconds(took)),
        }
        self.done.push(Done { name: name.to_owned(), took, failure });
    }

    /// The table of all steps, and one line that counts them.
    pub fn report(self) -> ExitCode {
        println!();
        for Done { name, took, failure } in &self.done {
            let mark = if failure.is_some() { paint("FAILED", "1;31") } else { paint("passed", "1;32") };
            println!("{mark} {:>9}  {name}", seconds(*took));
        }
        let failed = self.done.iter().filter(|step| step.failure.is_some()).count();
        let total: Duration = self.done.iter().map(|step| step.took).sum();
        println!("steps: {} passed, {failed} failed; {}", self.done.len() - failed, seconds(total));
        if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

pub fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{} min {:02} s", duration.as_secs() / 60, duration.as_secs() % 60)
    }
}

fn paint(text: &str, style: &str) -> String {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || !std::io::stdout().is_terminal();
    if plain { text.to_owned() } else { format!("\x1b[{style}m{text}\x1b[0m") }
}
