//! `carnet.toml` as documents that a person reads and a tool applies. No I/O: texts only.
//!
//! | module | what it writes |
//! |---|---|
//! | [`plan`] | what there is to grant, over all stages; as JSON it is `trust.json` |
//! | [`terraform`] | `versions.tf`, `variables.tf`, `aws.tf`, `azure.tf`, `google.tf`, `roles.tf` |
//! | [`cloudformation`] | `roles.yaml`: the roles into AWS as a template |
//! | [`commands`] | `commands/<cloud>-grant.sh` and `-revoke.sh` |
//! | [`parameters`] | `parameters/<stage>.yaml`: what `template.yaml` is told |
//!
//! The same configuration gives the same bytes. What is not known before it is created (client ids,
//! the issuer) is a reference of Terraform's or a variable of the shell's.

pub mod cloudformation;
pub mod commands;
pub mod parameters;
pub mod plan;
pub mod terraform;

pub use plan::Plan;

use crate::config::Config;
use std::borrow::Cow;
use std::fmt;

/// What every document begins with, behind a `#`: how to tell one of ours.
pub const MARK: &str = "Written by `carnet trust render` from carnet.toml. Change that, and render again.";

/// Microsoft, "Azure built-in roles": what lists and reads blobs, and nothing else.
pub const STORAGE_READER: &str = "Storage Blob Data Reader";
/// Google, "IAM roles for Cloud Storage": what lists and reads objects.
pub const OBJECT_READER: &str = "roles/storage.objectViewer";
/// Microsoft, "Azure built-in roles": what reads secrets and what is known of them.
pub const SECRET_READER: &str = "Key Vault Secrets User";
/// Google, "Access control with IAM" (Secret Manager): the first reads values, the second shows which version
/// is current.
pub const SECRET_ROLES: [&str; 2] = ["roles/secretmanager.secretAccessor", "roles/secretmanager.viewer"];
/// Google, "Service account impersonation" of federated identities.
pub const ACT_AS: &str = "roles/iam.workloadIdentityUser";

/// The inline policy of an instance's role, whoever makes it.
const MINT_POLICY: &str = "mint-proofs";
/// The inline policy of a role into AWS.
const READ_POLICY: &str = "read-objects";

/// For a comment: where a role is, if there are stages.
fn in_stage(stage: Option<&str>, region: &str) -> String {
    stage.map(|stage| format!(", stage {stage}, {region}")).unwrap_or_default()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Terraform,
    Commands,
    Json,
    /// Of the roles into AWS.
    CloudFormation,
    /// Of the SAM template.
    Parameters,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Below the folder, e.g. `commands/aws-grant.sh`.
    pub path: Cow<'static, str>,
    pub text: String,
    /// Whether it is to be run.
    pub executable: bool,
}

/// A document that would not read back as what was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwritable {
    pub path: &'static str,
    pub problem: String,
}

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be written: {}", self.path, self.problem)
    }
}

impl std::error::Error for Unwritable {}

/// Every document of that kind, in the order of reading.
pub fn render(config: &Config, kind: Kind) -> Result<Vec<Document>, Unwritable> {
    match kind {
        Kind::Terraform => terraform::documents(&Plan::of(config)),
        Kind::Commands => Ok(commands::documents(&Plan::of(config))),
        Kind::Json => Plan::of(config).document().map(|document| vec![document]),
        Kind::CloudFormation => Ok(cloudformation::document(config)?.into_iter().collect()),
        Kind::Parameters => Ok(parameters::documents(config)),
    }
}
