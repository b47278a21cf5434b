//! What the process talks to: the runtime API 2018-06-01, and as much of the extensions API
//! 2020-01-01 as registering for SIGTERM takes.

use super::invocation::{Chunk, FunctionError, Invocation, MAX_REPLY, MAX_STREAM, Reply};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use tokio::sync::{mpsc, oneshot, watch};

/// Pieces of a stream that wait for the caller. When it does not read, neither do we.
const STREAM_AHEAD: usize = 4;

/// An invocation on its way to the process.
pub(crate) struct Offer {
    pub invocation: Invocation,
    pub reply: oneshot::Sender<Reply>,
    /// Dropped when the reply is complete.
    pub complete: oneshot::Sender<()>,
    /// Set once the process has it: from then on it is not given to another.
    pub taken: Arc<AtomicBool>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Init,
    /// The process asked for its first event.
    Ready,
    InitFailed(FunctionError),
}

pub(crate) struct RuntimeApi {
    function_name: String,
    function_arn: String,
    offers: tokio::sync::Mutex<mpsc::Receiver<Offer>>,
    /// What the process works on.
    current: Mutex<Option<Current>>,
    phase: watch::Sender<Phase>,
    extension: AtomicBool,
}

struct Current {
    request_id: String,
    reply: oneshot::Sender<Reply>,
    complete: oneshot::Sender<()>,
}

impl RuntimeApi {
    pub(crate) fn new(
        function_name: String,
        function_arn: String,
        offers: mpsc::Receiver<Offer>,
    ) -> Arc<Self> {
        Arc::new(Self {
            function_name,
            function_arn,
            offers: tokio::sync::Mutex::new(offers),
            current: Mutex::new(None),
            phase: watch::Sender::new(Phase::Init),
            extension: AtomicBool::new(false),
        })
    }

    pub(crate) fn phase(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// Only who registered an extension is told by SIGTERM that its environment ends.
    pub(crate) fn has_extension(&self) -> bool {
        self.extension.load(Ordering::Relaxed)
    }

    pub(crate) fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .route("/2020-01-01/extension/register", post(register_extension))
            .route("/2020-01-01/extension/event/next", get(next_extension_event))
            .with_state(Arc::clone(self))
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Option<Current>> {
        // Replaced whole: a panic elsewhere leaves nothing half-done.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the invocation this reply is for, so that there is one reply.
    fn take(&self, request_id: &str) -> Option<Current> {
        self.current().take_if(|current| current.request_id == request_id)
    }
}

async fn next(State(api): State<Arc<RuntimeApi>>) -> Response<Body> {
    let mut offers = api.offers.lock().await;
    api.phase.send_if_modified(|phase| {
        let first = *phase == Phase::Init;
        if first {
            *phase = Phase::Ready;
        }
        first
    });
    let Some(offer) = offers.recv().await else {
        // The environment ends; the process is about to be told.
        return std::future::pending().await;
    };
    let Offer { invocation, reply, complete, taken } = offer;
    taken.store(true, Ordering::Release);
    *api.current() = Some(Current { request_id: invocation.request_id.clone(), reply, complete });
    let deadline = invocation.deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut response = Response::new(Body::from(invocation.payload));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    set(headers, "lambda-runtime-aws-request-id", &invocation.request_id);
    set(headers, "lambda-runtime-deadline-ms", &deadline.as_millis().to_string());
    set(headers, "lambda-runtime-invoked-function-arn", &api.function_arn);
    set(headers, "lambda-runtime-trace-id", &invocation.trace_id);
    response
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

async fn response(
    State(api): State<Arc<RuntimeApi>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    let Some(current) = api.take(&id) else { return invalid_request_id() };
    let streaming = request
        .headers()
        .get("lambda-runtime-function-response-mode")
        .is_some_and(|mode| mode.as_bytes().eq_ignore_ascii_case(b"streaming"));
    match streaming {
        true => stream(current, request.into_body()).await,
        false => buffer(current, request.into_body()).await,
    }
}

async fn buffer(current: Current, mut body: Body) -> Response<Body> {
    // A caller that left is no fault of the process.
    match collect(&mut body, MAX_REPLY).await {
        Ok(bytes) => {
            let _ = current.reply.send(Reply::Buffered(bytes));
            accepted()
        }
        Err(Cut::TooLong) => {
            let _ = current.reply.send(Reply::Failed(FunctionError::reply_too_large()));
            // The process learns of it only once it could send everything.
            while let Some(Ok(_)) = body.frame().await {}
            let message = format!("Exceeded maximum allowed payload size ({MAX_REPLY} bytes).");
            fault(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message)
        }
        Err(Cut::Broken) => {
            let _ = current.reply.send(Reply::Failed(FunctionError::stream_broken()));
            fault(StatusCode::BAD_REQUEST, "TruncatedResponse", "The response was cut.")
        }
    }
}

/// Passes the body on as it comes. If this future is dropped with the connection, the caller's
/// stream ends without [`Chunk::End`], which is a broken one.
async fn stream(current: Current, mut body: Body) -> Response<Body> {
    let Current { reply, complete, .. } = current;
    let (chunks, receiver) = mpsc::channel(STREAM_AHEAD);
    let _ = reply.send(Reply::Stream(receiver));
    let mut length = 0u64;
    let mut failed = false;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            let _ = chunks.send(Chunk::Broken).await;
            drop(complete);
            return fault(StatusCode::BAD_REQUEST, "TruncatedResponse", "The response was cut.");
        };
        match frame.into_data() {
            Ok(data) => {
                length += data.len() as u64;
                if length > MAX_STREAM {
                    let _ = chunks.send(Chunk::Broken).await;
                    drop(complete);
                    let message = format!("Exceeded maximum allowed payload size ({MAX_STREAM} bytes).");
                    return fault(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message);
                }
                // Without a reader the function still runs to its end.
                let _ = chunks.send(Chunk::Data(data)).await;
            }
            Err(other) => {
                failed |= other
                    .trailers_ref()
                    .is_some_and(|trailers| trailers.contains_key("lambda-runtime-function-error-type"));
            }
        }
    }
    let _ = chunks.send(if failed { Chunk::Broken } else { Chunk::End }).await;
    drop(complete);
    accepted()
}

async fn error(
    State(api): State<Arc<RuntimeApi>>,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Response<Body> {
    let Some(current) = api.take(&id) else { return invalid_request_id() };
    let reported = reported(request).await;
    let _ = current.reply.send(Reply::Failed(reported));
    accepted()
}

async fn init_error(State(api): State<Arc<RuntimeApi>>, request: Request<Body>) -> Response<Body> {
    let reported = reported(request).await;
    api.phase.send_replace(Phase::InitFailed(reported));
    accepted()
}

async fn reported(request: Request<Body>) -> FunctionError {
    let error_type = request
        .headers()
        .get("lambda-runtime-function-error-type")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let body = collect(&mut request.into_body(), MAX_REPLY).await.unwrap_or_default();
    FunctionError::reported(&body, error_type.as_deref())
}

async fn register_extension(State(api): State<Arc<RuntimeApi>>, headers: HeaderMap) -> Response<Body> {
    if !headers.contains_key("lambda-extension-name") {
        return fault(StatusCode::FORBIDDEN, "Extension.InvalidExtensionName", "Missing extension name.");
    }
    api.extension.store(true, Ordering::Relaxed);
    let answer = json!({
        "functionName": api.function_name,
        "functionVersion": "$LATEST",
        "handler": "bootstrap",
    });
    let mut response = document(StatusCode::OK, &answer);
    set(response.headers_mut(), "lambda-extension-identifier", &uuid::Uuid::new_v4().to_string());
    response
}

/// An extension inside the process cannot ask for SHUTDOWN, and INVOKE is nothing we have seen one
/// ask for: it waits, as in Lambda, until the environment ends.
async fn next_extension_event() -> Response<Body> {
    std::future::pending().await
}

pub(crate) enum Cut {
    TooLong,
    Broken,
}

pub(crate) async fn collect(body: &mut Body, limit: usize) -> Result<Bytes, Cut> {
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let data = match frame.map(|frame| frame.into_data()) {
            Ok(Ok(data)) => data,
            Ok(Err(_trailers)) => continue,
            Err(_) => return Err(Cut::Broken),
        };
        if all.len() + data.len() > limit {
            return Err(Cut::TooLong);
        }
        all.extend_from_slice(&data);
    }
    Ok(all.freeze())
}

fn accepted() -> Response<Body> {
    document(StatusCode::ACCEPTED, &json!({ "status": "OK" }))
}

fn invalid_request_id() -> Response<Body> {
    fault(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
}

fn fault(status: StatusCode, error_type: &str, message: &str) -> Response<Body> {
    document(status, &json!({ "errorType": error_type, "errorMessage": message }))
}

fn document(status: StatusCode, value: &serde_json::Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
