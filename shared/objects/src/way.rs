//! The ways to a place, built from the environment: its settings, the mint that it names, the exchange, the
//! client. For programs that are told a place's URL. An AWS session is loaded only where one is needed: for
//! proofs that AWS makes, and for buckets of S3.

use crate::azure::{self, AzureBlobs, AzureLocation};
use crate::google::{self, CloudStorage};
use crate::list::list_page;
use crate::s3::{S3Bucket, S3Settings};
use crate::{Error, Hop, Kind, ListRequest, ObjectSource, PlaceUrl, Result, Rooted};
use carnet_federation::adapter::azure::AzureCredential;
use carnet_federation::adapter::google::GoogleCredential;
use carnet_federation::config::{self, AzureSettings, Env, Faults, GoogleSettings};
use carnet_federation::doctor::{self, Report};
use carnet_federation::exchange::{Entra, Google};
use carnet_federation::http::Http;
use carnet_federation::mint::{AwsSession, Mints, SecretStore};
use carnet_federation::{Credential, Proof, Scope};
use std::sync::Arc;

/// A place's objects, and the way to them.
pub struct Way {
    /// Below the place's prefix, which is no part of their names.
    pub objects: Arc<dyn ObjectSource>,
    hops: Hops,
}

enum Hops {
    Azure(Arc<AzureCredential>),
    Google(Arc<GoogleCredential>, CloudStorage),
}

/// Buckets of S3, on one session.
pub struct Buckets {
    http: Http,
    session: AwsSession,
    settings: S3Settings,
}

/// A place of another cloud, and buckets.
pub struct Ends {
    pub from: Way,
    pub buckets: Buckets,
}

/// The way to a place.
pub async fn way(env: &Env, place: &PlaceUrl) -> Result<Way> {
    way_by(env, place, |mints| mints).await
}

/// The same, for a caller that reads the mint's client secret where it is stored.
pub async fn way_with_secrets(env: &Env, place: &PlaceUrl, secrets: Arc<dyn SecretStore>) -> Result<Way> {
    way_by(env, place, |mints| mints.with_secrets(secrets)).await
}

async fn way_by(env: &Env, place: &PlaceUrl, change: impl FnOnce(Mints) -> Mints) -> Result<Way> {
    let (settings, mints) = config::gather(|faults| {
        // Both are read before either is missed.
        let settings = Settings::read(env, place, faults);
        let mints = Mints::read(env, faults);
        Some((settings?, mints?))
    })?;
    let http = Http::from_env(env)?;
    settings.open(&http, &change(mints)).await
}

/// Both ends of a copy; every fault of their settings in one error. Where both need an AWS session, it is one.
pub async fn ends(env: &Env, from: &PlaceUrl) -> Result<Ends> {
    ends_by(env, from, |mints| mints).await
}

/// The same, for a caller that reads the mint's client secret where it is stored.
pub async fn ends_with_secrets(env: &Env, from: &PlaceUrl, secrets: Arc<dyn SecretStore>) -> Result<Ends> {
    ends_by(env, from, |mints| mints.with_secrets(secrets)).await
}

async fn ends_by(env: &Env, from: &PlaceUrl, change: impl FnOnce(Mints) -> Mints) -> Result<Ends> {
    let (from, settings, mints) = config::gather(|faults| {
        let from = Settings::read(env, from, faults);
        let buckets = S3Settings::read(env, faults);
        let mints = Mints::read_with_aws(env, faults);
        Some((from?, buckets?, mints?))
    })?;
    let mints = change(mints);
    let buckets = Buckets::new(env, settings, &mints).await?;
    let from = from.open(&buckets.http, &mints).await?;
    Ok(Ends { from, buckets })
}

/// Buckets of S3.
pub async fn buckets(env: &Env) -> Result<Buckets> {
    buckets_by(env, |mints| mints).await
}

/// The same, for a caller that reads the mint's client secret where it is stored.
pub async fn buckets_with_secrets(env: &Env, secrets: Arc<dyn SecretStore>) -> Result<Buckets> {
    buckets_by(env, |mints| mints.with_secrets(secrets)).await
}

async fn buckets_by(env: &Env, change: impl FnOnce(Mints) -> Mints) -> Result<Buckets> {
    let (settings, mints) = config::gather(|faults| {
        let settings = S3Settings::read(env, faults);
        let mints = Mints::read_with_aws(env, faults);
        Some((settings?, mints?))
    })?;
    Buckets::new(env, settings, &change(mints)).await
}

impl Way {
    /// The credential that reads there has a token, or the error why there is none.
    pub async fn warm_up(&self) -> Result<()> {
        match &self.hops {
            Hops::Azure(credential) => {
                credential.credential().token(&Scope::new(azure::SCOPE)).await.map(drop)
            }
            Hops::Google(credential, storage) => {
                // Roots are parsed while the token is on its way.
                let token = credential.credential().token(credential.scope());
                let (token, prepared) = tokio::join!(token, storage.prepare());
                prepared?;
                token.map(drop)
            }
        }
    }

    /// Walks every hop, then looks into the place.
    pub async fn doctor(&self) -> Report {
        let mut report = match &self.hops {
            Hops::Azure(credential) => {
                doctor::azure(credential.credential().clone(), Scope::new(azure::SCOPE)).await
            }
            Hops::Google(credential, _) => {
                doctor::google(credential.credential().clone(), credential.scope().clone()).await
            }
        };
        let first = ListRequest { page_size: Some(1), ..ListRequest::default() };
        let look = list_page(&*self.objects, &first);
        let found = |page: &crate::Page| serde_json::json!({ "has_objects": !page.objects.is_empty() });
        report.step("list", self.objects.target(), look, found).await;
        report
    }
}

impl Buckets {
    async fn new(env: &Env, settings: S3Settings, mints: &Mints) -> Result<Self> {
        let http = Http::from_env(env)?;
        let session = mints.session(&http).await?;
        Ok(Self { http, session, settings })
    }

    /// The AWS session that they are on, for other services.
    pub fn session(&self) -> &AwsSession {
        &self.session
    }

    pub fn bucket(&self, name: &str) -> Result<Arc<S3Bucket>> {
        S3Bucket::new(&self.http, &self.session, &self.settings, name).map(Arc::new)
    }
}

/// What the environment says of the cloud that is read.
enum Settings<'p> {
    Azure { account: &'p str, container: &'p str, prefix: &'p str, settings: AzureSettings },
    Google { bucket: &'p str, prefix: &'p str, settings: GoogleSettings },
    None(&'p PlaceUrl),
}

impl<'p> Settings<'p> {
    fn read(env: &Env, place: &'p PlaceUrl, faults: &mut Faults) -> Option<Self> {
        Some(match place {
            PlaceUrl::Azure { account, container, prefix } => {
                let settings = AzureSettings::read(env, faults)?;
                Self::Azure { account, container, prefix, settings }
            }
            PlaceUrl::Google { bucket, prefix } => {
                let settings = GoogleSettings::read(env, faults)?;
                Self::Google { bucket, prefix, settings }
            }
            other => Self::None(other),
        })
    }

    async fn open(self, http: &Http, mints: &Mints) -> Result<Way> {
        match self {
            Self::Azure { account, container, prefix, settings } => {
                let place = AzureLocation::new(&settings.blob_endpoint, account, container)
                    .map_err(|fault| not_configured("CARNET_AZURE_BLOB_ENDPOINT", fault))?;
                let mint = mints.open(http, Proof::Jwt).await?;
                let entra = Entra::new(http.clone(), &settings)?;
                let credential = AzureCredential::new(Credential::new(mint, entra));
                let blobs = AzureBlobs::new(http, credential.clone(), &place)?;
                Ok(Way::new(blobs, prefix, Hops::Azure(credential)))
            }
            Self::Google { bucket, prefix, settings } => {
                let mint = mints.open(http, settings.proof).await?;
                let exchange = Google::new(http.clone(), &settings)?;
                let credential =
                    GoogleCredential::new(Credential::new(mint, exchange), Scope::new(google::SCOPE));
                let storage = CloudStorage::new(http, credential.clone(), &settings.storage_endpoint)?;
                Ok(Way::new(storage.bucket(bucket)?, prefix, Hops::Google(credential, storage)))
            }
            Self::None(other) => Err(not_configured(&other.to_string(), "is no place to read")),
        }
    }
}

impl Way {
    fn new(store: impl ObjectSource + 'static, prefix: &str, hops: Hops) -> Self {
        Self { objects: Arc::new(Rooted::new(Arc::new(store), prefix)), hops }
    }
}

fn not_configured(what: &str, why: impl std::fmt::Display) -> Error {
    Error::new(Hop::Config, Kind::NotConfigured, what, why.to_string())
}
