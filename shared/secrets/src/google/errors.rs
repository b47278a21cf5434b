//! The API's errors as ours: status and reason are taken out, the words are ours.

use carnet_federation::{Error, Hop, Kind, hints};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;
use std::time::Duration;

#[derive(Deserialize)]
struct Answer {
    error: Fault,
}

#[derive(Deserialize)]
struct Fault {
    #[serde(default)]
    status: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    details: Vec<Detail>,
}

/// An `ErrorInfo` among others.
#[derive(Deserialize)]
struct Detail {
    reason: Option<String>,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
struct Metadata {
    permission: Option<String>,
}

pub(super) fn answered(target: &str, status: u16, headers: &HeaderMap, body: &[u8]) -> Error {
    let fault = serde_json::from_slice(body).ok().map(|Answer { error }| error);
    let reason = fault.as_ref().and_then(|fault| fault.details.iter().find_map(|it| it.reason.as_deref()));
    let (kind, message, hint) = meaning(status, fault.as_ref(), reason);
    let message = match fault.as_ref().and_then(permission) {
        Some(permission) if kind == Kind::Forbidden => format!("{message}: {permission}"),
        _ => message.to_owned(),
    };
    let mut error = Error::new(Hop::Read, kind, target, message)
        .with_status(status)
        .with_request_id(headers.get("x-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned))
        .with_retry_after(
            headers
                .get(RETRY_AFTER)
                .and_then(|after| after.to_str().ok()?.parse().ok())
                .map(Duration::from_secs),
        );
    let code = reason.or(fault.as_ref().map(|fault| fault.status.as_str())).filter(|code| !code.is_empty());
    if let Some(code) = code {
        error = error.with_code(code);
    }
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

fn meaning(
    status: u16,
    fault: Option<&Fault>,
    reason: Option<&str>,
) -> (Kind, &'static str, Option<&'static hints::Hint>) {
    let code = fault.map(|fault| fault.status.as_str());
    match (status, code) {
        (401, _) => (Kind::Unauthenticated, "Secret Manager does not accept the token", None),
        (403, _) if reason == Some("SERVICE_DISABLED") => {
            (Kind::Forbidden, "the API is not enabled in the project", Some(&hints::SECRET_MANAGER_DISABLED))
        }
        (403, _) => (
            Kind::Forbidden,
            "the identity has no role that allows this",
            Some(&hints::SECRET_MANAGER_FORBIDDEN),
        ),
        (404, _) => (
            Kind::NotFound,
            "there is no such secret, or no such version",
            Some(&hints::SECRET_MANAGER_NOT_FOUND),
        ),
        // "... is in DISABLED state.", "... is in DESTROYED state."
        (400, Some("FAILED_PRECONDITION")) => {
            (Kind::Forbidden, "the version is disabled or destroyed", Some(&hints::SECRET_NOT_USABLE))
        }
        (408, _) => (Kind::Unavailable, "Secret Manager gave up waiting", None),
        (429, _) => (Kind::Throttled, "Secret Manager asks to slow down", Some(&hints::SECRETS_THROTTLED)),
        (500.., _) => (Kind::Unavailable, "Secret Manager failed", None),
        _ => (Kind::Malformed, "Secret Manager does not take the request", None),
    }
}

/// Which permission is missing: in the details, or in Google's sentence.
fn permission(fault: &Fault) -> Option<String> {
    let stated = fault.details.iter().find_map(|detail| detail.metadata.permission.clone());
    let quoted = || {
        let (_, rest) = fault.message.split_once("Permission '")?;
        Some(rest.split_once('\'')?.0.to_owned())
    };
    let is_one = |text: &String| {
        text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'.')
    };
    stated.or_else(quoted).filter(is_one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_permission_and_its_role() {
        let body = br#"{"error":{"code":403,"message":"Permission 'secretmanager.versions.access' denied for resource 'projects/p/secrets/a/versions/latest' (or it may not exist).","status":"PERMISSION_DENIED"}}"#;
        let error = answered("here", 403, &HeaderMap::new(), body);
        assert_eq!(error.kind(), Kind::Forbidden);
        let shown = error.to_string();
        for part in ["secretmanager.versions.access", "PERMISSION_DENIED", "secretAccessor"] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }

    #[test]
    fn a_page_is_no_reason() {
        let error = answered("here", 502, &HeaderMap::new(), b"<html>");
        assert_eq!((error.kind(), error.code()), (Kind::Unavailable, None));
    }
}
