//! The model of `carnet.toml`: which function may go where, stated once.
//!
//! | module | what happens there |
//! |---|---|
//! | this one | the model, and its faults |
//! | `read` | TOML to model, one section at a time |
//! | `table` | a table being read: what is missing, of the wrong type or unknown becomes a fault |
//! | `check` | the formats of single values |

mod check;
mod read;
mod table;

use std::collections::BTreeMap;
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub aws: Aws,
    pub azure: Azure,
    pub places: BTreeMap<String, Place>,
    pub functions: BTreeMap<String, Principal>,
    /// EC2 instances, or people at a command line.
    pub instances: BTreeMap<String, Principal>,
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

/// `azure://account/container/prefix`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub account: String,
    pub container: String,
    /// Without a leading slash; empty for the whole container.
    pub prefix: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "azure://{}/{}", self.account, self.container)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

/// Something of ours that goes somewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Principal {
    /// Names of places.
    pub reads: Vec<String>,
    /// Name of an identity.
    pub azure_identity: Option<String>,
}

/// Only `carnet local` reads this.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Local {
    /// `account/container` to a folder, relative to the file.
    pub containers: BTreeMap<String, String>,
    /// Function name to the path of its binary, relative to the file.
    pub functions: BTreeMap<String, String>,
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

impl Config {
    /// Every fault of the file at once, in the order of its lines.
    pub fn parse(text: &str) -> Result<Config, Vec<Fault>> {
        read::config(text)
    }
}
