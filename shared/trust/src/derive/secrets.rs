//! What follows from `[secrets]`: who may read which secret.

use crate::config::{Config, Principal, Secrets, StoredSecret};
use std::collections::{BTreeMap, BTreeSet};

impl Config {
    /// `(vault, secret)` to the names of the identities that read it.
    pub fn vault_readers(&self) -> BTreeMap<(String, String), BTreeSet<String>> {
        let identity = self.copier().and_then(|copier| copier.azure_identity.clone());
        let readers: BTreeSet<String> = identity.into_iter().collect();
        let stored = self.stored_secrets().filter_map(|stored| match stored {
            StoredSecret::KeyVault { vault, name } => Some((vault.clone(), name.clone())),
            StoredSecret::SecretManager { .. } => None,
        });
        stored.map(|secret| (secret, readers.clone())).collect()
    }

    /// The ARNs of the secrets that are copied to, in whichever region: Secrets Manager adds six characters of
    /// its own.
    pub fn kept_arns(&self) -> Vec<String> {
        let (partition, account) = (self.partition(), &self.aws.account);
        let names = self.secrets.iter().flat_map(|secrets| secrets.copies.keys());
        names.map(|name| format!("arn:{partition}:secretsmanager:*:{account}:secret:{name}-??????")).collect()
    }

    /// `(project, secret)` of each that is copied from Google Cloud.
    pub(super) fn google_secrets(&self) -> impl Iterator<Item = (String, String)> {
        self.stored_secrets().filter_map(|stored| match stored {
            StoredSecret::SecretManager { project, name } => Some((project.clone(), name.clone())),
            StoredSecret::KeyVault { .. } => None,
        })
    }

    fn stored_secrets(&self) -> impl Iterator<Item = &StoredSecret> {
        self.secrets.iter().flat_map(|secrets| secrets.copies.values())
    }

    fn copier(&self) -> Option<&Principal> {
        self.secrets.as_ref().and_then(|_| self.functions.get(Secrets::FUNCTION))
    }
}
