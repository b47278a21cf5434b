//! Get Blob and Get Blob Properties.

use super::access::Place;
use super::error::BlobError;
use super::properties::{self, Properties};
use super::{Blobs, conditions, range};
use crate::folder::digest::md5;
use crate::folder::files::{self, Opened};
use crate::folder::sidecar::{self, Sidecar};
use crate::folder::stream::{read_at, stream};
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// The longest range whose digest the service takes on request.
const LONGEST_DIGESTED_RANGE: u64 = 4 << 20;

pub(crate) fn container_properties(place: &Place) -> Result<Response<Body>, BlobError> {
    let metadata = place.folder.metadata().map_err(|error| BlobError::internal(&error))?;
    let modified = metadata.modified().map_err(|error| BlobError::internal(&error))?;
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    set(headers, header::ETAG, &format!("\"{}\"", properties::etag(&metadata)));
    set(headers, header::LAST_MODIFIED, &httpdate::fmt_http_date(modified));
    set(headers, HeaderName::from_static("x-ms-lease-status"), "unlocked");
    set(headers, HeaderName::from_static("x-ms-lease-state"), "available");
    Ok(response)
}

pub(crate) async fn get(
    blobs: Arc<Blobs>,
    blob: String,
    place: Place,
    parts: &Parts,
) -> Result<Response<Body>, BlobError> {
    let (opened, properties) = tokio::task::spawn_blocking(move || look(&blobs, &place, &blob))
        .await
        .map_err(|panicked| BlobError::internal(&io::Error::other(panicked)))??;
    conditions::check(&parts.headers, &properties.etag, properties.last_modified)?;
    let mut response = Response::new(Body::empty());
    describe(response.headers_mut(), &properties);
    if parts.method == Method::HEAD {
        whole(response.headers_mut(), &properties);
        return Ok(response);
    }
    match (opened.file, range::asked(&parts.headers, properties.length)?) {
        (None, _) => whole(response.headers_mut(), &properties),
        (Some(file), None) => {
            if let Some(name) = asked_digest(&parts.headers) {
                return Err(BlobError::invalid_header(name, "true"));
            }
            whole(response.headers_mut(), &properties);
            *response.body_mut() = stream(file, 0..properties.length);
        }
        (Some(file), Some(range)) => partial(&mut response, file, range, &properties, &parts.headers).await?,
    }
    Ok(response)
}

fn look(blobs: &Blobs, place: &Place, blob: &str) -> Result<(Opened, Properties), BlobError> {
    let opened = files::open(&place.folder, blob, place.hierarchical).map_err(BlobError::unopened)?;
    let properties = match &opened.file {
        None => Properties::of_directory(&opened.metadata),
        Some(file) => stated(&opened).and_then(|sidecar| {
            Properties::of_file(&opened.path, file, &opened.metadata, &sidecar, &blobs.digests)
        }),
    };
    properties.map(|properties| (opened, properties)).map_err(|error| BlobError::internal(&error))
}

fn stated(opened: &Opened) -> io::Result<Sidecar> {
    opened.path.parent().map_or(Ok(Sidecar::new()), sidecar::of_folder)
}

/// What every answer about a blob says, whole or not.
fn describe(headers: &mut HeaderMap, properties: &Properties) {
    set(headers, header::ETAG, &format!("\"{}\"", properties.etag));
    set(headers, header::LAST_MODIFIED, &httpdate::fmt_http_date(properties.last_modified));
    set(headers, header::CONTENT_TYPE, &properties.content_type);
    set(headers, header::ACCEPT_RANGES, "bytes");
    set(headers, HeaderName::from_static("x-ms-creation-time"), &httpdate::fmt_http_date(properties.created));
    set(headers, HeaderName::from_static("x-ms-blob-type"), "BlockBlob");
    set(headers, HeaderName::from_static("x-ms-lease-status"), "unlocked");
    set(headers, HeaderName::from_static("x-ms-lease-state"), "available");
    set(headers, HeaderName::from_static("x-ms-server-encrypted"), "true");
    if let Some(encoding) = &properties.content_encoding {
        set(headers, header::CONTENT_ENCODING, encoding);
    }
    if let Some(disposition) = &properties.content_disposition {
        set(headers, header::CONTENT_DISPOSITION, disposition);
    }
    if let Some(control) = &properties.cache_control {
        set(headers, header::CACHE_CONTROL, control);
    }
    for (key, value) in &properties.metadata {
        if let Ok(name) = HeaderName::from_bytes(format!("x-ms-meta-{key}").as_bytes()) {
            set(headers, name, value);
        }
    }
}

fn whole(headers: &mut HeaderMap, properties: &Properties) {
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(properties.length));
    if let Some(digest) = &properties.content_md5 {
        set(headers, HeaderName::from_static("content-md5"), digest);
    }
}

async fn partial(
    response: &mut Response<Body>,
    file: File,
    range: Range<u64>,
    properties: &Properties,
    asked: &HeaderMap,
) -> Result<(), BlobError> {
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    let length = range.end - range.start;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    let content_range = format!("bytes {}-{}/{}", range.start, range.end - 1, properties.length);
    set(headers, header::CONTENT_RANGE, &content_range);
    // The digest of the whole blob goes by another name here: Content-MD5 is that of this body.
    if let Some(digest) = &properties.content_md5 {
        set(headers, HeaderName::from_static("x-ms-blob-content-md5"), digest);
    }
    let Some(name) = asked_digest(asked) else {
        *response.body_mut() = stream(file, range);
        return Ok(());
    };
    if length > LONGEST_DIGESTED_RANGE {
        return Err(BlobError::invalid_header(name, "true"));
    }
    let bytes = tokio::task::spawn_blocking(move || read_at(&file, range.start, length as usize))
        .await
        .map_err(io::Error::other)
        .and_then(|read| read)
        .map_err(|error| BlobError::internal(&error))?;
    match name {
        RANGE_MD5 => set(response.headers_mut(), HeaderName::from_static("content-md5"), &md5(&bytes)),
        _ => set(response.headers_mut(), HeaderName::from_static("x-ms-content-crc64"), &crc64(&bytes)),
    }
    *response.body_mut() = Body::from(bytes);
    Ok(())
}

const RANGE_MD5: &str = "x-ms-range-get-content-md5";
const RANGE_CRC64: &str = "x-ms-range-get-content-crc64";

/// The header that asks for a digest of the range. Without a range, and for a longer one, the
/// service documents a 400; the code that goes with it is not documented.
fn asked_digest(headers: &HeaderMap) -> Option<&'static str> {
    [RANGE_MD5, RANGE_CRC64]
        .into_iter()
        .find(|name| headers.get(*name).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true")))
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // A sidecar may state what no header can carry: then it is left out.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Azure's CRC-64 is the one that NVMe uses; on the wire its bytes are little-endian.
fn crc64(bytes: &[u8]) -> String {
    let sum = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, bytes);
    STANDARD.encode(sum.to_le_bytes())
}
