//! Any official Azure client, without a stored key: `azure_core`'s `TokenCredential`.

use crate::error::cause;
use crate::exchange::Entra;
use crate::token::{AccessToken, Scope};
use crate::{Credential, Error, Exchange};
use azure_core::credentials::{AccessToken as SdkToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use std::sync::{Arc, Mutex};

/// Given to a client as its credential. Which exchange its tokens come from is the caller's: Entra's as a
/// rule, or none where a managed identity reads in its own cloud.
pub struct AzureCredential<E: Exchange<Output = AccessToken> = Entra> {
    credential: Credential<E>,
    /// What each scope was last given, so that a 401 can be laid at the right token's door.
    given: Mutex<Vec<(Scope, AccessToken)>>,
}

impl<E: Exchange<Output = AccessToken>> std::fmt::Debug for AzureCredential<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AzureCredential").field("credential", &self.credential).finish_non_exhaustive()
    }
}

impl<E: Exchange<Output = AccessToken>> AzureCredential<E> {
    pub fn new(credential: Credential<E>) -> Arc<Self> {
        Arc::new(Self { credential, given: Mutex::default() })
    }

    pub fn credential(&self) -> &Credential<E> {
        &self.credential
    }

    /// The store said 401 to the token of `scope`: the next call mints anew. Said twice of the same
    /// token, it counts once.
    pub fn rejected(&self, scope: &Scope) {
        let given = self.given().iter().find(|(known, _)| known == scope).map(|(_, token)| token.clone());
        if let Some(token) = given {
            self.credential.invalidate(scope, &token);
        }
    }

    fn remember(&self, scope: Scope, token: &AccessToken) {
        let mut given = self.given();
        match given.iter_mut().find(|(known, _)| *known == scope) {
            Some((_, last)) => *last = token.clone(),
            None => given.push((scope, token.clone())),
        }
    }

    fn given(&self) -> std::sync::MutexGuard<'_, Vec<(Scope, AccessToken)>> {
        // Whole at every step, so a poisoned lock is still good.
        self.given.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[async_trait::async_trait]
impl<E: Exchange<Output = AccessToken>> TokenCredential for AzureCredential<E> {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<SdkToken> {
        let scope = Scope::new(scopes.join(" "));
        let token = self.credential.token(&scope).await.map_err(sdk_error)?;
        self.remember(scope, &token);
        Ok(SdkToken::new(token.secret.expose().to_owned(), token.expires_at.into()))
    }
}

/// Our error travels as the SDK error's source; [`recover`] finds it again.
fn sdk_error(error: Error) -> azure_core::Error {
    azure_core::Error::with_error(ErrorKind::Credential, error, "no token")
}

/// The error of ours inside an SDK error: a refused exchange stays one, though a client reports it.
pub fn recover(error: &(dyn std::error::Error + 'static)) -> Option<Error> {
    cause::<Error>(error).cloned()
}
