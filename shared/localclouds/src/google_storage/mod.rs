//! The reading half of Cloud Storage's JSON API over a plain folder.

use crate::local::Handle;
use axum::Router;

/// Faults tell the bytes of objects from the rest.
pub fn hop_of(request: &axum::extract::Request) -> crate::faults::Hop {
    let query = request.uri().query().unwrap_or_default();
    match query.split('&').any(|pair| pair == "alt=media") {
        true => crate::faults::Hop::GoogleMedia,
        false => crate::faults::Hop::GoogleStorage,
    }
}

pub fn router(handle: Handle) -> Router {
    Router::new().with_state(()).fallback(move || {
        let _ = handle.clone();
        async {}
    })
}
