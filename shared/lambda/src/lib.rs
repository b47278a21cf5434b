//! The frame of a function: one invocation after the other, each inside its deadline.
//!
//! | module | what happens there |
//! |---|---|
//! | [`invocation`] | how much time one has, and whether it asks for the doctor |
//! | [`document`] | functions that take a JSON document and give one; how they fail |
//! | [`warm_up`](mod@warm_up) | a token before the first event |
//! | [`shutdown`] | a graceful end |
//!
//! What answers HTTP is in `carnet-object-api`, on the same frame.

pub mod document;
pub mod invocation;
pub mod shutdown;
pub mod warm_up;

pub use document::{Call, Failure, Function, serve};
pub use invocation::{asks_for_doctor, time_left};
pub use warm_up::warm_up;
