//! Azure Key Vault, over Microsoft's own client `azure_security_keyvault_secrets`.
//!
//! | module | what happens there |
//! |---|---|
//! | this one | [`KeyVaults`]: any vault, as one identity sees it |
//! | `credential` | tokens for one scope, whatever a vault's challenge asks for |
//! | `settings` | where vaults are, in each of Azure's clouds |
//! | `version` | what a vault says of a version |
//! | `errors` | the client's errors as ours |
//!
//! Which version is current is asked of the list of versions, which shows no value. The list has no
//! order that is promised and tells time in seconds, so where two versions are the newest, the vault
//! itself is asked, and what it gives beside the version is dropped.

mod credential;
mod errors;
mod settings;
mod version;

pub use settings::KeyVaultSettings;

use crate::secret::{Reading, State, Value, Version};
use crate::source::SecretSource;
use crate::url::Held;
use azure_core::http::pager::PagerOptions;
use azure_security_keyvault_secrets::models::{
    SecretClientGetSecretOptions, SecretClientListSecretPropertiesVersionsOptions,
};
use azure_security_keyvault_secrets::{SecretClient, SecretClientOptions};
use carnet_federation::adapter::azure::AzureCredential;
use carnet_federation::exchange::{Entra, Unchanged};
use carnet_federation::http::Http;
use carnet_federation::{
    AccessToken, Audience, BoxFuture, Credential, Error, Exchange, Hop, Kind, Mint, Result, Scope, Secret,
    telemetry,
};
use credential::OneScope;
use futures_util::StreamExt as _;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The most that "Get Secret Versions" gives in a page.
const PAGE: i32 = 25;

/// The vaults of one cloud of Azure. A client is made for each that is asked, and kept.
pub struct KeyVaults<E: Exchange<Output = AccessToken> = Entra> {
    http: Http,
    credential: Arc<AzureCredential<E>>,
    /// For people: whom a vault turns away.
    identity: String,
    settings: KeyVaultSettings,
    clients: Mutex<BTreeMap<String, Arc<SecretClient>>>,
}

impl KeyVaults {
    pub fn new(http: &Http, credential: Arc<AzureCredential>, settings: KeyVaultSettings) -> Self {
        let identity = format!("client id {}", credential.credential().exchange().client_id());
        Self { http: http.clone(), credential, identity, settings, clients: Mutex::default() }
    }
}

impl KeyVaults<Unchanged> {
    /// As the machine's own managed identity, whose tokens need no exchange.
    pub fn of_machine(http: &Http, mint: Arc<dyn Mint>, settings: KeyVaultSettings) -> Self {
        let resource = settings.scope.trim_end_matches("/.default");
        let credential = AzureCredential::new(Credential::new(mint, Unchanged::new(Audience::new(resource))));
        let identity = "the machine's managed identity".to_owned();
        Self { http: http.clone(), credential, identity, settings, clients: Mutex::default() }
    }
}

impl<E: Exchange<Output = AccessToken>> KeyVaults<E> {
    pub fn credential(&self) -> &AzureCredential<E> {
        &self.credential
    }

    pub fn scope(&self) -> Scope {
        Scope::new(&self.settings.scope)
    }

    fn client(&self, secret: &Held) -> Result<Arc<SecretClient>> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&secret.holder) {
            return Ok(client.clone());
        }
        let credential = Arc::new(OneScope { inner: self.credential.clone(), scope: self.scope() });
        let options = SecretClientOptions {
            client_options: self.http.azure_client_options(),
            // The client compares the challenge with the vault's host. That protects a credential that
            // gives out tokens for whatever is asked for; ours has one scope, and a vault behind another
            // endpoint would fail the comparison.
            verify_challenge_resource: Some(!self.settings.is_elsewhere),
            ..SecretClientOptions::default()
        };
        let endpoint = self.settings.endpoint.replace("{vault}", &secret.holder);
        let client = SecretClient::new(&endpoint, credential, Some(options))
            .map_err(|error| errors::from_sdk(&self.target(secret), &error))?;
        let client = Arc::new(client);
        clients.insert(secret.holder.clone(), client.clone());
        Ok(client)
    }

    fn explain(&self, secret: &Held, error: &azure_core::Error) -> Error {
        let error = errors::from_sdk(&self.target(secret), error);
        match error.kind() {
            Kind::Forbidden | Kind::Unauthenticated if error.presented().is_none() => {
                error.with_presented(&self.identity)
            }
            _ => error,
        }
    }

    fn malformed(&self, secret: &Held, why: &str) -> Error {
        Error::new(Hop::Read, Kind::Malformed, self.target(secret), format!("the vault's answer {why}"))
    }

    async fn described(&self, secret: &Held) -> Result<Version> {
        let listed = match self.versions(secret).await {
            // An access policy may allow reading a secret and not listing its versions.
            Err(error) if errors::is_about_roles(&error) => return Ok(self.get(secret).await?.version),
            listed => listed?,
        };
        if let Some(id) = &secret.version {
            let found = version::the_one(listed, id);
            return found.ok_or_else(|| errors::not_found(&self.target(secret)));
        }
        let mut newest = version::newest(listed);
        match newest.len() {
            0 => Err(errors::not_found(&self.target(secret))),
            1 => Ok(newest.remove(0)),
            _ => self.told_apart(secret, newest).await,
        }
    }

    /// Which of several that share the newest second is current: the vault itself is asked.
    async fn told_apart(&self, secret: &Held, newest: Vec<Version>) -> Result<Version> {
        let refused = match self.get(secret).await {
            Ok(reading) => return Ok(reading.version),
            Err(error) => error,
        };
        if !errors::is_disabled(&refused) {
            return Err(refused);
        }
        // It says that it is disabled and not which it is: with one of them disabled, that one.
        let mut disabled = newest.into_iter().filter(|version| version.state == State::Disabled);
        match (disabled.next(), disabled.next()) {
            (Some(one), None) => Ok(one),
            _ => Err(refused),
        }
    }

    async fn versions(&self, secret: &Held) -> Result<Vec<Version>> {
        let options = SecretClientListSecretPropertiesVersionsOptions {
            maxresults: Some(PAGE),
            method_options: PagerOptions::default(),
        };
        let pager = self
            .client(secret)?
            .list_secret_properties_versions(&secret.name, Some(options))
            .map_err(|error| self.explain(secret, &error))?;
        let (mut pages, mut versions) = (pager.into_pages(), Vec::new());
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.explain(secret, &error))?;
            telemetry::record("service_request_id", errors::request_id(page.headers()));
            let page = page.into_model().map_err(|_| self.malformed(secret, "is no list of versions"))?;
            for entry in page.value {
                let found = version::listed(entry);
                versions.push(found.ok_or_else(|| self.malformed(secret, "lists a version without an id"))?);
            }
        }
        Ok(versions)
    }

    async fn get(&self, secret: &Held) -> Result<Reading> {
        let options = SecretClientGetSecretOptions {
            secret_version: secret.version.clone(),
            ..SecretClientGetSecretOptions::default()
        };
        let answer = self
            .client(secret)?
            .get_secret(&secret.name, Some(options))
            .await
            .map_err(|error| self.explain(secret, &error))?;
        telemetry::record("service_request_id", errors::request_id(answer.headers()));
        // What the client says of a body that it cannot read may quote it.
        let mut bundle = answer.into_model().map_err(|_| self.malformed(secret, "is no secret"))?;
        let value = bundle.value.take().map(Secret::new);
        let value = value.ok_or_else(|| self.malformed(secret, "has no value"))?;
        let version = version::read(bundle).ok_or_else(|| self.malformed(secret, "has no version"))?;
        if secret.version.as_ref().is_some_and(|asked| !asked.eq_ignore_ascii_case(&version.id)) {
            return Err(self.malformed(secret, "is another version than the one asked for"));
        }
        Ok(Reading { version, value: Value::Text(value) })
    }
}

impl<E: Exchange<Output = AccessToken>> SecretSource for KeyVaults<E> {
    fn target(&self, secret: &Held) -> String {
        format!("secret {} of key vault {}", secret.name, secret.holder)
    }

    fn describe<'a>(&'a self, secret: &'a Held) -> BoxFuture<'a, Result<Version>> {
        Box::pin(self.described(secret))
    }

    fn read<'a>(&'a self, secret: &'a Held) -> BoxFuture<'a, Result<Reading>> {
        Box::pin(self.get(secret))
    }

    fn rejected(&self) {
        self.credential.rejected(&self.scope());
    }
}
