//! The services, opened from the environment: only those that are needed.

use crate::aws::{SecretsManager, deleted, missing};
use crate::azure::{KeyVaultSettings, KeyVaults};
use crate::google::{self, SecretManager};
use crate::secret::{Reading, State, Version};
use crate::source::{SecretSource, attempt};
use crate::url::{Held, InvalidSecretUrl, SecretUrl};
use carnet_federation::adapter::azure::AzureCredential;
use carnet_federation::config::{self, AzureSettings, Env, Faults, GoogleSettings};
use carnet_federation::doctor::{self, Report};
use carnet_federation::exchange::{Entra, Google};
use carnet_federation::http::Http;
use carnet_federation::mint::{self, AwsSession, Mints, SecretStore};
use carnet_federation::{
    BoxFuture, Credential, Error, Hop, Kind, Mint, Proof, Result, Secret, hints, telemetry,
};
use reqwest::Url;
use std::sync::Arc;

/// What the environment says of the services that some URLs need.
pub struct Settings {
    azure: Option<(AzureSettings, KeyVaultSettings)>,
    google: Option<(GoogleSettings, Url)>,
    /// Where another cloud is gone to.
    mints: Option<Mints>,
    aws: bool,
}

/// The services.
pub struct Secrets {
    vaults: Option<KeyVaults>,
    projects: Option<SecretManager>,
    own: Option<SecretsManager>,
}

impl Settings {
    /// Every fault is reported, together.
    pub fn read<'u>(
        env: &Env,
        urls: impl IntoIterator<Item = &'u SecretUrl>,
        faults: &mut Faults,
    ) -> Option<Self> {
        let (mut azure, mut google, mut aws) = (false, false, false);
        for url in urls {
            match url {
                SecretUrl::KeyVault(_) => azure = true,
                SecretUrl::SecretManager(_) => google = true,
                SecretUrl::SecretsManager(_) => aws = true,
            }
        }
        let azure = azure.then(|| {
            let (entra, vaults) = (AzureSettings::read(env, faults), KeyVaultSettings::read(env, faults));
            Some((entra?, vaults?))
        });
        let google = google.then(|| {
            let settings = GoogleSettings::read(env, faults)?;
            let endpoint = google::read_endpoint(env, &settings.universe_domain, faults)?;
            Some((settings, endpoint))
        });
        let mints = (azure.is_some() || google.is_some()).then(|| Mints::read(env, faults));
        // `None` where one is needed and cannot be read.
        let (azure, google) = (transposed(azure), transposed(google));
        Some(Self { azure: azure?, google: google?, mints: transposed(mints)?, aws })
    }

    /// By the mint that the environment names. An AWS session is loaded only where one is needed.
    pub async fn open(mut self, env: &Env) -> Result<Secrets> {
        let http = Http::from_env(env)?;
        let session = match self.aws {
            true => Some(AwsSession::load(&http).await?),
            false => None,
        };
        let by = match (self.mints.take(), session.clone()) {
            (Some(mints), _) => By::Mints(mints),
            (None, Some(session)) => By::Session(session),
            (None, None) => By::Session(AwsSession::load(&http).await?),
        };
        self.open_by(http, by, session).await
    }

    /// By this AWS session, whatever mint the environment names.
    pub async fn open_on(self, env: &Env, session: AwsSession) -> Result<Secrets> {
        self.open_by(Http::from_env(env)?, By::Session(session.clone()), Some(session)).await
    }

    async fn open_by(self, http: Http, by: By, session: Option<AwsSession>) -> Result<Secrets> {
        let vaults = match self.azure {
            Some((entra, settings)) => {
                let mint = by.mint(&http, Proof::Jwt).await?;
                let credential = Credential::new(mint, Entra::new(http.clone(), &entra)?);
                Some(KeyVaults::new(&http, AzureCredential::new(credential), settings))
            }
            None => None,
        };
        let projects = match self.google {
            Some((settings, endpoint)) => {
                let mint = by.mint(&http, settings.proof).await?;
                let credential = Credential::new(mint, Google::new(http.clone(), &settings)?);
                Some(SecretManager::new(&http, credential, endpoint))
            }
            None => None,
        };
        let own =
            session.filter(|_| self.aws).map(|session| SecretsManager::new(&http, &session)).transpose()?;
        Ok(Secrets { vaults, projects, own })
    }
}

/// Where proofs come from.
enum By {
    Mints(Mints),
    Session(AwsSession),
}

impl By {
    async fn mint(&self, http: &Http, proof: Proof) -> Result<Arc<dyn Mint>> {
        match self {
            By::Mints(mints) => mints.open(http, proof).await,
            By::Session(session) => mint::from_aws(proof, session.clone(), http.clone()),
        }
    }
}

/// Where the client secret of an app registration may lie (`CARNET_AZURE_CLIENT_SECRET_FROM`). The mint that
/// waits for it cannot be what reads it: that is this process's AWS session, or, for a vault, the machine's
/// managed identity.
///
/// | variable | meaning |
/// |---|---|
/// | `CARNET_AZURE_CLIENT_SECRET_READER` | `aws` (default), or `azure-identity` |
pub struct StoredSecrets(Env);

impl StoredSecrets {
    pub fn new(env: &Env) -> Self {
        Self(env.clone())
    }

    async fn text(&self, url: &str) -> Result<Secret> {
        let url: SecretUrl = url.parse().map_err(|why: InvalidSecretUrl| {
            Error::new(Hop::Config, Kind::NotConfigured, "the stored secret's URL", why.to_string())
                .with_hint(&hints::CONFIGURATION)
        })?;
        match (self.0.get(READER), &url) {
            (None | Some("aws"), _) => self.by_aws(&url).await,
            (Some(MACHINE), SecretUrl::KeyVault(secret)) => self.by_machine(secret).await,
            (Some(MACHINE), _) => Err(wrong_reader("azure-identity reads keyvault:// only")),
            (Some(_), _) => Err(wrong_reader("is neither aws nor azure-identity")),
        }
    }

    async fn by_aws(&self, url: &SecretUrl) -> Result<Secret> {
        let settings = config::gather(|faults| Settings::read(&self.0, [url], faults))?;
        let session = AwsSession::load(&Http::from_env(&self.0)?).await?;
        let secrets = settings.open_on(&self.0, session).await?;
        secrets.read(url).await?.value.into_text(&secrets.target(url))
    }

    async fn by_machine(&self, secret: &Held) -> Result<Secret> {
        let env = self.0.clone().with("CARNET_MINT", MACHINE);
        let (settings, mints) = config::gather(|faults| {
            let settings = KeyVaultSettings::read(&env, faults);
            let mints = Mints::read(&env, faults);
            Some((settings?, mints?))
        })?;
        let http = Http::from_env(&env)?;
        let mint = mints.open(&http, Proof::Jwt).await?;
        let vaults = KeyVaults::of_machine(&http, mint, settings);
        let reading = attempt(&vaults, secret, || vaults.read(secret)).await?;
        reading.value.into_text(&vaults.target(secret))
    }
}

const READER: &str = "CARNET_AZURE_CLIENT_SECRET_READER";
const MACHINE: &str = "azure-identity";

fn wrong_reader(why: &str) -> Error {
    Error::new(Hop::Config, Kind::NotConfigured, READER, format!("{READER}: {why}"))
        .with_hint(&hints::CONFIGURATION)
}

impl SecretStore for StoredSecrets {
    fn read<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Secret>> {
        Box::pin(self.text(url))
    }
}

fn transposed<T>(wanted: Option<Option<T>>) -> Option<Option<T>> {
    match wanted {
        None => Some(None),
        Some(found) => found.map(Some),
    }
}

impl Secrets {
    /// What one program needs to get at these.
    pub async fn open<'u>(env: &Env, urls: impl IntoIterator<Item = &'u SecretUrl>) -> Result<Self> {
        config::gather(|faults| Settings::read(env, urls, faults))?.open(env).await
    }

    /// The version that a URL names, or the current one, without its value.
    pub async fn describe(&self, url: &SecretUrl) -> Result<Version> {
        telemetry::hop(Hop::Read, &self.target(url), async {
            match self.place(url)? {
                Place::Source(source, secret) => attempt(source, secret, || source.describe(secret)).await,
                Place::Own(own, name) => described(own, name).await,
            }
        })
        .await
    }

    /// The same with its value.
    pub async fn read(&self, url: &SecretUrl) -> Result<Reading> {
        telemetry::hop(Hop::Read, &self.target(url), async {
            match self.place(url)? {
                Place::Source(source, secret) => attempt(source, secret, || source.read(secret)).await,
                Place::Own(own, name) => own.read(name).await,
            }
        })
        .await
    }

    /// Where secrets are written to.
    pub fn own(&self) -> Result<&SecretsManager> {
        self.own.as_ref().ok_or_else(|| not_opened("AWS Secrets Manager"))
    }

    /// The credentials have tokens, or the first error why one has none.
    pub async fn warm_up(&self) -> Result<()> {
        let azure = async {
            match &self.vaults {
                Some(vaults) => vaults.credential().credential().token(&vaults.scope()).await.map(drop),
                None => Ok(()),
            }
        };
        let google = async {
            match &self.projects {
                Some(projects) => projects.credential().token(projects.scope()).await.map(drop),
                None => Ok(()),
            }
        };
        let (azure, google) = tokio::join!(azure, google);
        azure.and(google)
    }

    /// Mint and exchange of each cloud, past the cache. It ends with the first hop that failed.
    pub async fn doctor(&self) -> Report {
        let mut report = Report { ok: true, hops: Vec::new() };
        if let Some(vaults) = &self.vaults {
            let way = doctor::azure(vaults.credential().credential().clone(), vaults.scope()).await;
            report.ok &= way.ok;
            report.hops.extend(way.hops);
        }
        if let Some(projects) = self.projects.as_ref().filter(|_| report.ok) {
            let way = doctor::google(projects.credential().clone(), projects.scope().clone()).await;
            report.ok &= way.ok;
            report.hops.extend(way.hops);
        }
        report
    }

    /// As errors and reports call it.
    pub fn target(&self, url: &SecretUrl) -> String {
        match self.place(url) {
            Ok(Place::Source(source, secret)) => source.target(secret),
            Ok(Place::Own(_, name)) => SecretsManager::target(name),
            Err(_) => url.to_string(),
        }
    }

    fn place<'s>(&'s self, url: &'s SecretUrl) -> Result<Place<'s>> {
        match url {
            SecretUrl::KeyVault(secret) => {
                let vaults = self.vaults.as_ref().ok_or_else(|| not_opened("Azure Key Vault"))?;
                Ok(Place::Source(vaults, secret))
            }
            SecretUrl::SecretManager(secret) => {
                let projects = self.projects.as_ref().ok_or_else(|| not_opened("Google Secret Manager"))?;
                Ok(Place::Source(projects, secret))
            }
            SecretUrl::SecretsManager(name) => Ok(Place::Own(self.own()?, name)),
        }
    }
}

enum Place<'s> {
    Source(&'s dyn SecretSource, &'s Held),
    Own(&'s SecretsManager, &'s str),
}

async fn described(own: &SecretsManager, name: &str) -> Result<Version> {
    let Some(kept) = own.describe(Hop::Read, name).await? else { return Err(missing(Hop::Read, name)) };
    if kept.is_deleted {
        return Err(deleted(Hop::Read, name));
    }
    let id = kept.current.ok_or_else(|| {
        Error::new(
            Hop::Read,
            Kind::NotFound,
            SecretsManager::target(name),
            "the secret has no current version",
        )
    })?;
    let content_type = kept.tags.get(crate::copy::CONTENT_TYPE).filter(|text| !text.is_empty()).cloned();
    Ok(Version { id, created: kept.created, content_type, state: State::Enabled })
}

/// Whoever opens says what for, so this is a mistake of ours; an error all the same.
fn not_opened(service: &str) -> Error {
    Error::new(Hop::Config, Kind::NotConfigured, service, "was not opened").with_hint(&hints::CONFIGURATION)
}
