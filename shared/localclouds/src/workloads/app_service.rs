//! The token endpoint that App Service and Functions give an app.
//!
//! Microsoft, "Use managed identities for App Service and Azure Functions" ("REST endpoint reference").
//! The sentence about identities is one people have published; the others, and the statuses but 400, are
//! ours. That an unknown resource is a vague 500 is what MSAL's authors found.

use super::managed_identity::{self, NoIdentity, Query, get};
use crate::local::Handle;
use axum::extract::{Query as Parameters, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get as on_get;
use axum::{Json, Router};
use http::{HeaderMap, StatusCode};
use serde_json::json;
use uuid::Uuid;

/// What follows the base URL in `IDENTITY_ENDPOINT`.
pub const PATH: &str = "/msi/token";
const VERSION: &str = "2019-08-01";

pub fn router(handle: Handle) -> Router {
    Router::new().route(PATH, on_get(serve)).with_state(handle)
}

async fn serve(
    State(handle): State<Handle>,
    headers: HeaderMap,
    Parameters(query): Parameters<Query>,
) -> Response {
    answer(&handle, &headers, &query).unwrap_or_else(|refusal| *refusal)
}

fn answer(handle: &Handle, headers: &HeaderMap, query: &Query) -> Result<Response, Box<Response>> {
    let app = handle.world().workloads.app_service.clone();
    let shown = headers.get("x-identity-header").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if shown.is_empty() || shown != app.identity_header {
        return Err(refuse(StatusCode::UNAUTHORIZED, "The identity header is missing or wrong."));
    }
    if get(query, "api-version") != Some(VERSION) {
        return Err(refuse(StatusCode::BAD_REQUEST, "The api-version is missing or not supported."));
    }
    let resource =
        get(query, "resource").ok_or_else(|| refuse(StatusCode::BAD_REQUEST, "The resource is missing."))?;
    let none = || {
        let text = "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.";
        refuse(StatusCode::BAD_REQUEST, text)
    };
    let identity = managed_identity::choose(handle, &app.host, query).map_err(|fault| match fault {
        NoIdentity::NotFound => none(),
        NoIdentity::Several => refuse(StatusCode::BAD_REQUEST, "Several identities are assigned: name one."),
    })?;
    let granted = managed_identity::token(handle, &identity, resource).map_err(|answer| {
        let text = format!("Entra gave no token: AADSTS{}: {}", answer.code, answer.text);
        refuse(StatusCode::INTERNAL_SERVER_ERROR, &text)
    })?;
    let granted = granted.ok_or_else(none)?;
    Ok(Json(json!({
        "access_token": granted.token,
        "client_id": identity.client_id,
        "expires_on": (granted.issued_at + granted.expires_in).to_string(),
        "not_before": granted.issued_at.to_string(),
        "resource": resource,
        "token_type": "Bearer",
    }))
    .into_response())
}

fn refuse(status: StatusCode, message: &str) -> Box<Response> {
    let body = json!({
        "statusCode": status.as_u16(), "message": message, "correlationId": Uuid::new_v4().to_string(),
    });
    Box::new((status, Json(body)).into_response())
}
