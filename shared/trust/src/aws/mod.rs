//! IAM identity policies.
//!
//! | module | what happens there |
//! |---|---|
//! | this one | the policy language's shape, as JSON |
//! | [`evaluate`](mod@evaluate) | a request against policies: allowed or denied, and why |
//! | [`condition`] | the condition operators, with IAM's semantics |
//! | [`role_trust`] | the trust policy of a role: which web identity takes it |
//!
//! AWS, "IAM JSON policy elements reference". Only what minting and taking a role need is read: an element that is
//! not known here is refused when the policy is read, never skipped.

pub mod condition;
mod date;
mod evaluate;
pub mod role_trust;

pub use condition::Operator;
pub use evaluate::{Decision, Request, evaluate};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Policy {
    #[serde(default = "version")]
    pub version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub statement: OneOrMany<Statement>,
}

pub(crate) fn version() -> String {
    // What IAM assumes of a policy that does not say; its wildcards and operators are the same.
    "2008-10-17".to_owned()
}

impl Policy {
    /// One with the current version of the language.
    pub fn new(statements: Vec<Statement>) -> Self {
        Self { version: "2012-10-17".to_owned(), id: None, statement: OneOrMany(statements) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    Allow,
    Deny,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Statement {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    pub effect: Effect,
    #[serde(default, skip_serializing_if = "OneOrMany::is_empty")]
    pub action: OneOrMany<String>,
    #[serde(default, skip_serializing_if = "OneOrMany::is_empty")]
    pub not_action: OneOrMany<String>,
    #[serde(default, skip_serializing_if = "OneOrMany::is_empty")]
    pub resource: OneOrMany<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub condition: BTreeMap<Operator, BTreeMap<String, Values>>,
}

/// IAM writes a list of one without its brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneOrMany<T>(pub Vec<T>);

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> OneOrMany<T> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T: Serialize> Serialize for OneOrMany<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            many => many.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form<T> {
            Many(Vec<T>),
            One(T),
        }
        Ok(match Form::deserialize(deserializer)? {
            Form::Many(many) => Self(many),
            Form::One(one) => Self(vec![one]),
        })
    }
}

/// The values of a condition: text, numbers and booleans are all compared as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "OneOrMany<Scalar>", into = "OneOrMany<String>")]
pub struct Values(pub Vec<String>);

impl Values {
    pub fn one(value: impl Into<String>) -> Self {
        Self(vec![value.into()])
    }

    pub fn of(values: impl IntoIterator<Item = String>) -> Self {
        Self(values.into_iter().collect())
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Scalar {
    Text(String),
    Bool(bool),
    Number(serde_json::Number),
}

impl From<OneOrMany<Scalar>> for Values {
    fn from(scalars: OneOrMany<Scalar>) -> Self {
        let text = |scalar| match scalar {
            Scalar::Text(text) => text,
            Scalar::Bool(value) => value.to_string(),
            Scalar::Number(number) => number.to_string(),
        };
        Self(scalars.0.into_iter().map(text).collect())
    }
}

impl From<Values> for OneOrMany<String> {
    fn from(values: Values) -> Self {
        OneOrMany(values.0)
    }
}

/// The id of an account: 12 digits.
pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}
