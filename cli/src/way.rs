//! The ways from this process's AWS role to the other clouds, and to S3, built from the environment.

use crate::location::Location;
use carnet_federation::adapter::azure::AzureCredential;
use carnet_federation::adapter::google::GoogleCredential;
use carnet_federation::config::{self, AzureSettings, Env, Faults, GoogleSettings};
use carnet_federation::exchange::{Entra, Google};
use carnet_federation::http::Http;
use carnet_federation::mint::{self, AwsSession};
use carnet_federation::{Credential, Error, Hop, Kind, Mint, Proof, Result, Scope};
use carnet_objects::azure::{AzureBlobs, AzureLocation};
use carnet_objects::google::{CloudStorage, SCOPE};
use carnet_objects::s3::{S3Bucket, S3Settings};
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
    let settings = config::gather(|faults| SourceSettings::read(env, &location.store, faults))?;
    let http = Http::from_env(env)?;
    let session = AwsSession::load(&http).await?;
    source(&http, session, &location.store, settings)
}

/// Both ends of a sync, on one AWS session; every fault of their settings in one error.
pub async fn ends(env: &Env, from: &PlaceUrl) -> Result<Ends> {
    let (from_settings, settings) = config::gather(|faults| {
        let from = SourceSettings::read(env, from, faults);
        let buckets = S3Settings::read(env, faults);
        Some((from?, buckets?))
    })?;
    let buckets = Buckets::new(env, settings).await?;
    let source = source(&buckets.http, buckets.session.clone(), from, from_settings)?;
    Ok(Ends { source, buckets })
}

/// Buckets of S3.
pub async fn buckets(env: &Env) -> Result<Buckets> {
    Buckets::new(env, config::gather(|faults| S3Settings::read(env, faults))?).await
}

pub struct Ends {
    /// The whole container or bucket.
    pub source: Arc<dyn ObjectSource>,
    pub buckets: Buckets,
}

pub struct Buckets {
    http: Http,
    session: AwsSession,
    settings: S3Settings,
}

impl Buckets {
    async fn new(env: &Env, settings: S3Settings) -> Result<Self> {
        let http = Http::from_env(env)?;
        let session = AwsSession::load(&http).await?;
        Ok(Self { http, session, settings })
    }

    pub fn bucket(&self, name: &str) -> Result<Arc<S3Bucket>> {
        S3Bucket::new(&self.http, &self.session, &self.settings, name).map(Arc::new)
    }
}

/// What the environment says of the cloud that is read.
enum SourceSettings {
    Azure(AzureSettings),
    Google(GoogleSettings),
    None,
}

impl SourceSettings {
    fn read(env: &Env, store: &PlaceUrl, faults: &mut Faults) -> Option<Self> {
        match store {
            PlaceUrl::Azure { .. } => AzureSettings::read(env, faults).map(Self::Azure),
            PlaceUrl::Google { .. } => GoogleSettings::read(env, faults).map(Self::Google),
            _ => Some(Self::None),
        }
    }
}

fn source(
    http: &Http,
    session: AwsSession,
    store: &PlaceUrl,
    settings: SourceSettings,
) -> Result<Arc<dyn ObjectSource>> {
    match (store, settings) {
        (PlaceUrl::Azure { account, container, .. }, SourceSettings::Azure(settings)) => {
            azure(http, session, &settings, account, container)
        }
        (PlaceUrl::Google { bucket, .. }, SourceSettings::Google(settings)) => {
            google(http, session, &settings, bucket)
        }
        (other, _) => {
            Err(Error::new(Hop::Config, Kind::NotConfigured, other.to_string(), "is no place to read"))
        }
    }
}

fn azure(
    http: &Http,
    session: AwsSession,
    settings: &AzureSettings,
    account: &str,
    container: &str,
) -> Result<Arc<dyn ObjectSource>> {
    let place = AzureLocation::new(&settings.blob_endpoint, account, container).map_err(|fault| {
        Error::new(Hop::Config, Kind::NotConfigured, "CARNET_AZURE_BLOB_ENDPOINT", fault.to_string())
    })?;
    let mint = mint::from_aws(Proof::Jwt, session, http.clone())?;
    let credential = AzureCredential::new(Credential::new(mint, Entra::new(http.clone(), settings)?));
    Ok(Arc::new(AzureBlobs::new(http, credential, &place)?))
}

fn google(
    http: &Http,
    session: AwsSession,
    settings: &GoogleSettings,
    bucket: &str,
) -> Result<Arc<dyn ObjectSource>> {
    let mint = mint::from_aws(settings.proof, session, http.clone())?;
    let exchange = Google::new(http.clone(), settings)?;
    let credential = GoogleCredential::new(Credential::new(mint, exchange), Scope::new(SCOPE));
    Ok(Arc::new(CloudStorage::new(http, credential, &settings.storage_endpoint)?.bucket(bucket)?))
}
