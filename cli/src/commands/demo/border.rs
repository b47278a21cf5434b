//! The two borders the demo crosses. What is told of them differs only in this data.

use carnet_localclouds::World;
use carnet_localclouds::world::{Application, Provider};

pub struct Border {
    pub cloud: &'static str,
    /// What the function reads there, for the opening.
    pub goods: &'static str,
    pub function: &'static str,
    /// Of the object, below the API's base URL.
    pub path: &'static str,
    /// What the object holds.
    pub bytes: &'static [u8],
    pub token_service: &'static str,
    pub store: &'static str,
    /// What holds the trust, as a sentence before its fields.
    pub trust: &'static str,
    /// Where one letter is changed.
    pub field: &'static str,
    /// Its fields, for people.
    pub shown: fn(&World) -> Vec<(&'static str, String)>,
    /// The text that the far side compares, and in which one letter is changed.
    pub stated: fn(&mut World) -> Option<&mut String>,
}

pub static BORDERS: [Border; 2] = [AZURE, GOOGLE];

const AZURE: Border = Border {
    cloud: "Azure",
    goods: "a blob",
    function: "blob-api",
    path: "/azure/assets/carnet.txt",
    bytes: include_bytes!("assets/azure/carnet.txt"),
    token_service: "Microsoft Entra ID",
    store: "Azure Blob Storage",
    trust: "The identity in Entra has one federated credential:",
    field: "subject",
    shown: |world| {
        let credentials = world.entra.applications.values().flat_map(|app| &app.federated_credentials);
        credentials
            .flat_map(|credential| {
                [
                    ("issuer", credential.issuer.clone()),
                    ("subject", credential.subject.clone()),
                    ("audience", credential.audiences.join(", ")),
                ]
            })
            .collect()
    },
    stated: |world| {
        let mut applications = world.entra.applications.values_mut();
        applications.find_map(credential_of).map(|credential| &mut credential.subject)
    },
};

fn credential_of(application: &mut Application) -> Option<&mut carnet_trust::entra::FederatedCredential> {
    application.federated_credentials.first_mut()
}

const GOOGLE: Border = Border {
    cloud: "Google Cloud",
    goods: "an object",
    function: "gcs-api",
    path: "/gcs/archive/carnet.txt",
    bytes: include_bytes!("assets/google/carnet.txt"),
    token_service: "Google's security token service",
    store: "Cloud Storage",
    trust: "The workload identity pool in Google Cloud has one provider:",
    field: "attribute condition",
    shown: |world| {
        let providers = world.google.pools.values().flat_map(|pool| pool.providers.values());
        providers.flat_map(fields_of).collect()
    },
    stated: |world| {
        let mut pools = world.google.pools.values_mut();
        let provider = pools.find_map(|pool| pool.providers.values_mut().next());
        provider.and_then(|provider| provider.trust.condition.as_mut())
    },
};

fn fields_of(provider: &Provider) -> Vec<(&'static str, String)> {
    let trust = &provider.trust;
    let issuer = match &trust.kind {
        carnet_trust::google::ProviderKind::Oidc { issuer, .. } => issuer.clone(),
        carnet_trust::google::ProviderKind::Aws { account } => format!("AWS account {account}"),
    };
    let mapping: Vec<String> =
        trust.mapping.iter().map(|(target, expression)| format!("{target}={expression}")).collect();
    vec![
        ("issuer", issuer),
        ("audience", trust.audience()),
        ("mapping", mapping.join(", ")),
        ("condition", trust.condition.clone().unwrap_or_default()),
    ]
}
