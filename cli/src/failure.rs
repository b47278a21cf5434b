//! How a run ends badly.

use crate::args::Format;
use crate::console::{self, HEADING, WRONG, write_fields};
use carnet_federation::hints::{Hint, Remedy};
use carnet_federation::{Error, Kind};
use carnet_sync::SyncError;
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
    /// A sync that could not go on.
    Sync(SyncError),
    /// A sync of which some objects failed. They were named.
    Partly(String),
    /// The guard held a sync's deletions back; the digest would let them through.
    Guard { why: String, digest: String },
    /// Both sides of a sync were read, and are not the same.
    NotTheSame(String),
    /// No sync has ever run to this place.
    NoRun(String),
    /// No failure, but a code of its own: a sync that found nothing to do.
    NothingToDo,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Hop(error)
    }
}

impl From<SyncError> for Failure {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::Store(error) => Failure::Hop(error),
            SyncError::Settings(why) => Failure::Usage(why),
            SyncError::Machine(why) => Failure::Other(why),
            other => Failure::Sync(other),
        }
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
        match self {
            _ if self.is_a_reader_that_left() => return ExitCode::SUCCESS,
            Failure::NothingToDo => return ExitCode::from(self.exit_code()),
            _ => {}
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
            Failure::NoRun(_) => 6,
            Failure::NothingToDo => 10,
            Failure::Partly(_) => 11,
            Failure::Guard { .. } => 12,
            Failure::NotTheSame(_) => 14,
            Failure::Sync(error) => exit_code_of_sync(error),
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
            Failure::Sync(error) => error.to_string(),
            Failure::Partly(text) | Failure::NotTheSame(text) => text.clone(),
            Failure::Guard { why, .. } => format!("the guard lets nothing be deleted: {why}"),
            Failure::NoRun(place) => {
                format!("{place} is no destination of a sync yet: no run has left a state there")
            }
            Failure::NothingToDo => "nothing to do".to_owned(),
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
            Failure::Sync(error) => kind_of_sync(error),
            Failure::Partly(_) => "partly_failed",
            Failure::Guard { .. } => "refused_by_guard",
            Failure::NotTheSame(_) => "not_the_same",
            Failure::NoRun(_) => Kind::NotFound.as_str(),
            Failure::NothingToDo => "nothing_to_do",
        };
        let mut value = serde_json::json!({ "kind": kind, "message": self.message() });
        if let Some(hint) = self.hint() {
            value["change"] = hint.advice.into();
            value["help"] = hint.link().into();
        }
        match self {
            Failure::Guard { digest, .. } => value["deletions_digest"] = digest.as_str().into(),
            Failure::Sync(SyncError::Held { holder, run, until }) => {
                value["run"] = run.as_str().into();
                value["holder"] = holder.as_str().into();
                value["until"] = console::rfc3339(*until).into();
            }
            _ => {}
        }
        value
    }

    /// What to do about a sync that did not end as it should; a hop's error has its own.
    fn hint(&self) -> Option<&'static Hint> {
        Some(match self {
            Failure::Sync(error) => hint_of_sync(error)?,
            Failure::Partly(_) => &PARTLY_FAILED,
            Failure::Guard { .. } => &GUARD,
            Failure::NotTheSame(_) => &NOT_THE_SAME,
            _ => return None,
        })
    }

    fn write_text(&self, out: &mut impl io::Write) -> io::Result<()> {
        match self {
            Failure::Hop(error) => write_error(out, error),
            _ => {
                writeln!(out, "{WRONG}error:{WRONG:#} {}", self.message())?;
                let Some(hint) = self.hint() else { return Ok(()) };
                let digest = match self {
                    Failure::Guard { digest, .. } => Some(digest.as_str()),
                    _ => None,
                };
                let help = hint.link();
                let fields = [("digest", digest), ("change", Some(hint.advice)), ("help", Some(&*help))];
                write_fields(out, fields.into_iter().filter_map(|(name, value)| Some((name, value?))))
            }
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

const fn row(anchor: &'static str, advice: &'static str) -> Hint {
    Hint { anchor, field: None, advice, remedy: Remedy::Change }
}

static PARTLY_FAILED: Hint = row("sync-partly-failed", "see what each object says above, and run it again");
static GUARD: Hint = row(
    "sync-refused-by-guard",
    "look at --dry-run; if it is meant, run again with --confirm and this digest, or raise --max-delete",
);
static NOT_THE_SAME: Hint =
    row("sync-not-the-same", "find out who else writes there; a run does not copy what its manifest has");
static HELD: Hint = row(
    "sync-lease-held",
    "wait for the other run; if it is known to be dead, run again with --break-lease and its name",
);
static OTHER_PLACES: Hint = row("sync-other-places", "use another prefix, or another place with --state");
static NEWER: Hint =
    row("sync-newer-state", "use a version of carnet at least as new as the one that wrote it");
static CORRUPT: Hint =
    row("sync-corrupt-state", "restore the file from an older version of it, or begin with a new --state");
static DISORDER: Hint =
    row("sync-disorder", "run it again; if it stays so, the store's listing cannot be used");

fn hint_of_sync(error: &SyncError) -> Option<&'static Hint> {
    Some(match error {
        SyncError::Held { .. } | SyncError::LeaseLost | SyncError::ManifestMoved => &HELD,
        SyncError::OtherPlaces { .. } => &OTHER_PLACES,
        SyncError::Newer { .. } => &NEWER,
        SyncError::Corrupt { .. } => &CORRUPT,
        SyncError::Disorder(_) => &DISORDER,
        _ => return None,
    })
}

fn kind_of_sync(error: &SyncError) -> &'static str {
    match error {
        SyncError::Held { .. } => "lease_held",
        SyncError::LeaseLost | SyncError::ManifestMoved => "lease_lost",
        SyncError::OtherPlaces { .. } => "other_places",
        SyncError::Newer { .. } => "newer_state",
        SyncError::Corrupt { .. } => "corrupt_state",
        SyncError::Disorder(_) => "disorder",
        _ => "other",
    }
}

fn exit_code_of_sync(error: &SyncError) -> u8 {
    match error {
        SyncError::OtherPlaces { .. } | SyncError::Newer { .. } => 3,
        SyncError::Corrupt { .. } | SyncError::Disorder(_) => 9,
        SyncError::Held { .. } | SyncError::LeaseLost | SyncError::ManifestMoved => 13,
        _ => 1,
    }
}
