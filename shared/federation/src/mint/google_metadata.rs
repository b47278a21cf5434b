//! A Google identity token, from the metadata server of the machine: Compute Engine, Cloud Run, GKE.
//!
//! From "Verify VM identity" and "About VM metadata" in Google's documentation: `GET …/identity` with the
//! audience, `format=full`, and `Metadata-Flavor: Google` in question and answer.

use super::jwt;
use super::metadata::{Answer, Metadata};
use crate::assertion::{Assertion, Audience};
use crate::error::{Error, Hop, Kind, Result};
use crate::http::answer::retry_after;
use crate::http::{Http, target_of};
use crate::token::Secret;
use crate::{BoxFuture, Mint, hints, telemetry};
use reqwest::Url;

const FLAVOR: &str = "Metadata-Flavor";
const GOOGLE: &str = "Google";

#[derive(Clone, Debug)]
pub struct GoogleMetadataOptions {
    /// Where the metadata server is.
    pub host: Url,
    /// `default`, an e-mail or a numeric id.
    pub account: String,
}

pub struct GoogleMetadata {
    options: GoogleMetadataOptions,
    metadata: Metadata,
}

impl GoogleMetadata {
    pub fn new(options: GoogleMetadataOptions, http: Http) -> Self {
        let target = format!("Google metadata at {}", target_of(&options.host));
        Self { options, metadata: Metadata { http, target } }
    }

    async fn ask(&self, audience: &Audience) -> Result<Assertion> {
        let mut url = self.options.host.clone();
        let account = &self.options.account;
        url.set_path(&format!("/computeMetadata/v1/instance/service-accounts/{account}/identity"));
        url.query_pairs_mut().append_pair("audience", audience.as_str()).append_pair("format", "full");
        let request = || self.metadata.http.client().get(url.clone()).header(FLAVOR, GOOGLE);
        self.metadata.ask(request, |answer| self.judge(answer)).await
    }

    fn judge(&self, answer: Answer) -> Result<Assertion> {
        let flavor = answer.headers.get(FLAVOR).and_then(|value| value.to_str().ok());
        if flavor != Some(GOOGLE) {
            return Err(self
                .refused(&answer, Kind::Malformed, "the answer is not of Google's metadata server")
                .with_hint(&hints::NOT_GOOGLE_METADATA));
        }
        match answer.status.as_u16() {
            200 => {}
            404 => {
                let message = format!("this machine has no service account {:?}", self.options.account);
                return Err(self
                    .refused(&answer, Kind::NotConfigured, message)
                    .with_hint(&hints::GOOGLE_NO_ACCOUNT));
            }
            429 => {
                return Err(self
                    .refused(&answer, Kind::Throttled, "the metadata server asks for fewer calls")
                    .with_hint(&hints::THROTTLED));
            }
            status @ 500.. => {
                let message = format!("the metadata server failed (status {status})");
                return Err(self
                    .refused(&answer, Kind::Unavailable, message)
                    .with_hint(&hints::METADATA_SILENT));
            }
            status => {
                let message = format!("the metadata server gives no identity token (status {status})");
                return Err(self
                    .refused(&answer, Kind::Refused, message)
                    .with_hint(&hints::GOOGLE_NO_ACCOUNT));
            }
        }
        let text = String::from_utf8(answer.body).unwrap_or_default();
        jwt::answered(Secret::new(text.trim()), self.metadata.http.skew(), &self.metadata.target)
    }

    fn refused(&self, answer: &Answer, kind: Kind, message: impl Into<String>) -> Error {
        self.metadata
            .error(kind, message)
            .with_status(answer.status.as_u16())
            .with_retry_after(retry_after(&answer.headers))
            .with_presented(format!("service account {}", self.options.account))
    }
}

impl Mint for GoogleMetadata {
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
