//! What a client needs to know of the workloads, in the state file. It holds secrets of the stand-ins.

use super::variables::Workload;
use super::{app_service, github, token_files::Files};
use crate::local::Handle;
use crate::world::World;
use crate::world::workloads::AzureHost;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// `None` and empty where the configuration names nothing that could be one.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct WorkloadsState {
    pub azure_vm: Option<AzureVm>,
    pub app_service: Option<AppService>,
    pub azure_app: Option<AzureApp>,
    /// What Azure's workloads ask tokens for when they go to another cloud.
    pub app_id_uri: Option<String>,
    pub google_vm: Option<GoogleVm>,
    pub github: GitHub,
    /// Cluster to target cloud to file.
    pub token_files: Files,
    pub cognito: Cognito,
    /// Workload to the ARN of the role it may take.
    pub aws_roles: BTreeMap<String, String>,
    /// The application that believes workloads of other clouds.
    pub entra_client_id: Option<String>,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct AzureVm {
    /// As `AZURE_POD_IDENTITY_AUTHORITY_HOST`.
    pub imds: String,
    /// The identity that is meant when several are assigned.
    pub client_id: String,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct AppService {
    /// As `IDENTITY_ENDPOINT`.
    pub endpoint: String,
    /// As `IDENTITY_HEADER`.
    pub header: String,
    pub client_id: String,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct AzureApp {
    pub client_id: String,
    pub client_secret: String,
    /// As `AZURE_CLIENT_CERTIFICATE_PATH`, if one was made.
    pub certificate: Option<PathBuf>,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct GoogleVm {
    /// As `GCE_METADATA_HOST`: without a scheme.
    pub host: String,
    pub service_account: String,
}

#[derive(Clone, Default, Serialize, Deserialize)]
pub struct GitHub {
    /// As `ACTIONS_ID_TOKEN_REQUEST_URL`.
    pub url: String,
    /// As `ACTIONS_ID_TOKEN_REQUEST_TOKEN`.
    pub token: String,
}

#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Cognito {
    /// As `AWS_ENDPOINT_URL_COGNITO_IDENTITY`.
    pub endpoint: String,
    pub identity_pool_id: String,
    pub identity_id: String,
    pub developer_provider: String,
    pub developer_user: String,
}

impl WorkloadsState {
    pub(crate) fn of(handle: &Handle, token_files: Files, certificate: Option<PathBuf>) -> Self {
        let endpoints = handle.endpoints.get().map(|all| all.workloads.clone()).unwrap_or_default();
        let world = handle.world();
        let workloads = &world.workloads;
        let developer = &workloads.developer;
        let host = endpoints.google_metadata.trim_start_matches("http://").to_owned();
        Self {
            azure_vm: client_id(&workloads.azure_vm, &world)
                .map(|client_id| AzureVm { imds: endpoints.azure_vm, client_id }),
            app_service: client_id(&workloads.app_service.host, &world).map(|client_id| AppService {
                endpoint: format!("{}{}", endpoints.app_service, app_service::PATH),
                header: workloads.app_service.identity_header.clone(),
                client_id,
            }),
            azure_app: azure_app(&world, certificate),
            app_id_uri: workloads.app_id_uri.clone(),
            google_vm: workloads
                .google_vm
                .service_account
                .clone()
                .map(|service_account| GoogleVm { host, service_account }),
            github: GitHub {
                url: format!("{}{}", endpoints.github, github::PATH_AND_QUERY),
                token: workloads.github.request_token.clone(),
            },
            token_files,
            cognito: Cognito {
                endpoint: endpoints.cognito,
                identity_pool_id: developer.identity_pool_id.clone(),
                identity_id: developer.identity_id.clone(),
                developer_provider: developer.provider.clone(),
                developer_user: developer.user.clone(),
            },
            aws_roles: aws_roles(&world),
            entra_client_id: workloads.azure_app.clone(),
        }
    }

    /// The same without what nobody should see on a screen.
    pub fn without_secrets(mut self) -> Self {
        if let Some(app) = &mut self.app_service {
            app.header.clear();
        }
        if let Some(app) = &mut self.azure_app {
            app.client_secret.clear();
        }
        self.github.token.clear();
        self
    }
}

/// The operator's identity if it is assigned, else the first.
fn client_id(host: &AzureHost, world: &World) -> Option<String> {
    let assigned = || host.system_assigned.iter().chain(host.user_assigned.values());
    let operators = assigned().find(|id| world.operator_client_id.as_ref() == Some(id));
    operators.or_else(|| assigned().next()).cloned()
}

fn azure_app(world: &World, certificate: Option<PathBuf>) -> Option<AzureApp> {
    let client_id = world.workloads.azure_app.clone()?;
    let application = world.entra.applications.get(&client_id)?;
    let client_secret = application.client_secrets.first().map(|secret| secret.value.clone());
    Some(AzureApp { client_id, client_secret: client_secret.unwrap_or_default(), certificate })
}

fn aws_roles(world: &World) -> BTreeMap<String, String> {
    let of = |workload: &Workload| {
        let role = world.aws.roles.get(&crate::world::workload_role(workload.believed_as()))?;
        Some((workload.name().to_owned(), role.arn.clone()))
    };
    Workload::ALL.iter().filter_map(of).collect()
}

/// Google's audience of the provider that believes a workload, by its id.
pub(super) fn google_audience<'a>(
    providers: &'a BTreeMap<String, String>,
    workload: &str,
) -> Option<&'a String> {
    providers.get(&crate::world::provider_id(workload))
}
