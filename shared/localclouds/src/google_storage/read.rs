//! Objects: get, what is known of an object or its bytes.

use super::access::Place;
use super::error::StorageError;
use super::object::{METAGENERATION, Object};
use super::request::Call;
use super::{Buckets, conditions, json};
use crate::folder::files;
use crate::folder::range::Asked;
use crate::folder::sidecar::{self, Sidecar};
use crate::folder::stream::{decompressed, stream};
use axum::body::Body;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use std::fs::File;
use std::io;
use std::sync::Arc;

pub(crate) async fn metadata(
    buckets: Arc<Buckets>,
    name: String,
    call: &Call,
    place: Place,
) -> Result<Response<Body>, StorageError> {
    let (place, _, object) = look(buckets, place, name, call).await?;
    let mut response = json(call, object.resource(&place))?;
    set(response.headers_mut(), header::ETAG, &object.etag());
    Ok(response)
}

pub(crate) async fn media(
    buckets: Arc<Buckets>,
    name: String,
    call: &Call,
    place: Place,
    parts: &Parts,
) -> Result<Response<Body>, StorageError> {
    let (_, file, object) = look(buckets, place, name, call).await?;
    let mut response = Response::new(Body::empty());
    describe(response.headers_mut(), &object);
    if object.is_transcoded() && !takes_gzip(&parts.headers) {
        transcode(&mut response, file);
        return Ok(response);
    }
    let headers = response.headers_mut();
    set(headers, header::ACCEPT_RANGES, "bytes");
    if let Some(encoding) = &object.content_encoding {
        set(headers, header::CONTENT_ENCODING, encoding);
    }
    let asked = parts.headers.get(header::RANGE).and_then(|value| value.to_str().ok()).and_then(Asked::parse);
    let range = match asked {
        None => 0..object.size,
        Some(asked) => asked.resolve(object.size).ok_or_else(|| StorageError::invalid_range(object.size))?,
    };
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(range.end - range.start));
    if asked.is_some() {
        let content_range = format!("bytes {}-{}/{}", range.start, range.end - 1, object.size);
        set(headers, header::CONTENT_RANGE, &content_range);
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    *response.body_mut() = stream(file, range);
    Ok(response)
}

/// Opens the object, if it is the generation that was asked for and its conditions hold.
async fn look(
    buckets: Arc<Buckets>,
    place: Place,
    name: String,
    call: &Call,
) -> Result<(Place, File, Object), StorageError> {
    let (place, file, object) = tokio::task::spawn_blocking(move || open(&buckets, place, name))
        .await
        .map_err(|panicked| StorageError::internal(&io::Error::other(panicked)))??;
    // Older generations are not kept.
    if call.number("generation")?.is_some_and(|wanted| wanted != object.generation) {
        return Err(StorageError::no_such_object(&place.bucket, &object.name));
    }
    conditions::check(call, &object)?;
    Ok((place, file, object))
}

fn open(buckets: &Buckets, place: Place, name: String) -> Result<(Place, File, Object), StorageError> {
    let opened = files::open(&place.folder, &name, false)
        .map_err(|why| StorageError::unopened(why, &place.bucket, &name))?;
    let Some(file) = opened.file else {
        return Err(StorageError::no_such_object(&place.bucket, &name));
    };
    let sidecar = opened.path.parent().map_or(Ok(Sidecar::new()), sidecar::of_folder);
    let object = sidecar
        .and_then(|sidecar| {
            Object::of_file(name, &opened.path, &file, &opened.metadata, &sidecar, &buckets.digests)
        })
        .map_err(|error| StorageError::internal(&error))?;
    Ok((place, file, object))
}

/// What every answer with bytes says of the object, whole or not.
fn describe(headers: &mut HeaderMap, object: &Object) {
    let named = |name| HeaderName::from_static(name);
    set(headers, header::ETAG, &object.etag());
    set(headers, header::LAST_MODIFIED, &httpdate::fmt_http_date(object.updated));
    set(headers, header::CONTENT_TYPE, &object.content_type);
    headers.insert(named("x-goog-generation"), HeaderValue::from(object.generation));
    headers.insert(named("x-goog-metageneration"), HeaderValue::from(METAGENERATION));
    headers.insert(named("x-goog-stored-content-length"), HeaderValue::from(object.size));
    let encoding = object.content_encoding.as_deref().unwrap_or("identity");
    set(headers, named("x-goog-stored-content-encoding"), encoding);
    set(headers, named("x-goog-storage-class"), "STANDARD");
    let md5 = object.md5.as_deref().map(|md5| format!(",md5={md5}")).unwrap_or_default();
    set(headers, named("x-goog-hash"), &format!("crc32c={}{md5}", object.crc32c));
    if let Some(disposition) = &object.content_disposition {
        set(headers, header::CONTENT_DISPOSITION, disposition);
    }
    // Without one of its own, an object that is not public is not to be kept by anyone.
    set(headers, header::CACHE_CONTROL, object.cache_control.as_deref().unwrap_or("private, max-age=0"));
    for (key, value) in &object.metadata {
        if let Ok(name) = HeaderName::from_bytes(format!("x-goog-meta-{key}").as_bytes()) {
            set(headers, name, value);
        }
    }
}

/// "Transcoding of gzip-compressed files": without Content-Encoding and Content-Length, and without
/// regard to a Range.
fn transcode(response: &mut Response<Body>, file: File) {
    let headers = response.headers_mut();
    set(headers, header::WARNING, "214 UploadServer gunzipped");
    set(headers, HeaderName::from_static("x-guploader-response-body-transformations"), "gunzipped");
    *response.body_mut() = decompressed(file);
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip")) && !parts.any(|q| q == "q=0")
    })
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // A sidecar may state what no header can carry: then it is left out.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
