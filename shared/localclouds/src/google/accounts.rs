//! The issuer of ID tokens, `https://accounts.google.com`: what a push subscription with authentication
//! sends is signed by its keys.

use crate::local::Handle;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use serde_json::{Value, json};

pub fn router(handle: Handle) -> Router {
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/oauth2/v3/certs", get(certs))
        .with_state(handle)
}

pub(crate) fn issuer(handle: &Handle) -> String {
    handle.endpoints.get().map(|endpoints| endpoints.google_accounts.clone()).unwrap_or_default()
}

/// At Google the keys are on another host, `www.googleapis.com`.
async fn discovery(State(handle): State<Handle>) -> Json<Value> {
    let issuer = issuer(&handle);
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/o/oauth2/v2/auth"),
        "jwks_uri": format!("{issuer}/oauth2/v3/certs"),
        "response_types_supported": ["code", "token", "id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }))
}

async fn certs(State(handle): State<Handle>) -> Response {
    match handle.google_keys() {
        Ok(keys) => Json(keys.rsa_jwks()).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
