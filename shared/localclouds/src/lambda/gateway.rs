//! API Gateway: a request becomes an event, a reply becomes a response.

use super::event::{Arrival, Identity, rest_proxy_event};
use super::integration::{self, Head};
use super::invocation::{Chunk, MAX_PAYLOAD, Reply, trace_id};
use super::pool::{self, Pool};
use super::resource::matching;
use super::runtime_api::{Cut, collect};
use super::spec::{GatewayOptions, ResponseTransferMode};
use crate::aws::sigv4::{self, SigV4Fault};
use crate::local::Handle;
use crate::server::Transport;
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode, header};
use serde_json::json;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::mpsc;

/// Of a request's body, before it is wrapped in an event.
const MAX_REQUEST: usize = 10 << 20;

struct Gateway {
    pool: Arc<Pool>,
    options: GatewayOptions,
    api_id: String,
}

pub(crate) fn router(pool: Arc<Pool>, options: GatewayOptions) -> Router {
    let api_id = uuid::Uuid::new_v4().simple().to_string()[..10].to_owned();
    let gateway = Arc::new(Gateway { pool, options, api_id });
    Router::new().fallback(move |request: Request<Body>| {
        let gateway = Arc::clone(&gateway);
        async move { gateway.answer(request).await }
    })
}

impl Gateway {
    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (parts, mut body) = request.into_parts();
        let request_id = uuid::Uuid::new_v4().to_string();
        let trace_id = trace_id();
        let mut response = match collect(&mut body, MAX_REQUEST).await {
            Ok(body) => self.integrate(&parts, &body, &request_id, &trace_id).await,
            Err(Cut::TooLong) => too_long(),
            Err(Cut::Broken) => message(StatusCode::BAD_REQUEST, "Bad Request"),
        };
        for (name, value) in [("x-amzn-requestid", &request_id), ("x-amzn-trace-id", &trace_id)] {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().insert(name, value);
            }
        }
        let (method, path) = (parts.method.as_str(), parts.uri.path());
        let status = response.status().as_u16();
        tracing::info!(function = self.pool.spec().name, method, path, status, request_id, "answered");
        response
    }

    async fn integrate(
        &self,
        parts: &Parts,
        body: &Bytes,
        request_id: &str,
        trace_id: &str,
    ) -> Response<Body> {
        let Some(matched) = matching(&self.options.resources, parts.uri.path()) else {
            // What API Gateway says of a resource or method that an API does not have.
            return message(StatusCode::FORBIDDEN, "Missing Authentication Token");
        };
        let identity = match self.options.check_sigv4 {
            true => match signer(self.pool.handle(), parts, body, "execute-api") {
                Ok(identity) => identity,
                Err(refusal) => return refusal.into_response(),
            },
            false => Identity::default(),
        };
        let event =
            rest_proxy_event(parts, body, &matched, &self.arrival(parts, request_id, trace_id, identity));
        let event = Bytes::from(event.to_string());
        if event.len() > MAX_PAYLOAD {
            return too_long();
        }
        match tokio::time::timeout(self.options.integration_timeout, self.respond(event)).await {
            Ok(response) => response,
            Err(_) => message(StatusCode::GATEWAY_TIMEOUT, "Endpoint request timed out"),
        }
    }

    fn arrival(&self, parts: &Parts, request_id: &str, trace_id: &str, identity: Identity) -> Arrival {
        let account = self.pool.handle().world().aws.account.clone();
        let scheme = match self.options.transport {
            Transport::Plain => "http",
            Transport::Tls(_) => "https",
        };
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let port = host.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        Arrival {
            account,
            api_id: self.api_id.clone(),
            stage: self.options.stage.clone(),
            stage_variables: self.options.stage_variables.clone(),
            request_id: request_id.to_owned(),
            trace_id: trace_id.to_owned(),
            // Everything here is on loopback.
            source_ip: "127.0.0.1".to_owned(),
            scheme,
            port: port.unwrap_or(if scheme == "https" { 443 } else { 80 }),
            at: SystemTime::now(),
            identity,
        }
    }

    async fn respond(&self, event: Bytes) -> Response<Body> {
        let reply = self.pool.invoke(event).await;
        let response = match self.options.response_transfer_mode {
            ResponseTransferMode::Buffered => {
                let output = pool::buffered(reply).await;
                match output.function_error {
                    None => integration::buffered(&output.payload)
                        .map(|(head, body)| build(head, Body::from(body))),
                    Some(_) => Err(integration::Malformed),
                }
            }
            ResponseTransferMode::Stream => match reply {
                Reply::Stream(chunks) => streamed(chunks).await,
                // A document is no stream: it has no delimiter.
                Reply::Buffered(_) | Reply::Failed(_) => Err(integration::Malformed),
            },
        };
        response.unwrap_or_else(|_| message(StatusCode::BAD_GATEWAY, "Internal server error"))
    }
}

async fn streamed(mut chunks: mpsc::Receiver<Chunk>) -> Result<Response<Body>, integration::Malformed> {
    let (head, first, ended) = integration::streamed(&mut chunks).await?;
    if ended {
        return Ok(build(head, Body::from(first)));
    }
    Ok(build(head, Body::from_stream(pass_on(first, chunks))))
}

/// The bytes as they come. A stream that breaks is an error of the body: the server then drops
/// the connection, so that no caller takes it for an end.
fn pass_on(first: Bytes, chunks: mpsc::Receiver<Chunk>) -> impl stream::Stream<Item = io::Result<Bytes>> {
    stream::unfold(Some((first, chunks)), |state| async move {
        let (first, mut chunks) = state?;
        if !first.is_empty() {
            return Some((Ok(first), Some((Bytes::new(), chunks))));
        }
        match chunks.recv().await {
            Some(Chunk::Data(data)) => Some((Ok(data), Some((Bytes::new(), chunks)))),
            Some(Chunk::End) => None,
            Some(Chunk::Broken) | None => {
                Some((Err(io::Error::other("the function's stream broke off")), None))
            }
        }
    })
}

fn build(head: Head, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    if !response.headers().contains_key(header::CONTENT_TYPE) {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    response
}

fn too_long() -> Response<Body> {
    message(StatusCode::PAYLOAD_TOO_LARGE, "Request Too Long")
}

fn message(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(json!({ "message": text }).to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A caller whose signature does not hold.
pub(crate) struct Refusal {
    pub status: StatusCode,
    pub error_type: &'static str,
    pub message: String,
}

impl Refusal {
    fn into_response(self) -> Response<Body> {
        let mut response = message(self.status, &self.message);
        response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(self.error_type));
        response
    }
}

/// Who signed, or why the signature does not hold.
pub(crate) fn signer(
    handle: &Handle,
    parts: &Parts,
    body: &[u8],
    service: &str,
) -> Result<Identity, Refusal> {
    let (region, account) = {
        let world = handle.world();
        (world.aws.region.clone(), world.aws.account.clone())
    };
    let principal = sigv4::verify(handle, parts, body, service, &region).map_err(refusal)?;
    Ok(Identity {
        access_key: Some(principal.access_key_id),
        account: Some(account),
        user: Some(principal.user_id),
        user_arn: Some(principal.session_arn),
    })
}

/// API Gateway has its own names, and its own words for one of them.
fn refusal(fault: SigV4Fault) -> Refusal {
    let (error_type, message) = match fault.code {
        "MissingAuthenticationToken" => {
            ("MissingAuthenticationTokenException", "Missing Authentication Token".to_owned())
        }
        "SignatureDoesNotMatch" => ("InvalidSignatureException", fault.message),
        "InvalidClientTokenId" => ("UnrecognizedClientException", fault.message),
        "ExpiredToken" | "ExpiredTokenException" => ("ExpiredTokenException", fault.message),
        "IncompleteSignature" => ("IncompleteSignatureException", fault.message),
        _ => ("AccessDeniedException", fault.message),
    };
    Refusal { status: StatusCode::FORBIDDEN, error_type, message }
}
