//! Every refusal. Names and statuses are those of AWS's service model and of "Common Error Types"; the
//! sentences that people have published are those of an unsupported or unknown provider and of access without
//! a login. Those of a forbidden identity, and of pools and identities that are not there, are written from
//! experience and were compared with no document. The others are ours. Nothing depends on their words.

use crate::aws::sigv4::SigV4Fault;
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::json;

pub(super) struct Fault {
    name: &'static str,
    message: String,
}

impl Fault {
    fn new(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, message: message.into() }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let Fault { name, message } = self;
        tracing::info!(error = name, answer = message, "Cognito turned a call away");
        let status = if name == "InternalErrorException" {
            StatusCode::INTERNAL_SERVER_ERROR
        } else {
            StatusCode::BAD_REQUEST
        };
        let mut response = (status, Json(json!({ "__type": name, "message": message }))).into_response();
        response
            .headers_mut()
            .insert(HeaderName::from_static("x-amzn-errortype"), HeaderValue::from_static(name));
        response
    }
}

/// The JSON services have names of their own for a signature that is wrong.
impl From<SigV4Fault> for Fault {
    fn from(fault: SigV4Fault) -> Self {
        let name = match fault.code {
            "SignatureDoesNotMatch" => "InvalidSignatureException",
            "IncompleteSignature" => "IncompleteSignatureException",
            "ExpiredToken" => "ExpiredTokenException",
            "MissingAuthenticationToken" => "MissingAuthenticationTokenException",
            _ => "UnrecognizedClientException",
        };
        Self::new(name, fault.message)
    }
}

pub(super) fn unreadable() -> Fault {
    Fault::new("SerializationException", "The request is no JSON object of this operation.")
}

pub(super) fn unknown_operation() -> Fault {
    Fault::new("UnknownOperationException", "No such operation.")
}

pub(super) fn internal() -> Fault {
    Fault::new("InternalErrorException", "No token could be signed.")
}

pub(super) fn missing(field: &str) -> Fault {
    let message = format!(
        "1 validation error detected: Value null at '{field}' failed to satisfy constraint: Member must not be null"
    );
    Fault::new("InvalidParameterException", message)
}

pub(super) fn invalid_id(id: &str, field: &str) -> Fault {
    let message = format!(
        "1 validation error detected: Value '{id}' at '{field}' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: [\\w-]+:[0-9a-f-]+"
    );
    Fault::new("InvalidParameterException", message)
}

pub(super) fn duration(seconds: i64) -> Fault {
    let message = format!("TokenDuration {seconds} is not between 1 and 86400.");
    Fault::new("InvalidParameterException", message)
}

pub(super) fn no_pool(id: &str) -> Fault {
    Fault::new("ResourceNotFoundException", format!("IdentityPool '{id}' not found."))
}

pub(super) fn no_identity(id: &str) -> Fault {
    Fault::new("ResourceNotFoundException", format!("Identity '{id}' not found."))
}

pub(super) fn unauthenticated() -> Fault {
    Fault::new("NotAuthorizedException", "Unauthenticated access is not supported for this identity pool.")
}

pub(super) fn forbidden(id: &str) -> Fault {
    Fault::new("NotAuthorizedException", format!("Access to Identity '{id}' is forbidden."))
}

pub(super) fn provider() -> Fault {
    Fault::new("NotAuthorizedException", "Token is not from a supported provider of this identity pool.")
}

pub(super) fn one_login() -> Fault {
    Fault::new("InvalidParameterException", "Logins must have one developer provider and its user.")
}

pub(super) fn developer_provider(name: &str) -> Fault {
    let message =
        format!("'{name}' is not the developer provider of this identity pool, or its user is empty.");
    Fault::new("InvalidParameterException", message)
}

pub(super) fn registered(user: &str) -> Fault {
    let message = format!("'{user}' is already registered with another identity.");
    Fault::new("DeveloperUserAlreadyRegisteredException", message)
}

/// AWS, "Troubleshoot access denied error messages".
pub(super) fn denied(user: &str, action: &str, resource: &str, explicit: bool) -> Fault {
    let because = if explicit {
        "with an explicit deny in an identity-based policy".to_owned()
    } else {
        format!("because no identity-based policy allows the {action} action")
    };
    let message =
        format!("User: {user} is not authorized to perform: {action} on resource: {resource} {because}");
    Fault::new("AccessDeniedException", message)
}
