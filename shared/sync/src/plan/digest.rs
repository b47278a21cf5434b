//! The digest of a plan: the same for the same actions, wherever and in how many steps it was made.

use carnet_objects::{Key, Version};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanDigest(String);

impl PlanDigest {
    #[cfg(test)]
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(crate::text::hex(&Sha256::digest(bytes)))
    }

    /// Of no actions: 64 zeroes.
    pub fn of_nothing() -> Self {
        Self("0".repeat(64))
    }

    /// As a person types it; `None` if it cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        (text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())).then_some(Self(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PlanDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A digest over a sequence: each link is over the one before it, so that a checkpoint can hold it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Chain(Option<String>);

impl Chain {
    pub(super) fn add(&mut self, what: &str, key: &Key, version: &Version) {
        let mut link = Sha256::new();
        link.update(self.0.as_deref().unwrap_or_default());
        // A NUL is in none of them.
        for part in [what, key.as_str(), version.as_str()] {
            link.update([0]);
            link.update(part);
        }
        self.0 = Some(crate::text::hex(&link.finalize()));
    }

    pub(super) fn digest(&self) -> PlanDigest {
        self.0.clone().map_or_else(PlanDigest::of_nothing, PlanDigest)
    }
}
