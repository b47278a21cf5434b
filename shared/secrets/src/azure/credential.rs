//! Tokens for vaults, and for nothing else.

use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use carnet_federation::Scope;
use carnet_federation::adapter::azure::AzureCredential;
use std::sync::Arc;

/// The client asks for the scope that a vault's challenge names. Whoever answers in a vault's place could
/// ask for a token of another service that way: here it gets none.
#[derive(Debug)]
pub(super) struct OneScope {
    pub(super) inner: Arc<AzureCredential>,
    pub(super) scope: Scope,
}

#[async_trait::async_trait]
impl TokenCredential for OneScope {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        if scopes != [self.scope.as_str()] {
            let why = "the vault's challenge asks for a token of another service";
            return Err(azure_core::Error::with_message(ErrorKind::Credential, why));
        }
        self.inner.get_token(scopes, options).await
    }
}
