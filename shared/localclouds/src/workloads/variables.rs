//! The environment of each workload: what its platform sets, and what leads to the stand-ins.

use super::state::google_audience;
use crate::local::State;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    AzureVm,
    AppService,
    AzureApp,
    GoogleVm,
    GitHub,
    Eks,
    Aks,
    Gke,
    Cognito,
}

impl Workload {
    pub const ALL: [Workload; 9] = [
        Workload::AzureVm,
        Workload::AppService,
        Workload::AzureApp,
        Workload::GoogleVm,
        Workload::GitHub,
        Workload::Eks,
        Workload::Aks,
        Workload::Gke,
        Workload::Cognito,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Workload::AzureVm => "azure-vm",
            Workload::AppService => "app-service",
            Workload::AzureApp => "azure-app",
            Workload::GoogleVm => "google-vm",
            Workload::GitHub => "github",
            Workload::Eks => "eks",
            Workload::Aks => "aks",
            Workload::Gke => "gke",
            Workload::Cognito => "cognito",
        }
    }

    /// The value of `CARNET_MINT`.
    pub fn mint(self) -> &'static str {
        match self {
            Workload::AzureVm | Workload::AppService => "azure-identity",
            Workload::AzureApp => "azure-app",
            Workload::GoogleVm => "google-metadata",
            Workload::GitHub => "github",
            Workload::Eks | Workload::Aks | Workload::Gke => "token-file",
            Workload::Cognito => "cognito",
        }
    }

    /// What trusts it is called so: all of Azure's are one issuer's.
    pub(super) fn believed_as(self) -> &'static str {
        if self.is_azure() { "azure" } else { self.name() }
    }

    fn is_azure(self) -> bool {
        matches!(self, Workload::AzureVm | Workload::AppService | Workload::AzureApp)
    }
}

/// The cloud a proof is for: a pod has a file for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    Aws,
    Azure,
    Google,
}

impl To {
    pub const ALL: [To; 3] = [To::Aws, To::Azure, To::Google];

    pub fn name(self) -> &'static str {
        match self {
            To::Aws => "aws",
            To::Azure => "azure",
            To::Google => "google",
        }
    }
}

/// The configuration has nothing that could be this workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing(String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Missing {}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Workload {
    type Err = Missing;

    fn from_str(text: &str) -> Result<Self, Missing> {
        let found = Workload::ALL.into_iter().find(|workload| workload.name() == text);
        found.ok_or_else(|| {
            Missing(format!("{text:?} is no workload: {}", Workload::ALL.map(Workload::name).join(", ")))
        })
    }
}

impl FromStr for To {
    type Err = Missing;

    fn from_str(text: &str) -> Result<Self, Missing> {
        let found = To::ALL.into_iter().find(|to| to.name() == text);
        found.ok_or_else(|| Missing(format!("{text:?} is no cloud: {}", To::ALL.map(To::name).join(", "))))
    }
}

type Variables = BTreeMap<&'static str, String>;

/// Every variable that some workload has and the shell may not keep from another.
pub const ALL_NAMES: [&str; 27] = [
    "CARNET_MINT",
    "CARNET_COGNITO_IDENTITY_POOL_ID",
    "CARNET_COGNITO_IDENTITY_ID",
    "CARNET_COGNITO_DEVELOPER_PROVIDER",
    "CARNET_COGNITO_DEVELOPER_USER",
    "CARNET_TOKEN_FILE",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    "CARNET_AZURE_APP_TENANT_ID",
    "CARNET_AZURE_APP_CLIENT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "CARNET_AZURE_CLIENT_SECRET_FROM",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "GCE_METADATA_HOST",
    "CARNET_GOOGLE_METADATA_ACCOUNT",
    "CARNET_GOOGLE_TOKEN_AUDIENCE",
    "CARNET_AWS_AUDIENCE",
    "AWS_ROLE_ARN",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_ENDPOINT_URL_COGNITO_IDENTITY",
];

/// What this workload has beyond, or in place of, what everybody has who talks to the stand-ins. `to` says
/// which of a pod's token files; a pod of EKS goes to Azure, the others to AWS, if nothing is said.
pub fn variables(state: &State, workload: Workload, to: Option<To>) -> Result<Variables, Missing> {
    let mut variables = BTreeMap::from([("CARNET_MINT", workload.mint().to_owned())]);
    proofs(state, workload, to, &mut variables)?;
    let all = &state.workloads;
    if workload.is_azure() {
        // An audience that Entra knows.
        for name in ["CARNET_AWS_AUDIENCE", "CARNET_GOOGLE_TOKEN_AUDIENCE"] {
            variables.extend(all.app_id_uri.clone().map(|uri| (name, uri)));
        }
    } else {
        variables.extend(all.entra_client_id.clone().map(|id| ("AZURE_CLIENT_ID", id)));
    }
    variables.extend(all.aws_roles.get(workload.name()).cloned().map(|arn| ("AWS_ROLE_ARN", arn)));
    let audience = google_audience(&state.google.providers, workload.believed_as());
    variables.extend(audience.cloned().map(|audience| ("CARNET_GOOGLE_AUDIENCE", audience)));
    if audience.is_some() {
        variables.insert("CARNET_GOOGLE_SUBJECT_TOKEN_TYPE", "jwt".to_owned());
    }
    if workload == Workload::Cognito {
        variables.insert("AWS_ACCESS_KEY_ID", state.aws.access_key_id.clone());
        variables.insert("AWS_SECRET_ACCESS_KEY", state.aws.secret_access_key.clone());
    }
    variables.retain(|_, value| !value.is_empty());
    Ok(variables)
}

/// Where its proofs come from.
fn proofs(state: &State, workload: Workload, to: Option<To>, into: &mut Variables) -> Result<(), Missing> {
    let all = &state.workloads;
    let missing =
        |section: &str| Missing(format!("there is no {workload}: the configuration has no {section}"));
    match workload {
        Workload::AzureVm => {
            let vm = all.azure_vm.as_ref().ok_or_else(|| missing("identity in [azure.identities]"))?;
            into.insert("AZURE_POD_IDENTITY_AUTHORITY_HOST", vm.imds.clone());
            into.insert("AZURE_CLIENT_ID", vm.client_id.clone());
        }
        Workload::AppService => {
            let app = all.app_service.as_ref().ok_or_else(|| missing("identity in [azure.identities]"))?;
            into.insert("IDENTITY_ENDPOINT", app.endpoint.clone());
            into.insert("IDENTITY_HEADER", app.header.clone());
            into.insert("AZURE_CLIENT_ID", app.client_id.clone());
        }
        Workload::AzureApp => {
            let app = all.azure_app.as_ref().ok_or_else(|| missing("[azure]"))?;
            into.insert("CARNET_AZURE_APP_TENANT_ID", state.entra.tenant_id.clone());
            into.insert("CARNET_AZURE_APP_CLIENT_ID", app.client_id.clone());
            into.insert("AZURE_CLIENT_ID", app.client_id.clone());
            into.insert("AZURE_CLIENT_SECRET", app.client_secret.clone());
        }
        Workload::GoogleVm => {
            let vm = all.google_vm.as_ref().ok_or_else(|| missing("account in [google.service_accounts]"))?;
            into.insert("GCE_METADATA_HOST", vm.host.clone());
        }
        Workload::GitHub => {
            into.insert("ACTIONS_ID_TOKEN_REQUEST_URL", all.github.url.clone());
            into.insert("ACTIONS_ID_TOKEN_REQUEST_TOKEN", all.github.token.clone());
        }
        Workload::Eks | Workload::Aks | Workload::Gke => {
            let usual = if workload == Workload::Eks { To::Azure } else { To::Aws };
            let to = to.unwrap_or(usual);
            let file = all.token_files.get(workload.name()).and_then(|files| files.get(to.name()));
            let file = file.ok_or_else(|| missing(&format!("[{}]", to.name())))?;
            let file = file.display().to_string();
            // What the platform itself sets: other programs read these.
            match (workload, to) {
                (Workload::Eks, To::Aws) => drop(into.insert("AWS_WEB_IDENTITY_TOKEN_FILE", file.clone())),
                (Workload::Aks, To::Azure) => drop(into.insert("AZURE_FEDERATED_TOKEN_FILE", file.clone())),
                _ => {}
            }
            into.insert("CARNET_TOKEN_FILE", file);
        }
        Workload::Cognito => {
            into.insert("AWS_ENDPOINT_URL_COGNITO_IDENTITY", all.cognito.endpoint.clone());
            into.insert("CARNET_COGNITO_IDENTITY_POOL_ID", all.cognito.identity_pool_id.clone());
            into.insert("CARNET_COGNITO_IDENTITY_ID", all.cognito.identity_id.clone());
            into.insert("CARNET_COGNITO_DEVELOPER_PROVIDER", all.cognito.developer_provider.clone());
            into.insert("CARNET_COGNITO_DEVELOPER_USER", all.cognito.developer_user.clone());
        }
    }
    Ok(())
}
