//! What exists in the stand-ins' clouds. Plain data behind one lock: a test changes one letter of
//! a trust here and watches the call be refused.

use carnet_trust::aws::Policy;
use carnet_trust::entra::FederatedCredential;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

#[derive(Clone, Debug)]
pub struct World {
    pub aws: Aws,
    pub entra: Entra,
    pub azure: Azure,
}

#[derive(Clone, Debug)]
pub struct Aws {
    pub account: String,
    pub region: String,
    pub org_id: Option<String>,
    /// Whether `iam:EnableOutboundWebIdentityFederation` was called.
    pub outbound_federation: bool,
    /// By role name.
    pub roles: BTreeMap<String, Role>,
    /// By access key id.
    pub access_keys: BTreeMap<String, AccessKey>,
}

#[derive(Clone, Debug)]
pub struct Role {
    pub arn: String,
    /// The identity policies: who may mint what.
    pub policies: Vec<Policy>,
    /// `aws:PrincipalTag/..`
    pub tags: BTreeMap<String, String>,
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
#[derive(Clone, Debug)]
pub struct Application {
    /// The object id that roles are assigned to.
    pub object_id: String,
    pub federated_credentials: Vec<FederatedCredential>,
    /// Until then the credentials are unknown to some of Entra's front ends: `AADSTS70021`.
    pub spreading_until: Option<SystemTime>,
    /// Set: every sign-in is answered with this code (e.g. 53003 for Conditional Access).
    pub blocked_by: Option<u32>,
}

#[derive(Clone, Debug)]
pub struct Azure {
    /// By storage account name.
    pub accounts: BTreeMap<String, StorageAccount>,
}

#[derive(Clone, Debug)]
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

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey").field("role", &self.role).field("session_name", &self.session_name).finish_non_exhaustive()
    }
}
