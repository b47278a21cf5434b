//! The reading half of Azure Blob over a plain folder.

use crate::local::Handle;
use axum::Router;

/// Serves `/{account}/{container}/...`. Faults of `azure.blob` are wrapped around it by the caller.
pub fn router(_handle: Handle) -> Router {
    Router::new()
}
