//! Whom a statement of a trust policy names.
//!
//! AWS, "AWS JSON policy elements: Principal". A provider is named by the ARN it has in the account,
//! path and trailing slash included, or, for four of them, by its host alone. `*` stands for everybody
//! and is no pattern: within an ARN it is a star.

use crate::aws::OneOrMany;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The providers that every account has without making them.
///
/// AWS, "Creating a role for a third-party identity provider (federation)".
pub const BUILT_IN: [&str; 4] =
    ["accounts.google.com", "cognito-identity.amazonaws.com", "graph.facebook.com", "www.amazon.com"];

/// `"*"`, or kinds of principals with their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Principals {
    Everybody(Star),
    Named(BTreeMap<Kind, OneOrMany<String>>),
}

/// The text `*`, and no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Star {
    #[serde(rename = "*")]
    Star,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    #[serde(rename = "AWS")]
    Aws,
    CanonicalUser,
    Federated,
    Service,
}

impl Principals {
    pub fn federated(provider: &str) -> Self {
        Self::Named(BTreeMap::from([(Kind::Federated, OneOrMany(vec![provider.to_owned()]))]))
    }

    /// Whether the tokens of this issuer are among them. Roles, users and services never are: a web
    /// identity is none of these. `{"AWS": "*"}` is another way to write `"*"`.
    pub fn include(&self, issuer: &str, account: &str, partition: &str) -> bool {
        let Self::Named(kinds) = self else { return true };
        kinds.iter().any(|(kind, names)| match kind {
            Kind::Federated => {
                let own = principal_of(issuer, account, partition);
                names.0.iter().any(|name| name == "*" || *name == own)
            }
            Kind::Aws => names.0.iter().any(|name| name == "*"),
            Kind::CanonicalUser | Kind::Service => false,
        })
    }

    /// The providers it names; everybody is `*`.
    pub fn providers(&self) -> Vec<&str> {
        match self {
            Self::Everybody(_) => vec!["*"],
            Self::Named(kinds) => kinds
                .get(&Kind::Federated)
                .into_iter()
                .flat_map(|names| &names.0)
                .map(String::as_str)
                .collect(),
        }
    }
}

/// An issuer as condition keys and ARNs name it: without `https://`, all else unchanged.
pub fn issuer_host(issuer: &str) -> &str {
    issuer.strip_prefix("https://").unwrap_or(issuer)
}

/// A provider's ARN. The host's path, and its trailing slash if it has one, are part of it.
pub fn provider_arn(issuer: &str, account: &str, partition: &str) -> String {
    format!("arn:{partition}:iam::{account}:oidc-provider/{}", issuer_host(issuer))
}

/// The name a trust policy must use for this issuer's tokens. A built-in one has no ARN: a provider
/// made under its name does not count.
pub fn principal_of(issuer: &str, account: &str, partition: &str) -> String {
    let host = issuer_host(issuer);
    match BUILT_IN.contains(&host) {
        true => host.to_owned(),
        false => provider_arn(issuer, account, partition),
    }
}

/// The issuer that a principal stands for, without `https://`.
pub fn host_of(principal: &str) -> Option<&str> {
    if BUILT_IN.contains(&principal) {
        return Some(principal);
    }
    let rest = principal.strip_prefix("arn:")?;
    let (_, host) = rest.split_once(":oidc-provider/")?;
    (!host.is_empty()).then_some(host)
}
