//! Microsoft Entra ID: client credentials with a signed assertion.
//!
//! `POST {authority}/{tenant}/oauth2/v2.0/token`. From "Microsoft identity platform and the OAuth
//! 2.0 client credentials flow", third case: access token request with a federated credential.

use super::entra_answer::{Refusal, granted};
use super::spreading::until_spread;
use crate::assertion::{Assertion, Audience, Claims};
use crate::config::AzureSettings;
use crate::error::{Error, Hop, Kind, Result};
use crate::hints;
use crate::http::answer::{FORM, form, header, not_json, redirected, retry_after};
use crate::http::retry::{Policy, retry};
use crate::http::{Http, body, target_of};
use crate::telemetry;
use crate::token::{AccessToken, Expiring as _, Scope};
use crate::{BoxFuture, Exchange};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use std::time::Duration;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// One identity of one tenant.
pub struct Entra {
    http: Http,
    url: reqwest::Url,
    client_id: String,
    audience: Audience,
    target: String,
    spreading_window: Duration,
}

impl Entra {
    pub fn new(http: Http, settings: &AzureSettings) -> Result<Self> {
        let path = format!("{}/oauth2/v2.0/token", settings.tenant_id);
        let url = settings.authority.join(&path).map_err(|error| {
            Error::new(
                Hop::Config,
                Kind::NotConfigured,
                "AZURE_AUTHORITY_HOST",
                "AZURE_AUTHORITY_HOST cannot be joined with the tenant",
            )
            .caused_by(error)
        })?;
        Ok(Self {
            http,
            client_id: settings.client_id.clone(),
            audience: Audience::new(&settings.audience),
            target: format!("{} tenant {}", target_of(&url), settings.tenant_id),
            spreading_window: settings.spreading_window,
            url,
        })
    }

    /// Host and tenant, for reports.
    pub fn target(&self) -> &str {
        &self.target
    }

    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    async fn trade_until_spread(&self, proof: &Assertion, scope: &Scope) -> Result<AccessToken> {
        until_spread(self.spreading_window, proof.expires_at(), || {
            retry(&Policy::TOKEN_SERVICE, Hop::Exchange, &self.target, || self.trade(proof, scope))
        })
        .await
    }

    async fn trade(&self, proof: &Assertion, scope: &Scope) -> Result<AccessToken> {
        let form = form(&[
            ("grant_type", "client_credentials"),
            ("client_id", &self.client_id),
            ("scope", scope.as_str()),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", proof.secret.expose()),
        ]);
        let request = self.http.client().post(self.url.clone()).header(CONTENT_TYPE, FORM).body(form);
        let response = self.http.send(Hop::Exchange, request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let request_id = header(&headers, "x-ms-request-id");
        telemetry::record("service_request_id", request_id.as_deref());
        if status.is_redirection() {
            return Err(redirected(Hop::Exchange, &self.target, status));
        }
        let body = body::read_capped(Hop::Exchange, &self.target, response).await?;
        if status.is_success() {
            let granted = granted(Hop::Exchange, &self.target, &body);
            return granted.map_err(|error| error.with_request_id(request_id));
        }
        Err(self.refused(status, &headers, &body, &proof.claims, scope).with_request_id(request_id))
    }

    fn refused(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        claims: &Claims,
        scope: &Scope,
    ) -> Error {
        let answer = Refusal::read(body);
        let kind = match status.as_u16() {
            429 => Kind::Throttled,
            500.. => Kind::Unavailable,
            _ if answer.is_some() => Kind::Refused,
            _ => return not_json(Hop::Exchange, &self.target, body).with_status(status.as_u16()),
        };
        let error = self.error(kind, answer.as_ref().map_or("the token service failed", Refusal::summary));
        let error = error.with_status(status.as_u16()).with_retry_after(retry_after(headers));
        let Some(code) = answer.as_ref().and_then(Refusal::code) else {
            return match kind {
                Kind::Refused => {
                    error.with_hint(&hints::UNKNOWN_REFUSAL).with_presented(self.identity(claims))
                }
                Kind::Throttled => error.with_hint(&hints::THROTTLED),
                _ => error.with_hint(&hints::UNREACHABLE),
            };
        };
        let error = error.with_code(format!("AADSTS{code}"));
        let unlisted = if kind == Kind::Throttled { &hints::THROTTLED } else { &hints::UNKNOWN_REFUSAL };
        let hint = hints::entra(code).unwrap_or(unlisted);
        let error = error.with_hint(hint).with_presented(self.presented(hint.field, claims, scope));
        match self.http.skew().complaint() {
            Some(complaint) if hint.field == Some("clock") => error.with_presented(complaint),
            _ => error,
        }
    }

    /// What we presented for the field at fault.
    fn presented(&self, field: Option<&str>, claims: &Claims, scope: &Scope) -> String {
        let audience = claims.audience.join(" ");
        match field {
            Some("issuer") => claims.issuer.clone(),
            Some("subject") => claims.subject.clone(),
            Some("audience") => audience,
            Some("algorithm") => claims.algorithm.clone().unwrap_or_default(),
            Some("JWKS") => {
                format!("key {} of {}", claims.key_id.as_deref().unwrap_or("without id"), claims.issuer)
            }
            Some("client id" | "federated credential" | "tenant policy") => {
                format!("client id {}", self.client_id)
            }
            Some("tenant id") => self.target.clone(),
            Some("scope") => scope.to_string(),
            Some("clock") => {
                let at = |seconds: Option<u64>| seconds.map_or("-".to_owned(), |seconds| seconds.to_string());
                let (from, to) = (at(claims.issued_at), at(claims.expires_at));
                format!("an assertion for {from} to {to}, in seconds since 1970")
            }
            _ => self.identity(claims),
        }
    }

    fn identity(&self, claims: &Claims) -> String {
        format!(
            "issuer {}, subject {}, audience {}",
            claims.issuer,
            claims.subject,
            claims.audience.join(" ")
        )
    }

    fn error(&self, kind: Kind, message: &str) -> Error {
        Error::new(Hop::Exchange, kind, &self.target, message)
    }
}

impl Exchange for Entra {
    type Output = AccessToken;

    fn audience(&self) -> &Audience {
        &self.audience
    }

    fn exchange<'a>(&'a self, proof: &'a Assertion, scope: &'a Scope) -> BoxFuture<'a, Result<AccessToken>> {
        Box::pin(telemetry::hop(Hop::Exchange, &self.target, async move {
            telemetry::record("scope", Some(scope.as_str()));
            telemetry::record("jti", proof.claims.jti.as_deref());
            self.trade_until_spread(proof, scope).await
        }))
    }
}
