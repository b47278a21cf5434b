//! The account's issuer: what other clouds fetch to check its tokens.

use crate::local::Handle;
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

pub fn router(handle: Handle) -> Router {
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/.well-known/jwks.json", get(keys))
        .with_state(handle)
}

async fn discovery(State(handle): State<Handle>) -> Json<Value> {
    let issuer = handle.world().aws.issuer.clone();
    Json(json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES384"],
        "claims_supported": ["aud", "exp", "iat", "iss", "jti", "sub"],
    }))
}

async fn keys(State(handle): State<Handle>) -> Json<Value> {
    Json(handle.aws_keys.jwks())
}
