//! The running whole.

use crate::faults::{Faults, Rule};
use crate::jwt::Keys;
use crate::tls::Authority;
use crate::world::World;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, RwLock};
use std::time::Duration;

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

#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where the CA's certificate is written (`ca.pem`), and nothing secret but the state.
    pub folder: PathBuf,
    /// Where the state is written, if anywhere.
    pub state_file: Option<PathBuf>,
    /// The functions to run; `None` for all that have a binary.
    pub functions: Option<Vec<String>>,
    /// Whether the API checks its callers' SigV4.
    pub check_callers: bool,
    /// How long new federated credentials take to spread.
    pub spreading: Duration,
    pub faults: Vec<Rule>,
}

/// What a client needs to know. Written as JSON once everything answers.
#[derive(Clone, Serialize, Deserialize)]
pub struct State {
    pub ca_file: PathBuf,
    pub aws: AwsState,
    pub entra: EntraState,
    pub azure: AzureState,
    /// Function name to the base URL of its API.
    pub functions: BTreeMap<String, String>,
    /// The control listener: `PUT`/`DELETE /faults`, `GET /requests`.
    pub control: String,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct AwsState {
    pub sts: String,
    pub iam: String,
    pub issuer: String,
    pub region: String,
    pub access_key_id: String,
    pub secret_access_key: String,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct EntraState {
    pub authority: String,
    pub tenant_id: String,
    pub client_id: String,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct AzureState {
    /// Account name to its base URL, `https://127.0.0.1:PORT/account`.
    pub blob: BTreeMap<String, String>,
}

#[derive(Debug)]
pub struct LocalError {
    pub doing: &'static str,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl std::fmt::Display for LocalError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the local clouds could not start: {}", self.doing)
    }
}

impl std::error::Error for LocalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.source.as_ref())
    }
}

/// The stand-ins, listening.
pub struct Local {
    pub shared: Handle,
    state: State,
}

impl Local {
    pub async fn start(_world: World, _options: Options) -> Result<Local, LocalError> {
        Err(LocalError { doing: "not yet", source: "not yet".into() })
    }

    pub fn state(&self) -> State {
        self.state.clone()
    }

    pub async fn stop(self) {}
}
