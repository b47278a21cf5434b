//! Vaults, and the secrets of projects: those that are copied, with the values that stand in for theirs.

use crate::world::{ProjectSecret, Vault};
use carnet_trust::config::{Config, Principal};
use std::collections::{BTreeMap, BTreeSet};

/// The operator tries what the function does: its identity may read the same.
pub(super) fn vaults(config: &Config, operator: &Principal) -> BTreeMap<String, Vault> {
    let identities = config.azure.iter().flat_map(|azure| &azure.identities);
    let object_ids: BTreeMap<&String, &String> =
        identities.map(|(name, identity)| (name, &identity.object_id)).collect();
    let mut vaults: BTreeMap<String, Vault> = BTreeMap::new();
    for ((vault, secret), readers) in config.vault_readers() {
        let value = config.local.vaults.get(&format!("{vault}/{secret}"));
        let vault = vaults.entry(vault).or_default();
        if let Some(value) = value {
            vault.put(&secret, value);
        }
        let users = readers
            .iter()
            .chain(&operator.azure_identity)
            .filter_map(|name| object_ids.get(name))
            .map(|id| (*id).clone());
        vault.users_of.entry(secret).or_default().extend(users);
    }
    vaults
}

/// The operator tries what the function does: it may read the same, as itself and as its service account.
pub(super) fn projects(
    config: &Config,
    granted: BTreeMap<(String, String), BTreeSet<String>>,
    (name, operator): (&str, &Principal),
) -> BTreeMap<String, BTreeMap<String, ProjectSecret>> {
    let account = config.google_service_account(operator).map(|email| format!("serviceAccount:{email}"));
    let own: Vec<String> = config.google_member(name).into_iter().chain(account).collect();
    let mut projects: BTreeMap<String, BTreeMap<String, ProjectSecret>> = BTreeMap::new();
    for ((project, secret), mut readers) in granted {
        readers.extend(own.iter().cloned());
        let mut kept = ProjectSecret { versions: Vec::new(), accessors: readers.clone(), viewers: readers };
        if let Some(value) = config.local.secrets.get(&format!("{project}/{secret}")) {
            kept.put(value.as_bytes());
        }
        projects.entry(project).or_default().insert(secret, kept);
    }
    projects
}
