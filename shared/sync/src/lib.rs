//! Sync: another cloud's objects into S3, with proof. Plan, copy, commit; knows no engine.
//!
//! A map of the crate, in the order a run walks it:
//!
//! | module | what happens there |
//! |---|---|
//! | [`job`] | the pair of places that is kept the same, and where its state is |
//! | [`state`], [`piece`] | the state's files at the destination; sorted records as compressed JSON lines |
//! | [`lease`] | one run at a time |
//! | [`listing`], [`order`], [`sort`] | the source's listing: read in ranges, its order proven, or sorted again on disk |
//! | [`filter`] | which objects take part |
//! | [`plan`] | listing and manifest compared: copy, keep, delete, skip, each with its reason |
//! | [`receipt`], [`manifest`] | what was written and what was proven of it; the root that is swapped |
//! | [`copy`] | one object, or a batch: pinned, digested, conditional, in parts where it is big |
//! | [`guard`] | how much one run may delete |
//! | [`commit`] | receipts into the next manifest, deletions, what earlier runs left behind |
//! | [`run`](mod@run) | the three in one process; the last step for any engine; the status |
//! | [`steps`] | the same, each step in the time of one call: for engines of many processes |
//! | [`verify`] | both sides read again and compared |
//! | [`cost`] | what a run is likely to cost |
//! | `synthetic` | objects that never were, for those who measure |
//! | [`error`], [`clock`], [`stop`], [`progress`], [`summary`] | what ends a run, wall-clock times, stopping, the outcome |
//!
//! The three steps can be called one by one, by any process that has the state: a plan goes on from
//! its checkpoint, a batch is copied by whoever takes it, and a commit merges whatever receipts there
//! are. Nothing here schedules, retries across machines, or knows a token.

pub mod clock;
pub mod commit;
pub mod copy;
pub mod cost;
pub mod error;
pub mod filter;
pub mod guard;
pub mod job;
pub mod lease;
pub mod listing;
pub mod manifest;
pub mod order;
pub mod piece;
pub mod plan;
pub mod progress;
pub mod receipt;
pub mod run;
pub mod sort;
pub mod state;
pub mod steps;
pub mod stop;
pub mod summary;
#[cfg(feature = "synthetic")]
pub mod synthetic;
mod text;
pub mod verify;

pub use clock::Clock;
pub use copy::{BatchReport, BigCopy, Copier, CopyOptions, Current, Foreign, Outcome};
pub use error::{Disorder, Result, SyncError};
pub use filter::{Filter, FilterSpec};
pub use guard::{Guard, Refusal};
pub use job::Job;
pub use lease::Lease;
pub use listing::{Found, KeyRange, Listed, Listing};
pub use manifest::{Manifest, Root};
pub use plan::{Action, Batch, BatchLimits, Checkpoint, PlanDigest, PlanOptions, PlanState, Planner, Task};
pub use progress::{Event, Failure, Progress, Silent};
pub use receipt::{Origin, Proven, Receipt, Unproven};
pub use run::{RunOptions, Status, dry_run, run, status};
pub use sort::Scratch;
pub use state::{RunId, State};
pub use steps::Steps;
pub use stop::Stop;
pub use summary::{Counts, Ending, Summary};
