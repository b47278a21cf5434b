//! What can end a run, as whoever drives it must tell apart.
//!
//! A store that fails is [`carnet_federation::Error`], as everywhere. The others are about the run
//! itself, and none of them is cured by trying again at once.

use crate::state::RunId;
use carnet_federation::{Error, Kind};
use std::fmt;
use std::time::SystemTime;

pub type Result<T, E = SyncError> = std::result::Result<T, E>;

#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SyncError {
    /// A store, or the way to it.
    Store(Error),
    /// A setting cannot be meant: nothing was begun.
    Settings(String),
    /// Another run holds the lease: nothing was begun.
    Held { holder: String, run: RunId, until: SystemTime },
    /// The lease was lost on the way: another run has taken over.
    LeaseLost,
    /// Nothing is left of this run's plan: another run has taken over what it did.
    RunIsOver { run: RunId },
    /// The state belongs to another pair of places.
    OtherPlaces { found: String, wanted: String },
    /// The state was written by a newer version of this program.
    Newer { what: String, found: u32, known: u32 },
    /// A file of the state that cannot be what was written.
    Corrupt { what: String, why: String },
    /// The listing does not ascend by bytes.
    Disorder(Disorder),
    /// The manifest is no longer the one that was planned against.
    ManifestMoved,
    /// The machine that sync runs on, e.g. its temporary files.
    Machine(String),
}

/// How a listing breaks the order that comparing needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disorder {
    /// It ascends with `/` before every other character, as accounts with a hierarchical namespace
    /// sort: [`Listing::resorted`](crate::listing::Listing::resorted) can use it.
    Hierarchical,
    /// Neither by bytes nor hierarchically. Nothing may be derived from it.
    Unknown { before: String, after: String },
}

impl SyncError {
    pub fn corrupt(what: impl Into<String>, why: impl Into<String>) -> Self {
        SyncError::Corrupt { what: what.into(), why: why.into() }
    }

    /// The kind of the store's failure, if it is one.
    pub fn kind(&self) -> Option<Kind> {
        match self {
            SyncError::Store(error) => Some(error.kind()),
            _ => None,
        }
    }
}

impl From<Error> for SyncError {
    fn from(error: Error) -> Self {
        SyncError::Store(error)
    }
}

impl From<std::io::Error> for SyncError {
    fn from(error: std::io::Error) -> Self {
        SyncError::Machine(format!("a temporary file: {error}"))
    }
}

impl fmt::Display for SyncError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SyncError::Store(error) => fmt::Display::fmt(error, f),
            SyncError::Settings(why) | SyncError::Machine(why) => f.write_str(why),
            SyncError::Held { holder, run, until } => {
                let until = crate::clock::rfc3339(*until);
                write!(f, "another run, {run} of {holder}, holds the lease until {until}")
            }
            SyncError::LeaseLost => f.write_str("the lease was lost: another run has taken over"),
            SyncError::RunIsOver { run } => {
                write!(f, "the plan of {run} is no longer there: another run has taken over what it did")
            }
            SyncError::OtherPlaces { found, wanted } => {
                write!(f, "the state is that of {found}, not of {wanted}: give each pair a state of its own")
            }
            SyncError::Newer { what, found, known } => write!(
                f,
                "{what} has schema version {found}, and this program knows versions up to {known}: use a newer one"
            ),
            SyncError::Corrupt { what, why } => write!(f, "{what} is not as it was written: {why}"),
            SyncError::Disorder(disorder) => fmt::Display::fmt(disorder, f),
            SyncError::ManifestMoved => {
                f.write_str("the manifest was replaced since this plan was made: plan again")
            }
        }
    }
}

impl fmt::Display for Disorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Disorder::Hierarchical => {
                f.write_str("the source sorts by folder (hierarchical namespace): it must be sorted again")
            }
            Disorder::Unknown { before, after } => write!(
                f,
                "the listing is in no known order, {after:?} came after {before:?}: nothing is derived from it"
            ),
        }
    }
}

impl std::error::Error for SyncError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            SyncError::Store(error) => std::error::Error::source(error),
            _ => None,
        }
    }
}
