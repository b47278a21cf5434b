//! What an app registration holds itself: client secrets and certificates.
//!
//! Microsoft, "Microsoft identity platform application authentication certificate credentials": an
//! assertion of one's own names its certificate by thumbprint, is for the token endpoint, and has the
//! client id as issuer and subject.

use super::answers::{self, Answer};
use super::assertion;
use crate::faults;
use crate::jwt::Token;
use crate::local::Handle;
use crate::world::{Application, ClientCertificate};

pub fn check_secret(client_id: &str, application: &Application, presented: &str) -> Result<(), Answer> {
    let secrets = application.client_secrets.iter();
    let mut known = secrets.filter(|secret| secret.value == presented).peekable();
    if known.peek().is_none() {
        return Err(answers::secret(client_id));
    }
    let now = faults::now();
    if known.all(|secret| secret.expires_at.is_some_and(|end| end <= now)) {
        return Err(answers::secret_expired(client_id));
    }
    Ok(())
}

/// Whether an assertion is signed by the client itself, not by another issuer.
pub fn is_own(client_id: &str, token: &Token) -> bool {
    token.claim_text("iss").is_some_and(|issuer| issuer.eq_ignore_ascii_case(client_id))
}

pub fn check_certificate(
    handle: &Handle,
    client_id: &str,
    application: &Application,
    token: &Token,
) -> Result<(), Answer> {
    let thumbprint = thumbprint(token).ok_or_else(answers::no_thumbprint)?;
    let certificate = find(application, token).ok_or_else(|| answers::certificate(client_id, thumbprint))?;
    match token.header_text("alg") {
        Some("RS256") => token.check_rs256(&certificate.key),
        Some("PS256") => token.check_ps256(&certificate.key),
        other => return Err(answers::own_algorithm(other.unwrap_or("none"))),
    }
    .map_err(|_| answers::signature())?;
    if !token.claim_text("sub").is_some_and(|subject| subject.eq_ignore_ascii_case(client_id)) {
        return Err(answers::own_subject());
    }
    let audiences = token.audiences();
    let [audience] = audiences.as_slice() else { return Err(answers::own_audience("")) };
    if !takes(handle, audience) {
        return Err(answers::own_audience(audience));
    }
    assertion::check_time(token)
}

fn find<'a>(application: &'a Application, token: &Token) -> Option<&'a ClientCertificate> {
    let (sha1, sha256) = (token.header_text("x5t"), token.header_text("x5t#S256"));
    // Microsoft's own libraries pad what they write.
    let same = |known: &str, shown: &str| known == shown.trim_end_matches('=');
    let mut certificates = application.client_certificates.iter();
    certificates.find(|known| match (sha256, sha1) {
        (Some(sha256), _) => same(&known.sha256, sha256),
        (None, Some(sha1)) => same(&known.sha1, sha1),
        (None, None) => false,
    })
}

fn thumbprint(token: &Token) -> Option<&str> {
    token.header_text("x5t#S256").or_else(|| token.header_text("x5t"))
}

/// The token endpoint, by its own name or where it is played, or the tenant's issuer.
fn takes(handle: &Handle, audience: &str) -> bool {
    let tenant = handle.world().entra.tenant_id.clone();
    let own = handle.endpoints.get().map(|endpoints| endpoints.entra_authority.clone());
    let hosts = std::iter::once("https://login.microsoftonline.com").chain(own.as_deref());
    hosts.map(|host| format!("{host}/{tenant}/")).any(|base| {
        audience
            .strip_prefix(&base)
            .is_some_and(|rest| ["oauth2/v2.0/token", "oauth2/token", "v2.0"].contains(&rest))
    })
}
