//! Azure's SDK on the shared client.

use super::{Http, guard};
use azure_core::http::{AsyncRawResponse, ClientOptions, HttpClient, Request, RetryOptions, Transport};
use std::sync::Arc;

#[derive(Debug)]
struct SharedTransport(Http);

impl Http {
    /// Options for any official Azure client: the shared transport, and no retries of the SDK's own.
    /// Retries follow our errors' kinds and know the invocation's deadline.
    pub fn azure_client_options(&self) -> ClientOptions {
        ClientOptions {
            transport: Some(Transport::new(Arc::new(SharedTransport(self.clone())))),
            retry: RetryOptions::none(),
            ..ClientOptions::default()
        }
    }
}

#[async_trait::async_trait]
impl HttpClient for SharedTransport {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        guard::check(request.url())
            .map_err(|why| azure_core::Error::with_message(azure_core::error::ErrorKind::Other, why))?;
        self.0.client().execute_request(request).await
    }
}
