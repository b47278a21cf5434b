//! The model of `[roles]`: who may come into AWS, and what for.

use std::collections::BTreeMap;
use std::fmt;

/// A role that is taken with a token of another issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundRole {
    pub from: Source,
    /// What it reads in S3. Never empty.
    pub reads: Vec<S3Prefix>,
    /// The ARN of the policy that bounds it.
    pub permissions_boundary: Option<String>,
    pub tags: BTreeMap<String, String>,
    /// 3600 to 43200: a role's maximum. What a session asks for may be as short as 900.
    pub max_session_seconds: u32,
}

impl InboundRole {
    /// IAM's own default, which is its least too.
    pub const MAX_SESSION_SECONDS: u32 = 3600;
}

/// Whose tokens, and which of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A managed identity or app registration of a tenant.
    Azure {
        tenant_id: String,
        /// Of the app registration that the token is asked for.
        app_id_uri: String,
        /// The object id of the identity.
        subject: String,
    },
    /// A service account.
    Google {
        /// Its numeric id.
        unique_id: String,
        audience: String,
    },
    /// A workflow of GitHub Actions.
    Github {
        organization: String,
        repository: String,
        /// Their ids, where the subjects have them.
        ids: Option<(String, String)>,
        job: Job,
        audience: String,
    },
    /// A run of HCP Terraform.
    Terraform {
        organization: String,
        project: String,
        workspace: String,
        /// `None`: both of them.
        run_phase: Option<String>,
        audience: String,
    },
    /// An identity pool of Cognito's.
    Cognito {
        identity_pool: String,
        authenticated: bool,
    },
    /// Login with Amazon.
    Amazon {
        app_id: String,
        user_id: Option<String>,
    },
    Facebook {
        app_id: String,
        user_id: Option<String>,
    },
    /// Anyone else: EKS, AKS, GKE, GitLab, a company's own.
    Oidc {
        issuer: String,
        audience: String,
        subject: String,
    },
}

/// What of a repository: the two things GitHub's subjects tell apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// `refs/heads/main`
    Ref(String),
    Environment(String),
}

/// `s3://bucket/prefix`. The prefix has no slash at its ends; empty is the whole bucket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct S3Prefix {
    pub bucket: String,
    pub prefix: String,
}

impl fmt::Display for S3Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}
