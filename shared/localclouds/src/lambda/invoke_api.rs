//! Lambda's own Invoke: the payload as it is, to the function that the path names.

use super::gateway::{self, Refusal};
use super::invocation::MAX_PAYLOAD;
use super::pool::{self, Pool};
use super::runtime_api::{Cut, collect};
use crate::local::Handle;
use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use serde_json::json;
use std::sync::Arc;

struct InvokeApi {
    handle: Handle,
    pools: Vec<Arc<Pool>>,
    check_sigv4: bool,
}

pub(crate) fn router(handle: Handle, pools: Vec<Arc<Pool>>, check_sigv4: bool) -> Router {
    let api = Arc::new(InvokeApi { handle, pools, check_sigv4 });
    let handler = move |Path(name): Path<String>, request: Request<Body>| {
        let api = Arc::clone(&api);
        async move { api.invoke(&name, request).await }
    };
    Router::new().route("/2015-03-31/functions/{name}/invocations", post(handler))
}

impl InvokeApi {
    /// By name or ARN; the name is its own, or the one under which the template deploys it.
    fn function(&self, asked: &str) -> Option<&Arc<Pool>> {
        let name = asked.rsplit_once(":function:").map_or(asked, |(_, name)| name);
        self.pools.iter().find(|pool| pool.spec().name == name || pool.spec().deployed_name == name)
    }

    async fn invoke(&self, name: &str, request: Request<Body>) -> Response<Body> {
        let (parts, mut body) = request.into_parts();
        let payload = match collect(&mut body, MAX_PAYLOAD).await {
            Ok(payload) => payload,
            Err(Cut::TooLong) => {
                let message = format!(
                    "Request must be smaller than {MAX_PAYLOAD} bytes for the InvokeFunction operation"
                );
                return fault(StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException", &message);
            }
            Err(Cut::Broken) => {
                return fault(
                    StatusCode::BAD_REQUEST,
                    "InvalidRequestContentException",
                    "The request was cut.",
                );
            }
        };
        if self.check_sigv4
            && let Err(Refusal { error_type, message, .. }) =
                gateway::signer(&self.handle, &parts, &payload, "lambda")
        {
            return fault(StatusCode::FORBIDDEN, error_type, &message);
        }
        let Some(pool) = self.function(name) else {
            let message = format!("Function not found: {name}");
            return fault(StatusCode::NOT_FOUND, "ResourceNotFoundException", &message);
        };
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
