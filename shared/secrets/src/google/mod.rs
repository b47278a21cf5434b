//! Google Secret Manager, over its REST API on our own HTTP client.
//!
//! | module | what happens there |
//! |---|---|
//! | this one | [`SecretManager`]: any project, as one identity sees it |
//! | `resource` | versions and values as the API writes them; the checksum |
//! | `errors` | the API's errors as ours |
//!
//! Two calls are needed: a version's metadata, and its value. Google's own client
//! `google-cloud-secretmanager-v1` takes no HTTP client of ours: it would bring a second one with its own
//! roots, which are parsed at every cold start, and connections that do not know of a frozen environment.
//!
//! What is current is always asked of the version's metadata, never guessed from a value that was read:
//! a secret that is deleted and made again counts its versions from 1, and only the time of creation tells
//! the two apart. That takes the role Secret Manager Viewer beside Secret Accessor.

mod errors;
mod resource;

use crate::secret::{Reading, Version};
use crate::source::SecretSource;
use crate::url::Held;
use carnet_federation::config::{Env, Faults, endpoint};
use carnet_federation::exchange::Google;
use carnet_federation::http::body::read_within;
use carnet_federation::http::{Http, unreachable};
use carnet_federation::{AccessToken, BoxFuture, Credential, Error, Hop, Kind, Result, Scope, telemetry};
use reqwest::{Response, Url};
use std::sync::{Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

/// "SecretPayload": 64 KiB, which are 88 KiB in Base64. (Scopes have one name in every universe.)
pub const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const LIMIT: usize = 128 << 10;
const VARIABLE: &str = "CARNET_GOOGLE_SECRET_MANAGER_ENDPOINT";

/// The secrets that one identity sees.
pub struct SecretManager {
    http: Http,
    credential: Credential<Google>,
    scope: Scope,
    endpoint: Url,
    /// So that a 401 can be laid at the right token's door.
    given: Mutex<Option<AccessToken>>,
}

/// `https://secretmanager.<universe>`, unless `CARNET_GOOGLE_SECRET_MANAGER_ENDPOINT` names another.
pub fn read_endpoint(env: &Env, universe: &str, faults: &mut Faults) -> Option<Url> {
    let own = format!("https://secretmanager.{universe}");
    let url = endpoint(env.get(VARIABLE).unwrap_or(&own)).filter(|url| url.path() == "/");
    if url.is_none() {
        faults.add(
            VARIABLE,
            "is not an https URL without a path, such as https://secretmanager.googleapis.com",
        );
    }
    url
}

impl SecretManager {
    pub fn new(http: &Http, credential: Credential<Google>, endpoint: Url) -> Self {
        Self { http: http.clone(), credential, scope: Scope::new(SCOPE), endpoint, given: Mutex::default() }
    }

    pub fn credential(&self) -> &Credential<Google> {
        &self.credential
    }

    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// `{endpoint}/v1/projects/P/secrets/S/versions/V`, and what follows it.
    fn url(&self, secret: &Held, action: &str) -> Url {
        let version = secret.version.as_deref().unwrap_or("latest");
        let mut url = self.endpoint.clone();
        // Names were checked: there is nothing in them that would be encoded, or end their piece.
        url.set_path(&format!(
            "/v1/projects/{}/secrets/{}/versions/{version}{action}",
            secret.holder, secret.name
        ));
        url
    }

    async fn get(&self, secret: &Held, action: &str) -> Result<Zeroizing<Vec<u8>>> {
        let target = self.target(secret);
        let token = self.credential.token(&self.scope).await?;
        *self.given() = Some(token.clone());
        let request = self.http.client().get(self.url(secret, action)).bearer_auth(token.secret.expose());
        let response = self.http.send(Hop::Read, request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = body(&target, response).await;
        if status.is_success() {
            return body;
        }
        // What cannot be read of it does not change what the status says.
        let body = body.unwrap_or_default();
        let error = errors::answered(&target, status.as_u16(), &headers, &body);
        Err(match error.kind() {
            Kind::Forbidden | Kind::Unauthenticated => error.with_presented(self.identity()),
            _ => error,
        })
    }

    fn identity(&self) -> String {
        use carnet_federation::Exchange as _;
        let exchange = self.credential.exchange();
        match exchange.service_account() {
            Some(account) => format!("service account {account}"),
            None => format!("a federated identity of {}", exchange.audience().as_str()),
        }
    }

    fn given(&self) -> MutexGuard<'_, Option<AccessToken>> {
        // Whole at every step, so a poisoned lock is still good.
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SecretSource for SecretManager {
    fn target(&self, secret: &Held) -> String {
        format!("secret {} of project {}", secret.name, secret.holder)
    }

    fn describe<'a>(&'a self, secret: &'a Held) -> BoxFuture<'a, Result<Version>> {
        Box::pin(async move {
            let body = self.get(secret, "").await?;
            let version = resource::version(&body).map_err(|why| malformed(&self.target(secret), why))?;
            self.is_the_one(secret, &version.id)?;
            Ok(version)
        })
    }

    fn read<'a>(&'a self, secret: &'a Held) -> BoxFuture<'a, Result<Reading>> {
        Box::pin(async move {
            let target = self.target(secret);
            let body = self.get(secret, ":access").await?;
            let reading = resource::reading(&body).map_err(|fault| fault.into_error(&target))?;
            self.is_the_one(secret, &reading.version.id)?;
            telemetry::record("version", Some(reading.version.id.as_str()));
            Ok(reading)
        })
    }

    fn rejected(&self) {
        if let Some(token) = self.given().take() {
            self.credential.invalidate(&self.scope, &token);
        }
    }
}

impl SecretManager {
    fn is_the_one(&self, secret: &Held, id: &str) -> Result<()> {
        match &secret.version {
            Some(asked) if asked != id => {
                Err(malformed(&self.target(secret), "is another version than the one asked for"))
            }
            _ => Ok(()),
        }
    }
}

async fn body(target: &str, response: Response) -> Result<Zeroizing<Vec<u8>>> {
    let body = read_within(response, LIMIT).await.map_err(|error| unreachable(Hop::Read, target, error))?;
    body.map(Zeroizing::new).ok_or_else(|| malformed(target, "has no end that could be waited for"))
}

fn malformed(target: &str, why: &str) -> Error {
    Error::new(Hop::Read, Kind::Malformed, target, format!("the answer of Secret Manager {why}"))
}
