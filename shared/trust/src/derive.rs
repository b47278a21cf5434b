//! What follows from a [`Config`].

use crate::aws::Policy;
use crate::config::Config;
use crate::entra::FederatedCredential;
use std::collections::{BTreeMap, BTreeSet};

impl Config {
    /// `<stack>-<region>-<name>`
    pub fn role_name(&self, principal: &str) -> String {
        format!("{}-{}-{principal}", self.aws.stack, self.aws.region)
    }

    pub fn role_arn(&self, principal: &str) -> String {
        format!("arn:aws:iam::{}:role/{}", self.aws.account, self.role_name(principal))
    }

    /// By identity name. `issuer` is the account's: the configured one, or a stand-in's.
    pub fn federated_credentials(&self, _issuer: &str) -> BTreeMap<String, Vec<FederatedCredential>> {
        BTreeMap::new()
    }

    /// The least a principal needs to mint a proof for the configured Azure cloud.
    pub fn mint_policy(&self) -> Policy {
        Policy(serde_json::Value::Null)
    }

    /// `(account, container)` to the names of the identities that read it.
    pub fn readers(&self) -> BTreeMap<(String, String), BTreeSet<String>> {
        BTreeMap::new()
    }
}
