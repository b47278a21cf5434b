//! The proof of who we are, made for one audience.

use crate::token::{Expiring, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::{Duration, SystemTime};

/// Whom a proof is for, e.g. `api://AzureADTokenExchange`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Audience(String);

impl Audience {
    pub fn new(audience: impl Into<String>) -> Self {
        Self(audience.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The form a proof travels in; each exchange says which it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A JSON Web Token, checked by its issuer's published keys.
    Jwt,
    /// A signed AWS request, which the other cloud sends to AWS to learn who signed it.
    SignedAwsRequest,
}

/// A proof, secret as a whole. Only its [`Claims`] may be shown.
#[derive(Clone, Debug)]
pub struct Assertion {
    pub proof: Proof,
    pub secret: Secret,
    pub claims: Claims,
    pub expires_at: SystemTime,
}

impl Expiring for Assertion {
    fn expires_at(&self) -> SystemTime {
        self.expires_at
    }
}

/// What the proof says of its bearer: identifiers, not secrets. They are what the far side's
/// trust is compared with, so errors and logs quote them in full.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Claims {
    pub issuer: String,
    pub subject: String,
    pub audience: Vec<String>,
    /// The authorized party (`azp`), where a token names one. For Google's tokens AWS compares it as `aud`.
    #[serde(rename = "azp", skip_serializing_if = "Option::is_none")]
    pub authorized_party: Option<String>,
    /// The token's own id. AWS CloudTrail calls it `webIdentityTokenId`.
    pub jti: Option<String>,
    /// The signing algorithm, from the header.
    pub algorithm: Option<String>,
    pub key_id: Option<String>,
    /// Seconds since the epoch.
    pub issued_at: Option<u64>,
    /// Seconds since the epoch.
    pub expires_at: Option<u64>,
}

#[derive(Deserialize)]
struct Header {
    alg: Option<String>,
    kid: Option<String>,
}

#[derive(Deserialize)]
struct Payload {
    #[serde(default)]
    iss: String,
    #[serde(default)]
    sub: String,
    #[serde(default)]
    aud: OneOrMany,
    azp: Option<String>,
    jti: Option<String>,
    iat: Option<f64>,
    exp: Option<f64>,
}

#[derive(Deserialize, Default)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
    #[default]
    None,
}

impl Claims {
    /// Reads, without verifying, what a JWT says. `None` if it is no JWT; the text itself is
    /// never part of any answer.
    pub fn of_jwt(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let header: Header = decode(parts.next()?)?;
        let payload: Payload = decode(parts.next()?)?;
        parts.next()?;
        if parts.next().is_some() {
            return None;
        }
        Some(Self {
            issuer: payload.iss,
            subject: payload.sub,
            audience: match payload.aud {
                OneOrMany::One(one) => vec![one],
                OneOrMany::Many(many) => many,
                OneOrMany::None => Vec::new(),
            },
            authorized_party: payload.azp,
            jti: payload.jti,
            algorithm: header.alg,
            key_id: header.kid,
            issued_at: payload.iat.map(|seconds| seconds as u64),
            expires_at: payload.exp.map(|seconds| seconds as u64),
        })
    }

    /// Every claim of a JWT's payload, for those who look at an issuer's own ones.
    pub(crate) fn all_of_jwt(token: &str) -> serde_json::Map<String, serde_json::Value> {
        token.split('.').nth(1).and_then(decode).unwrap_or_default()
    }

    pub fn expiry(&self) -> Option<SystemTime> {
        self.expires_at.and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)))
    }
}

fn decode<T: serde::de::DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(header: &str, payload: &str) -> String {
        format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn reads_the_claims_that_trust_is_compared_with() {
        let token = jwt(
            r#"{"alg":"RS256","kid":"k1"}"#,
            r#"{"iss":"https://i","sub":"arn:aws:iam::1:role/r","aud":"api://x","jti":"j","iat":10,"exp":310}"#,
        );
        let claims = Claims::of_jwt(&token).unwrap();
        assert_eq!(claims.subject, "arn:aws:iam::1:role/r");
        assert_eq!(claims.audience, ["api://x"]);
        assert_eq!(claims.algorithm.as_deref(), Some("RS256"));
        assert_eq!(claims.expiry(), Some(SystemTime::UNIX_EPOCH + Duration::from_secs(310)));
    }

    #[test]
    fn what_is_no_jwt_has_no_claims() {
        for text in ["", "a.b", "a.b.c", "..", "eyJ.eyJ.x", "<html>"] {
            assert_eq!(Claims::of_jwt(text), None, "{text}");
        }
        let four_parts = format!("{}.x", jwt("{}", "{}"));
        assert_eq!(Claims::of_jwt(&four_parts), None);
    }
}
