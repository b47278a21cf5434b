//! Bodies spoilt on their way: the true answer's, and the request's.

use super::Fault;
use crate::server::Reset;
use axum::body::{Body, BodyDataStream};
use axum::extract::Request;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _, stream};
use http::HeaderValue;
use http::header::CONTENT_LENGTH;
use http_body::Body as _;
use std::io;
use std::time::Duration;

pub fn spoil(response: Response, fault: &Fault) -> Response {
    match fault {
        Fault::Drip => announced(response, |body, _| Body::from_stream(drip(body))),
        Fault::CutBody { after } => announced(response, |body, _| Body::from_stream(cut(body, *after))),
        Fault::CorruptBody => {
            announced(response, |body, length| Body::from_stream(corrupt(body, length.unwrap_or(0) / 2)))
        }
        Fault::ShortBody { announce } => short(response, *announce),
        Fault::LongBody => long(response),
        Fault::NoLength => {
            let (mut parts, body) = response.into_parts();
            parts.headers.remove(CONTENT_LENGTH);
            Response::from_parts(parts, Body::from_stream(body.into_data_stream()))
        }
        _ => response,
    }
}

/// One bit of what the caller sent is another when it arrives.
pub fn corrupt_request(request: Request) -> Request {
    let length = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    request.map(|body| Body::from_stream(corrupt(body.into_data_stream(), length.unwrap_or(0_u64) / 2)))
}

/// Takes so many bytes of what the caller sends, then no more.
pub async fn cut_request(request: Request, after: u64) -> Response {
    let (mut body, mut taken) = (request.into_body().into_data_stream(), 0);
    while taken < after {
        match body.next().await {
            Some(Ok(chunk)) => taken += chunk.len() as u64,
            _ => break,
        }
    }
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(Reset);
    response
}

type Chunk = Result<Bytes, axum::Error>;

fn length(response: &Response) -> Option<u64> {
    let header = response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    header.or_else(|| response.body().size_hint().exact())
}

/// Another body under the length that was announced, or would have been.
fn announced(response: Response, change: impl FnOnce(BodyDataStream, Option<u64>) -> Body) -> Response {
    let length = length(&response);
    let (mut parts, body) = response.into_parts();
    if let Some(length) = length {
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(parts, change(body.into_data_stream(), length))
}

fn short(response: Response, announce: bool) -> Response {
    let half = length(&response).unwrap_or(0) / 2;
    let (mut parts, body) = response.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    if announce {
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(half));
    }
    Response::from_parts(parts, Body::from_stream(first(body.into_data_stream(), half)))
}

fn long(response: Response) -> Response {
    const MORE: &[u8] = &[b'+'; 1024];
    let length = length(&response);
    let (mut parts, body) = response.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    if let Some(length) = length {
        parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length + MORE.len() as u64));
    }
    let more = stream::iter([Ok::<_, axum::Error>(Bytes::from_static(MORE))]);
    Response::from_parts(parts, Body::from_stream(body.into_data_stream().chain(more)))
}

fn first(body: BodyDataStream, limit: u64) -> impl Stream<Item = Chunk> {
    stream::unfold((body, limit), |(mut body, left)| async move {
        if left == 0 {
            return None;
        }
        match body.next().await? {
            Ok(chunk) => {
                let chunk = chunk.slice(..chunk.len().min(left as usize));
                let left = left - chunk.len() as u64;
                Some((Ok(chunk), (body, left)))
            }
            Err(error) => Some((Err(error), (body, 0))),
        }
    })
}

/// The first bytes, then an error, at which hyper drops the connection.
fn cut(body: BodyDataStream, after: u64) -> impl Stream<Item = Result<Bytes, io::Error>> {
    // hyper flushes while the body is pending, and throws away what it has buffered when the body
    // fails: this pause is what lets the bytes before the cut arrive.
    const FLUSH: Duration = Duration::from_millis(50);
    let end = stream::once(async {
        tokio::time::sleep(FLUSH).await;
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    });
    first(body, after).map(|chunk| chunk.map_err(io::Error::other)).chain(end)
}

fn corrupt(body: BodyDataStream, at: u64) -> impl Stream<Item = Chunk> {
    stream::unfold((body, 0_u64), move |(mut body, position)| async move {
        let chunk = match body.next().await? {
            Ok(chunk) => chunk,
            Err(error) => return Some((Err(error), (body, position))),
        };
        let end = position + chunk.len() as u64;
        if !(position..end).contains(&at) {
            return Some((Ok(chunk), (body, end)));
        }
        let mut flipped = BytesMut::from(chunk.as_ref());
        flipped[(at - position) as usize] ^= 0x01;
        Some((Ok(flipped.freeze()), (body, end)))
    })
}

fn drip(body: BodyDataStream) -> impl Stream<Item = Chunk> {
    stream::unfold((body, Bytes::new()), |(mut body, mut left)| async move {
        while left.is_empty() {
            match body.next().await? {
                Ok(chunk) => left = chunk,
                Err(error) => return Some((Err(error), (body, left))),
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let byte = left.split_to(1);
        Some((Ok(byte), (body, left)))
    })
}
