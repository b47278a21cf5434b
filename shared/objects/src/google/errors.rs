//! The store's and the client's errors as ours.
//!
//! The client's `Display` repeats what the store wrote, and its `Debug` the headers too, so neither is
//! ever shown: status, reason, request id and whom it turned away are taken out, the words are ours.

use carnet_federation::adapter::google::recover;
use carnet_federation::{Error, Hop, Kind, hints};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;
use std::time::Duration;

/// As the JSON API writes errors. Where bytes were asked for it writes the message alone.
#[derive(Deserialize)]
struct Answer {
    error: Fault,
}

#[derive(Deserialize)]
struct Fault {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Vec<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    reason: String,
}

/// An error of Google's client, while a body was opened or read.
pub(super) fn of_client(target: &str, error: &google_cloud_storage::Error) -> Error {
    // Our own error, from the credential: a refused exchange stays what it is.
    if let Some(ours) = recover(error) {
        return ours;
    }
    let failed = |kind, message| Error::new(Hop::Read, kind, target, message);
    if let Some(status) = error.http_status_code() {
        let none = HeaderMap::new();
        let body = error.http_payload().map(|body| body.as_ref()).unwrap_or_default();
        return answered(Hop::Read, target, status, error.http_headers().unwrap_or(&none), body);
    }
    if error.is_connect() {
        failed(Kind::Unavailable, "no connection").with_hint(&hints::UNREACHABLE)
    } else if error.is_timeout() {
        failed(Kind::Unavailable, "no answer in time").with_hint(&hints::UNREACHABLE)
    } else if error.is_io() {
        failed(Kind::Unavailable, "the connection broke").with_hint(&hints::UNREACHABLE)
    } else if error.is_authentication() {
        failed(Kind::Unauthenticated, "the credential gave no token")
    } else if error.is_deserialization() {
        failed(Kind::Malformed, "the store's answer cannot be understood")
    } else {
        failed(Kind::Malformed, "the client could not make the call")
    }
}

pub(super) fn stalled(target: &str) -> Error {
    Error::new(Hop::Read, Kind::Unavailable, target, "the body stopped coming").with_hint(&hints::UNREACHABLE)
}

/// An answer that is an error.
pub(super) fn answered(hop: Hop, target: &str, status: u16, headers: &HeaderMap, body: &[u8]) -> Error {
    let fault = serde_json::from_slice(body).ok().map(|Answer { error }| error);
    let reason = fault.as_ref().and_then(|fault| fault.errors.first()).map(|detail| detail.reason.as_str());
    let said = match &fault {
        Some(fault) => fault.message.as_str(),
        None => std::str::from_utf8(body).unwrap_or_default(),
    };
    let (kind, message) = meaning(hop, status, reason, said);
    let mut error = Error::new(hop, kind, target, message)
        .with_status(status)
        .with_request_id(request_id(headers).map(str::to_owned))
        .with_retry_after(retry_after(headers));
    if let Some(reason) = reason {
        error = error.with_code(reason);
    }
    if let Some(who) = denied(said).filter(|_| status == 403) {
        error = error.with_presented(who);
    }
    match hints::google_storage(status, reason) {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// Whom the store turned away, and what it would have had to allow: its own sentence begins with that.
/// It is what a grant must name, and we may not know it: a mapping made it.
fn denied(said: &str) -> Option<String> {
    const LONGEST: usize = 512;
    let (who, rest) = said.split_once(" does not have ")?;
    let (permission, _) = rest.split_once(" access")?;
    (who.len() <= LONGEST && !who.contains(char::is_whitespace) && permission.len() <= LONGEST)
        .then(|| format!("{who} for {permission}"))
}

/// "HTTP status and error codes for JSON" says what comes with which status.
fn meaning(hop: Hop, status: u16, reason: Option<&str>, said: &str) -> (Kind, &'static str) {
    match (status, reason) {
        (304, _) => (Kind::NotModified, "the object is the version at hand"),
        (401, _) => (Kind::Unauthenticated, "the store does not accept the token"),
        (429, _) | (403, Some("rateLimitExceeded" | "userRateLimitExceeded")) => {
            (Kind::Throttled, "the store asks to slow down")
        }
        (403, _) if said.contains("scope") => {
            (Kind::Forbidden, "the token was not given out for reading this store")
        }
        (403, _) => (Kind::Forbidden, "the identity has no role that allows this"),
        // Both have the reason `notFound`.
        (404, _) if hop == Hop::List || said.contains("bucket does not exist") => {
            (Kind::NotFound, "no such bucket")
        }
        (404, _) => (Kind::NotFound, "no such object"),
        (408, _) => (Kind::Unavailable, "the store gave up waiting"),
        (412, _) => (Kind::Changed, "the object is not in the version asked for"),
        (416, _) => (Kind::OutOfRange, "the object has no such bytes"),
        (500.., _) => (Kind::Unavailable, "the store failed"),
        _ => (Kind::Malformed, "the store does not take the request"),
    }
}

/// What the store would have said, had it been asked.
pub(super) fn decided(target: &str, kind: Kind) -> Error {
    let status = match kind {
        Kind::NotModified => 304,
        Kind::Changed => 412,
        _ => 416,
    };
    let (kind, message) = meaning(Hop::Read, status, None, "");
    let error = Error::new(Hop::Read, kind, target, message);
    match hints::google_storage(status, None) {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// The service's own, for its support.
pub(super) fn request_id(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-guploader-uploadid").and_then(|id| id.to_str().ok())
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok().map(Duration::from_secs)
}
