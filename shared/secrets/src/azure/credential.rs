//! Tokens for vaults, and for nothing else.

use azure_core::credentials::{AccessToken as SdkToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use carnet_federation::adapter::azure::AzureCredential;
use carnet_federation::{AccessToken, Exchange, Scope};
use std::sync::Arc;

/// The client asks for the scope that a vault's challenge names. Whoever answers in a vault's place could
/// ask for a token of another service that way: here it gets none.
pub(super) struct OneScope<E: Exchange<Output = AccessToken>> {
    pub(super) inner: Arc<AzureCredential<E>>,
    pub(super) scope: Scope,
}

impl<E: Exchange<Output = AccessToken>> std::fmt::Debug for OneScope<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OneScope").field("inner", &self.inner).field("scope", &self.scope).finish()
    }
}

#[async_trait::async_trait]
impl<E: Exchange<Output = AccessToken>> TokenCredential for OneScope<E> {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<SdkToken> {
        if scopes != [self.scope.as_str()] {
            let why = "the vault's challenge asks for a token of another service";
            return Err(azure_core::Error::with_message(ErrorKind::Credential, why));
        }
        self.inner.get_token(scopes, options).await
    }
}
