//! What follows for Azure.

use crate::config::{AzureCloud, Config, Place};
use crate::entra::FederatedCredential;
use std::collections::{BTreeMap, BTreeSet};

impl AzureCloud {
    /// As it is written in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            AzureCloud::Public => "public",
            AzureCloud::UsGovernment => "usgovernment",
            AzureCloud::China => "china",
        }
    }

    /// Microsoft, "Workload identity federation": the audience of each national cloud.
    pub fn exchange_audience(self) -> &'static str {
        match self {
            AzureCloud::Public => "api://AzureADTokenExchange",
            AzureCloud::UsGovernment => "api://AzureADTokenExchangeUSGov",
            AzureCloud::China => "api://AzureADTokenExchangeChina",
        }
    }
}

impl Config {
    /// By identity name. `issuer` is the account's: the configured one, or a stand-in's.
    pub fn federated_credentials(&self, issuer: &str) -> BTreeMap<String, Vec<FederatedCredential>> {
        let Some(azure) = &self.azure else { return BTreeMap::new() };
        let mut credentials: BTreeMap<String, Vec<FederatedCredential>> =
            azure.identities.keys().map(|name| (name.clone(), Vec::new())).collect();
        for (name, principal) in self.principals() {
            let Some(identity) = &principal.azure_identity else { continue };
            credentials.entry(identity.clone()).or_default().push(FederatedCredential {
                name: self.role_name(name),
                issuer: issuer.to_owned(),
                subject: self.role_arn(name),
                audiences: vec![azure.cloud.exchange_audience().to_owned()],
            });
        }
        credentials
    }

    /// `(account, container)` to the names of the identities that read it.
    pub fn readers(&self) -> BTreeMap<(String, String), BTreeSet<String>> {
        let mut readers: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        for container in self.places.values().filter_map(container) {
            readers.entry(container).or_default();
        }
        for (_, principal) in self.principals() {
            let Some(identity) = &principal.azure_identity else { continue };
            for container in principal.reads.iter().filter_map(|name| container(self.places.get(name)?)) {
                readers.entry(container).or_default().insert(identity.clone());
            }
        }
        readers
    }
}

fn container(place: &Place) -> Option<(String, String)> {
    match place {
        Place::Azure { account, container, .. } => Some((account.clone(), container.clone())),
        Place::Google { .. } => None,
    }
}
