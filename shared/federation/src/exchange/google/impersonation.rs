//! IAM credentials: a service account's token for whoever may act as it.
//!
//! From "Method: projects.serviceAccounts.generateAccessToken" in the IAM Service Account Credentials
//! API reference.

use super::fault::Fault;
use super::identity;
use crate::assertion::Assertion;
use crate::config::GoogleSettings;
use crate::error::{Error, Hop, Kind, Result};
use crate::hints;
use crate::http::answer::{malformed, not_json, redirected, retry_after};
use crate::http::{Http, body, target_of};
use crate::telemetry;
use crate::token::{AccessToken, Scope, Secret};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};

/// A token may seem to live so much longer than was asked for: clocks differ, and answers take time.
const SLACK: Duration = Duration::from_secs(600);

pub(super) struct Impersonation {
    http: Http,
    url: reqwest::Url,
    service_account: String,
    /// As the API names them.
    delegates: Vec<String>,
    lifetime: Duration,
    target: String,
}

impl Impersonation {
    pub(super) fn new(http: Http, settings: &GoogleSettings) -> Result<Option<Self>> {
        let Some(service_account) = settings.service_account.clone() else { return Ok(None) };
        let path = format!("/v1/{}:generateAccessToken", resource(&service_account));
        let url = settings.iam_credentials_endpoint.join(&path).map_err(|error| {
            let (name, what) =
                ("CARNET_GOOGLE_IAM_CREDENTIALS_ENDPOINT", "no URL of IAM credentials can be made of it");
            Error::new(Hop::Config, Kind::NotConfigured, name, what).caused_by(error)
        })?;
        Ok(Some(Self {
            http,
            target: format!("{} service account {service_account}", target_of(&url)),
            url,
            service_account,
            delegates: settings.delegates.iter().map(|delegate| resource(delegate)).collect(),
            lifetime: settings.token_lifetime,
        }))
    }

    pub(super) fn target(&self) -> &str {
        &self.target
    }

    pub(super) fn service_account(&self) -> &str {
        &self.service_account
    }

    /// One try.
    pub(super) async fn token(
        &self,
        federated: &AccessToken,
        proof: &Assertion,
        scope: &Scope,
    ) -> Result<AccessToken> {
        let wanted = Wanted {
            scope: scope.as_str().split_whitespace().collect(),
            lifetime: format!("{}s", self.lifetime.as_secs()),
            delegates: &self.delegates,
        };
        let wanted = serde_json::to_vec(&wanted).map_err(|error| {
            self.error(Kind::NotConfigured, "the request cannot be built").caused_by(error)
        })?;
        let bearer = federated.bearer();
        let bearer =
            bearer.ok_or_else(|| self.malformed("the federated token does not fit into a header"))?;
        let request = self
            .http
            .client()
            .post(self.url.clone())
            .header(AUTHORIZATION, bearer)
            .header(CONTENT_TYPE, "application/json")
            .body(wanted);
        let response = self.http.send(Hop::Impersonate, request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        if status.is_redirection() {
            return Err(redirected(Hop::Impersonate, &self.target, status));
        }
        let body = body::read_capped(Hop::Impersonate, &self.target, response).await?;
        if status.is_success() {
            return self.accepted(&body, SystemTime::now());
        }
        Err(self.refused(status, &headers, &body, proof))
    }

    fn accepted(&self, body: &[u8], now: SystemTime) -> Result<AccessToken> {
        let answer: Granted =
            serde_json::from_slice(body).map_err(|_| not_json(Hop::Impersonate, &self.target, body))?;
        if answer.access_token.is_empty() {
            return Err(self.malformed("the answer holds no access token"));
        }
        let lifetime = self.lifetime_left(&answer.expire_time, now)?;
        telemetry::record("expires_in", Some(lifetime.as_secs()));
        Ok(AccessToken { secret: Secret::new(answer.access_token), expires_at: now + lifetime })
    }

    /// The end is told as an instant of Google's clock. What is left of the token is counted from
    /// there, with what is known of our clock taken into account.
    fn lifetime_left(&self, expire_time: &str, now: SystemTime) -> Result<Duration> {
        let absurd = "the token's end (expireTime) cannot be right; it is not used";
        let end = DateTime::from_str(expire_time, Format::DateTimeWithOffset)
            .ok()
            .and_then(|end| SystemTime::try_from(end).ok())
            .ok_or_else(|| self.malformed(absurd))?;
        let Ok(left) = end.duration_since(self.http.skew().corrected(now)) else {
            let error = self
                .error(Kind::Malformed, "the token has already ended (expireTime); it is not used")
                .with_hint(&hints::CLOCK)
                .with_presented(format!("expireTime {expire_time}"));
            return Err(match self.http.skew().complaint() {
                Some(complaint) => error.with_presented(complaint),
                None => error,
            });
        };
        if left > self.lifetime + SLACK {
            return Err(self.malformed(absurd));
        }
        Ok(left.min(self.lifetime))
    }

    fn refused(&self, status: StatusCode, headers: &HeaderMap, body: &[u8], proof: &Assertion) -> Error {
        let fault = Fault::read(body);
        let kind = match status.as_u16() {
            429 => Kind::Throttled,
            500.. => Kind::Unavailable,
            403 if fault.is_some() => Kind::Forbidden,
            // A service account that is not there is a refusal too: `NotFound` is an answer about an
            // object, and this is none.
            _ if fault.is_some() => Kind::Refused,
            _ => return not_json(Hop::Impersonate, &self.target, body).with_status(status.as_u16()),
        };
        let message = fault.as_ref().map_or("IAM credentials failed", Fault::summary);
        let error =
            self.error(kind, message).with_status(status.as_u16()).with_retry_after(retry_after(headers));
        let Some(fault) = fault else {
            return match kind {
                Kind::Throttled => error.with_hint(&hints::THROTTLED),
                _ => error.with_hint(&hints::UNREACHABLE),
            };
        };
        let error = error.with_code(&fault.code);
        match kind {
            Kind::Throttled => error.with_hint(&hints::THROTTLED),
            Kind::Unavailable => error.with_hint(&hints::UNREACHABLE),
            _ => {
                let hint = hints::google_iam(status.as_u16(), fault.reason.as_deref(), &fault.message);
                let presented = self.presented(hint.and_then(|hint| hint.field), proof);
                error.with_hint(hint.unwrap_or(&hints::OTHER_GOOGLE_REFUSALS)).with_presented(presented)
            }
        }
    }

    /// What we presented for the field at fault. Which principal the provider made of the proof is
    /// known to Google only.
    fn presented(&self, field: Option<&str>, proof: &Assertion) -> String {
        match field {
            Some("token lifetime, delegates or scope") => {
                format!("lifetime {} s, {} delegates", self.lifetime.as_secs(), self.delegates.len())
            }
            _ => {
                format!("service account {}, principal mapped from {}", self.service_account, identity(proof))
            }
        }
    }

    fn malformed(&self, message: &str) -> Error {
        malformed(Hop::Impersonate, &self.target, message)
    }

    fn error(&self, kind: Kind, message: &str) -> Error {
        Error::new(Hop::Impersonate, kind, &self.target, message)
    }
}

/// The `-` is required: the account's name says its project.
fn resource(service_account: &str) -> String {
    format!("projects/-/serviceAccounts/{service_account}")
}

#[derive(Serialize)]
struct Wanted<'a> {
    scope: Vec<&'a str>,
    lifetime: String,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    delegates: &'a [String],
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Granted {
    #[serde(default)]
    access_token: String,
    #[serde(default)]
    expire_time: String,
}
