//! What Entra's token endpoint answers, whoever asks: a bearer token, or a refusal with codes.

use crate::error::{Hop, Result};
use crate::http::answer::{Seconds, malformed, not_json};
use crate::telemetry;
use crate::token::{AccessToken, Secret};
use serde::Deserialize;
use std::time::{Duration, SystemTime};

/// Entra's longest-lived access tokens last 28 hours ("Access token lifetime", continuous access
/// evaluation); what claims more is no answer of Entra's.
const LONGEST: Duration = Duration::from_secs(28 * 3600);

/// The token of a successful answer.
pub(crate) fn granted(hop: Hop, target: &str, body: &[u8]) -> Result<AccessToken> {
    let answer: Granted = serde_json::from_slice(body).map_err(|_| not_json(hop, target, body))?;
    if !answer.token_type.eq_ignore_ascii_case("bearer") || answer.access_token.is_empty() {
        return Err(malformed(hop, target, "the answer holds no bearer token"));
    }
    let lifetime = answer.expires_in.seconds().filter(|lifetime| !lifetime.is_zero() && *lifetime <= LONGEST);
    let Some(lifetime) = lifetime else {
        let what = "the token's lifetime (expires_in) cannot be right; it is not used";
        return Err(malformed(hop, target, what));
    };
    telemetry::record("expires_in", Some(lifetime.as_secs()));
    Ok(AccessToken { secret: Secret::new(answer.access_token), expires_at: SystemTime::now() + lifetime })
}

#[derive(Deserialize)]
struct Granted {
    #[serde(default)]
    token_type: String,
    #[serde(default)]
    access_token: String,
    expires_in: Seconds,
}

#[derive(Deserialize)]
pub(crate) struct Refusal {
    pub error: String,
    #[serde(default)]
    pub error_description: String,
    #[serde(default)]
    pub error_codes: Vec<u32>,
}

impl Refusal {
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }

    /// The first code. The metadata services hand on Entra's sentence without its list of codes.
    pub(crate) fn code(&self) -> Option<u32> {
        self.error_codes.first().copied().or_else(|| {
            let text = self.error_description.strip_prefix("AADSTS")?;
            text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        })
    }

    /// The first sentence of Microsoft's own words: the rest is ids and a timestamp, which stand
    /// in fields of their own.
    pub(crate) fn summary(&self) -> &str {
        let text = self.error_description.split(" Trace ID:").next().unwrap_or_default();
        let text = text.lines().next().unwrap_or_default().trim();
        let text = text
            .split_once(": ")
            .filter(|(code, _)| code.starts_with("AADSTS"))
            .map_or(text, |(_, rest)| rest);
        if text.is_empty() { &self.error } else { text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microsofts_sentence_is_kept_without_its_ids() {
        let refusal = Refusal {
            error: "invalid_client".into(),
            error_description: "AADSTS700213: No matching federated identity record found for presented assertion subject 'x'. \
                                Trace ID: a Correlation ID: b Timestamp: c"
                .into(),
            error_codes: Vec::new(),
        };
        assert_eq!(
            refusal.summary(),
            "No matching federated identity record found for presented assertion subject 'x'."
        );
        assert_eq!(refusal.code(), Some(700213));
        let other = Refusal { error_description: "Identity not found".into(), ..refusal };
        assert_eq!((other.code(), other.summary()), (None, "Identity not found"));
    }
}
