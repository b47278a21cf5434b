//! GitHub Actions' own tokens, asked for at the URL that a job is given.
//!
//! From "OpenID Connect reference" in GitHub's documentation: `GET` with `audience` in the query and the
//! request token as the bearer; the answer's `value` is the token.

use super::jwt;
use crate::assertion::{Assertion, Audience};
use crate::error::{Error, Hop, Kind, Result};
use crate::http::answer::{not_json, redirected, retry_after};
use crate::http::retry::{Policy, retry};
use crate::http::{Http, body, target_of};
use crate::token::Secret;
use crate::{BoxFuture, Mint, hints, telemetry};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{StatusCode, Url};
use serde::Deserialize;

#[derive(Clone, Debug)]
pub struct GithubOptions {
    pub request_url: Url,
    pub request_token: Secret,
}

pub struct Github {
    options: GithubOptions,
    http: Http,
    target: String,
}

impl Github {
    pub fn new(options: GithubOptions, http: Http) -> Self {
        let target = format!("GitHub Actions at {}", target_of(&options.request_url));
        Self { options, http, target }
    }

    async fn ask(&self, audience: &Audience) -> Result<Assertion> {
        let mut url = self.options.request_url.clone();
        url.query_pairs_mut().append_pair("audience", audience.as_str());
        let request = self.http.client().get(url).header(AUTHORIZATION, self.bearer()?);
        let response = self.http.send(Hop::Mint, request).await?;
        let (status, after) = (response.status(), retry_after(response.headers()));
        if status.is_redirection() {
            return Err(redirected(Hop::Mint, &self.target, status));
        }
        let body = body::read_capped(Hop::Mint, &self.target, response).await?;
        if !status.is_success() {
            return Err(self.refused(status).with_retry_after(after));
        }
        let answer: Answer =
            serde_json::from_slice(&body).map_err(|_| not_json(Hop::Mint, &self.target, &body))?;
        jwt::answered(Secret::new(answer.value), self.http.skew(), &self.target)
    }

    fn bearer(&self) -> Result<HeaderValue> {
        let value = format!("Bearer {}", self.options.request_token.expose());
        let mut value = HeaderValue::try_from(value).map_err(|_| {
            self.error(Kind::NotConfigured, "ACTIONS_ID_TOKEN_REQUEST_TOKEN does not fit into a header")
                .with_hint(&hints::CONFIGURATION)
        })?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// What GitHub says beside the status is not documented, so it is not quoted.
    fn refused(&self, status: StatusCode) -> Error {
        let error = match status.as_u16() {
            429 => self.error(Kind::Throttled, "GitHub asks for fewer calls").with_hint(&hints::THROTTLED),
            500.. => {
                self.error(Kind::Unavailable, "GitHub's token service failed").with_hint(&hints::UNREACHABLE)
            }
            _ => self
                .error(Kind::Refused, format!("GitHub gives this job no token (status {})", status.as_u16()))
                .with_hint(&hints::GITHUB_PERMISSION),
        };
        error.with_status(status.as_u16())
    }

    fn error(&self, kind: Kind, message: impl Into<String>) -> Error {
        Error::new(Hop::Mint, kind, &self.target, message)
    }
}

impl Mint for Github {
    fn target(&self) -> &str {
        &self.target
    }

    fn mint<'a>(&'a self, audience: &'a Audience) -> BoxFuture<'a, Result<Assertion>> {
        Box::pin(telemetry::hop(Hop::Mint, &self.target, async move {
            telemetry::record("audience", Some(audience.as_str()));
            retry(&Policy::TOKEN_SERVICE, Hop::Mint, &self.target, || self.ask(audience)).await
        }))
    }
}

#[derive(Deserialize)]
struct Answer {
    value: String,
}
