//! The client's errors as ours.
//!
//! Its `Display` says little and its `Debug` says too much (the answer's headers and body come
//! along), so neither is ever shown: status, code and request id are taken out, the words are ours.

use super::headers::{request_id, text};
use azure_core::error::ErrorKind;
use azure_core::http::RawResponse;
use carnet_federation::adapter::azure::recover;
use carnet_federation::{Error, Hop, Kind, hints};
use std::error::Error as StdError;
use std::time::Duration;

pub(super) fn from_sdk(hop: Hop, target: &str, error: &azure_core::Error) -> Error {
    // Our own error, from the credential: an Entra refusal stays what it is.
    if let Some(ours) = recover(error) {
        return ours;
    }
    match error.kind() {
        ErrorKind::HttpResponse { status, error_code, raw_response } => {
            answered(hop, target, u16::from(*status), error_code.as_deref(), raw_response.as_deref())
        }
        ErrorKind::Connection | ErrorKind::Io => unreachable(hop, target, error),
        ErrorKind::DataConversion => {
            Error::new(hop, Kind::Malformed, target, "the store's answer cannot be understood")
        }
        ErrorKind::Credential => {
            Error::new(hop, Kind::Unauthenticated, target, "the credential gave no token")
        }
        _ => Error::new(hop, Kind::Malformed, target, "the client could not make the call"),
    }
}

fn answered(hop: Hop, target: &str, status: u16, code: Option<&str>, answer: Option<&RawResponse>) -> Error {
    let headers = answer.map(RawResponse::headers);
    let header = |name: &'static str| headers.and_then(|headers| text(headers, name));
    // Without a code the client puts the status's name in its place.
    let code = header("x-ms-error-code").or(code);
    let (kind, message) = meaning(status, code);
    let error = Error::new(hop, kind, target, message)
        .with_status(status)
        .with_request_id(headers.and_then(request_id).map(str::to_owned))
        .with_retry_after(
            header("retry-after").and_then(|after| after.parse().ok()).map(Duration::from_secs),
        );
    match code {
        Some(code) => match hints::azure_blob(code) {
            Some(hint) => error.with_code(code).with_hint(hint),
            None => error.with_code(code),
        },
        None => error,
    }
}

/// "Status and error codes" and "Blob service error codes" say which code comes with which status.
fn meaning(status: u16, code: Option<&str>) -> (Kind, &'static str) {
    match (status, code) {
        (304, _) => (Kind::NotModified, "the object is the version at hand"),
        (401, _) => (Kind::Unauthenticated, "the store does not accept the token"),
        (403, Some("AuthorizationPermissionMismatch")) => {
            (Kind::Forbidden, "the identity has no role that allows this")
        }
        (403, Some("AuthorizationFailure")) => {
            (Kind::Forbidden, "the store refuses this caller: its network rules, or another policy")
        }
        (403, _) => (Kind::Forbidden, "the store refuses this"),
        (404, Some("ContainerNotFound")) => (Kind::NotFound, "no such container"),
        (404, _) => (Kind::NotFound, "no such object"),
        (408, _) => (Kind::Unavailable, "the store gave up waiting"),
        (409, _) => (Kind::Forbidden, "the object's present state does not allow this"),
        (412, _) => (Kind::Changed, "the object is not in the version asked for"),
        (416, _) => (Kind::OutOfRange, "the object has no such bytes"),
        (429, _) | (503, Some("ServerBusy")) => (Kind::Throttled, "the store asks to slow down"),
        (500.., _) => (Kind::Unavailable, "the store failed"),
        _ => (Kind::Malformed, "the store does not take the request"),
    }
}

fn unreachable(hop: Hop, target: &str, error: &azure_core::Error) -> Error {
    let message = match transport(error) {
        Some(error) if error.is_connect() => "no connection",
        Some(error) if error.is_timeout() => "no answer in time",
        _ => "the connection broke",
    };
    Error::new(hop, Kind::Unavailable, target, message).with_hint(&hints::UNREACHABLE)
}

fn transport<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e reqwest::Error> {
    error.downcast_ref().or_else(|| transport(error.source()?))
}
