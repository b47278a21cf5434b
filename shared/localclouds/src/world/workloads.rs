//! Who runs where, and what it is known as there: what a workload's proofs will say.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Clone, Debug, Default)]
pub struct Workloads {
    /// A virtual machine at Azure.
    pub azure_vm: AzureHost,
    /// A web app or function of App Service.
    pub app_service: AppService,
    /// The app registration that signs in with a secret or certificate of its own: its client id.
    pub azure_app: Option<String>,
    /// The App ID URI that Azure's workloads ask tokens for when they go to another cloud.
    pub app_id_uri: Option<String>,
    /// An instance at Google.
    pub google_vm: GoogleVm,
    /// A job of GitHub Actions.
    pub github: GitHubJob,
    /// Kubernetes clusters, each with a pod: `eks`, `aks`, `gke`.
    pub clusters: BTreeMap<String, Cluster>,
    /// Cognito identity pools, by id.
    pub identity_pools: BTreeMap<String, IdentityPool>,
    /// Whom the workload signs in as there.
    pub developer: Developer,
}

/// The managed identities of one resource.
#[derive(Clone, Debug, Default)]
pub struct AzureHost {
    /// Its id in Azure Resource Manager.
    pub resource_id: String,
    /// The client id (of `entra.applications`) of its own identity.
    pub system_assigned: Option<String>,
    /// By the identity's id in Azure Resource Manager: its client id.
    pub user_assigned: BTreeMap<String, String>,
}

#[derive(Clone, Default)]
pub struct AppService {
    pub host: AzureHost,
    /// As `IDENTITY_HEADER`.
    pub identity_header: String,
}

#[derive(Clone, Debug, Default)]
pub struct GoogleVm {
    /// Its service account's e-mail address, of `google.service_accounts`.
    pub service_account: Option<String>,
    pub project_id: String,
    pub project_number: u64,
    pub zone: String,
    pub instance_id: String,
    pub instance_name: String,
    /// Seconds since the epoch.
    pub created: i64,
}

#[derive(Clone, Default)]
pub struct GitHubJob {
    /// As `ACTIONS_ID_TOKEN_REQUEST_TOKEN`. Empty: the job has no `id-token: write`.
    pub request_token: String,
    /// `OWNER/NAME`
    pub repository: String,
    /// `refs/heads/main`
    pub reference: String,
    pub environment: Option<String>,
    /// `push`, `pull_request`, ...
    pub event: String,
    /// Further claims, and others in place of those that follow from the rest.
    pub claims: Map<String, Value>,
}

impl GitHubJob {
    /// "Example subject claims" (OpenID Connect reference).
    pub fn subject(&self) -> String {
        let repository = &self.repository;
        match &self.environment {
            Some(environment) => format!("repo:{repository}:environment:{environment}"),
            None if self.event == "pull_request" => format!("repo:{repository}:pull_request"),
            None => format!("repo:{repository}:ref:{}", self.reference),
        }
    }

    /// The audience of a token that is asked for without one.
    pub fn owner_url(&self) -> String {
        format!("https://github.com/{}", self.owner())
    }

    fn owner(&self) -> &str {
        self.repository.split('/').next().unwrap_or_default()
    }

    /// All but issuer, audience and times.
    pub fn claims(&self) -> Map<String, Value> {
        let workflow = format!("{}/.github/workflows/deploy.yml@{}", self.repository, self.reference);
        let kind = if self.reference.starts_with("refs/tags/") { "tag" } else { "branch" };
        let mut claims = json!({
            "sub": self.subject(),
            "actor": "octocat", "actor_id": "583231",
            "base_ref": "", "head_ref": "",
            "event_name": self.event,
            "job_workflow_ref": workflow, "job_workflow_sha": "0123456789abcdef0123456789abcdef01234567",
            "ref": self.reference, "ref_protected": "true", "ref_type": kind,
            "repository": self.repository, "repository_id": "74", "repository_visibility": "private",
            "repository_owner": self.owner(), "repository_owner_id": "65",
            "run_attempt": "1", "run_id": "30433642", "run_number": "10",
            "runner_environment": "github-hosted",
            "sha": "0123456789abcdef0123456789abcdef01234567",
            "workflow": "deploy", "workflow_ref": workflow,
            "workflow_sha": "0123456789abcdef0123456789abcdef01234567",
        });
        let Some(map) = claims.as_object_mut() else { return Map::new() };
        if let Some(environment) = &self.environment {
            map.insert("environment".to_owned(), environment.as_str().into());
        }
        map.extend(self.claims.clone());
        std::mem::take(map)
    }
}

/// A cluster whose pods are given tokens in files, and one of its pods.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// As the tokens have it, with or without a slash at the end.
    pub issuer: String,
    pub namespace: String,
    pub service_account: String,
    pub pod: String,
    /// How long a token lives.
    pub lifetime: Duration,
    /// Whether the file ends with a line break.
    pub line_break: bool,
    /// A file for each audience, by the name that its variable or path will be known by.
    pub audiences: BTreeMap<String, String>,
}

impl Cluster {
    pub fn subject(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.service_account)
    }
}

#[derive(Clone, Debug, Default)]
pub struct IdentityPool {
    /// Whether those without a login are given an identity.
    pub allows_unauthenticated: bool,
    /// The domain of logins that a developer's own backend vouches for.
    pub developer_provider: Option<String>,
    /// By identity id.
    pub identities: BTreeMap<String, PoolIdentity>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoolIdentity {
    /// Provider to user. Empty for one that nobody vouched for.
    pub logins: BTreeMap<String, String>,
}

/// A login that the developer's backend vouches for.
#[derive(Clone, Debug, Default)]
pub struct Developer {
    pub identity_pool_id: String,
    pub identity_id: String,
    pub provider: String,
    pub user: String,
}

impl std::fmt::Debug for AppService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppService").field("host", &self.host).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for GitHubJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GitHubJob").field("subject", &self.subject()).finish_non_exhaustive()
    }
}
