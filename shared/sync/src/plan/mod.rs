//! Planning: two sorted streams, the source's listing and the last manifest, compared in flat memory.
//!
//! It only says what is to be done, object by object, each with its reason. That is also what
//! `--dry-run` shows. Nothing here reads an object's bytes or writes anything.
//!
//! | module | what is there |
//! |---|---|
//! | this one | [`Planner`], the comparison |
//! | [`action`] | [`Action`]: copy, keep, delete, skip, and why |
//! | [`digest`] | [`PlanDigest`], by which a person passes one plan |
//! | [`batch`] | [`Batch`]: what is copied together, and the cutting of them |
//! | [`finding`] | which order the source lists in, found by trying |
//! | [`step`] | a plan until it is complete or has to stop, as batches |

pub mod action;
pub mod batch;
pub mod digest;
pub mod finding;
pub mod step;

pub use action::{Action, Deletion, Kept, Reason, Skipped, Task};
pub use batch::{Batch, BatchLimits};
pub use digest::PlanDigest;
pub use step::{PlanOptions, PlanState};

use crate::error::Result;
use crate::filter::Filter;
use crate::job::Job;
use crate::listing::{Found, Listed, Listing};
use crate::manifest::Manifest;
use crate::piece::Records;
use crate::receipt::{Origin, Receipt};
use crate::state::RunId;
use digest::Chain;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::sync::Arc;

/// What a plan came to, so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Names in the source's listing, whatever becomes of them.
    pub listed: u64,
    pub copy: u64,
    pub copy_bytes: u64,
    pub keep: u64,
    pub delete: u64,
    pub skip: u64,
}

/// Where a plan stopped, and everything it takes to go on in another process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Every name up to this one is planned.
    pub after: Option<String>,
    pub tally: Tally,
    pub actions: Chain,
    pub deletions: Chain,
    /// The manifest that it compares with, by the run that wrote it.
    pub manifest: Option<RunId>,
}

pub struct Planner {
    job: Arc<Job>,
    filter: Filter,
    delete: bool,
    listing: Listing,
    records: Records<Receipt>,
    /// The next of either stream, where it was read already.
    found: Option<Listed>,
    known: Option<Receipt>,
    /// Whether the streams have been read to their end.
    listing_ended: bool,
    records_ended: bool,
    progress: Checkpoint,
}

impl Planner {
    /// `listing` must begin after the checkpoint's last name.
    pub fn new(
        job: Arc<Job>,
        manifest: &Manifest,
        filter: Filter,
        listing: Listing,
        from: Option<Checkpoint>,
    ) -> Result<Self> {
        let run = manifest.root.as_ref().map(|root| root.run.clone());
        let progress = from.unwrap_or_else(|| Checkpoint {
            after: None,
            tally: Tally::default(),
            actions: Chain::default(),
            deletions: Chain::default(),
            manifest: run.clone(),
        });
        if progress.manifest != run {
            return Err(crate::SyncError::ManifestMoved);
        }
        Ok(Self {
            records: manifest.records(&job.state, progress.after.as_deref()),
            job,
            filter,
            delete: true,
            listing,
            found: None,
            known: None,
            listing_ended: false,
            records_ended: false,
            progress,
        })
    }

    /// Whether what is gone from the source is to be deleted.
    #[must_use]
    pub fn deleting(mut self, delete: bool) -> Self {
        self.delete = delete;
        self
    }

    /// The next action, by key. `None`: both streams were read to their end, and the plan is
    /// complete.
    pub async fn next(&mut self) -> Result<Option<Action>> {
        self.fill().await?;
        let order = match (&self.found, &self.known) {
            (None, None) => return Ok(None),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(found), Some(known)) => found.name().as_bytes().cmp(known.key.as_str().as_bytes()),
        };
        let found = if order.is_le() { self.found.take() } else { None };
        let known = if order.is_ge() { self.known.take() } else { None };
        let action = match (found, known) {
            (Some(Listed::Object(found)), known) => self.present(found, known),
            (Some(Listed::Unaddressable(name)), None) => Action::Skip { name, why: Skipped::Unaddressable },
            (Some(Listed::Unaddressable(_)), Some(known)) => {
                Action::Keep { key: known.key, why: Kept::Unaddressable }
            }
            (None, Some(known)) => self.absent(known),
            // One of them is the lesser.
            (None, None) => return Ok(None),
        };
        self.count(&action, order.is_le());
        Ok(Some(action))
    }

    pub fn tally(&self) -> &Tally {
        &self.progress.tally
    }

    /// Over all that is to be copied and deleted.
    pub fn digest(&self) -> PlanDigest {
        self.progress.actions.digest()
    }

    /// Over what is to be deleted alone: it stays the same while new objects arrive at the source.
    pub fn deletions_digest(&self) -> PlanDigest {
        self.progress.deletions.digest()
    }

    /// What was planned so far.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.progress
    }

    async fn fill(&mut self) -> Result<()> {
        if self.found.is_none() && !self.listing_ended {
            self.found = self.listing.next().await?;
            self.listing_ended = self.found.is_none();
        }
        while self.known.is_none() && !self.records_ended {
            self.known = self.records.next().await?;
            self.records_ended = self.known.is_none();
            // The shard that holds the checkpoint's name holds names before it too.
            let after = self.progress.after.as_deref();
            let planned = |known: &Receipt| {
                after.is_some_and(|after| known.key.as_str().as_bytes() <= after.as_bytes())
            };
            if self.known.as_ref().is_some_and(planned) {
                self.known = None;
            }
        }
        Ok(())
    }

    /// An object that the source has.
    fn present(&self, found: Found, known: Option<Receipt>) -> Action {
        if !self.filter.takes(&found) {
            return match known {
                Some(_) => Action::Keep { key: found.key, why: Kept::Excluded },
                None => Action::Skip { name: found.key.as_str().to_owned(), why: Skipped::Excluded },
            };
        }
        if let Err(why) = self.job.destination_of(&found.key) {
            return Action::Skip { name: found.key.as_str().to_owned(), why };
        }
        match known {
            None => Action::Copy(Task::new(found, Reason::New, None)),
            // The store promises that equal versions are equal bytes. Sizes and dates promise nothing.
            Some(known) if known.source_version == found.version => {
                Action::Keep { key: found.key, why: Kept::SameVersion }
            }
            Some(known) => Action::Copy(Task::new(found, Reason::OtherVersion, Some(known.etag))),
        }
    }

    /// An object that the manifest has and the source has not.
    fn absent(&self, known: Receipt) -> Action {
        match known.origin {
            Origin::Adopted => Action::Keep { key: known.key, why: Kept::NotWrittenByUs },
            Origin::Copied if !self.delete => Action::Keep { key: known.key, why: Kept::NotAskedToDelete },
            Origin::Copied => Action::Delete(Deletion { key: known.key, etag: known.etag, size: known.size }),
        }
    }

    fn count(&mut self, action: &Action, listed: bool) {
        let Checkpoint { after, tally, actions, deletions, .. } = &mut self.progress;
        tally.listed += u64::from(listed);
        let name = match action {
            Action::Copy(task) => {
                tally.copy += 1;
                tally.copy_bytes += task.found.size;
                actions.add("copy", &task.found.key, &task.found.version);
                task.found.key.as_str()
            }
            Action::Keep { key, .. } => {
                tally.keep += 1;
                key.as_str()
            }
            Action::Delete(deletion) => {
                tally.delete += 1;
                actions.add("delete", &deletion.key, &deletion.etag);
                deletions.add("delete", &deletion.key, &deletion.etag);
                deletion.key.as_str()
            }
            Action::Skip { name, .. } => {
                tally.skip += 1;
                name
            }
        };
        let after = after.get_or_insert_default();
        after.clear();
        after.push_str(name);
    }
}
