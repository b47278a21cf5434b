//! Trying again: what is transient, by the error's kind and inside the deadline; a 401, once, with
//! a fresh token.

use crate::key::Key;
use crate::object::{Conditions, ObjectMeta};
use crate::source::ObjectSource;
use carnet_federation::http::retry::{Policy, retry};
use carnet_federation::{BoxFuture, Hop, Kind, Result};
use std::sync::atomic::{AtomicBool, Ordering};

/// What is known of an object, tried again as failures allow.
pub async fn head(source: &dyn ObjectSource, key: &Key, conditions: &Conditions) -> Result<ObjectMeta> {
    attempt(source, Hop::Read, || source.head(key, conditions)).await
}

/// Makes `call`, again after a transient failure, and once more after a 401.
pub(crate) async fn attempt<'a, T>(
    source: &dyn ObjectSource,
    hop: Hop,
    call: impl Fn() -> BoxFuture<'a, Result<T>>,
) -> Result<T> {
    let (call, refreshed) = (&call, &AtomicBool::new(false));
    retry(&Policy::STORE, hop, source.target(), || async move {
        match call().await {
            Err(error)
                if error.kind() == Kind::Unauthenticated && !refreshed.swap(true, Ordering::Relaxed) =>
            {
                source.credential_rejected();
                call().await
            }
            outcome => outcome,
        }
    })
    .await
}
