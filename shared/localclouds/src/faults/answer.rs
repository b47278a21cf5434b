//! Answers given in place of the true one.

use super::Fault;
use crate::server::Reset;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, LOCATION};
use http::{HeaderName, HeaderValue, StatusCode};
use std::convert::Infallible;
use std::io::Write as _;

const MIB: usize = 1024 * 1024;
/// 1 GiB, one MiB at a time.
const CHUNKS: usize = 1024;

/// `None` for a fault that needs the true answer.
pub fn in_place(fault: &Fault) -> Option<Response> {
    match fault {
        Fault::Status { status, headers, body } => Some(with_status(*status, headers, body)),
        Fault::Html200 => Some(typed("text/html; charset=utf-8", Body::from(HTML))),
        Fault::MalformedJson => Some(typed("application/json", Body::from(MALFORMED))),
        Fault::Oversize => Some(typed("application/json", repeated(Bytes::from(vec![b' '; MIB])))),
        Fault::GzipBomb => {
            let mut response = typed("application/json", repeated(gzipped_zeros()));
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            Some(response)
        }
        Fault::Redirect { to } => {
            let mut response = with_status(StatusCode::TEMPORARY_REDIRECT.as_u16(), &[], "");
            if let Ok(to) = HeaderValue::from_str(to) {
                response.headers_mut().insert(LOCATION, to);
            }
            Some(response)
        }
        Fault::ResetBefore => {
            let mut response = Response::new(Body::empty());
            response.extensions_mut().insert(Reset);
            Some(response)
        }
        _ => None,
    }
}

const HTML: &str = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>\
    <h1>Welcome to this network</h1><p>Please accept the terms of use.</p></body></html>";

const MALFORMED: &str = r#"{"token_type":"Bearer","expires_in":3599,"access_tok"#;

fn typed(content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn with_status(status: u16, headers: &[(String, String)], body: &str) -> Response {
    let mut response = Response::new(Body::from(body.to_owned()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

fn repeated(chunk: Bytes) -> Body {
    let chunks = (0..CHUNKS).map(move |_| Ok::<_, Infallible>(chunk.clone()));
    Body::from_stream(stream::iter(chunks))
}

/// One MiB of zeros. A gzip file may have many members (RFC 1952), so a bomb is this, repeated.
fn gzipped_zeros() -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let written = encoder.write_all(&vec![0; MIB]).and_then(|()| encoder.finish());
    // Writing into memory does not fail.
    Bytes::from(written.unwrap_or_default())
}
