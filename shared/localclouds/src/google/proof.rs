//! An OIDC token as proof: its header, issuer, times and signature, in this order. No issuer is asked
//! but the provider's own. Audience, mapping and condition are judged after it.
//!
//! Google, "Method: token", `subjectToken`.

use super::refusals::{self, Answer};
use crate::faults;
use crate::issuers::KeyFault;
use crate::jwt::{JwtFault, PublicKey, Token};
use crate::local::Handle;
use carnet_trust::google::{Provider, ProviderKind};
use serde_json::{Map, Value};

/// "No more than 24 hours in the past."
const MAX_AGE: i64 = 24 * 3600;
/// Ours. Google says that `iat` must be in the past, and nothing of clocks that differ.
const SKEW: i64 = 60;

/// The claims of a token that the provider's issuer signed and that is in time.
pub async fn check(handle: &Handle, provider: &Provider, text: &str) -> Result<Map<String, Value>, Answer> {
    let token = Token::parse(text).map_err(|fault| match fault {
        JwtFault::DuplicateClaim => refusals::id_token("it has a claim twice"),
        _ => refusals::id_token("it is no JSON Web Token"),
    })?;
    let key_id = check_header(&token)?.to_owned();
    let issuer = match &provider.kind {
        ProviderKind::Oidc { issuer, .. } => issuer,
        // `evaluate` says what is wrong; nothing was verified, and nothing will be let in.
        ProviderKind::Aws { .. } => return Ok(token.claims),
    };
    if token.claim_text("iss") != Some(issuer) {
        return Err(refusals::issuer_unreachable());
    }
    check_time(&token)?;
    check_signature(handle, issuer, &key_id, &token).await?;
    Ok(token.claims)
}

/// The `kid`.
fn check_header(token: &Token) -> Result<&str, Answer> {
    if !matches!(token.header_text("alg"), Some("RS256" | "ES256")) {
        return Err(refusals::id_token("its alg must be RS256 or ES256"));
    }
    token.header_text("kid").ok_or_else(|| refusals::id_token("it has no kid"))
}

fn check_time(token: &Token) -> Result<(), Answer> {
    let now = faults::now_seconds();
    let issued_at = token.claim_seconds("iat").ok_or_else(|| refusals::id_token("it has no iat"))?;
    let until = token.claim_seconds("exp").ok_or_else(|| refusals::id_token("it has no exp"))?;
    if issued_at > now + SKEW || issued_at < now - MAX_AGE || until <= now {
        return Err(refusals::stale(issued_at));
    }
    Ok(())
}

async fn check_signature(handle: &Handle, issuer: &str, key_id: &str, token: &Token) -> Result<(), Answer> {
    let key = handle.google_issuers.key(issuer, key_id).await.map_err(|fault| match fault {
        KeyFault::NoAnswer | KeyFault::Useless => refusals::issuer_unreachable(),
        KeyFault::UnknownKey => unknown_key(),
    })?;
    let verdict = match &key {
        PublicKey::Rsa(key) => token.check_rs256(key),
        PublicKey::P256(key) => token.check_es256(key),
        // No algorithm that Google takes: to it, no such key was published.
        PublicKey::P384(_) => return Err(unknown_key()),
    };
    verdict.map_err(|_| refusals::id_token("its signature does not verify"))
}

fn unknown_key() -> Answer {
    refusals::id_token("its issuer publishes no key with its kid")
}
