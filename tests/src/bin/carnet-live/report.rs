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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

pub struct Report {
    target: String,
    plan: Vec<String>,
    format: Format,
    checks: Vec<Check>,
}

#[derive(Serialize)]
struct Check {
    subject: String,
    check: &'static str,
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
        error: Box<Failure>,
    },
    NotRun {
        why: String,
    },
}

/// What a check comes to, besides passing.
pub enum Stopped {
    Failed(Box<Failure>),
    /// It could not be tried, and why.
    NotRun(String),
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Stopped::Failed(Box::new(failure))
    }
}

impl Report {
    /// Says what will be asked, before anything is.
    pub fn begin(target: &Target) -> Self {
        let report =
            Self { target: target.name(), plan: plan(target), format: target.format(), checks: Vec::new() };
        report.say(&format!("Live checks of {}\n", report.target));
        report.plan.iter().for_each(|line| report.say(&format!("  {line}")));
        report.say("\nNothing is written in any cloud. No object's contents and no token are shown.\n");
        report
    }

    /// Runs a check and notes what came of it.
    pub async fn ask<T, E: Into<Stopped>>(
        &mut self,
        subject: &str,
        check: &'static str,
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
        self.checks.push(Check { subject: subject.to_owned(), check, outcome });
        value
    }

    /// What the check that just passed found.
    pub fn found(&mut self, what: impl Into<String>) {
        let what = what.into();
        self.say(&format!("{:25}{what}", ""));
        if let Some(Check { outcome: Outcome::Passed { found, .. }, .. }) = self.checks.last_mut() {
            found.push(what);
        }
    }

    /// Checks that cannot be tried, all for one reason.
    pub fn not_run(&mut self, subject: &str, checks: &[&'static str], why: &str) {
        self.say(&format!("{OPEN}NOT RUN{OPEN:#}  {subject:16}{}: {why}", checks.join(", ")));
        let outcome = || Outcome::NotRun { why: why.to_owned() };
        let checks =
            checks.iter().map(|check| Check { subject: subject.to_owned(), check, outcome: outcome() });
        self.checks.extend(checks);
    }

    fn tell(&self, subject: &str, check: &str, outcome: &Outcome) {
        let place = format!("{subject:22}{check}");
        match outcome {
            Outcome::Passed { duration_ms, .. } => {
                self.say(&format!("{GOOD}passed{GOOD:#}   {place}, {duration_ms} ms"));
            }
            Outcome::NotRun { why } => self.say(&format!("{OPEN}NOT RUN{OPEN:#}  {place}: {why}")),
            Outcome::Failed { error } => {
                self.say(&format!("{BAD}FAILED{BAD:#}   {place}: {}", error.message));
                error.fields().for_each(|(name, value)| self.say(&format!("{:11}{name:12}{value}", "")));
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
        let count = |is: fn(&Outcome) -> bool| self.checks.iter().filter(|check| is(&check.outcome)).count();
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
            self.checks.len(),
            passed + failed
        ));
        if not_run > 0 {
            self.say("What was not run proves nothing. --only says what is asked for; each line above says what it lacks.");
        }
        if self.format == Format::Json {
            let document = json!({
                "target": self.target,
                "plan": self.plan,
                "checks": self.checks,
                "summary": { "asked_for": self.checks.len(), "passed": passed, "failed": failed, "not_run": not_run },
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
            lines.push(format!(
                "invokes {name} with {{\"carnet\":\"doctor\"}}; it lists one name a place: {}",
                function.principal.reads.join(", ")
            ));
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
