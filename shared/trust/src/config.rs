//! The model of `carnet.toml`.

use serde::Deserialize;
use std::collections::BTreeMap;

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

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aws {
    pub account: String,
    pub region: String,
    /// The account's own issuer, once outbound federation is switched on.
    pub issuer: Option<String>,
    pub stack: String,
    pub org_id: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Azure {
    pub tenant_id: String,
    pub cloud: AzureCloud,
    pub identities: BTreeMap<String, Identity>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AzureCloud {
    Public,
    UsGovernment,
    China,
}

/// A managed identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub client_id: String,
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

impl Config {
    pub fn parse(_text: &str) -> Result<Config, Vec<Fault>> {
        Err(Vec::new())
    }
}
