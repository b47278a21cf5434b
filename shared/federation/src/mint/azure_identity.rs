//! A managed identity's token, from the machine that has the identity.
//!
//! | where | asked | with |
//! |---|---|---|
//! | a virtual machine | `http://169.254.169.254/metadata/identity/oauth2/token` | `Metadata: true` |
//! | App Service, Functions | `IDENTITY_ENDPOINT` | `X-IDENTITY-HEADER` |
//!
//! From "How to use managed identities for Azure resources on a virtual machine to acquire an access
//! token" and "How to use managed identities for App Service and Azure Functions", REST endpoint reference. The audience
//! is an App ID URI, asked for as the `resource`.

use super::jwt;
use super::metadata::{Answer, Metadata};
use crate::assertion::{Assertion, Audience};
use crate::config::AZURE_CLOUDS;
use crate::error::{Error, Hop, Kind, Result};
use crate::exchange::entra_answer::Refusal;
use crate::http::answer::{malformed, not_json, retry_after};
use crate::http::{Http, target_of};
use crate::token::Secret;
use crate::{BoxFuture, Mint, hints, telemetry};
use reqwest::Url;
use reqwest::header::HeaderValue;
use serde::Deserialize;

const IMDS_PATH: &str = "/metadata/identity/oauth2/token";
/// Of both.
const API_VERSION: &str = "2019-08-01";

#[derive(Clone, Debug)]
pub struct AzureIdentityOptions {
    pub service: AzureIdentityService,
    /// A user-assigned identity; without one, the system-assigned.
    pub client_id: Option<String>,
    /// Whether `client_id` is this identity whatever is asked for. If not, it is whom Entra is asked for
    /// where the token goes to Entra, and the token is the system-assigned identity's.
    pub client_id_is_own: bool,
}

#[derive(Clone, Debug)]
pub enum AzureIdentityService {
    /// Where the instance metadata service is.
    Imds(Url),
    AppService {
        endpoint: Url,
        header: Secret,
    },
}

pub struct AzureIdentity {
    options: AzureIdentityOptions,
    metadata: Metadata,
}

impl AzureIdentity {
    pub fn new(options: AzureIdentityOptions, http: Http) -> Self {
        let target = match &options.service {
            AzureIdentityService::Imds(host) => format!("Azure instance metadata at {}", target_of(host)),
            AzureIdentityService::AppService { endpoint, .. } => {
                format!("App Service's identity endpoint at {}", target_of(endpoint))
            }
        };
        Self { options, metadata: Metadata { http, target } }
    }

    async fn ask(&self, audience: &Audience) -> Result<Assertion> {
        let (mut url, name, value) = match &self.options.service {
            AzureIdentityService::Imds(host) => {
                let mut url = host.clone();
                url.set_path(IMDS_PATH);
                (url, "Metadata", HeaderValue::from_static("true"))
            }
            AzureIdentityService::AppService { endpoint, header } => {
                (endpoint.clone(), "X-IDENTITY-HEADER", self.identity_header(header)?)
            }
        };
        url.query_pairs_mut()
            .append_pair("api-version", API_VERSION)
            .append_pair("resource", audience.as_str());
        let client_id = self.client_id(audience);
        if let Some(id) = client_id {
            url.query_pairs_mut().append_pair("client_id", id);
        }
        let request = || self.metadata.http.client().get(url.clone()).header(name, value.clone());
        self.metadata.ask(request, |answer| self.judge(&answer, audience, client_id)).await
    }

    fn client_id(&self, audience: &Audience) -> Option<&str> {
        let is_for_entra = AZURE_CLOUDS.iter().any(|cloud| cloud.audience == audience.as_str());
        self.options.client_id.as_deref().filter(|_| self.options.client_id_is_own || !is_for_entra)
    }

    fn identity_header(&self, header: &Secret) -> Result<HeaderValue> {
        let mut value = HeaderValue::try_from(header.expose()).map_err(|_| {
            self.metadata
                .error(Kind::NotConfigured, "IDENTITY_HEADER does not fit into a header")
                .with_hint(&hints::CONFIGURATION)
        })?;
        value.set_sensitive(true);
        Ok(value)
    }

    fn judge(&self, answer: &Answer, audience: &Audience, client_id: Option<&str>) -> Result<Assertion> {
        let target = &self.metadata.target;
        if !answer.status.is_success() {
            return Err(self.refused(answer, audience, client_id));
        }
        let granted: Granted =
            serde_json::from_slice(&answer.body).map_err(|_| not_json(Hop::Mint, target, &answer.body))?;
        if granted.access_token.is_empty() {
            return Err(malformed(Hop::Mint, target, "the answer holds no token"));
        }
        jwt::answered(Secret::new(granted.access_token), self.metadata.http.skew(), target)
    }

    fn refused(&self, answer: &Answer, audience: &Audience, client_id: Option<&str>) -> Error {
        let status = answer.status.as_u16();
        let said = Said::read(&answer.body);
        let (kind, hint) = match (status, said.code.and_then(hints::entra)) {
            (404 | 410 | 500.., _) => (Kind::Unavailable, &hints::METADATA_SILENT),
            (429, _) => (Kind::Throttled, &hints::THROTTLED),
            (_, Some(hint)) => (Kind::Refused, hint),
            (_, None) if said.code.is_some() => (Kind::Refused, &hints::UNKNOWN_REFUSAL),
            _ => (Kind::NotConfigured, &hints::AZURE_IDENTITY_MISSING),
        };
        let message = if said.message.is_empty() { "no token is given" } else { &said.message };
        let identity =
            client_id.map_or("the system-assigned identity".to_owned(), |id| format!("client id {id}"));
        let error = self
            .metadata
            .error(kind, message)
            .with_status(status)
            .with_retry_after(retry_after(&answer.headers))
            .with_hint(hint)
            .with_presented(format!("{identity}, resource {audience}"));
        match said.code {
            Some(code) => error.with_code(format!("AADSTS{code}")),
            None => error,
        }
    }
}

impl Mint for AzureIdentity {
    fn target(&self) -> &str {
        &self.metadata.target
    }

    fn mint<'a>(&'a self, audience: &'a Audience) -> BoxFuture<'a, Result<Assertion>> {
        Box::pin(telemetry::hop(Hop::Mint, &self.metadata.target, async move {
            telemetry::record("audience", Some(audience.as_str()));
            self.ask(audience).await
        }))
    }
}

#[derive(Deserialize)]
struct Granted {
    #[serde(default)]
    access_token: String,
}

/// What the service says of a refusal: on a machine as Entra does, in App Service as a message.
#[derive(Default)]
struct Said {
    message: String,
    code: Option<u32>,
}

impl Said {
    fn read(body: &[u8]) -> Self {
        /// Longer is no sentence, and of nobody knows whom.
        const LONGEST: usize = 500;
        #[derive(Deserialize)]
        struct AppService {
            message: String,
        }
        let said = match Refusal::read(body) {
            Some(refusal) => Self { message: refusal.summary().to_owned(), code: refusal.code() },
            None => match serde_json::from_slice::<AppService>(body) {
                Ok(said) => Self { message: said.message, code: None },
                Err(_) => Self::default(),
            },
        };
        if said.message.len() > LONGEST { Self { message: String::new(), ..said } } else { said }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_in_both_forms() {
        let said = Said::read(br#"{"error":"invalid_request","error_description":"Identity not found"}"#);
        assert_eq!((said.message.as_str(), said.code), ("Identity not found", None));
        let said = Said::read(br#"{"error":"invalid_resource","error_description":"AADSTS500011: The resource principal named api://x was not found. Trace ID: 1"}"#);
        assert_eq!(said.code, Some(500011));
        assert_eq!(said.message, "The resource principal named api://x was not found.");
        assert_eq!(Said::read(br#"{"statusCode":400,"message":"No identity"}"#).message, "No identity");
        assert_eq!(Said::read(b"<html>").message, "");
    }

    #[test]
    fn the_client_id_is_whom_entra_is_asked_for_where_the_token_goes_there() {
        let mint = |client_id_is_own| {
            let options = AzureIdentityOptions {
                service: AzureIdentityService::Imds("http://169.254.169.254".parse().unwrap()),
                client_id: Some("id".into()),
                client_id_is_own,
            };
            AzureIdentity::new(options, Http::from_env(&crate::config::Env::default()).unwrap())
        };
        let (exchange, app) = (Audience::new("api://AzureADTokenExchange"), Audience::new("api://x"));
        assert_eq!(mint(false).client_id(&exchange), None);
        assert_eq!(mint(false).client_id(&app), Some("id"));
        assert_eq!(mint(true).client_id(&exchange), Some("id"));
    }
}
