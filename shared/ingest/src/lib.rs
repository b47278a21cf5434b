//! Events: something happened to an object in another cloud, or somebody wants one copied.
//!
//! | module | what happens there |
//! |---|---|
//! | [`hint`] | what an event comes down to: an object, and what is said to have happened to it |
//! | [`message`] | the bodies of messages: Event Grid's two schemas, Cloud Storage's notifications, our own |
//! | [`scope`] | which objects may be named: those of `CARNET_SYNC_SOURCE`; which lists: those of the inbox |
//! | [`queue`] | Amazon SQS: where the door puts events, and a long list its lines |
//! | `follow`, `list` | (feature `copy`) an event followed by a copy; a list spread over the queue |
//!
//! An event is a hint. It may come twice, late, or after a newer one; so nothing of it is believed but
//! the object's name. The source is asked what is current, and that is copied. An object that is gone
//! is reported and stays at the destination: deletions are the scheduled run's, behind its guard.

#[cfg(feature = "copy")]
pub mod follow;
pub mod hint;
#[cfg(feature = "copy")]
pub mod list;
pub mod message;
pub mod queue;
pub mod scope;

#[cfg(feature = "copy")]
pub use follow::{Followed, Follower};
pub use hint::{Hint, What};
pub use message::{Event, Item};
pub use queue::Queue;
pub use scope::{Inbox, Scope};
