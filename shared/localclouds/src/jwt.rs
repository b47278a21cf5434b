//! Signing and checking JSON Web Tokens with keys of one's own.

use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Rs256,
    Es384,
}

/// Signing keys and their older generations.
pub struct Keys {}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwtFault {
    Malformed,
    UnknownKey,
    Algorithm,
    BadSignature,
}

#[derive(Debug)]
pub struct KeyError;

impl Keys {
    pub fn generate() -> Result<Self, KeyError> {
        Ok(Self {})
    }

    /// The public keys, newest first.
    pub fn jwks(&self) -> Value {
        Value::Null
    }

    /// Signs with new keys from now on. The old ones stay valid and published.
    pub fn rotate(&self) -> Result<(), KeyError> {
        Ok(())
    }

    pub fn sign(&self, _claims: &Value, _algorithm: Algorithm) -> String {
        String::new()
    }

    /// The claims, if one of these keys signed them. Their content is not judged here.
    pub fn verify(&self, _token: &str) -> Result<Value, JwtFault> {
        Err(JwtFault::Malformed)
    }
}
