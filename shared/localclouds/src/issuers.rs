//! Other people's issuers: their discovery documents and keys, fetched over HTTPS and kept.

use crate::jwt::{EcPublic, PublicKey, RsaPublic};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;

/// An unknown key is looked for again, but no issuer is asked more often than this.
const REFETCH: Duration = Duration::from_secs(10);
/// Microsoft: only the first 100 keys of an issuer's set are used. Google names no number.
const MAX_KEYS: usize = 100;
const TIMEOUT: Duration = Duration::from_secs(10);
const MAX_DOCUMENT: usize = 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// Nothing answered, or not in time.
    NoAnswer,
    /// What answered is no OpenID provider of that name.
    Useless,
    UnknownKey,
}

pub struct Issuers {
    client: reqwest::Client,
    known: Mutex<HashMap<String, Known>>,
}

struct Known {
    keys: HashMap<String, PublicKey>,
    fetched_at: SystemTime,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    kid: Option<String>,
    kty: Option<String>,
    n: Option<String>,
    e: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Issuers {
    /// Trusts what `client` trusts.
    pub fn new(client: reqwest::Client) -> Self {
        Self { client, known: Mutex::new(HashMap::new()) }
    }

    /// Forgets every key, as if this cloud had never heard of any issuer.
    pub async fn forget(&self) {
        self.known.lock().await.clear();
    }

    /// The key of an issuer. One fetch at a time, however many ask.
    pub async fn key(&self, issuer: &str, key_id: &str) -> Result<PublicKey, KeyFault> {
        let mut known = self.known.lock().await;
        if let Some(entry) = known.get(issuer) {
            if let Some(key) = entry.keys.get(key_id) {
                return Ok(key.clone());
            }
            let age = SystemTime::now().duration_since(entry.fetched_at).unwrap_or_default();
            if age < REFETCH {
                return Err(KeyFault::UnknownKey);
            }
        }
        let keys = self.fetch(issuer).await?;
        let key = keys.get(key_id).cloned().ok_or(KeyFault::UnknownKey);
        known.insert(issuer.to_owned(), Known { keys, fetched_at: SystemTime::now() });
        key
    }

    async fn fetch(&self, issuer: &str) -> Result<HashMap<String, PublicKey>, KeyFault> {
        let base = issuer.trim_end_matches('/');
        let discovery: Discovery = self.get(&format!("{base}/.well-known/openid-configuration")).await?;
        if discovery.issuer != issuer {
            return Err(KeyFault::Useless);
        }
        let set: KeySet = self.get(&discovery.jwks_uri).await?;
        Ok(set.keys.into_iter().take(MAX_KEYS).filter_map(public_key).collect())
    }

    async fn get<T: DeserializeOwned>(&self, url: &str) -> Result<T, KeyFault> {
        if leaves(url) {
            return Err(KeyFault::NoAnswer);
        }
        let request = self.client.get(url).timeout(TIMEOUT).send();
        let mut response = request.await.map_err(|_| KeyFault::NoAnswer)?;
        if !response.status().is_success() {
            return Err(KeyFault::Useless);
        }
        let mut document = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| KeyFault::NoAnswer)? {
            if document.len() + chunk.len() > MAX_DOCUMENT {
                return Err(KeyFault::Useless);
            }
            document.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&document).map_err(|_| KeyFault::Useless)
    }
}

/// Names are resolved to stand-ins or not at all; an address would be connected to as it is.
fn leaves(url: &str) -> bool {
    match url::Url::parse(url).ok().as_ref().and_then(url::Url::host) {
        Some(url::Host::Ipv4(address)) => !address.is_loopback(),
        Some(url::Host::Ipv6(address)) => !address.is_loopback(),
        _ => false,
    }
}

/// Keys of other kinds serve no cloud.
fn public_key(jwk: Jwk) -> Option<(String, PublicKey)> {
    let number = |text: Option<String>| URL_SAFE_NO_PAD.decode(text?).ok();
    let key = match (jwk.kty.as_deref()?, jwk.crv.as_deref()) {
        ("RSA", _) => PublicKey::Rsa(RsaPublic { n: number(jwk.n)?, e: number(jwk.e)? }),
        ("EC", Some("P-256")) => PublicKey::P256(EcPublic { x: number(jwk.x)?, y: number(jwk.y)? }),
        ("EC", Some("P-384")) => PublicKey::P384(EcPublic { x: number(jwk.x)?, y: number(jwk.y)? }),
        _ => return None,
    };
    Some((jwk.kid?, key))
}
