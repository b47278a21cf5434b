//! The parameters of `template.yaml`, one document a stage: `sam deploy --parameter-overrides file://…`.
//!
//! Only what the configuration states is in them. The rest (memory, alarms, network) is the template's
//! own, and is given beside them.

use super::{Document, MARK};
use crate::config::{Config, Secrets, Sync};
use crate::derive::Deployment;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A function of the template, and which of its variables is which parameter.
pub struct Function {
    pub name: &'static str,
    pub parameters: &'static [(&'static str, &'static str)],
}

/// The functions that the template deploys if they read anything, and one of the sync's, which are all told
/// the same.
pub const FUNCTIONS: [Function; 4] = [
    Function {
        name: "blob-api",
        parameters: &[
            ("CARNET_PLACES", "Places"),
            ("AZURE_TENANT_ID", "TenantId"),
            ("AZURE_CLIENT_ID", "ClientId"),
            ("CARNET_AZURE_CLOUD", "AzureCloud"),
            ("CARNET_AZURE_AUDIENCE", "ExchangeAudience"),
        ],
    },
    Function {
        name: "gcs-api",
        parameters: &[
            ("CARNET_PLACES", "GooglePlaces"),
            ("CARNET_GOOGLE_AUDIENCE", "GoogleAudience"),
            ("CARNET_GOOGLE_TOKEN_AUDIENCE", "GoogleTokenAudience"),
            ("CARNET_GOOGLE_SUBJECT_TOKEN_TYPE", "GoogleProof"),
            ("CARNET_GOOGLE_SERVICE_ACCOUNT", "GoogleServiceAccount"),
        ],
    },
    Function {
        name: Sync::FUNCTIONS[0],
        parameters: &[
            ("CARNET_SYNC_SOURCE", "SyncSource"),
            ("CARNET_SYNC_DESTINATION", "SyncPrefix"),
            ("AZURE_TENANT_ID", "TenantId"),
            ("AZURE_CLIENT_ID", "SyncClientId"),
            ("CARNET_AZURE_CLOUD", "AzureCloud"),
            ("CARNET_AZURE_AUDIENCE", "ExchangeAudience"),
            ("CARNET_GOOGLE_AUDIENCE", "SyncGoogleAudience"),
            ("CARNET_GOOGLE_TOKEN_AUDIENCE", "SyncGoogleTokenAudience"),
            ("CARNET_GOOGLE_SUBJECT_TOKEN_TYPE", "SyncGoogleProof"),
            ("CARNET_GOOGLE_SERVICE_ACCOUNT", "SyncGoogleServiceAccount"),
        ],
    },
    Function {
        name: Secrets::FUNCTION,
        parameters: &[
            ("CARNET_SECRETS", "Secrets"),
            ("AZURE_TENANT_ID", "TenantId"),
            ("AZURE_CLIENT_ID", "SecretsClientId"),
            ("CARNET_AZURE_CLOUD", "AzureCloud"),
            ("CARNET_AZURE_AUDIENCE", "ExchangeAudience"),
            ("CARNET_GOOGLE_AUDIENCE", "SecretsGoogleAudience"),
            ("CARNET_GOOGLE_TOKEN_AUDIENCE", "SecretsGoogleTokenAudience"),
            ("CARNET_GOOGLE_SUBJECT_TOKEN_TYPE", "SecretsGoogleProof"),
            ("CARNET_GOOGLE_SERVICE_ACCOUNT", "SecretsGoogleServiceAccount"),
        ],
    },
];

pub(super) fn documents(config: &Config) -> Vec<Document> {
    // A stage's regions are alike in them.
    let stages: BTreeMap<String, Deployment> =
        config.deployments().into_iter().map(|deployment| (name(&deployment), deployment)).collect();
    stages.into_iter().filter_map(|(name, deployment)| document(&name, &deployment.config)).collect()
}

/// The stage's, or the stack's where there are no stages.
fn name(deployment: &Deployment) -> String {
    deployment.stage.clone().unwrap_or_else(|| deployment.config.aws.stack.clone())
}

/// `None` if the template would have nothing to deploy.
fn document(name: &str, config: &Config) -> Option<Document> {
    let parameters = of_stack(config);
    if parameters.is_empty() {
        return None;
    }
    let stack = &config.aws.stack;
    let mut text = format!(
        "# {MARK}\n#\n# What template.yaml is told in stack {stack}, account {}:\n#   sam deploy --parameter-overrides file://infra/parameters/{name}.yaml …\n",
        config.aws.account
    );
    for other in config.functions.keys().filter(|name| !is_of_the_template(config, name)) {
        // Writing to a String does not fail.
        let _ = writeln!(
            text,
            "#\n# functions.{other} is none of the template's: it is deployed in another way."
        );
    }
    for (name, value) in parameters {
        let _ = writeln!(text, "{name}: {}", serde_json::Value::from(value));
    }
    Some(Document { path: format!("parameters/{name}.yaml").into(), text, executable: false })
}

fn is_of_the_template(config: &Config, function: &str) -> bool {
    let of_the_sync = Sync::FUNCTIONS.contains(&function);
    match of_the_sync {
        true => config.sync.is_some(),
        false => FUNCTIONS.iter().any(|known| known.name == function),
    }
}

/// In the order of the template's functions, each once: what is of a cloud, they are told alike.
fn of_stack(config: &Config) -> Vec<(&'static str, String)> {
    let mut parameters: Vec<(&str, String)> = Vec::new();
    for (name, value) in FUNCTIONS.iter().flat_map(|function| of_function(function, config)) {
        if parameters.iter().all(|(known, _)| *known != name) {
            parameters.push((name, value));
        }
    }
    if parameters.iter().any(|(name, _)| *name == "Secrets") {
        parameters.push(("SecretArns", config.kept_arns().join(",")));
    }
    parameters
}

fn of_function(function: &Function, config: &Config) -> Vec<(&'static str, String)> {
    let mut environment = config.function_environment(function.name, None);
    // A part of the template exists if its places are given.
    if !["CARNET_PLACES", "CARNET_SYNC_SOURCE", "CARNET_SECRETS"]
        .iter()
        .any(|places| environment.contains_key(*places))
        || !is_of_the_template(config, function.name)
    {
        return Vec::new();
    }
    // The bucket is the stack's own, and the template knows it.
    environment
        .extend(config.sync.iter().map(|sync| ("CARNET_SYNC_DESTINATION".to_owned(), sync.to.clone())));
    let named = function.parameters.iter();
    named.filter_map(|(variable, parameter)| Some((*parameter, environment.remove(*variable)?))).collect()
}
