//! How a run ends badly.

use crate::args::Format;
use crate::console::{HEADING, WRONG, write_fields};
use carnet_federation::{Error, Kind};
use std::io::{self, Write as _};
use std::process::ExitCode;

#[derive(Debug)]
pub enum Failure {
    /// Of a hop on the way, with all it knows about itself.
    Hop(Error),
    /// The command line, where clap could not see it.
    Usage(String),
    /// A file of the user's that is not what it should be.
    Configuration(String),
    /// Writing the result: stdout, or the file named for it.
    Output { path: Option<String>, error: io::Error },
    /// Anything else, in words.
    Other(String),
    /// Ctrl-C or SIGTERM.
    Interrupted,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Hop(error)
    }
}

impl Failure {
    pub fn stdout(error: io::Error) -> Self {
        Failure::Output { path: None, error }
    }

    /// Of a part that has its own errors: the words of all its causes.
    pub fn because(error: &(dyn std::error::Error + 'static)) -> Self {
        match causes(error) {
            Some(causes) => Failure::Other(format!("{error}: {causes}")),
            None => Failure::Other(error.to_string()),
        }
    }

    pub fn file(path: &std::path::Path, error: io::Error) -> Self {
        Failure::Output { path: Some(path.display().to_string()), error }
    }

    /// Says it on stderr and gives the exit code that means it.
    pub fn report(&self, format: Format) -> ExitCode {
        if self.is_a_reader_that_left() {
            return ExitCode::SUCCESS;
        }
        let mut stderr = anstream::stderr().lock();
        // If stderr is gone, the exit code has to do.
        let _ = match format {
            Format::Text => self.write_text(&mut stderr),
            Format::Json => writeln!(stderr, "{}", self.json()),
        };
        ExitCode::from(self.exit_code())
    }

    /// `carnet cat ... | head`: whoever reads has enough.
    fn is_a_reader_that_left(&self) -> bool {
        matches!(self, Failure::Output { path: None, error } if error.kind() == io::ErrorKind::BrokenPipe)
    }

    fn exit_code(&self) -> u8 {
        match self {
            Failure::Hop(error) => exit_code_of(error.kind()),
            Failure::Usage(_) => 2,
            Failure::Configuration(_) => 3,
            Failure::Output { .. } | Failure::Other(_) => 1,
            // 128 + SIGINT, as shells have it.
            Failure::Interrupted => 130,
        }
    }

    fn message(&self) -> String {
        match self {
            Failure::Hop(error) => error.to_string(),
            Failure::Usage(text) | Failure::Configuration(text) | Failure::Other(text) => text.clone(),
            Failure::Output { path: Some(path), error } => format!("{path}: {error}"),
            Failure::Output { path: None, error } => format!("stdout: {error}"),
            Failure::Interrupted => "interrupted".to_owned(),
        }
    }

    fn json(&self) -> serde_json::Value {
        let kind = match self {
            Failure::Hop(error) => return serde_json::to_value(error).unwrap_or_default(),
            Failure::Usage(_) => "usage",
            Failure::Configuration(_) => Kind::NotConfigured.as_str(),
            Failure::Output { .. } => "output",
            Failure::Other(_) => "other",
            Failure::Interrupted => "interrupted",
        };
        serde_json::json!({ "kind": kind, "message": self.message() })
    }

    fn write_text(&self, out: &mut impl io::Write) -> io::Result<()> {
        match self {
            Failure::Hop(error) => write_error(out, error),
            _ => writeln!(out, "{WRONG}error:{WRONG:#} {}", self.message()),
        }
    }
}

/// The block that every error of a hop is shown as.
pub fn write_error(out: &mut impl io::Write, error: &Error) -> io::Result<()> {
    writeln!(out, "{WRONG}error:{WRONG:#} {HEADING}{}{HEADING:#}", error.message())?;
    let (help, causes) = (error.hint().map(|hint| hint.link()), causes(error));
    let fields = [
        ("hop", Some(error.hop().as_str())),
        ("kind", Some(error.kind().as_str())),
        ("target", Some(error.target())),
        ("code", error.code()),
        ("field", error.field()),
        ("presented", error.presented()),
        ("change", error.hint().map(|hint| hint.advice)),
        ("help", help.as_deref()),
        ("request id", error.request_id()),
        ("cause", causes.as_deref()),
    ];
    write_fields(out, fields.into_iter().filter_map(|(name, value)| Some((name, value?))))
}

/// What lies under it, each said once: some causes repeat what theirs say.
fn causes(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let mut text = String::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&words);
        }
        next = cause.source();
    }
    (!text.is_empty()).then_some(text)
}

fn exit_code_of(kind: Kind) -> u8 {
    match kind {
        Kind::NotConfigured => 3,
        Kind::Refused | Kind::Unauthenticated => 4,
        Kind::Forbidden => 5,
        Kind::NotFound => 6,
        Kind::Changed | Kind::NotModified | Kind::OutOfRange => 7,
        Kind::Throttled | Kind::Unavailable | Kind::Deadline => 8,
        Kind::Malformed => 9,
        _ => 1,
    }
}
