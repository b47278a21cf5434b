//! Refusals of IAM credentials, in the shape of Google's APIs.
//!
//! The sentences are those of "Troubleshoot Workload Identity Federation" and those that people have
//! published; `details` are as they appear there.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

const EXPECTED: &str = "Expected OAuth 2 access token, login cookie or other valid authentication credential. See \
    https://developers.google.com/identity/sign-in/web/devconsole-project.";
const SERVICE: &str = "iamcredentials.googleapis.com";

#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    code: StatusCode,
    status: &'static str,
    pub message: String,
    /// `reason`, `domain` and `metadata` of an `ErrorInfo`.
    info: Option<(&'static str, &'static str, Value)>,
}

impl ApiError {
    fn new(code: StatusCode, status: &'static str, message: impl Into<String>) -> Self {
        Self { code, status, message: message.into(), info: None }
    }

    fn because(self, reason: &'static str, domain: &'static str, metadata: Value) -> Self {
        Self { info: Some((reason, domain, metadata)), ..self }
    }
}

impl IntoResponse for ApiError {
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

fn unauthenticated(begin: &str, reason: &'static str) -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", format!("{begin} {EXPECTED}")).because(
        reason,
        "googleapis.com",
        json!({ "service": SERVICE }),
    )
}

pub fn no_credential() -> ApiError {
    unauthenticated("Request is missing required authentication credential.", "CREDENTIALS_MISSING")
}

pub fn invalid_credential() -> ApiError {
    unauthenticated("Request had invalid authentication credentials.", "ACCESS_TOKEN_TYPE_UNSUPPORTED")
}

pub fn expired_credential() -> ApiError {
    unauthenticated("Request had invalid authentication credentials.", "ACCESS_TOKEN_EXPIRED")
}

pub fn scopes() -> ApiError {
    let text = "Request had insufficient authentication scopes.";
    ApiError::new(StatusCode::FORBIDDEN, "PERMISSION_DENIED", text).because(
        "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        "googleapis.com",
        json!({ "service": SERVICE }),
    )
}

/// The same for an account that does not exist and one that is not granted. That it is also said of
/// one that is disabled is ours.
pub fn denied() -> ApiError {
    let permission = "iam.serviceAccounts.getAccessToken";
    let text = format!("Permission '{permission}' denied on resource (or it may not exist).");
    ApiError::new(StatusCode::FORBIDDEN, "PERMISSION_DENIED", text).because(
        "IAM_PERMISSION_DENIED",
        "iam.googleapis.com",
        json!({ "permission": permission }),
    )
}

pub fn invalid_argument() -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", "Request contains an invalid argument.")
}

/// Google's sentence; its status is ours.
pub fn lifetime(email: &str) -> ApiError {
    let text = format!(
        "Access tokens for service account {email} can not have lifetimes of more than 1 hour. Use the Org Policy \
         Constraint constraints/iam.allowServiceAccountCredentialLifetimeExtension to allow up to 12 hours."
    );
    ApiError::new(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", text)
}

/// As Google's front end words a path it does not know, in short: the words are ours.
pub fn not_found() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", "Method not found.")
}
