//! Google's error answers.
//!
//! Shape, reasons and the words of a range that cannot be satisfied are those of "HTTP status and
//! error codes for JSON"; the words of a token that an API does not take are those of "Troubleshoot
//! Workload Identity Federation". The other sentences are not in Google's reference: they are as its
//! users report them. What is marked as ours is the stand-in's own.

use super::access::Permission;
use crate::folder::files::Unopened;
use crate::google::bearer::Bearer;
use axum::body::Body;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};

#[derive(Debug)]
pub(crate) struct StorageError {
    status: StatusCode,
    reason: &'static str,
    message: String,
    /// What of the request is at fault: `locationType` and `location`.
    location: Option<(&'static str, String)>,
    headers: Vec<(HeaderName, String)>,
}

const REALM: &str = "Bearer realm=\"https://accounts.google.com/\"";

impl StorageError {
    fn new(status: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self { status, reason, message: message.into(), location: None, headers: Vec::new() }
    }

    fn at(mut self, kind: &'static str, name: impl Into<String>) -> Self {
        self.location = Some((kind, name.into()));
        self
    }

    fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn unauthorized(reason: &'static str, message: impl Into<String>, challenge: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, reason, message)
            .at("header", "Authorization")
            .header(header::WWW_AUTHENTICATE, challenge)
    }

    pub(crate) fn anonymous(permission: Permission) -> Self {
        Self::unauthorized("required", denial("Anonymous caller", permission), REALM)
    }

    pub(crate) fn invalid_credentials() -> Self {
        let challenge = format!("{REALM}, error=\"invalid_token\"");
        Self::unauthorized("authError", "Invalid Credentials", &challenge)
    }

    /// Which answer Cloud Storage gives to a federated token where a bucket knows no federated
    /// identities is not documented; this is what Google documents for APIs that take none.
    pub(crate) fn takes_no_federated_token() -> Self {
        let message = "Request had invalid authentication credentials. Expected OAuth 2 access token, login \
                       cookie or other valid authentication credential. See \
                       https://developers.google.com/identity/sign-in/web/devconsole-project.";
        Self::unauthorized("authError", message, &format!("{REALM}, error=\"invalid_token\""))
    }

    pub(crate) fn insufficient_scopes(scope: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "Provided scope(s) are not authorized").header(
            header::WWW_AUTHENTICATE,
            format!("{REALM}, error=\"insufficient_scope\", scope=\"{scope}\""),
        )
    }

    /// A service account is named; a federated identity is "Caller".
    pub(crate) fn denied(bearer: &Bearer, permission: Permission) -> Self {
        let account = bearer.members.iter().find_map(|member| member.strip_prefix("serviceAccount:"));
        let message = denial(account.unwrap_or("Caller"), permission);
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    pub(crate) fn no_such_bucket() -> Self {
        Self::new(StatusCode::NOT_FOUND, "notFound", "The specified bucket does not exist.")
    }

    pub(crate) fn no_such_object(bucket: &str, name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "notFound", format!("No such object: {bucket}/{name}"))
    }

    pub(crate) fn no_such_url() -> Self {
        Self::new(StatusCode::NOT_FOUND, "notFound", "Not Found")
    }

    pub(crate) fn condition_not_met(parameter: &str) -> Self {
        let message = "At least one of the pre-conditions you specified did not hold.";
        Self::new(StatusCode::PRECONDITION_FAILED, "conditionNotMet", message).at("parameter", parameter)
    }

    pub(crate) fn not_modified() -> Self {
        Self::new(StatusCode::NOT_MODIFIED, "notModified", "Not Modified")
    }

    pub(crate) fn invalid_range(size: u64) -> Self {
        let message = "The requested range cannot be satisfied.";
        Self::new(StatusCode::RANGE_NOT_SATISFIABLE, "requestedRangeNotSatisfiable", message)
            .at("header", "Range")
            .header(header::CONTENT_RANGE, format!("bytes */{size}"))
    }

    /// The words are ours.
    pub(crate) fn invalid_name() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", "The object's name cannot be one.")
    }

    /// The words are ours.
    pub(crate) fn invalid_number(parameter: &str, value: &str) -> Self {
        let message = format!("Invalid value {value:?} for {parameter}.");
        Self::new(StatusCode::BAD_REQUEST, "invalidParameter", message).at("parameter", parameter)
    }

    /// The words are ours.
    pub(crate) fn invalid_page_token() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", "Invalid page token.").at("parameter", "pageToken")
    }

    pub(crate) fn invalid_fields(asked: &str) -> Self {
        let message = format!("Invalid field selection {asked}");
        Self::new(StatusCode::BAD_REQUEST, "invalidParameter", message).at("parameter", "fields")
    }

    /// The words are ours: the real service does it, this one does not.
    pub(crate) fn not_here(parameter: &str) -> Self {
        let message = format!("This stand-in does not know {parameter}.");
        Self::new(StatusCode::BAD_REQUEST, "invalidParameter", message).at("parameter", parameter)
    }

    pub(crate) fn unopened(why: Unopened, bucket: &str, name: &str) -> Self {
        match why {
            Unopened::InvalidName => Self::invalid_name(),
            Unopened::NotFound => Self::no_such_object(bucket, name),
            Unopened::Failed(error) => Self::internal(&error),
        }
    }

    /// The stand-in's own failure, e.g. a folder that cannot be read.
    pub(crate) fn internal(source: &std::io::Error) -> Self {
        tracing::warn!(%source, "the storage stand-in could not read its folder");
        let message = "We encountered an internal error. Please try again.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "backendError", message)
    }

    /// Where bytes were asked for, the message comes bare, as clients of downloads report it.
    pub(crate) fn into_response(self, media: bool) -> Response<Body> {
        let body = self.body();
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        // 304 has no body.
        if self.status == StatusCode::NOT_MODIFIED {
            return response;
        }
        let (kind, text) = match media {
            true => ("text/html; charset=UTF-8", self.message),
            false => ("application/json; charset=UTF-8", format!("{body:#}\n")),
        };
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        *response.body_mut() = Body::from(text);
        response
    }

    fn body(&self) -> Value {
        let mut detail = Map::new();
        detail.insert("message".into(), json!(self.message));
        detail.insert("domain".into(), json!("global"));
        detail.insert("reason".into(), json!(self.reason));
        if let Some((kind, name)) = &self.location {
            detail.insert("locationType".into(), json!(kind));
            detail.insert("location".into(), json!(name));
        }
        json!({"error": {"code": self.status.as_u16(), "message": self.message, "errors": [detail]}})
    }
}

fn denial(who: &str, permission: Permission) -> String {
    let (name, resource) = permission.words();
    let resource = match permission {
        Permission::ListBuckets | Permission::CreateBucket => format!("Google Cloud {resource}"),
        _ => format!("Google Cloud Storage {resource}"),
    };
    format!(
        "{who} does not have {name} access to the {resource}. Permission '{name}' denied on resource (or it may \
         not exist)."
    )
}
