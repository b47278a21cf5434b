//! What a client needs to know, and how it is written for one.

use super::Handle;
use crate::workloads::WorkloadsState;
use crate::world::World;
use carnet_trust::google::ProviderKind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Written as JSON once everything answers. It holds an access key of the stand-ins.
#[derive(Clone, Serialize, Deserialize)]
pub struct State {
    pub ca_file: PathBuf,
    pub aws: AwsState,
    pub entra: EntraState,
    pub azure: AzureState,
    pub google: GoogleState,
    /// Function name to the base URL of its API.
    pub functions: BTreeMap<String, String>,
    /// The control listener: `PUT`/`DELETE /faults`, `GET /requests`.
    pub control: String,
    /// What workloads elsewhere find to prove who they are.
    pub workloads: WorkloadsState,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct AwsState {
    pub sts: String,
    pub iam: String,
    pub issuer: String,
    /// As `AWS_ENDPOINT_URL_LAMBDA`: Invoke, of every function that runs.
    pub lambda: String,
    pub region: String,
    pub access_key_id: String,
    pub secret_access_key: String,
    pub s3: S3State,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct S3State {
    /// As `AWS_ENDPOINT_URL_S3`: path-style.
    pub endpoint: String,
    pub buckets: Vec<String>,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct EntraState {
    pub authority: String,
    pub tenant_id: String,
    /// Empty if the operator has no identity.
    pub client_id: String,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct AzureState {
    /// Account name to its base URL, `https://127.0.0.1:PORT/account`.
    pub blob: BTreeMap<String, String>,
    /// Base URL: a vault's name follows as the first piece of the path.
    pub key_vault: String,
    /// Vault to the names of its secrets.
    pub vaults: BTreeMap<String, Vec<String>>,
}

/// Base URLs without a path; all but the three are empty without `[google]` in the configuration.
#[derive(Clone, Serialize, Deserialize)]
pub struct GoogleState {
    pub sts: String,
    pub iam_credentials: String,
    /// The issuer of ID tokens.
    pub accounts: String,
    pub storage: String,
    /// The operator's provider, as an exchange names it: `//iam.googleapis.com/projects/..`.
    pub audience: String,
    /// `jwt` or `aws4_request`: what that provider takes.
    pub subject_token_type: String,
    /// The e-mail address of the service account the operator acts as.
    pub service_account: String,
    /// Every provider's audience, by its id.
    pub providers: BTreeMap<String, String>,
    pub buckets: Vec<String>,
    pub secret_manager: String,
    /// Project to the names of its secrets.
    pub secrets: BTreeMap<String, Vec<String>>,
}

impl State {
    pub(super) fn of(
        handle: &Handle,
        ca_file: PathBuf,
        control: String,
        lambda: String,
        functions: BTreeMap<String, String>,
        workloads: WorkloadsState,
    ) -> State {
        let world = handle.world();
        let endpoints = handle.endpoints.get();
        let url = |of: fn(&super::Endpoints) -> &String| endpoints.map(of).cloned().unwrap_or_default();
        let secret = world.aws.access_keys.get(&world.operator).map(|key| key.secret.clone());
        let blob = url(|e| &e.azure_blob);
        State {
            ca_file,
            aws: AwsState {
                sts: url(|e| &e.aws_sts),
                iam: url(|e| &e.aws_iam),
                issuer: url(|e| &e.aws_issuer),
                lambda,
                region: world.aws.region.clone(),
                access_key_id: world.operator.clone(),
                secret_access_key: secret.unwrap_or_default(),
                s3: S3State {
                    endpoint: url(|e| &e.aws_s3),
                    buckets: world.aws.s3_buckets.iter().cloned().collect(),
                },
            },
            entra: EntraState {
                authority: url(|e| &e.entra_authority),
                tenant_id: world.entra.tenant_id.clone(),
                client_id: world.operator_client_id.clone().unwrap_or_default(),
            },
            azure: AzureState {
                blob: world
                    .azure
                    .accounts
                    .keys()
                    .map(|name| (name.clone(), format!("{blob}/{name}")))
                    .collect(),
                key_vault: url(|e| &e.key_vault),
                vaults: names_in(&world.azure.vaults, |vault| vault.users_of.keys()),
            },
            google: GoogleState {
                sts: url(|e| &e.google_sts),
                iam_credentials: url(|e| &e.google_iam_credentials),
                accounts: url(|e| &e.google_accounts),
                storage: url(|e| &e.google_storage),
                audience: world.operator_provider.clone().unwrap_or_default(),
                subject_token_type: subject_token_type(&world).to_owned(),
                service_account: world.operator_service_account.clone().unwrap_or_default(),
                providers: providers(&world),
                buckets: world.google.buckets.keys().cloned().collect(),
                secret_manager: url(|e| &e.secret_manager),
                secrets: names_in(&world.google.secrets, BTreeMap::keys),
            },
            functions,
            control,
            workloads,
        }
    }

    /// At once or not at all: whoever waits for the file never reads half of it.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        write_private(&partial, &text)?;
        fs::rename(&partial, path)
    }
}

/// What each of them holds, by name.
fn names_in<'w, T, N: Iterator<Item = &'w String>>(
    holders: &'w BTreeMap<String, T>,
    names: impl Fn(&'w T) -> N,
) -> BTreeMap<String, Vec<String>> {
    holders.iter().map(|(name, holder)| (name.clone(), names(holder).cloned().collect())).collect()
}

fn providers(world: &World) -> BTreeMap<String, String> {
    let pools = world.google.pools.values().flat_map(|pool| &pool.providers);
    pools.map(|(id, provider)| (id.clone(), provider.trust.audience())).collect()
}

fn subject_token_type(world: &World) -> &'static str {
    let mut providers = world.google.pools.values().flat_map(|pool| pool.providers.values());
    let own = providers.find(|provider| Some(provider.trust.audience()) == world.operator_provider);
    match own.map(|provider| &provider.trust.kind) {
        Some(ProviderKind::Oidc { .. }) => "jwt",
        Some(ProviderKind::Aws { .. }) => "aws4_request",
        None => "",
    }
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

/// It holds a private key.
pub(super) fn write_certificate(folder: &Path, pem: &str) -> io::Result<PathBuf> {
    let path = std::path::absolute(folder.join("azure-app.pem"))?;
    write_private(&path, pem)?;
    Ok(path)
}

pub(super) fn write_ca(folder: &Path, pem: &str) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let path = std::path::absolute(folder.join("ca.pem"))?;
    fs::write(&path, pem)?;
    Ok(path)
}
