//! Shaping what comes back: status, headers, a body that streams.
//!
//! A failure after the first byte must reach the caller as a broken transfer. The runtime would
//! write an `Err` of the stream into the body as text and end it cleanly, a corrupt 200; so the
//! process ends instead ([`Body`]), Lambda breaks the transfer off and starts a new environment.

use crate::problem::Problem;
use bytes::Bytes;
use carnet_federation::telemetry::metrics;
use carnet_objects::{ListRequest, ObjectMeta, Page, Reading};
use futures_util::Stream;
use http::StatusCode;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use lambda_runtime::{MetadataPrelude, StreamResponse};
use serde_json::{Value, json};
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

/// An answer as the runtime streams it.
pub type Answer = StreamResponse<Body>;

/// The bytes of an answer.
pub enum Body {
    Whole(Option<Bytes>),
    Object(Box<Reading>),
}

impl Stream for Body {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut *self {
            Body::Whole(bytes) => Poll::Ready(bytes.take().map(Ok)),
            Body::Object(reading) => match Pin::new(reading.as_mut()).poll_next(context) {
                Poll::Ready(Some(Err(error))) => break_off(&error),
                Poll::Ready(Some(Ok(bytes))) => Poll::Ready(Some(Ok(bytes))),
                Poll::Ready(None) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            },
        }
    }
}

/// Ends the process in the middle of an answer.
fn break_off(error: &carnet_federation::Error) -> ! {
    tracing::error!(%error, kind = error.kind().as_str(), code = error.code(), "the transfer is broken off");
    metrics::flush();
    std::process::exit(1)
}

/// The object, or the part of it that was asked for.
pub fn object(reading: Reading, partial: bool) -> Answer {
    let meta = reading.meta();
    let range = reading.range();
    let mut headers = object_headers(meta);
    put_length(&mut headers, range.end - range.start);
    let status = if partial {
        put(&mut headers, CONTENT_RANGE, &content_range(&range, meta.size));
        StatusCode::PARTIAL_CONTENT
    } else {
        StatusCode::OK
    };
    answer(status, headers, Body::Object(Box::new(reading)))
}

/// What is known of the object, without its bytes.
pub fn object_head(meta: &ObjectMeta) -> Answer {
    let mut headers = object_headers(meta);
    put_length(&mut headers, meta.size);
    answer(StatusCode::OK, headers, Body::Whole(None))
}

/// The caller has this version already.
pub fn not_modified(tag: Option<&str>) -> Answer {
    let mut headers = HeaderMap::new();
    if let Some(tag) = tag {
        put(&mut headers, ETAG, tag);
    }
    answer(StatusCode::NOT_MODIFIED, headers, Body::Whole(None))
}

/// A page of a listing.
pub fn page(place: &str, request: &ListRequest, page: &Page) -> Answer {
    let objects: Vec<Value> = page.objects.iter().map(object_json).collect();
    let mut document = json!({
        "place": place,
        "prefix": request.prefix,
        "objects": objects,
        "prefixes": page.prefixes,
    });
    if let Some(next) = &page.next {
        document["next_page_token"] = json!(next.as_str());
    }
    json_answer(StatusCode::OK, "application/json", &document, HeaderMap::new())
}

/// The object is there, the range is not. `size` if it is known.
pub fn unsatisfiable(size: Option<u64>, request_id: &str) -> Answer {
    let mut answer = problem(&Problem::range_not_satisfiable(), request_id);
    if let Some(size) = size {
        put(&mut answer.metadata_prelude.headers, CONTENT_RANGE, &format!("bytes */{size}"));
    }
    answer
}

pub fn problem(problem: &Problem, request_id: &str) -> Answer {
    let mut headers = HeaderMap::new();
    if let Some(seconds) = problem.retry_after() {
        put(&mut headers, RETRY_AFTER, &seconds.to_string());
    }
    if problem.status() == 405 {
        put(&mut headers, http::header::ALLOW, "GET, HEAD");
    }
    let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    json_answer(status, "application/problem+json", &problem.document(request_id), headers)
}

/// The same answer to a `HEAD`: all headers, no body.
pub fn without_body(mut answer: Answer) -> Answer {
    answer.stream = Body::Whole(None);
    answer
}

fn json_answer(
    status: StatusCode,
    content_type: &'static str,
    document: &Value,
    mut headers: HeaderMap,
) -> Answer {
    let body = Bytes::from(document.to_string());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    put_length(&mut headers, body.len() as u64);
    answer(status, headers, Body::Whole(Some(body)))
}

fn answer(status_code: StatusCode, mut headers: HeaderMap, stream: Body) -> Answer {
    // Uploaders choose a blob's type; browsers are not to guess another.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    StreamResponse { metadata_prelude: MetadataPrelude { status_code, headers, cookies: Vec::new() }, stream }
}

fn object_headers(meta: &ObjectMeta) -> HeaderMap {
    let mut headers = HeaderMap::new();
    put(&mut headers, ETAG, meta.version.as_str());
    put(&mut headers, LAST_MODIFIED, &httpdate::fmt_http_date(meta.last_modified));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let stored = [
        (CONTENT_TYPE, meta.content_type.as_deref().or(Some("application/octet-stream"))),
        (CONTENT_ENCODING, meta.content_encoding.as_deref()),
        (CACHE_CONTROL, meta.cache_control.as_deref()),
        (CONTENT_DISPOSITION, meta.content_disposition.as_deref()),
    ];
    for (name, value) in stored {
        if let Some(value) = value {
            put(&mut headers, name, value);
        }
    }
    headers
}

fn content_range(range: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end - 1)
}

fn put_length(headers: &mut HeaderMap, length: u64) {
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
}

/// A value that cannot stand in a header is left out: the store lets uploaders write any.
fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value)
        && value.to_str().is_ok()
    {
        headers.insert(name, value);
    }
}

fn object_json(meta: &ObjectMeta) -> Value {
    let mut object = json!({
        "key": meta.key.as_str(),
        "size": meta.size,
        "etag": meta.version.as_str(),
        "last_modified": httpdate::fmt_http_date(meta.last_modified),
    });
    if let Some(content_type) = &meta.content_type {
        object["content_type"] = json!(content_type);
    }
    if let Some(md5) = meta.digests.md5_hex() {
        object["md5"] = json!(md5);
    }
    if let Some(crc32c) = meta.digests.crc32c_hex() {
        object["crc32c"] = json!(crc32c);
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_cannot_stand_in_a_header_is_left_out() {
        let mut headers = HeaderMap::new();
        put(&mut headers, CACHE_CONTROL, "no-store\r\nX-Injected: yes");
        put(&mut headers, CONTENT_DISPOSITION, "attachment; filename=\"größe\"");
        assert!(headers.is_empty(), "{headers:?}");
        put(&mut headers, CACHE_CONTROL, "max-age=60");
        assert_eq!(headers[CACHE_CONTROL], "max-age=60");
    }
}
