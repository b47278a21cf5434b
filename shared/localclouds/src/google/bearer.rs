//! Access tokens: whom one speaks for, sealed so that no other process can make one.

use crate::faults;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

/// What a token says of its bearer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bearer {
    /// Every name by which IAM knows the bearer: `serviceAccount:..`, or the principal and all
    /// principal sets of a federated identity.
    pub members: BTreeSet<String>,
    /// Whether it came from the security token service as it is, without impersonation.
    pub federated: bool,
    /// The scopes it was given out for.
    pub scopes: BTreeSet<String>,
    /// Seconds since the epoch.
    pub expires_at: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BearerFault {
    /// No `Authorization` header.
    Missing,
    /// Another scheme, or none of our tokens.
    Invalid,
    Expired,
}

/// Seals and opens the tokens of one run.
pub struct Seal(RwLock<hmac::Key>);

impl Seal {
    pub fn generate() -> std::io::Result<Self> {
        Ok(Self(RwLock::new(key()?)))
    }

    /// From now on no token that was given out before is good for anything.
    pub fn renew(&self) -> std::io::Result<()> {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = key()?;
        Ok(())
    }

    fn key(&self) -> RwLockReadGuard<'_, hmac::Key> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token for `bearer` that ends after `lifetime`.
    pub fn issue(&self, bearer: Bearer, lifetime: Duration) -> String {
        let expires_at = faults::now_seconds() + lifetime.as_secs() as i64;
        // Plain data: it always serialises.
        let text = serde_json::to_vec(&Bearer { expires_at, ..bearer }).unwrap_or_default();
        let tag = hmac::sign(&self.key(), &text);
        format!("ya29.{}.{}", URL_SAFE_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(tag))
    }

    /// Whose token the header holds.
    pub fn open(&self, authorization: Option<&str>) -> Result<Bearer, BearerFault> {
        let (scheme, token) =
            authorization.ok_or(BearerFault::Missing)?.split_once(' ').ok_or(BearerFault::Invalid)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(BearerFault::Invalid);
        }
        let bearer = self.unseal(token.trim()).ok_or(BearerFault::Invalid)?;
        if bearer.expires_at <= faults::now_seconds() { Err(BearerFault::Expired) } else { Ok(bearer) }
    }

    fn unseal(&self, token: &str) -> Option<Bearer> {
        let (text, tag) = token.strip_prefix("ya29.")?.split_once('.')?;
        let (text, tag) = (URL_SAFE_NO_PAD.decode(text).ok()?, URL_SAFE_NO_PAD.decode(tag).ok()?);
        hmac::verify(&self.key(), &text, &tag).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

fn key() -> std::io::Result<hmac::Key> {
    hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
        .map_err(|_| std::io::Error::other("the system gave no random bytes for a key"))
}
