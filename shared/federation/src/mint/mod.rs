//! Proofs of who we are. One file a kind.

mod outbound;
mod session;

pub use outbound::{Outbound, Tag};
pub use session::AwsSession;
