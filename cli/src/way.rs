//! The ways from this process's AWS role to the other clouds, built from the environment.

use crate::location::Location;
use carnet_federation::adapter::azure::AzureCredential;
use carnet_federation::adapter::google::GoogleCredential;
use carnet_federation::config::{self, AzureSettings, Env, GoogleSettings};
use carnet_federation::exchange::{Entra, Google};
use carnet_federation::http::Http;
use carnet_federation::mint::{self, AwsSession};
use carnet_federation::{Credential, Error, Hop, Kind, Mint, Proof, Result, Scope};
use carnet_objects::azure::{AzureBlobs, AzureLocation};
use carnet_objects::google::{CloudStorage, SCOPE};
use carnet_objects::{ObjectSource, PlaceUrl};
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
    match &location.store {
        PlaceUrl::Azure { account, container, .. } => azure(env, account, container).await,
        PlaceUrl::Google { bucket, .. } => google(env, bucket).await,
        other => Err(Error::new(Hop::Config, Kind::NotConfigured, other.to_string(), "is no place to read")),
    }
}

async fn azure(env: &Env, account: &str, container: &str) -> Result<Arc<dyn ObjectSource>> {
    let settings = azure_settings(env)?;
    let place = AzureLocation::new(&settings.blob_endpoint, account, container).map_err(|fault| {
        Error::new(Hop::Config, Kind::NotConfigured, "CARNET_AZURE_BLOB_ENDPOINT", fault.to_string())
    })?;
    let http = Http::from_env(env)?;
    let mint = mint(&http, Proof::Jwt).await?;
    let credential = AzureCredential::new(Credential::new(mint, Entra::new(http.clone(), &settings)?));
    Ok(Arc::new(AzureBlobs::new(&http, credential, &place)?))
}

async fn google(env: &Env, bucket: &str) -> Result<Arc<dyn ObjectSource>> {
    let settings = google_settings(env)?;
    let http = Http::from_env(env)?;
    let mint = mint(&http, settings.proof).await?;
    let exchange = Google::new(http.clone(), &settings)?;
    let credential = GoogleCredential::new(Credential::new(mint, exchange), Scope::new(SCOPE));
    Ok(Arc::new(CloudStorage::new(&http, credential, &settings.storage_endpoint)?.bucket(bucket)?))
}
