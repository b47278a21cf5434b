//! What we add to the client's pipeline.

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use azure_core::error::ErrorKind;
use azure_core::http::headers::AUTHORIZATION;
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{Context, Request};
use carnet_federation::Scope;
use carnet_federation::adapter::azure::AzureCredential;
use std::fmt;
use std::sync::Arc;

/// One scope for all storage, in every cloud of Azure: what an Azure token for blobs is asked for.
pub const SCOPE: &str = "https://storage.azure.com/.default";

/// What the store asks of a credential: tokens, and to hear that one was refused.
pub trait BlobCredential: TokenCredential {
    /// The store answered 401 to the last token for storage: forget it.
    fn rejected(&self);

    /// Who the store was told is asking, for the error of a refusal. An identifier, no secret.
    fn identity(&self) -> Option<String> {
        None
    }
}

impl BlobCredential for AzureCredential {
    fn rejected(&self) {
        AzureCredential::rejected(self, &Scope::new(SCOPE));
    }

    fn identity(&self) -> Option<String> {
        Some(format!("client id {}", self.credential().exchange().client_id()))
    }
}

/// Signs every request with the credential's token. The credential caches; nothing else does.
pub(super) struct Bearer(pub(super) Arc<dyn BlobCredential>);

/// A container's listing by hierarchy: the client has no call for it, the service has
/// ("List Blobs", `delimiter`).
#[derive(Debug)]
pub(super) struct Hierarchy;

/// In a call's context: the delimiter its listing is to have.
pub(super) struct Delimiter(pub(super) String);

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer")
    }
}

#[async_trait]
impl Policy for Bearer {
    async fn send(&self, ctx: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let token = self.0.get_token(&[SCOPE], None).await?;
        request.insert_header(AUTHORIZATION, format!("Bearer {}", token.token.secret()));
        pass_on(ctx, request, next).await
    }
}

#[async_trait]
impl Policy for Hierarchy {
    async fn send(&self, ctx: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        if let Some(Delimiter(delimiter)) = ctx.value() {
            request.url_mut().query_pairs_mut().append_pair("delimiter", delimiter);
        }
        pass_on(ctx, request, next).await
    }
}

async fn pass_on(ctx: &Context<'_>, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
    match next {
        [first, rest @ ..] => first.send(ctx, request, rest).await,
        [] => Err(azure_core::Error::with_message(ErrorKind::Other, "the pipeline has no transport")),
    }
}
