//! A client assertion: its shape, trust, time and signature, in this order. Nobody is asked for keys
//! whom no federated credential names.

use super::answers::{self, Answer};
use crate::faults;
use crate::issuers::KeyFault;
use crate::jwt::{PublicKey, Token};
use crate::local::Handle;
use crate::world::Application;
use carnet_trust::entra::{Presented, evaluate};
use time::OffsetDateTime;
use time::macros::format_description;

/// The usual allowance of Microsoft's token libraries for a clock that is ahead. An expiry gets none:
/// GitHub's and Azure DevOps' users see 700024 as soon as their short tokens are over.
const SKEW: i64 = 300;

pub async fn check(
    handle: &Handle,
    client_id: &str,
    application: &Application,
    token: &Token,
) -> Result<(), Answer> {
    check_type(token)?;
    check_blocked(application)?;
    check_trust(handle, client_id, application, token)?;
    check_time(token)?;
    check_signature(handle, token).await
}

pub fn check_blocked(application: &Application) -> Result<(), Answer> {
    application.blocked_by.map_or(Ok(()), |code| Err(answers::blocked(code)))
}

/// Cognito's tokens say `JWS`, and people have published how they trade those here.
fn check_type(token: &Token) -> Result<(), Answer> {
    match token.header_text("typ") {
        None | Some("JWT" | "JWS" | "http://openid.net/specs/jwt/1.0") => Ok(()),
        Some(_) => Err(answers::token_type()),
    }
}

fn check_trust(
    handle: &Handle,
    client_id: &str,
    application: &Application,
    token: &Token,
) -> Result<(), Answer> {
    let text = |name| token.claim_text(name).unwrap_or_default().to_owned();
    let presented = Presented {
        issuer: text("iss"),
        subject: text("sub"),
        audiences: token.audiences(),
        algorithm: token.header_text("alg").unwrap_or("none").to_owned(),
    };
    if is_entra(handle, &presented.issuer) {
        return Err(answers::own_token());
    }
    let outcome = evaluate(&application.federated_credentials, &presented);
    if outcome.is_ok() && application.spreading_until.is_some_and(|until| faults::now() < until) {
        let audience = presented.audiences.join(", ");
        return Err(answers::spreading(&presented.issuer, &presented.subject, &audience));
    }
    match outcome {
        Ok(_) => Ok(()),
        Err(refusal) => Err(answers::refusal(&refusal, client_id, &application.name)),
    }
}

fn is_entra(handle: &Handle, issuer: &str) -> bool {
    let own = handle.endpoints.get().map(|endpoints| endpoints.entra_authority.as_str());
    let hosts = ["https://sts.windows.net", "https://login.microsoftonline.com"];
    hosts
        .into_iter()
        .chain(own)
        .any(|host| issuer.strip_prefix(host).is_some_and(|rest| rest.starts_with('/')))
}

pub fn check_time(token: &Token) -> Result<(), Answer> {
    let now = faults::now_seconds();
    let from = token.claim_seconds("nbf").or_else(|| token.claim_seconds("iat"));
    let until = token.claim_seconds("exp");
    let early = from.is_some_and(|from| from > now + SKEW);
    let late = until.is_none_or(|until| until <= now);
    if early || late {
        let (from, until) = (from.unwrap_or(0), until.unwrap_or(0));
        return Err(answers::not_in_time(&instant(now), &instant(from), &instant(until)));
    }
    Ok(())
}

fn instant(seconds: i64) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].0000000Z");
    let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    // These components exist in every date.
    time.format(format).unwrap_or_default()
}

async fn check_signature(handle: &Handle, token: &Token) -> Result<(), Answer> {
    let issuer = token.claim_text("iss").unwrap_or_default();
    let key_id = token.header_text("kid").unwrap_or_default();
    let key = handle.issuers.key(issuer, key_id).await.map_err(|fault| match fault {
        KeyFault::NoAnswer => answers::issuer_unreachable(false),
        KeyFault::Useless => answers::issuer_unreachable(true),
        KeyFault::UnknownKey => answers::signing_key(key_id, issuer),
    })?;
    match key {
        PublicKey::Rsa(key) => token.check_rsa(&key).map_err(|_| answers::signature()),
        // Entra signs and checks with RSA alone: to it, no such key was published.
        PublicKey::P256(_) | PublicKey::P384(_) => Err(answers::signing_key(key_id, issuer)),
    }
}
