//! Secret Manager's error answers, in the shape of Google's APIs. The sentences are those that people have
//! published; what is ours is said.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

const EXPECTED: &str = "Expected OAuth 2 access token, login cookie or other valid authentication credential. See \
    https://developers.google.com/identity/sign-in/web/devconsole-project.";

pub(super) struct SecretError {
    code: StatusCode,
    status: &'static str,
    message: String,
    /// `reason`, `domain` and `metadata` of an `ErrorInfo`.
    info: Option<(&'static str, &'static str, Value)>,
}

impl SecretError {
    fn new(code: StatusCode, status: &'static str, message: impl Into<String>) -> Self {
        Self { code, status, message: message.into(), info: None }
    }

    fn because(self, reason: &'static str, domain: &'static str, metadata: Value) -> Self {
        Self { info: Some((reason, domain, metadata)), ..self }
    }

    pub(super) fn no_credential() -> Self {
        let message = format!("Request is missing required authentication credential. {EXPECTED}");
        Self::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", message)
    }

    pub(super) fn invalid_credential() -> Self {
        let message = format!("Request had invalid authentication credentials. {EXPECTED}");
        Self::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", message)
    }

    pub(super) fn scopes() -> Self {
        let message = "Request had insufficient authentication scopes.";
        Self::new(StatusCode::FORBIDDEN, "PERMISSION_DENIED", message).because(
            "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
            "googleapis.com",
            json!({ "service": "secretmanager.googleapis.com" }),
        )
    }

    pub(super) fn denied(permission: &str, resource: &str) -> Self {
        let message =
            format!("Permission '{permission}' denied for resource '{resource}' (or it may not exist).");
        Self::new(StatusCode::FORBIDDEN, "PERMISSION_DENIED", message).because(
            "IAM_PERMISSION_DENIED",
            "secretmanager.googleapis.com",
            json!({ "permission": permission, "resource": resource }),
        )
    }

    pub(super) fn no_secret(name: &str) -> Self {
        let message = format!("Secret [{name}] not found or has no versions.");
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
    }

    /// The words are ours.
    pub(super) fn no_version(name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", format!("Secret Version [{name}] not found."))
    }

    pub(super) fn not_enabled(name: &str, state: &str) -> Self {
        let message = format!("Secret Version [{name}] is in {state} state.");
        Self::new(StatusCode::BAD_REQUEST, "FAILED_PRECONDITION", message)
    }

    /// The words are ours.
    pub(super) fn invalid_argument() -> Self {
        let message = "The provided Secret Version ID does not match the expected format";
        Self::new(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", message)
    }

    /// The words are ours.
    pub(super) fn unknown_method() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", "Method not found.")
    }
}

impl IntoResponse for SecretError {
    fn into_response(self) -> Response {
        let mut error = json!({ "code": self.code.as_u16(), "message": self.message, "status": self.status });
        if let Some((reason, domain, metadata)) = self.info {
            error["details"] = json!([{
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": reason,
                "domain": domain,
                "metadata": metadata,
            }]);
        }
        let mut response = (self.code, Json(json!({ "error": error }))).into_response();
        if self.code == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"https://accounts.google.com/\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
