//! Google's security token service: OAuth 2.0 token exchange (RFC 8693).
//!
//! `POST {sts}/v1/token`. From "Method: v1.token" in the Security Token Service API reference.

use super::fault::Fault;
use super::identity;
use crate::assertion::{Assertion, Claims, Proof};
use crate::config::GoogleSettings;
use crate::error::{Error, Hop, Kind, Result};
use crate::hints::{self, Hint};
use crate::http::answer::{FORM, Seconds, form, malformed, not_json, redirected, retry_after};
use crate::http::skew::WORTH_SAYING;
use crate::http::{Http, body, target_of};
use crate::telemetry;
use crate::token::{AccessToken, Scope, Secret};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde::Deserialize;
use std::time::{Duration, SystemTime};

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const AWS_REQUEST: &str = "urn:ietf:params:aws:token-type:aws4_request";
/// No access token of Google's lives longer ("Create short-lived credentials for a service account",
/// extended lifetime); what claims more is no answer of Google's.
const LONGEST: Duration = Duration::from_secs(12 * 3600);

pub(super) struct Sts {
    http: Http,
    url: reqwest::Url,
    /// The provider's full resource name.
    provider: String,
    target: String,
}

impl Sts {
    pub(super) fn new(http: Http, settings: &GoogleSettings) -> Result<Self> {
        let url = settings.sts_endpoint.join("/v1/token").map_err(|error| {
            let (name, what) = ("CARNET_GOOGLE_STS_ENDPOINT", "no token service's URL can be made of it");
            Error::new(Hop::Config, Kind::NotConfigured, name, what).caused_by(error)
        })?;
        Ok(Self {
            http,
            target: format!("{} {}", target_of(&url), short_name(&settings.audience)),
            provider: settings.audience.clone(),
            url,
        })
    }

    pub(super) fn target(&self) -> &str {
        &self.target
    }

    /// One try.
    pub(super) async fn trade(&self, proof: &Assertion, scope: &Scope) -> Result<AccessToken> {
        let subject_token_type = match proof.proof {
            Proof::Jwt => JWT,
            Proof::SignedAwsRequest => AWS_REQUEST,
        };
        // RFC 8693's own names, as Google's libraries send them. Its reference also knows them in camel case.
        let form = form(&[
            ("grant_type", GRANT_TYPE),
            ("audience", &self.provider),
            ("scope", scope.as_str()),
            ("requested_token_type", ACCESS_TOKEN),
            ("subject_token_type", subject_token_type),
            ("subject_token", proof.secret.expose()),
        ]);
        let request = self.http.client().post(self.url.clone()).header(CONTENT_TYPE, FORM).body(form);
        let response = self.http.send(Hop::Exchange, request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        if status.is_redirection() {
            return Err(redirected(Hop::Exchange, &self.target, status));
        }
        let body = body::read_capped(Hop::Exchange, &self.target, response).await?;
        if status.is_success() {
            return self.accepted(&body);
        }
        Err(self.refused(status, &headers, &body, proof, scope))
    }

    fn accepted(&self, body: &[u8]) -> Result<AccessToken> {
        let answer: Granted =
            serde_json::from_slice(body).map_err(|_| not_json(Hop::Exchange, &self.target, body))?;
        if !answer.token_type.eq_ignore_ascii_case("bearer") || answer.access_token.is_empty() {
            return Err(self.malformed("the answer holds no bearer token"));
        }
        // RFC 8693 requires it, and Google's libraries refuse an answer without it.
        if answer.issued_token_type.is_empty() {
            return Err(
                self.malformed("the answer does not say what kind of token it is (issued_token_type)")
            );
        }
        // Google leaves it out for tokens of its own only, which are never traded here.
        let lifetime = answer.expires_in.as_ref().and_then(Seconds::seconds);
        let Some(lifetime) = lifetime.filter(|lifetime| !lifetime.is_zero() && *lifetime <= LONGEST) else {
            return Err(self.malformed("the token's lifetime (expires_in) cannot be right; it is not used"));
        };
        telemetry::record("expires_in", Some(lifetime.as_secs()));
        Ok(AccessToken { secret: Secret::new(answer.access_token), expires_at: SystemTime::now() + lifetime })
    }

    fn refused(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        proof: &Assertion,
        scope: &Scope,
    ) -> Error {
        let fault = Fault::read(body);
        let kind = match status.as_u16() {
            429 => Kind::Throttled,
            500.. => Kind::Unavailable,
            _ if fault.is_some() => Kind::Refused,
            _ => return not_json(Hop::Exchange, &self.target, body).with_status(status.as_u16()),
        };
        let message = fault.as_ref().map_or("the token service failed", Fault::summary);
        let error = Error::new(Hop::Exchange, kind, &self.target, message)
            .with_status(status.as_u16())
            .with_retry_after(retry_after(headers));
        let error = match &fault {
            Some(fault) => error.with_code(&fault.code),
            None => error,
        };
        match kind {
            Kind::Throttled => error.with_hint(&hints::THROTTLED),
            Kind::Unavailable => error.with_hint(&hints::UNREACHABLE),
            _ => {
                let hint = self.hint(fault.as_ref(), proof);
                error.with_hint(hint).with_presented(self.presented(hint, proof, scope))
            }
        }
    }

    fn hint(&self, fault: Option<&Fault>, proof: &Assertion) -> &'static Hint {
        let Some(fault) = fault else { return &hints::OTHER_GOOGLE_REFUSALS };
        hints::google_sts(&fault.code, &fault.message).unwrap_or_else(|| {
            // How Google words AWS's refusal of a request out of its time is not documented. That ours
            // is out of its time is known here: the answer's own `Date` says so.
            match proof.proof {
                Proof::SignedAwsRequest if self.is_out_of_time(proof) => &hints::STALE_PROOF,
                // Nor how it words an algorithm that it does not take.
                Proof::Jwt if !has_known_algorithm(&proof.claims) => &hints::GOOGLE_ALGORITHM,
                _ => &hints::OTHER_GOOGLE_REFUSALS,
            }
        })
    }

    /// Whether the proof's time stamp is far from what the service's clock says.
    fn is_out_of_time(&self, proof: &Assertion) -> bool {
        let theirs = self.http.skew().corrected(SystemTime::now());
        let theirs = theirs.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        proof.claims.issued_at.is_some_and(|at| at.abs_diff(theirs) >= WORTH_SAYING.unsigned_abs())
    }

    /// What we presented for the field at fault.
    fn presented(&self, hint: &Hint, proof: &Assertion, scope: &Scope) -> String {
        let claims = &proof.claims;
        match hint.field {
            Some("CARNET_GOOGLE_AUDIENCE" | "pool or provider") => self.provider.clone(),
            Some("audience") => claims.audience.join(" "),
            Some("issuer") => claims.issuer.clone(),
            Some("algorithm") => claims.algorithm.clone().unwrap_or_default(),
            Some("scope") => scope.to_string(),
            Some("clock") => {
                let at = |seconds: Option<u64>| seconds.map_or("-".to_owned(), |seconds| seconds.to_string());
                let (from, to) = (at(claims.issued_at), at(claims.expires_at));
                let proof = format!("a proof for {from} to {to}, in seconds since 1970");
                match self.http.skew().complaint() {
                    Some(complaint) => format!("{proof}; {complaint}"),
                    None => proof,
                }
            }
            _ => identity(proof),
        }
    }

    fn malformed(&self, message: &str) -> Error {
        malformed(Hop::Exchange, &self.target, message)
    }
}

/// Those that "Method: token" names.
fn has_known_algorithm(claims: &Claims) -> bool {
    matches!(claims.algorithm.as_deref(), Some("RS256" | "ES256"))
}

/// `pool/provider` of a full resource name.
fn short_name(provider: &str) -> String {
    let mut parts = provider.rsplit('/');
    let (provider, _, pool) = (parts.next(), parts.next(), parts.next());
    format!("provider {}/{}", pool.unwrap_or_default(), provider.unwrap_or_default())
}

#[derive(Deserialize)]
struct Granted {
    #[serde(default)]
    token_type: String,
    #[serde(default)]
    access_token: String,
    #[serde(default)]
    issued_token_type: String,
    expires_in: Option<Seconds>,
}
