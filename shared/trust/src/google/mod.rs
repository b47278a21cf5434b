//! Google's workload identity federation: which proof a provider lets in, and as whom.
//!
//! | module | what happens there |
//! |---|---|
//! | this one | a provider as it is configured, and Google's limits |
//! | `expression` | the Common Expression Language with Google's `extract()` |
//! | [`evaluate`](mod@evaluate) | a proof against a provider: mapped, or refused and why |
//! | `mapped` | what a proof became: the subject, its attributes, the members it is in IAM |
//! | `validate` | what Google would not take, before it is configured |
//!
//! Google, "Configure Workload Identity Federation", "Workload Identity Federation" (attribute
//! mappings and conditions), and the REST reference of `workloadIdentityPools.providers`, which has
//! the limits.

mod evaluate;
mod expression;
mod mapped;
mod validate;

pub use evaluate::{Presented, Refusal, evaluate};
pub use mapped::{Mapped, principal, principal_set};
pub use validate::{Fault, validate};

use std::collections::BTreeMap;

pub const SUBJECT: &str = "google.subject";
pub const GROUPS: &str = "google.groups";
/// What the name of a custom attribute follows.
pub const ATTRIBUTE: &str = "attribute.";

pub const MAX_SUBJECT_BYTES: usize = 127;
/// Of all mapped attributes together.
pub const MAX_MAPPED_BYTES: usize = 8 * 1024;
pub const MAX_ATTRIBUTES: usize = 50;
pub const MAX_ATTRIBUTE_NAME: usize = 100;
pub const MAX_MAPPING_CHARACTERS: usize = 2048;
pub const MAX_CONDITION_CHARACTERS: usize = 4096;
pub const MAX_AUDIENCES: usize = 10;
pub const MAX_AUDIENCE_CHARACTERS: usize = 256;

/// What an AWS provider maps that has no mapping of its own.
pub const DEFAULT_AWS_MAPPING: [(&str, &str); 2] = [
    (
        "attribute.aws_role",
        "assertion.arn.contains('assumed-role') ? assertion.arn.extract('{account_arn}assumed-role/') + \
         'assumed-role/' + assertion.arn.extract('assumed-role/{role_name}/') : assertion.arn",
    ),
    (SUBJECT, "assertion.arn"),
];

/// A provider of a workload identity pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// `projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER`
    pub name: String,
    pub kind: ProviderKind,
    /// Target (`google.subject`, `google.groups`, `attribute.NAME`) to CEL expression.
    pub mapping: BTreeMap<String, String>,
    /// The attribute condition, in CEL.
    pub condition: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderKind {
    Oidc {
        issuer: String,
        /// Empty: the provider's own full name, with or without `https:`.
        allowed_audiences: Vec<String>,
    },
    Aws {
        account: String,
    },
}

impl Provider {
    /// Its mapping, or the default one of an AWS provider that has none.
    pub fn effective_mapping(&self) -> BTreeMap<String, String> {
        match self.kind {
            ProviderKind::Aws { .. } if self.mapping.is_empty() => DEFAULT_AWS_MAPPING
                .map(|(target, expression)| (target.to_owned(), expression.to_owned()))
                .into(),
            _ => self.mapping.clone(),
        }
    }

    /// The `aud` an OIDC token may hold.
    pub fn expected_audiences(&self) -> Vec<String> {
        match &self.kind {
            ProviderKind::Oidc { allowed_audiences, .. } if !allowed_audiences.is_empty() => {
                allowed_audiences.clone()
            }
            _ => vec![format!("https:{}", self.audience()), self.audience()],
        }
    }

    /// What an exchange at this provider names as its audience.
    pub fn audience(&self) -> String {
        full_resource_name(&self.name)
    }
}

/// A provider's name with its service before it.
pub fn full_resource_name(name: &str) -> String {
    format!("//iam.googleapis.com/{name}")
}

/// Whether Google takes it as the id of a pool or provider ("IAM API: workloadIdentityPools.create"): 4
/// to 32 characters of [a-z0-9-], and `gcp-` is reserved.
pub(crate) fn is_id(id: &str) -> bool {
    let letters = id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    (4..=32).contains(&id.len()) && letters && !id.starts_with("gcp-")
}
