//! Checks as they end. What was not run is said as loudly as what failed.

use crate::api;
use crate::args::Group;
use crate::failure::Failure;
use crate::machine;
use crate::target::Target;
use anstyle::{AnsiColor, Style};
use serde::Serialize;
use serde_json::json;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const OPEN: Style = AnsiColor::Yellow.on_default().bold();

/// Widths: what comes before a check's subject, the subject, the check's name.
const OUTCOME: usize = 9;
const SUBJECT: usize = 22;
const NAME: usize = 15;
const FOUND: usize = OUTCOME + SUBJECT;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

/// A check: its name, and what is asked in it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Check {
    #[serde(rename = "check")]
    pub name: &'static str,
    pub asked: &'static str,
}

pub const fn check(name: &'static str, asked: &'static str) -> Check {
    Check { name, asked }
}

pub struct Report {
    target: String,
    plan: Vec<String>,
    format: Format,
    ended: Vec<Ended>,
}

#[derive(Serialize)]
struct Ended {
    subject: String,
    #[serde(flatten)]
    check: Check,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum Outcome {
    Passed {
        #[serde(skip_serializing_if = "Vec::is_empty")]
        found: Vec<String>,
        duration_ms: u128,
    },
    Failed {
        error: Failure,
    },
    NotRun {
        why: String,
    },
}

/// What a check comes to, besides passing.
pub enum Stopped {
    Failed(Failure),
    /// It could not be tried, and why.
    NotRun(String),
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Stopped::Failed(failure)
    }
}

impl Report {
    /// Says what will be asked, before anything is.
    pub fn begin(target: &Target) -> Self {
        let report =
            Self { target: target.name(), plan: plan(target), format: target.format(), ended: Vec::new() };
        report.say(&format!("Live checks of {}\n", report.target));
        report.plan.iter().for_each(|line| report.say(&format!("  {line}")));
        report.say("\nNothing is written in any cloud. No object's contents and no token are shown.\n");
        report
    }

    /// Runs a check and notes what came of it.
    pub async fn ask<T, E: Into<Stopped>>(
        &mut self,
        subject: &str,
        check: Check,
        work: impl Future<Output = Result<T, E>>,
    ) -> Option<T> {
        let start = Instant::now();
        let (outcome, value) = match work.await.map_err(Into::into) {
            Ok(value) => {
                (Outcome::Passed { found: Vec::new(), duration_ms: start.elapsed().as_millis() }, Some(value))
            }
            Err(Stopped::Failed(error)) => (Outcome::Failed { error }, None),
            Err(Stopped::NotRun(why)) => (Outcome::NotRun { why }, None),
        };
        self.tell(subject, check, &outcome);
        self.ended.push(Ended { subject: subject.to_owned(), check, outcome });
        value
    }

    /// What the check that just passed found.
    pub fn found(&mut self, what: impl Into<String>) {
        let what = what.into();
        self.say(&format!("{:FOUND$}{what}", ""));
        if let Some(Ended { outcome: Outcome::Passed { found, .. }, .. }) = self.ended.last_mut() {
            found.push(what);
        }
    }

    /// Checks that cannot be tried, all for one reason.
    pub fn not_run(&mut self, subject: &str, checks: &[Check], why: &str) {
        let names: Vec<&str> = checks.iter().map(|check| check.name).collect();
        self.say(&format!("{OPEN}NOT RUN{OPEN:#}  {subject:SUBJECT$}{}: {why}", names.join(", ")));
        let outcome = || Outcome::NotRun { why: why.to_owned() };
        let ended = checks.iter().map(|check| Ended {
            subject: subject.to_owned(),
            check: *check,
            outcome: outcome(),
        });
        self.ended.extend(ended);
    }

    fn tell(&self, subject: &str, check: Check, outcome: &Outcome) {
        let place = format!("{subject:SUBJECT$}{:NAME$}{}", check.name, check.asked);
        match outcome {
            Outcome::Passed { duration_ms, .. } => {
                self.say(&format!("{GOOD}passed{GOOD:#}   {place} ({duration_ms} ms)"));
            }
            Outcome::NotRun { why } => self.say(&format!("{OPEN}NOT RUN{OPEN:#}  {place}: {why}")),
            Outcome::Failed { error } => {
                self.say(&format!("{BAD}FAILED{BAD:#}   {place}"));
                error.fields().for_each(|(name, value)| self.say(&format!("{:FOUND$}{name:12}{value}", "")));
            }
        }
    }

    fn say(&self, line: &str) {
        if self.format == Format::Text {
            // If nobody listens, the exit code has to do.
            let _ = writeln!(anstream::stdout(), "{line}");
        }
    }

    /// The count, and the exit code that means it: 0 only if every check ran and passed.
    pub fn end(self) -> ExitCode {
        let count = |is: fn(&Outcome) -> bool| self.ended.iter().filter(|one| is(&one.outcome)).count();
        let passed = count(|outcome| matches!(outcome, Outcome::Passed { .. }));
        let failed = count(|outcome| matches!(outcome, Outcome::Failed { .. }));
        let not_run = count(|outcome| matches!(outcome, Outcome::NotRun { .. }));
        let style = if failed > 0 {
            BAD
        } else if not_run > 0 {
            OPEN
        } else {
            GOOD
        };
        self.say(&format!(
            "\n{style}live checks: {} asked for, {} ran: {passed} passed, {failed} failed; {not_run} NOT RUN{style:#}",
            self.ended.len(),
            passed + failed
        ));
        if not_run > 0 {
            self.say("What was not run proves nothing. --only says what is asked for; each line above says what it lacks.");
        }
        if self.format == Format::Json {
            let document = json!({
                "target": self.target,
                "plan": self.plan,
                "checks": self.ended,
                "summary": { "asked_for": self.ended.len(), "passed": passed, "failed": failed, "not_run": not_run },
            });
            let _ = writeln!(std::io::stdout(), "{document:#}");
        }
        match (failed, not_run) {
            (0, 0) => ExitCode::SUCCESS,
            (0, _) => ExitCode::from(3),
            _ => ExitCode::FAILURE,
        }
    }
}

/// Every call that will be made, and the most that is read.
fn plan(target: &Target) -> Vec<String> {
    let mut lines = vec!["asks AWS STS who this machine is".to_owned()];
    for function in target.functions() {
        if target.asks(Group::Functions) {
            let name = &function.deployed_name;
            let looks = match function.principal.reads.as_slice() {
                [] => "it looks at both ends of each secret, at no value".to_owned(),
                places => format!("it lists one name a place: {}", places.join(", ")),
            };
            lines.push(format!("invokes {name} with {{\"carnet\":\"doctor\"}}; {looks}"));
        }
        let api = target.api(function.name).filter(|_| target.asks(Group::Api));
        for (place, api) in function.places.iter().zip(std::iter::repeat(api)) {
            if let Some(api) = api {
                lines.push(format!("calls {api}/{}: {}", place.route(), api::reads(place)));
            }
        }
    }
    if target.asks(Group::Machine) && !target.config().instances.is_empty() {
        lines.push(format!("runs the `carnet` command, if this machine is an instance: {}", machine::READS));
    }
    lines
}
