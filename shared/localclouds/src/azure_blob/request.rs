//! The address and the operation of a call.

use super::error::BlobError;
use http::Method;
use http::request::Parts;
use percent_encoding::percent_decode_str;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub account: String,
    /// Empty for calls on the account itself.
    pub container: String,
    pub operation: Operation,
    /// Decoded; the last of several equal names wins.
    pub query: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    ListContainers,
    ListBlobs,
    GetContainer,
    /// Get Blob or, with HEAD, Get Blob Properties.
    GetBlob {
        blob: String,
    },
    Write,
    UnknownVerb,
}

impl Call {
    pub(crate) fn parse(parts: &Parts) -> Result<Self, BlobError> {
        let mut segments = parts.uri.path().trim_start_matches('/').splitn(3, '/');
        let account = decoded(segments.next())?;
        let container = decoded(segments.next())?;
        let blob = decoded(segments.next())?;
        let query = query(parts.uri.query().unwrap_or_default());
        let operation = operation(&parts.method, &container, blob, &query)?;
        Ok(Self { account, container, operation, query })
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        parameter(&self.query, name)
    }
}

fn parameter<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    query.iter().rev().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn decoded(segment: Option<&str>) -> Result<String, BlobError> {
    match percent_decode_str(segment.unwrap_or_default()).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(BlobError::invalid_uri()),
    }
}

fn query(raw: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(raw.as_bytes()).into_owned().collect()
}

fn operation(
    method: &Method,
    container: &str,
    blob: String,
    query: &[(String, String)],
) -> Result<Operation, BlobError> {
    match *method {
        Method::GET | Method::HEAD => {}
        Method::PUT | Method::POST | Method::DELETE | Method::PATCH => return Ok(Operation::Write),
        _ => return Ok(Operation::UnknownVerb),
    }
    let comp = parameter(query, "comp");
    if container.is_empty() {
        return match comp {
            Some("list") => Ok(Operation::ListContainers),
            _ => Err(BlobError::invalid_query("comp", comp.unwrap_or_default())),
        };
    }
    if !blob.is_empty() {
        return match comp {
            // A snapshot or a block list would be another operation than reading the blob.
            Some(other) => Err(BlobError::invalid_query("comp", other)),
            None => Ok(Operation::GetBlob { blob }),
        };
    }
    match (parameter(query, "restype"), comp) {
        (Some("container"), Some("list")) if *method == Method::GET => Ok(Operation::ListBlobs),
        (Some("container"), None) => Ok(Operation::GetContainer),
        (Some("container"), Some(other)) => Err(BlobError::invalid_query("comp", other)),
        (other, _) => Err(BlobError::invalid_query("restype", other.unwrap_or_default())),
    }
}
