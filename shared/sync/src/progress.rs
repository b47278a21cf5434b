//! What a run tells while it is at work: for a progress bar, for JSON lines, for a log.

use crate::error::SyncError;
use crate::guard::Refusal;
use crate::plan::{PlanDigest, Tally};
use crate::receipt::{Origin, Proven};
use crate::state::RunId;
use crate::summary::Summary;
use carnet_federation::Kind;
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event<'e> {
    Began {
        run: &'e RunId,
    },
    /// Receipts that an earlier run left behind are in the manifest now.
    Recovered {
        run: &'e RunId,
        receipts: u64,
    },
    /// From time to time while the plan is made.
    Planning {
        tally: &'e Tally,
    },
    /// The plan begins anew, since the source lists in another order than was thought.
    PlanningAgain {
        why: String,
    },
    Planned {
        tally: &'e Tally,
        digest: &'e PlanDigest,
        deletions_digest: &'e PlanDigest,
    },
    /// Bytes that have arrived at the destination: an object, or a part of one.
    Bytes {
        bytes: u64,
    },
    Copied {
        key: &'e str,
        bytes: u64,
        origin: Origin,
        proven: Proven,
    },
    /// It was deleted at the source after it was listed.
    Gone {
        key: &'e str,
    },
    Failed(&'e Failure),
    Refused {
        refusal: &'e Refusal,
        deletions_digest: &'e PlanDigest,
    },
    Deleted {
        key: &'e str,
    },
    /// No longer what was written: it stays.
    NotOurs {
        key: &'e str,
    },
    Committed {
        objects: u64,
        bytes: u64,
    },
    Finished {
        summary: &'e Summary,
    },
}

/// An object that could not be copied, or deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Failure {
    pub key: String,
    /// As [`carnet_federation::Kind`] writes itself, where a store failed.
    pub kind: Option<String>,
    pub message: String,
}

impl Failure {
    pub fn new(key: &str, error: &SyncError) -> Self {
        let kind = error.kind().map(|kind| kind.as_str().to_owned());
        Self { key: key.to_owned(), kind, message: error.to_string() }
    }

    /// Whether trying again may cure it.
    pub fn is_transient(&self) -> bool {
        let passing = [Kind::Unavailable, Kind::Throttled, Kind::Deadline];
        self.kind.as_deref().is_some_and(|kind| passing.iter().any(|passing| passing.as_str() == kind))
    }
}

/// Hears of events, in the order in which they happen. Must not wait.
pub trait Progress: Send + Sync {
    fn hear(&self, event: &Event<'_>);
}

/// For whoever needs none.
pub struct Silent;

impl Progress for Silent {
    fn hear(&self, _: &Event<'_>) {}
}

impl<F: Fn(&Event<'_>) + Send + Sync> Progress for F {
    fn hear(&self, event: &Event<'_>) {
        self(event);
    }
}
