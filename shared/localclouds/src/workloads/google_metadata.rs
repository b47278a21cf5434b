//! Google's metadata server, as far as it says who the instance is.
//!
//! Google, "About VM metadata" and "Verify the identity of a VM" ("Get an identity token", "Token
//! contents"). What google-auth asks before it asks for a token is answered too; access tokens are not
//! given.

use crate::faults::{self, TokenFault};
use crate::jwt::{Algorithm, KeyError};
use crate::local::Handle;
use crate::names::GOOGLE;
use crate::world::World;
use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const FLAVOR: &str = "metadata-flavor";
const FLAVOR_VALUE: HeaderValue = HeaderValue::from_static("Google");
const LIFETIME: i64 = 3600;

pub fn router(handle: Handle) -> Router {
    const ACCOUNT: &str = "/computeMetadata/v1/instance/service-accounts/{account}";
    Router::new()
        .route("/", get(root))
        .route("/computeMetadata/v1/", get(|| async { "instance/\nproject/\n" }))
        .route("/computeMetadata/v1/project/project-id", get(project_id))
        .route("/computeMetadata/v1/project/numeric-project-id", get(project_number))
        .route("/computeMetadata/v1/universe/universe-domain", get(|| async { "googleapis.com" }))
        .route(&format!("{ACCOUNT}/"), get(account))
        .route(&format!("{ACCOUNT}/email"), get(email))
        .route(&format!("{ACCOUNT}/identity"), get(identity))
        .layer(middleware::from_fn(flavored))
        .with_state(handle)
}

async fn root() -> &'static str {
    "computeMetadata/\n"
}

/// Whoever asks without the header may have been tricked into asking.
async fn flavored(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let detecting = request.uri().path() == "/";
    let meant = detecting || headers.get(FLAVOR) == Some(&FLAVOR_VALUE);
    let mut response = if headers.contains_key("x-forwarded-for") {
        // The words are ours.
        (StatusCode::FORBIDDEN, "A forwarded request is not answered.").into_response()
    } else if !meant {
        (StatusCode::FORBIDDEN, "Missing Metadata-Flavor:Google header.").into_response()
    } else {
        next.run(request).await
    };
    response.headers_mut().insert(FLAVOR, FLAVOR_VALUE);
    response.headers_mut().insert(header::SERVER, HeaderValue::from_static("Metadata Server for VM"));
    response
}

async fn project_id(State(handle): State<Handle>) -> String {
    handle.world().workloads.google_vm.project_id.clone()
}

async fn project_number(State(handle): State<Handle>) -> String {
    handle.world().workloads.google_vm.project_number.to_string()
}

/// The e-mail address and number of the instance's account, if it is called this and exists.
fn find(world: &World, name: &str) -> Option<(String, String)> {
    let email = world.workloads.google_vm.service_account.as_ref()?;
    let account = world.google.service_accounts.get(email).filter(|account| !account.disabled)?;
    (name == "default" || name == email).then(|| (email.clone(), account.unique_id.clone()))
}

fn missing() -> Response {
    StatusCode::NOT_FOUND.into_response()
}

async fn account(State(handle): State<Handle>, Path(name): Path<String>) -> Response {
    let Some((email, _)) = find(&handle.world(), &name) else { return missing() };
    axum::Json(json!({
        "aliases": ["default"],
        "email": email,
        "scopes": ["https://www.googleapis.com/auth/cloud-platform"],
    }))
    .into_response()
}

async fn email(State(handle): State<Handle>, Path(name): Path<String>) -> Response {
    match find(&handle.world(), &name) {
        Some((email, _)) => email.into_response(),
        None => missing(),
    }
}

async fn identity(
    State(handle): State<Handle>,
    Path(name): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let Some((email, id)) = find(&handle.world(), &name) else { return missing() };
    let Some(audience) = query.get("audience").filter(|audience| !audience.is_empty()) else {
        return (StatusCode::BAD_REQUEST, "non-empty audience parameter required").into_response();
    };
    let is_full = query.get("format").is_some_and(|format| format == "full");
    let with_licenses = query.get("licenses").is_some_and(|licenses| licenses.eq_ignore_ascii_case("true"));
    let mut claims = claims(audience, &id);
    if is_full {
        claims["email"] = email.into();
        claims["email_verified"] = true.into();
        claims["google"] = json!({ "compute_engine": instance(&handle.world(), with_licenses) });
    }
    match sign(&handle, &claims) {
        Ok(token) => ([(header::CONTENT_TYPE, "text/html")], token).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn sign(handle: &Handle, claims: &Value) -> Result<String, KeyError> {
    handle.google_keys()?.sign(claims, Algorithm::Rs256)
}

fn claims(audience: &str, id: &str) -> Value {
    let now = faults::now_seconds();
    let (issued_at, expires_at) = match faults::token_fault() {
        None => (now, now + LIFETIME),
        Some(TokenFault::AbsurdExpiry) => (now, now + 200 * 365 * 86_400),
        Some(TokenFault::Expired) => (now - 2 * LIFETIME, now - LIFETIME),
    };
    json!({ "iss": GOOGLE, "aud": audience, "azp": id, "sub": id, "iat": issued_at, "exp": expires_at })
}

fn instance(world: &World, with_licenses: bool) -> Value {
    let vm = &world.workloads.google_vm;
    let mut instance = json!({
        "project_id": vm.project_id,
        "project_number": vm.project_number,
        "zone": vm.zone,
        "instance_id": vm.instance_id,
        "instance_name": vm.instance_name,
        "instance_creation_timestamp": vm.created,
    });
    if with_licenses {
        instance["license_id"] = json!(["1000204"]);
    }
    instance
}
