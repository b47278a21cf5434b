//! A JWT taken apart. RS256 and nothing else: what Entra and Google sign with, and the key decides the
//! algorithm, never the token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::fmt;

/// "Amazon API Gateway quotas": all headers of a request together hold 10,240 bytes.
pub const LONGEST: usize = 10_240;

/// Why a text is no token that could be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    TooLong,
    Malformed,
    /// It has the same name twice, and readers could differ about which one counts.
    Duplicate,
    /// Signed by anything but RS256, or not at all.
    Algorithm,
    /// It asks for an extension to be understood (`crit`).
    Critical,
    /// It names no key.
    NoKey,
    Signature,
}

impl TokenFault {
    pub fn as_str(self) -> &'static str {
        match self {
            TokenFault::TooLong => "the token is too long",
            TokenFault::Malformed => "the token is no JWT",
            TokenFault::Duplicate => "the token has a name twice",
            TokenFault::Algorithm => "the token is not signed by RS256",
            TokenFault::Critical => "the token asks for an extension that is not known",
            TokenFault::NoKey => "the token names no key",
            TokenFault::Signature => "the signature is not that of the issuer's key",
        }
    }
}

/// The public half of an RSA key, as bytes of its two numbers.
#[derive(Clone, PartialEq, Eq)]
pub struct RsaKey {
    pub n: Vec<u8>,
    pub e: Vec<u8>,
}

/// Unverified until [`check`](Token::check) said so. Its text is not kept, and it has no `Debug`.
pub struct Token {
    key_id: String,
    claims: Map<String, Value>,
    message: String,
    signature: Vec<u8>,
}

impl Token {
    pub fn parse(text: &str) -> Result<Self, TokenFault> {
        if text.len() > LONGEST {
            return Err(TokenFault::TooLong);
        }
        let (message, signature) = text.rsplit_once('.').ok_or(TokenFault::Malformed)?;
        let (header, claims) = message.split_once('.').ok_or(TokenFault::Malformed)?;
        let header = object(header)?;
        if header.get("alg").and_then(Value::as_str) != Some("RS256") {
            return Err(TokenFault::Algorithm);
        }
        if header.contains_key("crit") {
            return Err(TokenFault::Critical);
        }
        let key_id = header.get("kid").and_then(Value::as_str).ok_or(TokenFault::NoKey)?.to_owned();
        Ok(Self {
            key_id,
            claims: object(claims)?,
            message: message.to_owned(),
            signature: BASE64.decode(signature).map_err(|_| TokenFault::Malformed)?,
        })
    }

    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    pub fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim)?.as_str()
    }

    pub fn is_true(&self, claim: &str) -> bool {
        self.claims.get(claim) == Some(&Value::Bool(true))
    }

    pub fn has(&self, claim: &str) -> bool {
        self.claims.contains_key(claim)
    }

    /// Seconds since the epoch.
    pub fn seconds(&self, claim: &str) -> Option<i64> {
        let value = self.claims.get(claim)?;
        value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64))
    }

    pub fn check(&self, key: &RsaKey) -> Result<(), TokenFault> {
        RsaPublicKeyComponents { n: &key.n, e: &key.e }
            .verify(&RSA_PKCS1_2048_8192_SHA256, self.message.as_bytes(), &self.signature)
            .map_err(|_| TokenFault::Signature)
    }
}

fn object(part: &str) -> Result<Map<String, Value>, TokenFault> {
    let bytes = BASE64.decode(part).map_err(|_| TokenFault::Malformed)?;
    match serde_json::from_slice::<Unique>(&bytes) {
        Ok(Unique(map)) => Ok(map),
        Err(error) if error.to_string().starts_with(TWICE) => Err(TokenFault::Duplicate),
        Err(_) => Err(TokenFault::Malformed),
    }
}

const TWICE: &str = "a name twice";

/// A JSON object that has each name once.
struct Unique(Map<String, Value>);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Unique;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Unique, A::Error> {
                let mut map = Map::new();
                while let Some((name, value)) = access.next_entry::<String, Value>()? {
                    if map.insert(name, value).is_some() {
                        return Err(A::Error::custom(TWICE));
                    }
                }
                Ok(Unique(map))
            }
        }
        deserializer.deserialize_map(Names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, claims: &str) -> String {
        format!("{}.{}.{}", BASE64.encode(header), BASE64.encode(claims), BASE64.encode("signature"))
    }

    fn fault(text: &str) -> Option<TokenFault> {
        Token::parse(text).err()
    }

    #[test]
    fn only_rs256_with_a_key_is_taken_apart() {
        let good = r#"{"alg":"RS256","kid":"k"}"#;
        assert_eq!(fault(&token(good, "{}")), None);
        for (header, expected) in [
            (r#"{"alg":"none","kid":"k"}"#, TokenFault::Algorithm),
            (r#"{"alg":"HS256","kid":"k"}"#, TokenFault::Algorithm),
            (r#"{"alg":"rs256","kid":"k"}"#, TokenFault::Algorithm),
            (r#"{"kid":"k"}"#, TokenFault::Algorithm),
            (r#"{"alg":"RS256"}"#, TokenFault::NoKey),
            (r#"{"alg":"RS256","kid":7}"#, TokenFault::NoKey),
            (r#"{"alg":"RS256","kid":"k","crit":["b64"],"b64":false}"#, TokenFault::Critical),
            (r#"{"alg":"none","alg":"RS256","kid":"k"}"#, TokenFault::Duplicate),
            ("[]", TokenFault::Malformed),
        ] {
            assert_eq!(fault(&token(header, "{}")), Some(expected), "{header}");
        }
        assert_eq!(fault(&token(good, r#"{"sub":"a","sub":"b"}"#)), Some(TokenFault::Duplicate));
        for text in ["", "a", "a.b", "a.b.c", "...."] {
            assert_eq!(fault(text), Some(TokenFault::Malformed), "{text}");
        }
        assert_eq!(fault(&token(good, &format!("{:?}", "x".repeat(LONGEST)))), Some(TokenFault::TooLong));
    }
}
