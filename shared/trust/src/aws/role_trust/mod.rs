//! The trust policy of an IAM role: which web identity takes it.
//!
//! | module | what happens there |
//! |---|---|
//! | this one | the policy's shape, what is presented, why it is refused |
//! | [`principal`] | whom a statement names: providers, built-in providers, everybody |
//! | [`keys`] | the claims of a token as condition keys |
//! | `evaluate` | the decision, and for people the condition that failed |
//! | [`creation`] | what IAM refuses when a role is created or its trust changed |
//!
//! AWS, "IAM JSON policy elements reference", "Create a role for OpenID Connect federation" and
//! "Available keys for AWS OIDC federation". Whoever asks has checked signature and times.

pub mod creation;
mod evaluate;
pub mod keys;
pub mod principal;

pub use creation::{Fault, check_creation};
pub use evaluate::{evaluate, evaluate_call};
pub use principal::{BUILT_IN, Principals, issuer_host, provider_arn};

use super::{Effect, OneOrMany, Operator, Values};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The call that a web identity takes a role with.
pub const ACTION: &str = "sts:AssumeRoleWithWebIdentity";

/// What STS says to whom the role does not trust, whatever the reason.
pub const NOT_AUTHORIZED: &str = "Not authorized to perform sts:AssumeRoleWithWebIdentity";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct RoleTrust {
    #[serde(default = "super::version")]
    pub version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub statement: OneOrMany<TrustStatement>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct TrustStatement {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    pub effect: Effect,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principals>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_principal: Option<Principals>,
    #[serde(default, skip_serializing_if = "OneOrMany::is_empty")]
    pub action: OneOrMany<String>,
    #[serde(default, skip_serializing_if = "OneOrMany::is_empty")]
    pub not_action: OneOrMany<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub condition: BTreeMap<Operator, BTreeMap<String, Values>>,
}

impl RoleTrust {
    /// One statement that lets one provider's tokens in, under conditions.
    pub fn federated(provider: &str, condition: BTreeMap<Operator, BTreeMap<String, Values>>) -> Self {
        let statement = TrustStatement {
            sid: None,
            effect: Effect::Allow,
            principal: Some(Principals::federated(provider)),
            not_principal: None,
            action: OneOrMany(vec![ACTION.to_owned()]),
            not_action: OneOrMany::default(),
            condition,
        };
        Self { version: "2012-10-17".to_owned(), id: None, statement: OneOrMany(vec![statement]) }
    }
}

impl TrustStatement {
    /// How people find it: by its sid, else by its place.
    fn name(&self, index: usize) -> String {
        match &self.sid {
            Some(sid) => format!("statement {sid}"),
            None => format!("statement {}", index + 1),
        }
    }
}

/// A web identity's token. Its signature and times were checked by whoever received it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presented {
    /// As in the token: `https://token.actions.githubusercontent.com`.
    pub issuer: String,
    pub claims: Map<String, Value>,
}

/// What the call says beside the token.
///
/// AWS, "Available keys for AWS STS" and "AWS global condition context keys". Nothing else of a call
/// with a web identity is documented as a key: `sts:DurationSeconds` is for bearer tokens only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// `sts:RoleSessionName`
    pub session_name: Option<String>,
    /// `aws:EpochTime` and `aws:CurrentTime`, in seconds since 1970.
    pub epoch_seconds: Option<u64>,
}

/// Why a token does not take a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// AWS's own: `AccessDenied`.
    pub code: &'static str,
    /// AWS's own sentence, which tells nothing.
    pub message: &'static str,
    /// What people must look at: `principal`, `action`, or a condition key.
    pub field: String,
    /// For people: what failed, with what was presented and what was expected.
    pub reason: String,
}

impl Refusal {
    fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { code: "AccessDenied", message: NOT_AUTHORIZED, field: field.into(), reason: reason.into() }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} ({}: {})", self.code, self.message, self.field, self.reason)
    }
}

impl std::error::Error for Refusal {}
