//! What an exchange gives, and the secrecy it is kept in.

use reqwest::header::HeaderValue;
use std::fmt;
use std::time::SystemTime;
use zeroize::Zeroizing;

/// Text that must never be shown: `Debug` redacts it, and its memory is zeroed on drop.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The secret itself, for the one place that sends it. Never format the result.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// What the token is asked for, e.g. `https://storage.azure.com/.default`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope(String);

impl Scope {
    pub fn new(scope: impl Into<String>) -> Self {
        Self(scope.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Something that ends at a wall-clock instant. Never a monotonic one: a frozen Lambda
/// environment suspends the monotonic clock, and a token would outlive itself.
pub trait Expiring {
    fn expires_at(&self) -> SystemTime;
}

/// A bearer token of Azure or Google.
#[derive(Clone, Debug)]
pub struct AccessToken {
    pub secret: Secret,
    pub expires_at: SystemTime,
}

impl AccessToken {
    /// The value of an `Authorization` header, marked as sensitive; `None` if it fits into none.
    pub(crate) fn bearer(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.secret.expose())).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl Expiring for AccessToken {
    fn expires_at(&self) -> SystemTime {
        self.expires_at
    }
}

/// Credentials of an AWS role's session.
#[derive(Clone, Debug)]
pub struct AwsCredentials {
    pub access_key_id: String,
    pub secret_access_key: Secret,
    pub session_token: Secret,
    pub expires_at: SystemTime,
    /// Who one is with them: `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
    pub assumed_role_arn: String,
}

impl Expiring for AwsCredentials {
    fn expires_at(&self) -> SystemTime {
        self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_a_secret() {
        let token = AccessToken {
            secret: Secret::new("eyJhbGciOi.payload.signature"),
            expires_at: SystemTime::UNIX_EPOCH,
        };
        let shown = format!("{token:?} {token:#?}");
        assert!(!shown.contains("eyJ"), "{shown}");
        assert!(shown.contains("[redacted]"));
    }
}
