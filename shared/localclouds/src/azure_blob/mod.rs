//! The reading half of Azure Blob over a plain folder, path-style: `/{account}/{container}/{blob}`.
//!
//! | module | what happens there |
//! |---|---|
//! | [`request`] | the address, the operation and the headers every operation has |
//! | [`access`] | bearer token, firewall, data role |
//! | [`error`] | Azure's codes and words |
//! | [`list`] | List Blobs: the parameters, one page, its marker |
//! | [`xml`] | the listing's document |
//! | [`read`] | Get Blob and Get Blob Properties: conditions, ranges, bytes |
//! | [`conditions`], [`range`] | what those headers mean |
//! | [`properties`] | what a blob says about itself, and the sidecar that overrides it |
//!
//! The folder itself is [`crate::folder`]'s. Only what a Storage Blob Data Reader may do is here. Everything else is refused as Azure
//! refuses it to a reader.

mod access;
mod conditions;
mod error;
mod list;
mod properties;
mod range;
mod read;
mod request;
mod xml;

pub use crate::folder::SIDECAR;

use crate::folder::digest::Digests;
use crate::local::Handle;
use axum::Router;
use axum::body::Body;
use error::BlobError;
use http::{HeaderValue, Method, Request, Response, header};
use request::{Call, Operation};
use std::sync::Arc;

/// What the operations share.
pub(crate) struct Blobs {
    handle: Handle,
    digests: Digests,
}

/// Serves `/{account}/{container}/...`. Faults of [`crate::faults::Hop::Blob`] are wrapped around
/// it by the caller.
pub fn router(handle: Handle) -> Router {
    let blobs = Arc::new(Blobs { handle, digests: Digests::default() });
    Router::new().fallback(move |request: Request<Body>| answer(Arc::clone(&blobs), request))
}

/// Runs one call and gives its answer the headers that every answer of the service has.
async fn answer(blobs: Arc<Blobs>, request: Request<Body>) -> Response<Body> {
    let (parts, _body) = request.into_parts();
    let request_id = uuid::Uuid::new_v4().to_string();
    let mut response = match perform(blobs, &parts).await {
        Ok(response) => response,
        Err(fault) => fault.into_response(&request_id),
    };
    if parts.method == Method::HEAD {
        *response.body_mut() = Body::empty();
    }
    let headers = response.headers_mut();
    headers.insert(header::SERVER, HeaderValue::from_static("Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0"));
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        headers.insert("x-ms-request-id", id);
    }
    for echoed in ["x-ms-version", "x-ms-client-request-id"] {
        if let Some(value) = parts.headers.get(echoed) {
            headers.insert(echoed, value.clone());
        }
    }
    response
}

async fn perform(blobs: Arc<Blobs>, parts: &http::request::Parts) -> Result<Response<Body>, BlobError> {
    let call = Call::parse(parts)?;
    let caller = access::authenticate(&blobs.handle, parts)?;
    let place = access::authorize(&blobs.handle, &caller, &call)?;
    match call.operation {
        Operation::ListBlobs => list::list_blobs(blobs, call, place).await,
        Operation::GetContainer => read::container_properties(&place),
        Operation::GetBlob { blob } => read::get(blobs, blob, place, parts).await,
        // A reader may not write, and listing containers needs a role on the whole account.
        Operation::ListContainers | Operation::Write => Err(BlobError::permission_mismatch()),
        Operation::UnknownVerb => Err(BlobError::unsupported_verb()),
    }
}
