//! An issuer: its discovery document, its keys, and how long they are believed.
//!
//! Keys are kept by the wall clock, since a Lambda environment may be frozen for hours. An unknown key
//! is looked for once; whoever sends tokens with invented key ids makes us ask an issuer once in ten
//! seconds, and keeps nobody waiting whose key is known.

use crate::token::RsaKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use carnet_federation::http::body::read_within;
use carnet_federation::http::retry::{Policy, retry};
use carnet_federation::http::{Http, target_of, unreachable};
use carnet_federation::{Error, Hop, Kind, Result, hints};
use reqwest::Url;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;

/// No issuer is asked more often than this.
const APART: Duration = Duration::from_secs(10);
/// Keys older than this are fetched anew.
const FRESH: Duration = Duration::from_secs(3600);
/// For so long they are believed while their issuer does not answer. "Signing key rollover in the
/// Microsoft identity platform": look for changes at least every 24 hours.
const BELIEVED: Duration = Duration::from_secs(24 * 3600);
/// A document of an issuer: Entra's keys come with certificate chains, some 20 KiB.
const LONGEST: usize = 256 << 10;
/// Of one issuer.
const MOST_KEYS: usize = 100;

pub struct Issuer {
    name: String,
    discovery: Url,
    target: String,
    http: Http,
    known: RwLock<Option<Arc<KeySet>>>,
    /// Held while they are fetched; when that was last begun.
    asked: Mutex<Option<SystemTime>>,
}

struct KeySet {
    keys: HashMap<String, RsaKey>,
    fetched_at: SystemTime,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    kid: Option<String>,
    kty: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl Issuer {
    /// `name` is what `iss` must be, and what the document at `discovery` must say it is.
    pub fn new(http: Http, name: impl Into<String>, discovery: Url) -> Self {
        let target = target_of(&discovery);
        Self { name: name.into(), discovery, target, http, known: RwLock::default(), asked: Mutex::default() }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// What errors call it.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// How many keys it has now: asked anew, for those who examine the way.
    pub async fn look(&self) -> Result<usize> {
        let mut asked = self.asked.lock().await;
        *asked = Some(SystemTime::now());
        Ok(self.fetch().await?.keys.len())
    }

    /// The key of that id. [`Kind::Refused`]: the issuer has none. [`Kind::Unavailable`]: nobody can
    /// say now, and whoever asks may come again.
    pub async fn key(&self, id: &str) -> Result<RsaKey> {
        let arrived = SystemTime::now();
        if let Some(key) = self.believed(id, FRESH, arrived) {
            return Ok(key);
        }
        let mut asked = self.asked.lock().await;
        // Whoever held the lock may have fetched it.
        let now = SystemTime::now();
        if let Some(key) = self.believed(id, FRESH, now) {
            return Ok(key);
        }
        let since = |at| at >= arrived && within(at, now, FRESH);
        if self.snapshot().is_some_and(|known| since(known.fetched_at)) {
            return Err(self.unknown(id));
        }
        if asked.is_some_and(|at| within(at, now, APART)) {
            return self.believed(id, BELIEVED, now).ok_or_else(|| {
                let message = "its key is not known, and its issuer was asked a moment ago";
                self.error(Kind::Unavailable, message).with_presented(printable(id))
            });
        }
        *asked = Some(now);
        match self.fetch().await {
            Ok(known) => known.keys.get(id).cloned().ok_or_else(|| self.unknown(id)),
            Err(error) => match self.believed(id, BELIEVED, now) {
                Some(key) => {
                    tracing::warn!(%error, "the issuer does not answer; its former keys are believed");
                    Ok(key)
                }
                // That a sender comes again is worth more than a guess at what is wrong.
                None if error.kind().is_transient() || error.kind() == Kind::Deadline => Err(error),
                None => Err(self.error(Kind::Unavailable, "its keys cannot be had").caused_by(error)),
            },
        }
    }

    fn snapshot(&self) -> Option<Arc<KeySet>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn believed(&self, id: &str, age: Duration, now: SystemTime) -> Option<RsaKey> {
        self.snapshot().filter(|known| within(known.fetched_at, now, age))?.keys.get(id).cloned()
    }

    fn unknown(&self, id: &str) -> Error {
        self.error(Kind::Refused, "its issuer has no such key").with_presented(printable(id))
    }

    fn error(&self, kind: Kind, message: &str) -> Error {
        Error::new(Hop::Receive, kind, &self.target, message).with_hint(&hints::TOKEN_KEY)
    }

    async fn fetch(&self) -> Result<Arc<KeySet>> {
        let found: Discovery = self.get(self.discovery.clone()).await?;
        if found.issuer != self.name {
            let message = "the discovery document is another issuer's";
            let error = self.error(Kind::Malformed, message);
            return Err(error.with_field("issuer").with_presented(printable(&found.issuer)));
        }
        let uri: Url = found
            .jwks_uri
            .parse()
            .map_err(|_| self.error(Kind::Malformed, "the discovery document names no keys"))?;
        let set: Jwks = self.get(uri).await?;
        let keys = set.keys.into_iter().take(MOST_KEYS).filter_map(rsa_key).collect();
        let known = Arc::new(KeySet { keys, fetched_at: SystemTime::now() });
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(known.clone());
        Ok(known)
    }

    async fn get<T: DeserializeOwned>(&self, url: Url) -> Result<T> {
        let target = target_of(&url);
        let once = || async {
            let response = self.http.send(Hop::Receive, self.http.client().get(url.clone())).await?;
            let status = response.status();
            let fail = |kind, why: String| {
                Error::new(Hop::Receive, kind, &target, why)
                    .with_status(status.as_u16())
                    .with_hint(&hints::TOKEN_KEY)
            };
            if status.is_server_error() || status.as_u16() == 429 {
                return Err(fail(Kind::Unavailable, format!("the issuer answers {status}")));
            }
            if !status.is_success() {
                return Err(fail(Kind::Malformed, format!("the issuer answers {status}")));
            }
            let body = read_within(response, LONGEST).await;
            let body = body.map_err(|error| unreachable(Hop::Receive, &target, error))?;
            let body = body.ok_or_else(|| fail(Kind::Malformed, "the document is too long".to_owned()))?;
            serde_json::from_slice(&body)
                .map_err(|_| fail(Kind::Malformed, "the document is not what OpenID Connect has".to_owned()))
        };
        retry(&Policy::TOKEN_SERVICE, Hop::Receive, &target, once).await
    }
}

/// Whether `at` is less than `age` before `now`. A clock that was set back makes everything old.
fn within(at: SystemTime, now: SystemTime, age: Duration) -> bool {
    now.duration_since(at).is_ok_and(|passed| passed < age)
}

/// Keys of other kinds sign nothing that is taken here.
fn rsa_key(jwk: Jwk) -> Option<(String, RsaKey)> {
    let fits = |value: Option<String>, wanted: &str| value.is_none_or(|value| value == wanted);
    if jwk.kty.as_deref() != Some("RSA") || !fits(jwk.usage, "sig") || !fits(jwk.alg, "RS256") {
        return None;
    }
    let number = |text: Option<String>| BASE64.decode(text?.trim_end_matches('=')).ok();
    Some((jwk.kid?, RsaKey { n: number(jwk.n)?, e: number(jwk.e)? }))
}

/// What somebody unknown sent, as an error or a log may show it.
pub fn printable(text: &str) -> String {
    const SHOWN: usize = 200;
    let shown = text.chars().take(SHOWN).map(|c| if c.is_control() { '\u{fffd}' } else { c });
    let cut = if text.chars().nth(SHOWN).is_some() { "…" } else { "" };
    shown.collect::<String>() + cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use carnet_federation::config::Env;

    /// One whose keys were fetched then, and that nobody can reach.
    fn known_since(fetched_at: SystemTime) -> Issuer {
        let http = Http::from_env(&Env::default()).unwrap();
        // Nothing listens on the port of "discard".
        let issuer = Issuer::new(http, "https://issuer.example", "https://127.0.0.1:9/".parse().unwrap());
        let keys = HashMap::from([("k".to_owned(), RsaKey { n: vec![1], e: vec![3] })]);
        *issuer.known.write().unwrap() = Some(Arc::new(KeySet { keys, fetched_at }));
        issuer
    }

    async fn asks(issuer: &Issuer, id: &str) -> (Option<Kind>, bool) {
        let outcome = issuer.key(id).await.err().map(|error| error.kind());
        (outcome, issuer.asked.lock().await.is_some())
    }

    #[tokio::test]
    async fn keys_are_believed_for_an_hour_and_for_a_day_where_nobody_answers() {
        let now = SystemTime::now();
        let hours = |count: u64| Duration::from_secs(count * 3600);
        assert_eq!(asks(&known_since(now - hours(1) / 2), "k").await, (None, false));
        assert_eq!(asks(&known_since(now - hours(2)), "k").await, (None, true));
        assert_eq!(asks(&known_since(now - hours(25)), "k").await, (Some(Kind::Unavailable), true));
        // A clock that was set back makes nothing eternal.
        assert_eq!(asks(&known_since(now + hours(25)), "k").await, (Some(Kind::Unavailable), true));
        // Nobody can say that an unknown key is none while the issuer does not answer.
        let issuer = known_since(now);
        assert_eq!(asks(&issuer, "other").await, (Some(Kind::Unavailable), true));
        // And meanwhile the known one serves.
        assert_eq!(issuer.key("k").await.map(|key| key.e).ok(), Some(vec![3]));
    }

    #[test]
    fn only_rsa_keys_for_signatures_count() {
        let jwk = |text: &str| rsa_key(serde_json::from_str(text).unwrap()).map(|(id, _)| id);
        assert_eq!(jwk(r#"{"kid":"k","kty":"RSA","n":"AQAB","e":"AQAB"}"#).as_deref(), Some("k"));
        for other in [
            r#"{"kid":"k","kty":"RSA","use":"enc","n":"AQAB","e":"AQAB"}"#,
            r#"{"kid":"k","kty":"RSA","alg":"RS512","n":"AQAB","e":"AQAB"}"#,
            r#"{"kid":"k","kty":"EC","crv":"P-256","x":"AQAB","y":"AQAB"}"#,
            r#"{"kid":"k","kty":"oct","k":"AQAB"}"#,
            r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#,
        ] {
            assert_eq!(jwk(other), None, "{other}");
        }
    }

    #[test]
    fn what_strangers_send_is_short_and_on_one_line() {
        assert_eq!(printable("a\r\nb"), "a\u{fffd}\u{fffd}b");
        assert_eq!(printable(&"x".repeat(1000)).chars().count(), 201);
    }
}
