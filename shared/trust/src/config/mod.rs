//! The model of `carnet.toml`: which function may go where, and who may come in, stated once.
//!
//! | module | what happens there |
//! |---|---|
//! | this one | the model, and its faults |
//! | `inbound` | the model of `[roles]`: who may come into AWS |
//! | `read` | TOML to model, one section at a time; each cloud's in a file of its own |
//! | `table` | a table being read: what is missing, of the wrong type or unknown becomes a fault |
//! | `check` | the formats of single values |
//! | `secrets` | secrets that are copied |

mod check;
mod inbound;
mod read;
mod secrets;
mod table;

pub use inbound::{InboundRole, Job, S3Prefix, Source};
pub use secrets::{Secrets, StoredSecret};

use std::collections::BTreeMap;
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub aws: Aws,
    /// By name. Without any, `aws` is the one stage there is.
    pub stages: BTreeMap<String, Stage>,
    pub azure: Option<Azure>,
    pub google: Option<Google>,
    pub places: BTreeMap<String, Place>,
    /// What the stack keeps the same in its own bucket.
    pub sync: Option<Sync>,
    /// What is copied into Secrets Manager.
    pub secrets: Option<Secrets>,
    /// Those of the sync too, if there is one: they read what it reads, as whom it says. And what copies
    /// secrets.
    pub functions: BTreeMap<String, Principal>,
    /// EC2 instances, or people at a command line.
    pub instances: BTreeMap<String, Principal>,
    /// Who may come into AWS: roles that tokens of other issuers take.
    pub roles: BTreeMap<String, InboundRole>,
    pub local: Local,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aws {
    pub account: String,
    pub region: String,
    /// The account's own issuer, known once outbound federation is switched on.
    pub issuer: Option<String>,
    /// The stack's name: role names start with it.
    pub stack: String,
    pub org_id: Option<String>,
}

/// The same functions deployed again: dev, staging, prod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stage {
    pub stack: String,
    /// Never empty: `aws.region` unless others are named.
    pub regions: Vec<String>,
    /// Its own, or that of `aws`.
    pub account: String,
    /// Of its account, if known.
    pub issuer: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Azure {
    pub tenant_id: String,
    pub cloud: AzureCloud,
    pub identities: BTreeMap<String, Identity>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AzureCloud {
    #[default]
    Public,
    UsGovernment,
    China,
}

/// A managed identity, or an app registration's service principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub client_id: String,
    /// What roles are assigned to.
    pub object_id: String,
}

/// A project's workload identity pool, and what lies behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Google {
    pub project_number: String,
    /// The pool's id. One an environment, as Google advises.
    pub pool: String,
    /// By provider id.
    pub providers: BTreeMap<String, Provider>,
    pub service_accounts: BTreeMap<String, ServiceAccount>,
}

/// What the pool takes for a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    pub kind: ProviderKind,
    /// Empty: one of ours that keeps within Google's 127 bytes.
    pub mapping: BTreeMap<String, String>,
    pub condition: Option<String>,
    /// Empty: the provider's own full name.
    pub allowed_audiences: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProviderKind {
    /// The AWS account's outbound tokens.
    Oidc,
    /// A signed GetCallerIdentity of the AWS account.
    Aws,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccount {
    pub email: String,
    /// Its numeric id: what AWS knows it by.
    pub unique_id: Option<String>,
}

/// A name for what may be read. Prefixes have no leading slash; empty is the whole container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `azure://account/container/prefix`
    Azure { account: String, container: String, prefix: String },
    /// `gs://bucket/prefix`
    Google { bucket: String, prefix: String },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = match self {
            Place::Azure { account, container, prefix } => {
                write!(f, "azure://{account}/{container}")?;
                prefix
            }
            Place::Google { bucket, prefix } => {
                write!(f, "gs://{bucket}")?;
                prefix
            }
        };
        if prefix.is_empty() { Ok(()) } else { write!(f, "/{prefix}") }
    }
}

/// One pair of places: a source, and a folder in the bucket that the stack makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sync {
    /// Name of a place.
    pub from: String,
    /// The folder, without slashes at its ends.
    pub to: String,
}

impl Sync {
    /// The functions that read its source, each with a role of its own.
    pub const FUNCTIONS: [&str; 4] = ["sync-plan", "sync-copy", "sync-commit", "ingest-object"];
    pub const DEFAULT_FOLDER: &str = "copies";
}

/// Something of ours that goes somewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Principal {
    /// Names of places.
    pub reads: Vec<String>,
    /// Name of an identity.
    pub azure_identity: Option<String>,
    /// Name of a provider.
    pub google_provider: Option<String>,
    /// Name of the service account it acts as; without one it is let in as itself.
    pub google_service_account: Option<String>,
}

/// Only `carnet local` reads this.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Local {
    /// `account/container` to a folder, relative to the file.
    pub containers: BTreeMap<String, String>,
    /// Bucket to a folder, relative to the file.
    pub buckets: BTreeMap<String, String>,
    /// Function name to the path of its binary, relative to the file.
    pub functions: BTreeMap<String, String>,
    /// Buckets of S3, empty at first.
    pub s3_buckets: Vec<String>,
    /// `vault/secret` to a value that stands in for it.
    pub vaults: BTreeMap<String, String>,
    /// `project/secret` to a value that stands in for it.
    pub secrets: BTreeMap<String, String>,
}

/// One thing wrong with the file, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// From 1.
    pub line: usize,
    /// The path of the field, e.g. `azure.identities.reader.client_id`.
    pub field: String,
    pub problem: String,
    pub fix: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}: {}; {}", self.line, self.field, self.problem, self.fix)
    }
}

/// For people: a line each.
pub fn listed(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  ")
}

impl Config {
    /// Every fault of the file at once, in the order of its lines.
    pub fn parse(text: &str) -> Result<Config, Vec<Fault>> {
        read::config(text)
    }
}
