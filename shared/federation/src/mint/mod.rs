//! Proofs of who we are. One file a kind.

mod caller_identity;
mod outbound;
mod session;
mod sts;

pub use caller_identity::CallerIdentity;
pub use outbound::{Outbound, Tag};
pub use session::AwsSession;

use crate::Mint;
use crate::assertion::Proof;
use crate::error::Result;
use crate::http::Http;
use std::sync::Arc;

/// What makes proofs of one kind from the AWS session of this process.
pub fn from_aws(proof: Proof, session: AwsSession, http: Http) -> Result<Arc<dyn Mint>> {
    Ok(match proof {
        Proof::Jwt => Arc::new(Outbound::new(session, http)?),
        Proof::SignedAwsRequest => Arc::new(CallerIdentity::new(session, http)?),
    })
}
