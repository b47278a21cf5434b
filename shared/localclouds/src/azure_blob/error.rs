//! Azure's error answers. Codes and words are those of "Common REST API error codes" and "Blob
//! service error codes" in Microsoft's storage reference.

use crate::folder::files::Unopened;
use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};
use quick_xml::escape::escape;
use std::time::SystemTime;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

#[derive(Debug)]
pub(crate) struct BlobError {
    status: StatusCode,
    code: &'static str,
    message: &'static str,
    /// Further elements of the body, e.g. `AuthenticationErrorDetail`.
    details: Vec<(&'static str, String)>,
    headers: Vec<(header::HeaderName, String)>,
}

impl BlobError {
    fn new(status: StatusCode, code: &'static str, message: &'static str) -> Self {
        Self { status, code, message, details: Vec::new(), headers: Vec::new() }
    }

    pub(crate) fn detail(mut self, element: &'static str, text: impl Into<String>) -> Self {
        self.details.push((element, text.into()));
        self
    }

    pub(crate) fn header(mut self, name: header::HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn no_authentication() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "NoAuthenticationInformation",
            "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.",
        )
    }

    pub(crate) fn invalid_authentication() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "InvalidAuthenticationInfo",
            "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.",
        )
    }

    pub(crate) fn malformed_authentication() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "InvalidAuthenticationInfo",
            "The authentication information was not provided in the correct format. Verify the value of Authorization header.",
        )
    }

    pub(crate) fn authentication_failed() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "AuthenticationFailed",
            "Server failed to authenticate the request. Make sure the value of the Authorization header is formed correctly including the signature.",
        )
    }

    pub(crate) fn permission_mismatch() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "AuthorizationPermissionMismatch",
            "This request is not authorized to perform this operation using this permission.",
        )
    }

    pub(crate) fn authorization_failure() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "AuthorizationFailure",
            "This request is not authorized to perform this operation.",
        )
    }

    /// The account is a host name in Azure, so that an unknown one is not answered at all there.
    pub(crate) fn resource_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "ResourceNotFound", "The specified resource does not exist.")
    }

    pub(crate) fn container_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "ContainerNotFound", "The specified container does not exist.")
    }

    pub(crate) fn blob_not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "BlobNotFound", "The specified blob does not exist.")
    }

    pub(crate) fn not_modified() -> Self {
        Self::new(
            StatusCode::NOT_MODIFIED,
            "ConditionNotMet",
            "The condition specified in the conditional header(s) was not met for a read operation.",
        )
    }

    pub(crate) fn condition_not_met() -> Self {
        Self::new(
            StatusCode::PRECONDITION_FAILED,
            "ConditionNotMet",
            "The condition specified using HTTP conditional header(s) is not met.",
        )
    }

    pub(crate) fn invalid_range(length: u64) -> Self {
        Self::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "InvalidRange",
            "The range specified is invalid for the current size of the resource.",
        )
        .header(header::CONTENT_RANGE, format!("bytes */{length}"))
    }

    pub(crate) fn invalid_uri() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "InvalidUri",
            "The requested URI does not represent any resource on the server.",
        )
    }

    pub(crate) fn invalid_query(name: &str, value: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "InvalidQueryParameterValue",
            "Value for one of the query parameters specified in the request URI is invalid.",
        )
        .detail("QueryParameterName", name)
        .detail("QueryParameterValue", value)
    }

    pub(crate) fn query_out_of_range(name: &str, value: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "OutOfRangeQueryParameterValue",
            "One of the query parameters specified in the request URI is outside the permissible range.",
        )
        .detail("QueryParameterName", name)
        .detail("QueryParameterValue", value)
    }

    pub(crate) fn invalid_header(name: &str, value: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "InvalidHeaderValue",
            "The value for one of the HTTP headers is not in the correct format.",
        )
        .detail("HeaderName", name)
        .detail("HeaderValue", value)
    }

    pub(crate) fn unsupported_verb() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "UnsupportedHttpVerb",
            "The resource doesn't support specified Http Verb.",
        )
    }

    /// The stand-in's own failure, e.g. a folder that cannot be read.
    pub(crate) fn internal(source: &std::io::Error) -> Self {
        tracing::warn!(%source, "the blob stand-in could not read its folder");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalError",
            "The server encountered an internal error. Please retry the request.",
        )
    }

    pub(crate) fn unopened(why: Unopened) -> Self {
        match why {
            Unopened::InvalidName => Self::invalid_uri(),
            Unopened::NotFound => Self::blob_not_found(),
            Unopened::Failed(error) => Self::internal(&error),
        }
    }

    pub(crate) fn into_response(self, request_id: &str) -> Response<Body> {
        let body = self.body(request_id);
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert("x-ms-error-code", HeaderValue::from_static(self.code));
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        // 304 has no body.
        if self.status != StatusCode::NOT_MODIFIED {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
            *response.body_mut() = Body::from(body);
        }
        response
    }

    fn body(&self, request_id: &str) -> String {
        let time = OffsetDateTime::from(SystemTime::now()).format(&Rfc3339).unwrap_or_default();
        let details: String = self
            .details
            .iter()
            .map(|(element, text)| format!("<{element}>{}</{element}>", escape(text.as_str())))
            .collect();
        format!(
            "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{}</Code><Message>{}\nRequestId:{request_id}\nTime:{time}</Message>{details}</Error>",
            self.code,
            escape(self.message),
        )
    }
}
