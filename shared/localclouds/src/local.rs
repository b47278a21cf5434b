//! The running whole.

use crate::faults::Faults;
use crate::jwt::Keys;
use crate::tls::Authority;
use crate::world::World;
use std::sync::{Arc, RwLock};

/// What every stand-in shares. Routers are built from an `Arc<Shared>`.
pub struct Shared {
    pub world: RwLock<World>,
    pub faults: Faults,
    /// Signs and checks the AWS issuer's tokens.
    pub aws_keys: Keys,
    /// Signs and checks Entra's access tokens.
    pub entra_keys: Keys,
    pub authority: Authority,
    /// Where the listeners ended up; filled before any of them answers.
    pub endpoints: std::sync::OnceLock<Endpoints>,
}

/// Base URLs, without a slash at the end.
#[derive(Clone, Debug)]
pub struct Endpoints {
    pub aws_sts: String,
    pub aws_iam: String,
    /// The `iss` of AWS-issued tokens: its discovery document is below it.
    pub aws_issuer: String,
    /// As `AZURE_AUTHORITY_HOST`.
    pub entra_authority: String,
    /// The account's name follows as the first path segment.
    pub azure_blob: String,
}

pub type Handle = Arc<Shared>;
