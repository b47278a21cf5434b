//! What became of a run, in figures: for people, for `status`, for the report.

use crate::guard::Refusal;
use crate::plan::{PlanDigest, Tally};
use crate::receipt::{Origin, Proven, Receipt};
use crate::state::RunId;
use serde::{Deserialize, Serialize};
use std::time::SystemTime;

/// How a run ended. A command's exit code follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The destination was what it should be.
    NothingToDo,
    Done,
    /// Some objects failed, or a deletion was not possible; the rest is done.
    PartlyFailed,
    /// The guard held the deletions back; the copies are done.
    RefusedByGuard,
    /// It was to stop; the next run goes on.
    Stopped,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    pub copied: u64,
    pub copied_bytes: u64,
    /// Were at the destination already, with the source's digest.
    pub adopted: u64,
    /// Gone from the source between its listing and its copy.
    pub gone: u64,
    pub failed: u64,
    /// Not begun, or not finished: the run stopped.
    pub left: u64,
    pub deleted: u64,
    /// To be deleted, but no longer what was written: they stay.
    pub not_ours: u64,
    /// To be deleted, and still to be: no try succeeded, or another object failed.
    pub not_deleted: u64,
    /// By which the copied and adopted objects are known to be the source's.
    pub proven_crc32c: u64,
    pub proven_md5: u64,
    pub proven_length: u64,
    /// With attributes that S3 cannot hold.
    pub with_dropped: u64,
}

impl Counts {
    pub fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.copied, other.copied),
            (&mut self.copied_bytes, other.copied_bytes),
            (&mut self.adopted, other.adopted),
            (&mut self.gone, other.gone),
            (&mut self.failed, other.failed),
            (&mut self.left, other.left),
            (&mut self.deleted, other.deleted),
            (&mut self.not_ours, other.not_ours),
            (&mut self.not_deleted, other.not_deleted),
            (&mut self.proven_crc32c, other.proven_crc32c),
            (&mut self.proven_md5, other.proven_md5),
            (&mut self.proven_length, other.proven_length),
            (&mut self.with_dropped, other.with_dropped),
        ];
        for (count, more) in pairs {
            *count += more;
        }
    }

    pub fn add_receipt(&mut self, receipt: &Receipt) {
        match receipt.origin {
            Origin::Copied => {
                self.copied += 1;
                self.copied_bytes += receipt.size;
            }
            Origin::Adopted => self.adopted += 1,
        }
        match receipt.proven {
            Proven::Crc32c => self.proven_crc32c += 1,
            Proven::Md5 => self.proven_md5 += 1,
            Proven::Length => self.proven_length += 1,
        }
        self.with_dropped += u64::from(!receipt.dropped.is_empty());
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    pub run: RunId,
    #[serde(with = "crate::clock::stamp")]
    pub began: SystemTime,
    #[serde(with = "crate::clock::stamp")]
    pub ended: SystemTime,
    pub ending: Ending,
    pub planned: Tally,
    pub digest: PlanDigest,
    pub deletions_digest: PlanDigest,
    pub counts: Counts,
    #[serde(default)]
    pub refusal: Option<Refusal>,
    /// In the manifest now.
    pub objects: u64,
    pub bytes: u64,
}
