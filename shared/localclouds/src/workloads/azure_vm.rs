//! Azure's instance metadata service, as far as it gives tokens.
//!
//! Microsoft, "Use managed identities on a virtual machine to acquire access token" and "Azure Instance
//! Metadata Service". The sentences `Identity not found`, `Multiple user assigned identities exist...`,
//! `Required metadata header not specified` and `Required query variable ... is missing` are those people
//! have published; the others are ours.

use super::managed_identity::{self, NoIdentity, Query, get};
use crate::entra::access::Granted;
use crate::entra::answers::Answer;
use crate::local::Handle;
use axum::extract::{Query as Parameters, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get as on_get;
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use serde_json::json;

/// The first that gives tokens.
const OLDEST_VERSION: &str = "2018-02-01";

pub fn router(handle: Handle) -> Router {
    Router::new().route("/metadata/identity/oauth2/token", on_get(serve)).with_state(handle)
}

async fn serve(
    State(handle): State<Handle>,
    headers: HeaderMap,
    Parameters(query): Parameters<Query>,
) -> Response {
    answer(&handle, &headers, &query).unwrap_or_else(|refusal| *refusal)
}

fn answer(handle: &Handle, headers: &HeaderMap, query: &Query) -> Result<Response, Box<Response>> {
    // A request that came through a proxy may be someone else's.
    if headers.contains_key("x-forwarded-for") {
        return Err(refuse("invalid_request", "A forwarded request is not answered"));
    }
    if headers.get("metadata").is_none_or(|value| value != "true") {
        return Err(refuse("bad_request_102", "Required metadata header not specified"));
    }
    let needed = |name: &str| {
        get(query, name)
            .ok_or_else(|| refuse("invalid_request", &format!("Required query variable '{name}' is missing")))
    };
    if !is_version(needed("api-version")?) {
        return Err(refuse("invalid_request", "The api-version is not supported"));
    }
    let resource = needed("resource")?;
    let host = handle.world().workloads.azure_vm.clone();
    let identity = managed_identity::choose(handle, &host, query).map_err(|fault| match fault {
        NoIdentity::NotFound => refuse("invalid_request", "Identity not found"),
        NoIdentity::Several => refuse(
            "invalid_request",
            "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in \
             the token request",
        ),
    })?;
    let granted = managed_identity::token(handle, &identity, resource).map_err(|answer| by_entra(&answer))?;
    let granted = granted.ok_or_else(|| refuse("invalid_request", "Identity not found"))?;
    Ok(respond(&granted, &identity.client_id, resource))
}

/// A date, and none before there were tokens.
fn is_version(text: &str) -> bool {
    let digits = |part: &str, length| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    digits(year, 4) && digits(month, 2) && digits(day, 2) && text >= OLDEST_VERSION
}

/// Every number is a text.
fn respond(granted: &Granted, client_id: &str, resource: &str) -> Response {
    Json(json!({
        "access_token": granted.token,
        "client_id": client_id,
        "expires_in": granted.expires_in.to_string(),
        "expires_on": (granted.issued_at + granted.expires_in).to_string(),
        "ext_expires_in": granted.expires_in.to_string(),
        "not_before": granted.issued_at.to_string(),
        "resource": resource,
        "token_type": "Bearer",
    }))
    .into_response()
}

fn refuse(error: &str, description: &str) -> Box<Response> {
    let body = json!({ "error": error, "error_description": description });
    Box::new((StatusCode::BAD_REQUEST, Json(body)).into_response())
}

/// Entra's own words, passed on.
fn by_entra(answer: &Answer) -> Box<Response> {
    refuse(answer.error, &format!("AADSTS{}: {}", answer.code, answer.text))
}
