//! The steps of a sync as the tasks of a state machine: what each is asked, how long it may take, and by
//! which name it fails, so that the engine knows what to do next.
//!
//! | module | what happens there |
//! |---|---|
//! | [`settings`] | `CARNET_SYNC_...`, read once at start |
//! | [`schedule`] | [`Schedule`]: the two ends, and the steps of [`carnet_sync::steps`] on them |
//! | [`plan`], [`copy`], [`commit`] | what a task is asked, and what it answers |
//! | [`failure`] | what failed, as the engine is told |
//!
//! The engine is AWS Step Functions: it decides who is called, how often, and when it is enough. The state
//! machine is in `template.yaml`.

pub mod commit;
pub mod copy;
pub mod failure;
pub mod plan;
pub mod schedule;
pub mod settings;

pub use schedule::Schedule;
pub use settings::Settings;
