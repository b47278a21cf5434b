//! Google's workload identity federation: which proof a provider lets in, and as whom.

use std::collections::BTreeMap;

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
