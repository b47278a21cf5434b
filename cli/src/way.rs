//! The way from this process's AWS role to Azure, built from the environment.

use crate::location::Location;
use carnet_federation::adapter::azure::AzureCredential;
use carnet_federation::config::{AzureSettings, Env, Faults};
use carnet_federation::exchange::Entra;
use carnet_federation::http::Http;
use carnet_federation::mint::{AwsSession, Outbound};
use carnet_federation::{Credential, Error, Hop, Kind, Result};
use carnet_objects::ObjectSource;
use carnet_objects::azure::{AzureBlobs, AzureLocation};
use std::sync::Arc;

/// The settings of the Azure side; every fault of them in one error.
pub fn azure_settings(env: &Env) -> Result<AzureSettings> {
    let mut faults = Faults::default();
    let settings = AzureSettings::read(env, &mut faults);
    faults.into_result()?;
    settings.ok_or_else(|| Error::new(Hop::Config, Kind::NotConfigured, "environment", "cannot be read"))
}

/// Mints with the AWS credentials of the normal chain.
pub async fn mint(http: &Http) -> Result<Outbound> {
    Outbound::new(AwsSession::load(http).await?, http.clone())
}

/// A container that can be read.
pub async fn container(env: &Env, location: &Location) -> Result<Arc<dyn ObjectSource>> {
    let settings = azure_settings(env)?;
    let place = AzureLocation::new(&settings.blob_endpoint, &location.account, &location.container).map_err(
        |fault| Error::new(Hop::Config, Kind::NotConfigured, "CARNET_AZURE_BLOB_ENDPOINT", fault.to_string()),
    )?;
    let http = Http::from_env(env)?;
    let entra = Entra::new(http.clone(), &settings)?;
    let credential = AzureCredential::new(Credential::new(Arc::new(mint(&http).await?), entra));
    Ok(Arc::new(AzureBlobs::new(&http, credential, &place)?))
}
