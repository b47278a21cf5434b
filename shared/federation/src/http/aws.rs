//! The AWS SDK on the shared client: smithy's `HttpClient`, so that no second TLS stack and no
//! second pool comes in (and no native roots are parsed at start).

use super::{Http, body, guard};
use crate::error::{Error, Hop, Kind};
use crate::hints;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use std::time::Duration;

/// Whole answers within a limit: for STS and the credential chain 64 KiB.
#[derive(Clone, Debug)]
struct TokenServices {
    http: Http,
    timeout: Option<Duration>,
    limit: usize,
}

impl Http {
    /// What AWS clients of token services are given as their HTTP client.
    pub fn aws_token_services(&self) -> SharedHttpClient {
        self.aws_services(body::TOKEN_SERVICE_LIMIT)
    }

    /// The same for a service whose answers may be longer.
    pub fn aws_services(&self, limit: usize) -> SharedHttpClient {
        SharedHttpClient::new(TokenServices { http: self.clone(), timeout: None, limit })
    }
}

impl HttpClient for TokenServices {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        // The SDK counts from the request's start to its answer's head; here to its end.
        SharedHttpConnector::new(Self { timeout: settings.read_timeout(), ..self.clone() })
    }
}

impl HttpConnector for TokenServices {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let this = self.clone();
        HttpConnectorFuture::new(async move {
            match this.timeout {
                Some(limit) => tokio::time::timeout(limit, this.send(request))
                    .await
                    .unwrap_or_else(|elapsed| Err(ConnectorError::timeout(elapsed.into()))),
                None => this.send(request).await,
            }
        })
    }
}

impl TokenServices {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
        let (parts, body) = request.into_parts();
        let url = parts
            .uri
            .to_string()
            .parse()
            .map_err(|error: url::ParseError| ConnectorError::user(error.into()))?;
        guard::check_aws(&url).map_err(|why| ConnectorError::user(why.into()))?;
        let target = super::target_of(&url);
        let bytes = body.bytes().map(bytes::Bytes::copy_from_slice).unwrap_or_default();
        let request = self.http.client().request(parts.method, url).headers(parts.headers).body(bytes);
        let response = request.send().await.map_err(connector_error)?;
        self.http.note_date(response.headers());
        let (status, headers) = (response.status(), response.headers().clone());
        if status.is_redirection() {
            let error = Error::new(Hop::Mint, Kind::Refused, &target, "the answer is a redirect")
                .with_status(status.as_u16())
                .with_hint(&hints::REDIRECTED);
            return Err(ConnectorError::other(error.into(), None));
        }
        if status.is_success() && is_page(&headers) {
            // It may be gone at the next try: for the SDK that is a connection that broke.
            let message = "a page answered instead of the token service";
            let error = Error::new(Hop::Mint, Kind::Unavailable, &target, message)
                .with_hint(&hints::NOT_A_TOKEN_SERVICE);
            return Err(ConnectorError::io(error.into()));
        }
        let body = body::read_up_to(self.limit, Hop::Mint, &target, response)
            .await
            .map_err(|error| ConnectorError::other(error.into(), None))?;
        // As a stream: of bytes in memory the SDK's trace of a response shows all, tokens and keys too.
        let body = http_body_util::Full::new(bytes::Bytes::from(body));
        let mut answer = http::Response::new(SdkBody::from_body_1_x(body));
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        HttpResponse::try_from(answer).map_err(|error| ConnectorError::other(error.into(), None))
    }
}

/// No AWS service answers in HTML; proxies and portals do.
fn is_page(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|value| value.trim_start().to_ascii_lowercase().starts_with("text/html"))
}

fn connector_error(error: reqwest::Error) -> ConnectorError {
    let error = error.without_url();
    if error.is_timeout() && !error.is_connect() {
        ConnectorError::timeout(error.into())
    } else if error.is_connect() || error.is_request() || error.is_body() {
        ConnectorError::io(error.into())
    } else {
        ConnectorError::other(error.into(), None)
    }
}
