//! What Key Vault and Secret Manager have in common: secrets with versions.

use crate::secret::{Reading, Version};
use crate::url::Held;
use carnet_federation::http::retry::{Policy, retry};
use carnet_federation::{BoxFuture, Hop, Kind, Result};
use std::sync::atomic::{AtomicBool, Ordering};

pub trait SecretSource: Send + Sync {
    /// What the service is called in errors.
    fn target(&self, secret: &Held) -> String;

    /// The version, or the current one, without its value.
    fn describe<'a>(&'a self, secret: &'a Held) -> BoxFuture<'a, Result<Version>>;

    /// The version, or the current one, with its value.
    fn read<'a>(&'a self, secret: &'a Held) -> BoxFuture<'a, Result<Reading>>;

    /// The service answered 401 to the last token: forget it.
    fn rejected(&self);
}

/// Tries again what is transient, inside the deadline; after a 401 once, with a fresh token.
pub(crate) async fn attempt<'a, T>(
    source: &dyn SecretSource,
    secret: &Held,
    call: impl Fn() -> BoxFuture<'a, Result<T>>,
) -> Result<T> {
    let target = source.target(secret);
    let (call, refreshed) = (&call, &AtomicBool::new(false));
    retry(&Policy::STORE, Hop::Read, &target, || async move {
        match call().await {
            Err(error)
                if error.kind() == Kind::Unauthenticated && !refreshed.swap(true, Ordering::Relaxed) =>
            {
                source.rejected();
                call().await
            }
            outcome => outcome,
        }
    })
    .await
}
