//! Proofs of who we are. One file a kind, and what they share.
//!
//! | module | the proof |
//! |---|---|
//! | `outbound` | a JWT from AWS STS |
//! | `caller_identity` | a signed AWS request |
//! | `cognito` | a JWT of a Cognito identity pool |
//! | `token_file` | a JWT that somebody keeps fresh in a file: EKS, AKS, GKE |
//! | `github` | a JWT of a GitHub Actions job |
//! | `azure_identity` | a managed identity's token, from the machine |
//! | `azure_app` | an app registration's token, by secret or certificate |
//! | `google_metadata` | a Google identity token, from the machine |
//! | `chosen` | whichever of them the environment names |
//! | `session`, `sts` | the AWS session of this process; what can go wrong at STS |
//! | `jwt`, `metadata` | tokens of somebody else's making; how a machine's own services are asked |

mod azure_app;
mod azure_identity;
mod caller_identity;
mod chosen;
mod client_certificate;
mod cognito;
mod github;
mod google_metadata;
mod jwt;
mod metadata;
mod outbound;
mod secret_store;
mod session;
pub(crate) mod sts;
mod token_file;

pub use azure_app::{AppCredential, AzureApp, AzureAppOptions};
pub use azure_identity::{AzureIdentity, AzureIdentityOptions, AzureIdentityService};
pub use caller_identity::CallerIdentity;
pub use chosen::{MintOptions, Mints};
pub use cognito::{Cognito, CognitoOptions, DeveloperLogin};
pub use github::{Github, GithubOptions};
pub use google_metadata::{GoogleMetadata, GoogleMetadataOptions};
pub use outbound::{Outbound, Tag};
pub use secret_store::SecretStore;
pub use session::AwsSession;
pub use token_file::{TokenFile, TokenFileOptions};

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
