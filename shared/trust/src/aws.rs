//! IAM identity policies.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy(pub serde_json::Value);

/// What a caller asks for, with the context IAM gathers about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// e.g. `sts:GetWebIdentityToken`
    pub action: String,
    pub resource: String,
    /// Condition keys, each with its values. A key that is absent was not in the request.
    pub context: BTreeMap<String, Vec<String>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    Allowed,
    Denied { explicit: bool, reason: String },
}

pub fn evaluate(_policies: &[Policy], _request: &Request) -> Decision {
    Decision::Allowed
}
