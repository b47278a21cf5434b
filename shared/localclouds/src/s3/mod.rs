//! Amazon S3: objects in one piece and in parts, conditions, checksums, listings.
//!
//! | module | what happens there |
//! |---|---|
//! | this one | the listener's router, and the headers that every answer has |
//! | `service` | which operation is whose: S3's trait of the crate `s3s`, which reads and writes the wire format |
//! | `access` | keys, session tokens, IAM policies |
//! | `store` | what there is: objects and uploads behind one lock, bodies in files |
//! | `body` | bytes that come in, digested as they do, and go out |
//! | `checksum` | the five algorithms: stated, computed, combined |
//! | `objects` | put, get, head, delete, and their conditions |
//! | `uploads` | uploads in parts |
//! | `listing` | pages of names and of uploads |
//! | `error` | S3's codes and words |
//!
//! Nothing is visible before its checksums are verified: a body is received and digested first, then
//! looked up and put in place under the lock, which no await ever holds. So the conditions of a write
//! hold in the instant in which it happens, and every key's writes are one after the other.
//!
//! Path-style addresses, no versioning, no encryption (a KMS key is remembered, not used), no date
//! conditions, no presigned URLs. IAM policies are evaluated without condition keys of S3's own.

mod access;
mod body;
mod checksum;
mod error;
mod listing;
mod objects;
mod service;
mod store;
mod uploads;

pub use store::Store;

use crate::local::Handle;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode, header};
use s3s::service::{S3Service, S3ServiceBuilder};

/// Faults are wrapped around it by the caller.
pub fn router(handle: Handle) -> Router {
    let mut builder = S3ServiceBuilder::new(service::Buckets::new(handle.clone()));
    builder.set_auth(access::Keys(handle.clone()));
    builder.set_access(access::Policies(handle));
    let service = builder.build();
    Router::new().fallback(move |request: Request| answer(service.clone(), request))
}

async fn answer(service: S3Service, request: Request) -> Response {
    let request = request.map(s3s::Body::http_body_unsync);
    let mut response = match service.call(request).await {
        Ok(response) => response.map(Body::new),
        Err(_) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    };
    let id = uuid::Uuid::new_v4().simple().to_string().to_uppercase();
    let headers = response.headers_mut();
    for (name, value) in [("x-amz-request-id", &id[..16]), ("x-amz-id-2", &id[16..])] {
        // Digits and letters are a header's value.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers.insert(header::SERVER, HeaderValue::from_static("AmazonS3"));
    response
}
