//! What exists in the stand-ins' clouds. Plain data behind one lock: a test changes one letter of
//! a trust here and watches the call be refused. [`from_config`](World::from_config) makes it.

mod from_config;
mod secrets;
pub mod workloads;

pub use from_config::WorldError;
pub(crate) use from_config::{identifier, secret, session_token};
pub use secrets::{ProjectSecret, ProjectVersion, Vault, VaultVersion, VersionState};
pub use workloads::Workloads;

pub(crate) use from_config::{provider_id, workload_role};

use crate::jwt::RsaPublic;
use carnet_trust::aws::Policy;
use carnet_trust::aws::role_trust::RoleTrust;
use carnet_trust::entra::FederatedCredential;
use carnet_trust::google::ProviderKind;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

#[derive(Clone, Debug)]
pub struct World {
    pub aws: Aws,
    pub entra: Entra,
    pub azure: Azure,
    pub google: Google,
    /// Who runs elsewhere and has proofs to show.
    pub workloads: Workloads,
    /// Further issuers of OpenID Connect that exist under their own names, e.g. `https://gitlab.com`.
    pub issuers: BTreeSet<String>,
    /// By function name.
    pub functions: BTreeMap<String, Function>,
    /// The access key (of `aws.access_keys`) that is given to people: `aws.access_key_id` of the state.
    pub operator: String,
    /// The application the operator signs in to, `entra.client_id` of the state.
    pub operator_client_id: Option<String>,
    /// The provider the operator presents its proofs to, `google.audience` of the state.
    pub operator_provider: Option<String>,
    /// The service account it then acts as, `google.service_account` of the state.
    pub operator_service_account: Option<String>,
}

/// A Lambda function: what its environment is made of.
#[derive(Clone, Debug)]
pub struct Function {
    /// As the template names it: what Lambda's Invoke is asked for.
    pub deployed_name: String,
    /// Its role's name.
    pub role: String,
    /// Its own session, among `aws.access_keys`.
    pub access_key_id: String,
    /// `arn:aws:lambda:REGION:ACCOUNT:function:NAME`
    pub arn: String,
    /// What the configuration says of it, as environment variables. Those that name listeners are
    /// added when these run.
    pub environment: BTreeMap<String, String>,
    pub binary: Option<PathBuf>,
}

#[derive(Clone, Debug)]
pub struct Aws {
    pub account: String,
    pub region: String,
    pub org_id: Option<String>,
    /// The account's issuer. A listener's URL once the stand-ins run: see [`World::move_issuer`].
    pub issuer: String,
    /// Whether `iam:EnableOutboundWebIdentityFederation` was called.
    pub outbound_federation: bool,
    /// By role name.
    pub roles: BTreeMap<String, Role>,
    /// By access key id.
    pub access_keys: BTreeMap<String, AccessKey>,
    /// What sessions were narrowed to when they began, by access key id.
    pub session_policies: BTreeMap<String, Policy>,
    /// Whose tokens may take roles, by URL without `https://`. Those that every account has are not here.
    pub oidc_providers: BTreeMap<String, OidcProvider>,
    /// The account's buckets.
    pub s3_buckets: BTreeSet<String>,
}

/// An IAM OpenID Connect provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OidcProvider {
    /// The audiences it takes.
    pub client_ids: BTreeSet<String>,
}

#[derive(Clone, Debug)]
pub struct Role {
    pub arn: String,
    /// `AROA...`
    pub id: String,
    /// The identity policies: who may mint what.
    pub policies: Vec<Policy>,
    /// `aws:PrincipalTag/..`
    pub tags: BTreeMap<String, String>,
    /// Who takes it with a token of another issuer. `None`: nobody.
    pub trust: Option<RoleTrust>,
    /// How long a session of it may last.
    pub max_session: Duration,
}

impl Role {
    /// What IAM gives a role unless it is told otherwise.
    pub const MAX_SESSION: Duration = Duration::from_secs(3600);
}

/// A signed-in session of a role.
#[derive(Clone)]
pub struct AccessKey {
    pub secret: String,
    pub session_token: Option<String>,
    pub role: String,
    pub session_name: String,
    pub expires_at: Option<SystemTime>,
    /// Set for a Lambda function's own session.
    pub function_arn: Option<String>,
    /// Set for an instance profile's session.
    pub instance_arn: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Entra {
    pub tenant_id: String,
    /// By client id.
    pub applications: BTreeMap<String, Application>,
    /// The `expires_in` of the access tokens.
    pub token_lifetime: Duration,
}

/// A managed identity or an app registration.
#[derive(Clone, Debug, Default)]
pub struct Application {
    /// Its display name.
    pub name: String,
    /// The object id that roles are assigned to.
    pub object_id: String,
    pub federated_credentials: Vec<FederatedCredential>,
    pub client_secrets: Vec<ClientSecret>,
    pub client_certificates: Vec<ClientCertificate>,
    /// What tokens for it are asked for by, besides its client id.
    pub app_id_uri: Option<String>,
    /// Of the tokens for it: 1 or 2.
    pub token_version: u8,
    /// Until then the credentials are unknown to some of Entra's front ends: `AADSTS70021`.
    pub spreading_until: Option<SystemTime>,
    /// Set: every sign-in is answered with this code, e.g. 53003 for Conditional Access.
    pub blocked_by: Option<u32>,
}

#[derive(Clone)]
pub struct ClientSecret {
    pub value: String,
    pub expires_at: Option<SystemTime>,
}

/// A certificate that was uploaded to an application: its thumbprints, in base64url, and its public key.
#[derive(Clone)]
pub struct ClientCertificate {
    pub sha1: String,
    pub sha256: String,
    pub key: RsaPublic,
}

#[derive(Clone, Debug)]
pub struct Azure {
    /// By storage account name.
    pub accounts: BTreeMap<String, StorageAccount>,
    /// By name.
    pub vaults: BTreeMap<String, Vault>,
}

#[derive(Clone, Debug, Default)]
pub struct StorageAccount {
    /// By container name.
    pub containers: BTreeMap<String, Container>,
    /// A firewall that lets nobody in: 403 `AuthorizationFailure`.
    pub firewalled: bool,
    /// Hierarchical namespace: listings put `/` first.
    pub hierarchical_namespace: bool,
}

#[derive(Clone, Debug)]
pub struct Container {
    /// The plain folder whose files are the blobs.
    pub folder: PathBuf,
    /// Object ids with Storage Blob Data Reader on it.
    pub readers: BTreeSet<String>,
}

/// What of Google Cloud there is; empty without `[google]` in the configuration.
#[derive(Clone, Debug, Default)]
pub struct Google {
    /// By the pool's full name, `projects/NUMBER/locations/global/workloadIdentityPools/POOL`.
    pub pools: BTreeMap<String, Pool>,
    /// By e-mail address.
    pub service_accounts: BTreeMap<String, ServiceAccount>,
    /// By name.
    pub buckets: BTreeMap<String, Bucket>,
    /// By project, as URLs name it, then by name.
    pub secrets: BTreeMap<String, BTreeMap<String, ProjectSecret>>,
    /// The `expires_in` of the security token service's tokens.
    pub token_lifetime: Duration,
}

#[derive(Clone, Debug, Default)]
pub struct Pool {
    pub disabled: bool,
    /// By provider id.
    pub providers: BTreeMap<String, Provider>,
}

#[derive(Clone, Debug)]
pub struct Provider {
    pub disabled: bool,
    pub trust: carnet_trust::google::Provider,
}

#[derive(Clone, Debug, Default)]
pub struct ServiceAccount {
    /// Its numeric id.
    pub unique_id: String,
    pub disabled: bool,
    /// Members that may act as it: `iam.serviceAccounts.getAccessToken`.
    pub users: BTreeSet<String>,
}

#[derive(Clone, Debug)]
pub struct Bucket {
    /// The plain folder whose files are the objects.
    pub folder: PathBuf,
    /// Members with Storage Object Viewer on it.
    pub readers: BTreeSet<String>,
    /// Without uniform bucket-level access federated identities are not known to it: only service
    /// accounts are let in.
    pub uniform_access: bool,
}

impl std::fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientSecret").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientCertificate").field("sha256", &self.sha256).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey")
            .field("role", &self.role)
            .field("session_name", &self.session_name)
            .finish_non_exhaustive()
    }
}

impl World {
    /// The account's issuer moves to another URL, and with it every federated credential and every
    /// provider that names it. Those that name another, rightly or wrongly, are left alone.
    pub fn move_issuer(&mut self, to: &str) {
        let applications = self.entra.applications.values_mut();
        for credential in applications.flat_map(|application| &mut application.federated_credentials) {
            if credential.issuer == self.aws.issuer {
                credential.issuer = to.to_owned();
            }
        }
        let providers = self.google.pools.values_mut().flat_map(|pool| pool.providers.values_mut());
        for provider in providers {
            match &mut provider.trust.kind {
                ProviderKind::Oidc { issuer, .. } if *issuer == self.aws.issuer => *issuer = to.to_owned(),
                _ => {}
            }
        }
        self.aws.issuer = to.to_owned();
    }

    /// The application an identity of the configuration became, by client id.
    pub fn application_mut(&mut self, client_id: &str) -> Option<&mut Application> {
        self.entra.applications.get_mut(client_id)
    }
}
