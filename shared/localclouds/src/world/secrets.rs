//! Secrets of the two clouds: values, versions, and who may read them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;
use zeroize::Zeroizing;

#[derive(Clone, Debug, Default)]
pub struct Vault {
    /// By name.
    pub secrets: BTreeMap<String, Vec<VaultVersion>>,
    /// Object ids with Key Vault Secrets User on the vault.
    pub users: BTreeSet<String>,
    /// Secret to the object ids with that role on it alone, whether there is such a secret or not.
    pub users_of: BTreeMap<String, BTreeSet<String>>,
    /// A firewall that lets nobody in: 403 `ForbiddenByFirewall`.
    pub firewalled: bool,
}

#[derive(Clone)]
pub struct VaultVersion {
    /// 32 hexadecimal digits.
    pub id: String,
    pub value: Zeroizing<String>,
    pub created: SystemTime,
    pub content_type: Option<String>,
    pub enabled: bool,
    pub not_before: Option<SystemTime>,
    pub expires: Option<SystemTime>,
}

/// A project's secret. Versions count from 1, in the order of the list.
#[derive(Clone, Debug, Default)]
pub struct ProjectSecret {
    pub versions: Vec<ProjectVersion>,
    /// Members with Secret Manager Secret Accessor on it.
    pub accessors: BTreeSet<String>,
    /// Members with Secret Manager Viewer on it.
    pub viewers: BTreeSet<String>,
}

#[derive(Clone)]
pub struct ProjectVersion {
    pub value: Zeroizing<Vec<u8>>,
    pub created: SystemTime,
    pub state: VersionState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionState {
    Enabled,
    Disabled,
    Destroyed,
}

impl VersionState {
    pub fn name(self) -> &'static str {
        match self {
            Self::Enabled => "ENABLED",
            Self::Disabled => "DISABLED",
            Self::Destroyed => "DESTROYED",
        }
    }
}

impl Vault {
    /// Adds a version, which becomes the current one. Its id.
    pub fn put(&mut self, secret: &str, value: &str) -> String {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let version = VaultVersion {
            id: id.clone(),
            value: Zeroizing::new(value.to_owned()),
            created: SystemTime::now(),
            content_type: None,
            enabled: true,
            not_before: None,
            expires: None,
        };
        self.secrets.entry(secret.to_owned()).or_default().push(version);
        id
    }
}

impl ProjectSecret {
    /// Adds a version, which becomes the current one. Its number.
    pub fn put(&mut self, value: &[u8]) -> usize {
        self.versions.push(ProjectVersion {
            value: Zeroizing::new(value.to_vec()),
            created: SystemTime::now(),
            state: VersionState::Enabled,
        });
        self.versions.len()
    }
}

impl std::fmt::Debug for VaultVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VaultVersion")
            .field("id", &self.id)
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ProjectVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProjectVersion").field("state", &self.state).finish_non_exhaustive()
    }
}
