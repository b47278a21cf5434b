//! The client's errors as ours.
//!
//! Its `Debug` shows the answer's headers and body, so nothing of it is shown: status, code and request
//! id are taken out, the words are ours.

use azure_core::error::ErrorKind;
use azure_core::http::RawResponse;
use azure_core::http::headers::{HeaderName, Headers};
use carnet_federation::adapter::azure::recover;
use carnet_federation::{Error, Hop, Kind, hints};
use serde::Deserialize;
use std::error::Error as StdError;
use std::time::Duration;

/// "Common HTTP Status Codes" (Key Vault REST API): the inner code says what a 403 is about.
#[derive(Deserialize)]
struct Answer {
    error: Fault,
}

#[derive(Deserialize)]
struct Fault {
    code: Option<String>,
    #[serde(alias = "innerError")]
    innererror: Option<Inner>,
}

#[derive(Deserialize)]
struct Inner {
    code: Option<String>,
}

pub(super) fn from_sdk(target: &str, error: &azure_core::Error) -> Error {
    // Our own error, from the credential: an Entra refusal stays what it is.
    if let Some(ours) = recover(error) {
        return ours;
    }
    let failed = |kind, message| Error::new(Hop::Read, kind, target, message);
    match error.kind() {
        ErrorKind::HttpResponse { status, raw_response, .. } => {
            answered(target, u16::from(*status), raw_response.as_deref())
        }
        ErrorKind::Connection | ErrorKind::Io => unreachable(target, error),
        ErrorKind::DataConversion => failed(Kind::Malformed, "the vault's answer cannot be understood"),
        ErrorKind::Credential => failed(
            Kind::Refused,
            "the vault's challenge asks for a token of another service: no token was sent",
        )
        .with_hint(&hints::VAULT_CHALLENGE),
        _ if error.to_string().starts_with("challenge resource") => {
            failed(Kind::Refused, "the vault's challenge is for another domain: no token was sent")
                .with_hint(&hints::VAULT_CHALLENGE)
        }
        _ => failed(Kind::Malformed, "the client could not make the call"),
    }
}

pub(super) fn not_found(target: &str) -> Error {
    let error = Error::new(Hop::Read, Kind::NotFound, target, "there is no such secret, or no such version");
    error.with_hint(&hints::KEY_VAULT_NOT_FOUND)
}

/// Whether another permission of the same vault could answer instead.
pub(super) fn is_about_roles(error: &Error) -> bool {
    error.kind() == Kind::Forbidden && error.hint() == Some(&hints::KEY_VAULT_FORBIDDEN)
}

pub(super) fn is_disabled(error: &Error) -> bool {
    error.hint() == Some(&hints::SECRET_NOT_USABLE)
}

pub(super) fn request_id(headers: &Headers) -> Option<&str> {
    text(headers, "x-ms-request-id")
}

fn text<'h>(headers: &'h Headers, name: &'static str) -> Option<&'h str> {
    headers.get_optional_str(&HeaderName::from_static(name))
}

fn answered(target: &str, status: u16, answer: Option<&RawResponse>) -> Error {
    let headers = answer.map(RawResponse::headers);
    let fault = answer.and_then(|answer| serde_json::from_slice::<Answer>(answer.body()).ok());
    let fault = fault.map(|Answer { error }| error);
    let code = fault.and_then(|fault| fault.innererror.and_then(|inner| inner.code).or(fault.code));
    let (kind, message, hint) = meaning(status, code.as_deref());
    let mut error = Error::new(Hop::Read, kind, target, message)
        .with_status(status)
        .with_request_id(headers.and_then(request_id).map(str::to_owned))
        .with_retry_after(
            headers
                .and_then(|headers| text(headers, "retry-after"))
                .and_then(|after| after.parse().ok())
                .map(Duration::from_secs),
        );
    if let Some(code) = code {
        error = error.with_code(code);
    }
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

fn meaning(status: u16, code: Option<&str>) -> (Kind, &'static str, Option<&'static hints::Hint>) {
    match (status, code) {
        (401, _) => (
            Kind::Unauthenticated,
            "the vault does not accept the token",
            Some(&hints::KEY_VAULT_UNAUTHENTICATED),
        ),
        (403, Some("ForbiddenByFirewall")) => (
            Kind::Forbidden,
            "the vault's firewall lets this network not through",
            Some(&hints::KEY_VAULT_FIREWALL),
        ),
        (403, Some("SecretDisabled")) => {
            (Kind::Forbidden, "the version is disabled", Some(&hints::SECRET_NOT_USABLE))
        }
        (403, _) => {
            (Kind::Forbidden, "the identity has no role that allows this", Some(&hints::KEY_VAULT_FORBIDDEN))
        }
        (404, _) => {
            (Kind::NotFound, "there is no such secret, or no such version", Some(&hints::KEY_VAULT_NOT_FOUND))
        }
        (408, _) => (Kind::Unavailable, "the vault gave up waiting", None),
        (429, _) => (Kind::Throttled, "the vault asks to slow down", Some(&hints::SECRETS_THROTTLED)),
        (500.., _) => (Kind::Unavailable, "the vault failed", None),
        _ => (Kind::Malformed, "the vault does not take the request", None),
    }
}

/// A vault that does not exist has no address.
fn unreachable(target: &str, error: &azure_core::Error) -> Error {
    let failed = |message| Error::new(Hop::Read, Kind::Unavailable, target, message);
    match transport(error) {
        Some(error) if error.is_connect() => failed("no connection").with_hint(&hints::VAULT_UNREACHABLE),
        Some(error) if error.is_timeout() => failed("no answer in time").with_hint(&hints::UNREACHABLE),
        _ => failed("the connection broke").with_hint(&hints::UNREACHABLE),
    }
}

fn transport<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e reqwest::Error> {
    error.downcast_ref().or_else(|| transport(error.source()?))
}
