//! The ways from this process's AWS role to the other clouds, and to S3, built from the environment.

use crate::location::Location;
use carnet_federation::config::{self, AzureSettings, Env, GoogleSettings};
use carnet_federation::http::Http;
use carnet_federation::mint::{self, AwsSession};
use carnet_federation::{Mint, Proof, Result};
use carnet_objects::{ObjectSource, way};
use std::sync::Arc;

/// The settings of the Azure side; every fault of them in one error.
pub fn azure_settings(env: &Env) -> Result<AzureSettings> {
    config::gather(|faults| AzureSettings::read(env, faults))
}

/// The settings of the Google side; every fault of them in one error.
pub fn google_settings(env: &Env) -> Result<GoogleSettings> {
    config::gather(|faults| GoogleSettings::read(env, faults))
}

/// Mints with the AWS credentials of the normal chain.
pub async fn mint(http: &Http, proof: Proof) -> Result<Arc<dyn Mint>> {
    mint::from_aws(proof, AwsSession::load(http).await?, http.clone())
}

/// A container or bucket that can be read.
pub async fn store(env: &Env, location: &Location) -> Result<Arc<dyn ObjectSource>> {
    Ok(way::way(env, &location.store).await?.objects)
}
