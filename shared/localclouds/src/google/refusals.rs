//! Every refusal of the security token service.
//!
//! The sentences are those of "Troubleshoot Workload Identity Federation" and those that people have
//! published with these codes. Where no wording was found the text is ours and says so in a comment.

use axum::Json;
use axum::response::{IntoResponse, Response};
use carnet_trust::google::Refusal;
use http::StatusCode;
use serde_json::json;

/// OAuth's error, and the words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub error: &'static str,
    pub description: String,
}

impl Answer {
    fn new(error: &'static str, description: impl Into<String>) -> Self {
        Self { error, description: description.into() }
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self { error: refusal.error, description: refusal.description }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.error, "error_description": self.description });
        (StatusCode::BAD_REQUEST, Json(body)).into_response()
    }
}

pub fn audience() -> Answer {
    let text = "Invalid value for \"audience\". This value should be the full resource name of the Identity Provider. \
        See https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token for the list of possible formats.";
    Answer::new("invalid_request", text)
}

pub fn target() -> Answer {
    let text = "The target service indicated by the \"audience\" parameters is invalid. This might either be because \
        the pool or provider is disabled or deleted or because it doesn't exist.";
    Answer::new("invalid_target", text)
}

/// Google's for `requested_token_type`. That the other parameters are worded alike is ours.
pub fn parameter(name: &str) -> Answer {
    Answer::new("invalid_request", format!("Invalid value of {name} in request."))
}

pub fn no_scope() -> Answer {
    Answer::new("invalid_request", "Scope(s) must be provided.")
}

/// Ours.
pub fn unreadable() -> Answer {
    Answer::new("invalid_request", "The request is neither a form nor JSON.")
}

pub fn issuer_unreachable() -> Answer {
    Answer::new("invalid_grant", "Error connecting to the given credential's issuer.")
}

/// Google's for a token that is too old. That one which is over, or from the future, is worded alike
/// is ours.
pub fn stale(issued_at: i64) -> Answer {
    Answer::new("invalid_grant", format!("ID Token issued at {issued_at} is stale to sign-in."))
}

/// Everything else about an OIDC token. The words are ours.
pub fn id_token(problem: &str) -> Answer {
    Answer::new("invalid_grant", format!("The ID Token is invalid: {problem}."))
}

/// `Invalid format of AWS credentials` is how Google begins; what follows, and the code, are ours.
pub fn aws_format(problem: &str) -> Answer {
    Answer::new("invalid_grant", format!("Invalid format of AWS credentials: {problem}."))
}

/// AWS turned the signed request away. The words around AWS's own are ours.
pub fn aws_refused(code: &str, message: &str) -> Answer {
    Answer::new("invalid_grant", format!("AWS did not accept the given credential: {code}: {message}"))
}
