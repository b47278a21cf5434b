//! An app registration's token from Entra, by its client secret or certificate: for services that have no
//! managed identity.
//!
//! From "Microsoft identity platform and the OAuth 2.0 client credentials flow", first and second case.
//! The audience is an App ID URI; what is asked for is its `/.default`.

use super::client_certificate::ClientCertificate;
use super::jwt;
use super::secret_store::SecretStore;
use crate::assertion::{Assertion, Audience};
use crate::error::{Error, Hop, Kind, Result};
use crate::exchange::entra_answer::{Refusal, granted};
use crate::http::answer::{FORM, form, header, not_json, redirected, retry_after};
use crate::http::retry::{Policy, retry};
use crate::http::{Http, body, target_of};
use crate::token::{AccessToken, Secret};
use crate::{BoxFuture, Mint, hints, telemetry};
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use std::path::PathBuf;
use std::sync::Arc;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

#[derive(Clone, Debug)]
pub struct AzureAppOptions {
    pub authority: Url,
    pub tenant_id: String,
    pub client_id: String,
    pub credential: AppCredential,
}

/// How the app says that it is itself.
#[derive(Clone, Debug)]
pub enum AppCredential {
    Secret(Secret),
    /// The URL of a stored secret.
    StoredSecret(String),
    /// A PEM file with the certificate and its key.
    Certificate(PathBuf),
}

pub struct AzureApp {
    options: AzureAppOptions,
    secrets: Option<Arc<dyn SecretStore>>,
    http: Http,
    url: Url,
    target: String,
}

impl AzureApp {
    pub fn new(options: AzureAppOptions, secrets: Option<Arc<dyn SecretStore>>, http: Http) -> Result<Self> {
        let path = format!("{}/oauth2/v2.0/token", options.tenant_id);
        let url = options.authority.join(&path).map_err(|error| {
            let (name, what) =
                ("AZURE_AUTHORITY_HOST", "AZURE_AUTHORITY_HOST cannot be joined with the tenant");
            Error::new(Hop::Config, Kind::NotConfigured, name, what).caused_by(error)
        })?;
        let target = format!("{} tenant {}, app {}", target_of(&url), options.tenant_id, options.client_id);
        Ok(Self { options, secrets, http, url, target })
    }

    async fn fresh(&self, audience: &Audience) -> Result<Assertion> {
        // Read again for each token: both are replaced while programs run.
        let known = match &self.options.credential {
            AppCredential::Secret(secret) => Known::Secret(secret.clone()),
            AppCredential::StoredSecret(url) => Known::Secret(self.stored(url).await?),
            AppCredential::Certificate(path) => Known::Certificate(ClientCertificate::read(path)?.into()),
        };
        let scope = format!("{audience}/.default");
        let ask = || self.ask(&scope, &known);
        let token = retry(&Policy::TOKEN_SERVICE, Hop::Mint, &self.target, ask).await?;
        let proof = jwt::answered(token.secret, self.http.skew(), &self.target)?;
        // `expires_in` needs no clock of anybody's.
        Ok(Assertion { expires_at: token.expires_at, ..proof })
    }

    async fn stored(&self, url: &str) -> Result<Secret> {
        let Some(secrets) = &self.secrets else {
            let what = "CARNET_AZURE_CLIENT_SECRET_FROM: this program reads no stored secrets; \
                        give AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH";
            return Err(self.error(Kind::NotConfigured, what).with_hint(&hints::CONFIGURATION));
        };
        let secret = secrets.read(url).await?;
        // What was stored by hand often ends with a line's end, which is no part of it.
        Ok(Secret::new(secret.expose().trim_end_matches(['\r', '\n'])))
    }

    async fn ask(&self, scope: &str, known: &Known) -> Result<AccessToken> {
        let client_id = &self.options.client_id;
        let common =
            [("grant_type", "client_credentials"), ("client_id", client_id.as_str()), ("scope", scope)];
        let form = match known {
            Known::Secret(secret) => form(&[&common[..], &[("client_secret", secret.expose())]].concat()),
            Known::Certificate(certificate) => {
                let assertion = certificate.assertion(client_id, self.url.as_str(), self.http.skew())?;
                let signed =
                    [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion.expose())];
                form(&[&common[..], &signed].concat())
            }
        };
        let request = self.http.client().post(self.url.clone()).header(CONTENT_TYPE, FORM).body(form);
        let response = self.http.send(Hop::Mint, request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let request_id = header(&headers, "x-ms-request-id");
        telemetry::record("service_request_id", request_id.as_deref());
        if status.is_redirection() {
            return Err(redirected(Hop::Mint, &self.target, status));
        }
        let body = body::read_capped(Hop::Mint, &self.target, response).await?;
        let outcome = if status.is_success() {
            granted(Hop::Mint, &self.target, &body)
        } else {
            Err(self.refused(status.as_u16(), &headers, &body, scope))
        };
        outcome.map_err(|error| error.with_request_id(request_id))
    }

    fn refused(&self, status: u16, headers: &HeaderMap, body: &[u8], scope: &str) -> Error {
        let refusal = Refusal::read(body);
        let kind = match status {
            429 => Kind::Throttled,
            500.. => Kind::Unavailable,
            _ if refusal.is_some() => Kind::Refused,
            _ => return not_json(Hop::Mint, &self.target, body).with_status(status),
        };
        let code = refusal.as_ref().and_then(Refusal::code);
        let hint = code.and_then(hints::entra).unwrap_or(match kind {
            Kind::Throttled => &hints::THROTTLED,
            Kind::Unavailable => &hints::UNREACHABLE,
            _ => &hints::APP_REFUSED,
        });
        let error = self
            .error(kind, refusal.as_ref().map_or("the token service failed", Refusal::summary))
            .with_status(status)
            .with_retry_after(retry_after(headers))
            .with_hint(hint);
        let error = match self.http.skew().complaint() {
            Some(complaint) if hint.field == Some("clock") => error.with_presented(complaint),
            _ => error.with_presented(format!("client id {}, scope {scope}", self.options.client_id)),
        };
        match code {
            Some(code) => error.with_code(format!("AADSTS{code}")),
            None => error,
        }
    }

    fn error(&self, kind: Kind, message: &str) -> Error {
        Error::new(Hop::Mint, kind, &self.target, message)
    }
}

enum Known {
    Secret(Secret),
    Certificate(Box<ClientCertificate>),
}

impl Mint for AzureApp {
    fn target(&self) -> &str {
        &self.target
    }

    fn mint<'a>(&'a self, audience: &'a Audience) -> BoxFuture<'a, Result<Assertion>> {
        Box::pin(telemetry::hop(Hop::Mint, &self.target, async move {
            telemetry::record("audience", Some(audience.as_str()));
            self.fresh(audience).await
        }))
    }
}
