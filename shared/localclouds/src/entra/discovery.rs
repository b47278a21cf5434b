//! The OpenID document, the keys, and the list of clouds that Microsoft's libraries ask for.

use super::answers;
use super::token::check_tenant;
use crate::local::Handle;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

pub fn router(handle: Handle) -> Router {
    Router::new()
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(discovery))
        .route("/{tenant}/.well-known/openid-configuration", get(discovery_of_version_1))
        .route("/{tenant}/discovery/keys", get(keys))
        .route("/{tenant}/discovery/v2.0/keys", get(keys))
        .route("/{tenant}/discovery/instance", get(instance))
        .with_state(handle)
}

fn authority(handle: &Handle) -> String {
    handle.endpoints.get().map(|endpoints| endpoints.entra_authority.clone()).unwrap_or_default()
}

async fn discovery(State(handle): State<Handle>, Path(tenant): Path<String>) -> Response {
    if tenant != "common"
        && let Err(answer) = check_tenant(&handle.world(), &tenant)
    {
        return answers::respond(&answer, None);
    }
    let base = format!("{}/{tenant}", authority(&handle));
    Json(json!({
        "issuer": format!("{base}/v2.0"),
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
    }))
    .into_response()
}

/// The same for tokens of version 1.0, whose issuer has a name of its own.
async fn discovery_of_version_1(State(handle): State<Handle>, Path(tenant): Path<String>) -> Response {
    if let Err(answer) = check_tenant(&handle.world(), &tenant) {
        return answers::respond(&answer, None);
    }
    let base = format!("{}/{tenant}", authority(&handle));
    Json(json!({
        "issuer": format!("https://sts.windows.net/{}/", handle.world().entra.tenant_id),
        "authorization_endpoint": format!("{base}/oauth2/authorize"),
        "token_endpoint": format!("{base}/oauth2/token"),
        "jwks_uri": format!("{base}/discovery/keys"),
        "response_types_supported": ["code", "id_token", "code id_token", "token id_token", "token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }))
    .into_response()
}

async fn keys(State(handle): State<Handle>) -> Json<Value> {
    Json(handle.entra_keys.rsa_jwks())
}

async fn instance(State(handle): State<Handle>) -> Json<Value> {
    let authority = authority(&handle);
    let host = authority.trim_start_matches("https://").to_owned();
    let tenant = handle.world().entra.tenant_id.clone();
    Json(json!({
        "tenant_discovery_endpoint": format!("{authority}/{tenant}/v2.0/.well-known/openid-configuration"),
        "api-version": "1.1",
        "metadata": [{ "preferred_network": host, "preferred_cache": host, "aliases": [host] }],
    }))
}
