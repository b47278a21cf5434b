//! What a proof became, and the names IAM grants to.

use super::{ATTRIBUTE, GROUPS};
use std::collections::{BTreeMap, BTreeSet};

/// The attributes that a provider's mapping made of a proof.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapped {
    /// `google.subject`
    pub subject: String,
    /// `google.groups`
    pub groups: Vec<String>,
    /// By name, without `attribute.`.
    pub attributes: BTreeMap<String, String>,
}

impl Mapped {
    /// Every member of IAM policies that this identity is: its principal, each principal set it is
    /// in, the whole pool. `pool` is `projects/NUMBER/locations/global/workloadIdentityPools/POOL`.
    pub fn members(&self, pool: &str) -> BTreeSet<String> {
        let groups = self.groups.iter().map(|group| principal_set(pool, GROUPS, group));
        let attributes = self.attributes.iter();
        let sets = attributes.map(|(name, value)| principal_set(pool, &format!("{ATTRIBUTE}{name}"), value));
        let whole = format!("principalSet://iam.googleapis.com/{pool}/*");
        groups.chain(sets).chain([principal(pool, &self.subject), whole]).collect()
    }
}

/// One identity of a pool.
pub fn principal(pool: &str, subject: &str) -> String {
    format!("principal://iam.googleapis.com/{pool}/subject/{subject}")
}

/// All identities of a pool whose `attribute` (`google.groups`, `attribute.NAME`, or just `NAME`) is
/// `value`.
pub fn principal_set(pool: &str, attribute: &str, value: &str) -> String {
    let kind = match attribute {
        GROUPS => "group".to_owned(),
        named if named.starts_with(ATTRIBUTE) => named.to_owned(),
        bare => format!("{ATTRIBUTE}{bare}"),
    };
    format!("principalSet://iam.googleapis.com/{pool}/{kind}/{value}")
}
