//! The reading half of Cloud Storage's JSON API over a plain folder.
//!
//! | module | what happens there |
//! |---|---|
//! | [`request`] | the address, the operation and its parameters |
//! | [`access`] | bearer token, scope, grants |
//! | [`error`] | Google's error bodies and words |
//! | [`object`] | what an object says about itself: its resource, its generation, its tags |
//! | [`conditions`] | generation and metageneration conditions |
//! | [`list`] | a page of a listing, its token |
//! | [`read`] | metadata and media: ranges, gzip, bytes |
//! | [`fields`] | partial responses: the parameter `fields` |
//!
//! The folder itself is [`crate::folder`]'s. Only what a Storage Object Viewer may do is here.
//! Everything else is refused as Google refuses it to one: that role cannot even see the bucket.

mod access;
mod conditions;
mod error;
mod fields;
mod list;
mod object;
mod read;
mod request;

pub use crate::folder::SIDECAR;

use crate::faults::Hop;
use crate::folder::digest::Digests;
use crate::local::Handle;
use axum::Router;
use axum::body::Body;
use error::StorageError;
use http::{HeaderValue, Method, Request, Response, header};
use request::{Call, Operation};
use serde_json::Value;
use std::sync::Arc;

/// What the operations share.
pub(crate) struct Buckets {
    handle: Handle,
    digests: Digests,
}

/// Faults tell the bytes of objects from the rest.
pub fn hop_of(request: &Request<Body>) -> Hop {
    if request::is_media(request.uri()) { Hop::GoogleMedia } else { Hop::GoogleStorage }
}

/// Serves `/storage/v1/b/...` and `/download/storage/v1/b/...`. Faults are wrapped around it by the
/// caller.
pub fn router(handle: Handle) -> Router {
    let buckets = Arc::new(Buckets { handle, digests: Digests::default() });
    Router::new().fallback(move |request: Request<Body>| answer(Arc::clone(&buckets), request))
}

/// Runs one call and gives its answer the headers that every answer of the service has.
async fn answer(buckets: Arc<Buckets>, request: Request<Body>) -> Response<Body> {
    let (parts, _body) = request.into_parts();
    let upload_id = format!("AJ{}", uuid::Uuid::new_v4().simple());
    let mut response = match perform(buckets, &parts).await {
        Ok(response) => response,
        Err(fault) => fault.into_response(request::is_media(&parts.uri)),
    };
    if parts.method == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    let headers = response.headers_mut();
    headers.insert(header::SERVER, HeaderValue::from_static("UploadServer"));
    if let Ok(id) = HeaderValue::from_str(&upload_id) {
        headers.insert("x-guploader-uploadid", id);
    }
    response
}

async fn perform(
    buckets: Arc<Buckets>,
    parts: &http::request::Parts,
) -> Result<Response<Body>, StorageError> {
    let call = Call::parse(parts)?;
    let bearer = access::authenticate(&buckets.handle, parts, &call)?;
    let place = access::authorize(&buckets.handle, &bearer, &call)?;
    match &call.operation {
        Operation::List => list::objects(buckets, call, place).await,
        Operation::Get { name } => read::metadata(buckets, name.clone(), &call, place).await,
        Operation::Media { name } => read::media(buckets, name.clone(), &call, place, parts).await,
        Operation::Other(permission) => Err(StorageError::denied(&bearer, *permission)),
    }
}

/// An answer in JSON: only the fields that were asked for, pretty unless told otherwise.
fn json(call: &Call, whole: Value) -> Result<Response<Body>, StorageError> {
    let value = match call.parameter("fields") {
        Some(asked) => fields::select(asked, whole).ok_or_else(|| StorageError::invalid_fields(asked))?,
        None => whole,
    };
    let text = match call.parameter("prettyPrint") {
        Some("false") => value.to_string(),
        _ => format!("{value:#}\n"),
    };
    let mut response = Response::new(Body::from(text));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=UTF-8"));
    Ok(response)
}
