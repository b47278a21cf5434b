//! What a workload finds where it runs, and proves with who it is.
//!
//! | module | where it runs | what it finds |
//! |---|---|---|
//! | [`azure_vm`] | a virtual machine at Azure | the instance metadata service |
//! | [`app_service`] | App Service and Functions | `IDENTITY_ENDPOINT` |
//! | `managed_identity` | both | which identity is meant, and its token |
//! | [`google_metadata`] | an instance at Google | the metadata server |
//! | [`github`] | a job of GitHub Actions | the URL it asks for its token |
//! | [`cognito`] | anywhere at AWS | Cognito's identity pools |
//! | [`token_files`] | a pod of EKS, AKS or GKE | a token in a file, written anew in time |
//! | [`certificate`] | anywhere | an app registration's certificate and key |
//! | [`variables`] | each of them | its environment |
//! | `state` | | what of it stands in the state file |
//!
//! Who each workload is stands in [`crate::world::workloads`]. Metadata services speak plain HTTP, as in
//! life; GitHub and Cognito speak TLS.

pub mod app_service;
pub mod azure_vm;
pub mod certificate;
pub mod cognito;
pub mod github;
pub mod google_metadata;
mod managed_identity;
mod state;
pub mod token_files;
pub mod variables;

pub use state::{AppService, AzureApp, AzureVm, Cognito, GitHub, GoogleVm, WorkloadsState};
pub use variables::{Missing, To, Workload, variables};

/// Base URLs, without a slash at the end.
#[derive(Clone, Debug, Default)]
pub struct Endpoints {
    pub azure_vm: String,
    pub app_service: String,
    pub google_metadata: String,
    pub github: String,
    pub cognito: String,
}
