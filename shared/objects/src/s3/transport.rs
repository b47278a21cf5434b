//! The SDK's calls on the shared HTTP client.
//!
//! Answers are read whole and capped, but for the bytes of objects, which are streamed. A long body
//! that goes out may take as long as it moves; one that stands still is given up.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use carnet_federation::http::{Http, body};
use carnet_federation::{Error, Hop, Kind, Result, hints};
use http_body::{Body, Frame, SizeHint};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// The most of an answer that is no object: a page of 1,000 names of 1,024 bytes, each byte of them
/// encoded as three, is some 4 MiB.
const MAX_ANSWER: usize = 8 << 20;
/// Bodies from here on are long.
const LONG: usize = 256 << 10;
/// A long body goes out in pieces of this size, so that it can be seen to move.
const PIECE: usize = 128 << 10;
/// How long a body may stand still, or an answer to it may take: what the shared client allows
/// between two reads.
const STALL: Duration = Duration::from_secs(20);

#[derive(Clone, Debug)]
pub(super) struct Transport {
    http: Http,
    uploads: Http,
}

impl Transport {
    pub(super) fn new(http: &Http) -> Result<Self> {
        Ok(Self { http: http.clone(), uploads: http.for_uploads()? })
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
        let (parts, sdk_body) = request.into_parts();
        let url: reqwest::Url =
            parts.uri.to_string().parse().map_err(|error| ConnectorError::user(Box::new(error)))?;
        // The SDK names every operation in the query.
        let streamed = url.query_pairs().any(|(name, value)| name == "x-id" && value == "GetObject");
        let long = sdk_body.bytes().is_none_or(|bytes| bytes.len() >= LONG);
        let http = if long { &self.uploads } else { &self.http };
        let request = http.client().request(parts.method, url).headers(parts.headers);
        if long {
            let moved = Arc::new(Moved::now());
            let body = Outgoing { inner: sdk_body, rest: Bytes::new(), moved: moved.clone() };
            let sent = http.send(Hop::Write, request.body(reqwest::Body::wrap(body)));
            let response = while_moving(&moved, sent).await.map_err(connector_error)?;
            let answer = timeout(STALL, whole(response)).await;
            return answer.unwrap_or_else(|_| Err(connector_error(stalled())));
        }
        let body = sdk_body.bytes().map(Bytes::copy_from_slice).unwrap_or_default();
        let response = http.send(Hop::Write, request.body(body)).await.map_err(connector_error)?;
        if streamed && response.status().is_success() {
            return answered(http::Response::<reqwest::Body>::from(response).map(SdkBody::from_body_1_x));
        }
        whole(response).await
    }
}

/// Waits for `sent` as long as the body moves.
async fn while_moving<T>(moved: &Moved, sent: impl Future<Output = Result<T>>) -> Result<T> {
    let mut sent = pin!(sent);
    loop {
        match timeout_at(moved.last() + STALL, &mut sent).await {
            Ok(outcome) => return outcome,
            Err(_) if moved.last() + STALL > Instant::now() => {}
            Err(_) => return Err(stalled()),
        }
    }
}

fn stalled() -> Error {
    Error::new(Hop::Write, Kind::Unavailable, "S3", "the transfer stood still").with_hint(&hints::UNREACHABLE)
}

async fn whole(response: reqwest::Response) -> Result<HttpResponse, ConnectorError> {
    let (status, headers) = (response.status(), response.headers().clone());
    let read = body::read_within(response, MAX_ANSWER).await;
    let bytes = read.map_err(|error| ConnectorError::io(error.without_url().into()))?.ok_or_else(|| {
        let message = format!("the answer is longer than {MAX_ANSWER} bytes");
        connector_error(Error::new(Hop::Write, Kind::Malformed, "S3", message))
    })?;
    let mut answer = http::Response::new(SdkBody::from(bytes));
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    answered(answer)
}

fn answered(answer: http::Response<SdkBody>) -> Result<HttpResponse, ConnectorError> {
    HttpResponse::try_from(answer).map_err(|error| ConnectorError::other(error.into(), None))
}

/// Kept whole inside the SDK's error: `errors` takes it out again.
fn connector_error(error: Error) -> ConnectorError {
    if error.kind().is_transient() {
        ConnectorError::io(error.into())
    } else {
        ConnectorError::other(error.into(), None)
    }
}

impl HttpClient for Transport {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Transport {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let this = self.clone();
        HttpConnectorFuture::new(async move { this.send(request).await })
    }
}

/// When a piece of the body was last taken.
struct Moved {
    start: Instant,
    after_ms: AtomicU64,
}

impl Moved {
    fn now() -> Self {
        Self { start: Instant::now(), after_ms: AtomicU64::new(0) }
    }

    fn mark(&self) {
        self.after_ms.store(self.start.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    fn last(&self) -> Instant {
        self.start + Duration::from_millis(self.after_ms.load(Ordering::Relaxed))
    }
}

/// The body as it came from the caller, in pieces. Nothing is copied.
struct Outgoing {
    inner: SdkBody,
    rest: Bytes,
    moved: Arc<Moved>,
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = aws_smithy_types::body::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        while this.rest.is_empty() {
            match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    // Trailers: we send none.
                    Err(_) => continue,
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        this.moved.mark();
        let piece = this.rest.split_to(this.rest.len().min(PIECE));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && Body::is_end_stream(&self.inner)
    }

    fn size_hint(&self) -> SizeHint {
        match Body::size_hint(&self.inner).exact() {
            Some(inner) => SizeHint::with_exact(inner + self.rest.len() as u64),
            None => SizeHint::default(),
        }
    }
}
