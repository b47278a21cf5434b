//! Where a job of GitHub Actions asks for its token.
//!
//! GitHub, "OpenID Connect reference": the URL has a query of its own, and `&audience=` is put after it.
//! The words of the refusals are ours.

use crate::faults::{self, TokenFault};
use crate::jwt::Algorithm;
use crate::local::Handle;
use crate::names::GITHUB;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What follows the base URL in `ACTIONS_ID_TOKEN_REQUEST_URL`.
pub const PATH_AND_QUERY: &str = "/85//idtoken/30433642/deploy?api-version=2.0";
const PATH: &str = "/85//idtoken/30433642/deploy";
const LIFETIME: i64 = 300;

pub fn router(handle: Handle) -> Router {
    Router::new().route(PATH, get(serve)).with_state(handle)
}

async fn serve(
    State(handle): State<Handle>,
    headers: HeaderMap,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let job = handle.world().workloads.github.clone();
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = bearer.and_then(|value| value.split_once(' '));
    let shown = shown.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token);
    if job.request_token.is_empty() || shown != Some(job.request_token.as_str()) {
        return refuse(StatusCode::UNAUTHORIZED, "The request token is missing or wrong.");
    }
    if query.get("api-version").is_none_or(|version| version != "2.0") {
        return refuse(StatusCode::BAD_REQUEST, "The api-version is missing or not supported.");
    }
    let asked = query.get("audience").filter(|audience| !audience.is_empty()).cloned();
    let now = faults::now_seconds();
    let (issued_at, expires_at) = match faults::token_fault() {
        None => (now, now + LIFETIME),
        Some(TokenFault::AbsurdExpiry) => (now, now + 200 * 365 * 86_400),
        Some(TokenFault::Expired) => (now - 2 * LIFETIME, now - LIFETIME),
    };
    let mut claims = Value::Object(job.claims());
    claims["iss"] = GITHUB.into();
    claims["aud"] = asked.unwrap_or_else(|| job.owner_url()).into();
    claims["iat"] = issued_at.into();
    // As GitHub has it: valid some minutes before it was made.
    claims["nbf"] = (issued_at - 300).into();
    claims["exp"] = expires_at.into();
    claims["jti"] = Uuid::new_v4().to_string().into();
    match handle.other_keys().and_then(|keys| keys.sign(&claims, Algorithm::Rs256)) {
        Ok(token) => Json(json!({ "count": token.len(), "value": token })).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn refuse(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}
