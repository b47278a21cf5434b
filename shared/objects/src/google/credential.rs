//! What the store asks of a credential.

use carnet_federation::adapter::google::GoogleCredential;
use carnet_federation::{AccessToken, BoxFuture, Result};
use google_cloud_auth::credentials::Credentials;
use std::sync::Arc;

/// What a token for reading objects is asked for. (Names of scopes are the same in every universe.)
pub const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_only";

/// Tokens for our own calls and for Google's client, and to hear that one was refused.
pub trait StorageCredential: Send + Sync {
    fn token(&self) -> BoxFuture<'_, Result<AccessToken>>;

    /// The same tokens, as Google's clients take them.
    fn credentials(self: Arc<Self>) -> Credentials;

    /// The store answered 401 to the last token: forget it.
    fn rejected(&self);

    /// Who the store was told is asking, for the error of a refusal. An identifier, no secret.
    fn identity(&self) -> Option<String> {
        None
    }
}

impl StorageCredential for GoogleCredential {
    fn token(&self) -> BoxFuture<'_, Result<AccessToken>> {
        Box::pin(GoogleCredential::token(self))
    }

    fn credentials(self: Arc<Self>) -> Credentials {
        GoogleCredential::credentials(&self)
    }

    fn rejected(&self) {
        GoogleCredential::rejected(self);
    }

    fn identity(&self) -> Option<String> {
        use carnet_federation::Exchange as _;
        let exchange = self.credential().exchange();
        Some(match exchange.service_account() {
            Some(account) => format!("service account {account}"),
            None => format!("a federated identity of {}", exchange.audience().as_str()),
        })
    }
}
