//! Lambda's own Invoke: the payload as it is.

use super::gateway::{self, Refusal};
use super::invocation::MAX_PAYLOAD;
use super::pool::{self, Pool};
use super::runtime_api::{Cut, collect};
use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use serde_json::json;
use std::sync::Arc;

pub(crate) fn router(pool: Arc<Pool>, check_sigv4: bool) -> Router {
    let handler = move |Path(name): Path<String>, request: Request<Body>| {
        let pool = Arc::clone(&pool);
        async move { invoke(&pool, &name, check_sigv4, request).await }
    };
    Router::new().route("/2015-03-31/functions/{name}/invocations", post(handler))
}

async fn invoke(pool: &Arc<Pool>, name: &str, check_sigv4: bool, request: Request<Body>) -> Response<Body> {
    let (parts, mut body) = request.into_parts();
    let payload = match collect(&mut body, MAX_PAYLOAD).await {
        Ok(payload) => payload,
        Err(Cut::TooLong) => {
            let message =
                format!("Request must be smaller than {MAX_PAYLOAD} bytes for the InvokeFunction operation");
            return fault(StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException", &message);
        }
        Err(Cut::Broken) => {
            return fault(StatusCode::BAD_REQUEST, "InvalidRequestContentException", "The request was cut.");
        }
    };
    if check_sigv4
        && let Err(Refusal { error_type, message, .. }) = gateway::signer(pool, &parts, &payload, "lambda")
    {
        return fault(StatusCode::FORBIDDEN, error_type, &message);
    }
    if name != pool.spec().name && !name.ends_with(&format!(":function:{}", pool.spec().name)) {
        let message = format!("Function not found: {name}");
        return fault(StatusCode::NOT_FOUND, "ResourceNotFoundException", &message);
    }
    // Lambda takes an absent payload for an empty document.
    let payload = if payload.is_empty() { Bytes::from_static(b"{}") } else { payload };
    if serde_json::from_slice::<serde::de::IgnoredAny>(&payload).is_err() {
        let message = "Could not parse request body into json";
        return fault(StatusCode::BAD_REQUEST, "InvalidRequestContentException", message);
    }
    let output = pool::buffered(pool.invoke(payload).await).await;
    let mut response = Response::new(Body::from(output.payload));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("x-amz-executed-version", HeaderValue::from_static("$LATEST"));
    if let Some(error) = output.function_error {
        headers.insert("x-amz-function-error", HeaderValue::from_static(error));
    }
    response
}

fn fault(status: StatusCode, error_type: &'static str, message: &str) -> Response<Body> {
    let document = json!({ "Type": "User", "message": message });
    let mut response = Response::new(Body::from(document.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("x-amzn-errortype", HeaderValue::from_static(error_type));
    response
}
