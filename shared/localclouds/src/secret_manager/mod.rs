//! The reading half of Google Secret Manager: `projects/{p}/secrets/{s}/versions/{v}` and `:access`.
//!
//! Google, "Secret Manager API", version 1: `projects.secrets.versions.get` and `.access`. Only what a Secret
//! Accessor and a Viewer may do is here.

mod error;

use crate::google::bearer::{Bearer, BearerFault};
use crate::local::Handle;
use crate::world::{ProjectSecret, ProjectVersion, VersionState};
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use error::SecretError;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The one scope that lets secrets be read.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// Faults of [`crate::faults::Hop::SecretManager`] are wrapped around it by the caller.
pub fn router(handle: Handle) -> Router {
    Router::new()
        .route("/v1/projects/{project}/secrets/{secret}/versions/{call}", get(serve))
        .fallback(async || SecretError::unknown_method())
        .with_state(handle)
}

async fn serve(
    State(handle): State<Handle>,
    Path((project, secret, call)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    let (version, access) = match call.strip_suffix(":access") {
        Some(version) => (version, true),
        None => (call.as_str(), false),
    };
    let name = Name { project: &project, secret: &secret, version };
    match answer(&handle, &headers, &name, access) {
        Ok(body) => Json(body).into_response(),
        Err(error) => error.into_response(),
    }
}

/// What is asked for.
struct Name<'a> {
    project: &'a str,
    secret: &'a str,
    version: &'a str,
}

impl Name<'_> {
    fn secret(&self) -> String {
        format!("projects/{}/secrets/{}", self.project, self.secret)
    }
}

fn answer(handle: &Handle, headers: &HeaderMap, name: &Name<'_>, access: bool) -> Result<Value, SecretError> {
    let caller = authenticate(handle, headers)?;
    let permission = if access { "secretmanager.versions.access" } else { "secretmanager.versions.get" };
    let world = handle.world();
    let secret = world.google.secrets.get(name.project).and_then(|secrets| secrets.get(name.secret));
    let granted = |secret: &&ProjectSecret| {
        let members = if access { &secret.accessors } else { &secret.viewers };
        !caller.members.is_disjoint(members)
    };
    // Who may not read it is not told whether it exists.
    let secret = secret.filter(granted).ok_or_else(|| {
        SecretError::denied(permission, &format!("{}/versions/{}", name.secret(), name.version))
    })?;
    let (number, version) = find(secret, name)?;
    let full = format!("{}/versions/{number}", name.secret());
    match version.state {
        _ if !access => Ok(metadata(&full, version)),
        VersionState::Enabled => Ok(payload(&full, version)),
        state => Err(SecretError::not_enabled(&full, state.name())),
    }
}

fn find<'s>(secret: &'s ProjectSecret, name: &Name<'_>) -> Result<(usize, &'s ProjectVersion), SecretError> {
    if secret.versions.is_empty() {
        return Err(SecretError::no_secret(&name.secret()));
    }
    let number = match name.version {
        "latest" => secret.versions.len(),
        text => text.parse().ok().filter(|number| *number > 0).ok_or_else(SecretError::invalid_argument)?,
    };
    let version = secret.versions.get(number - 1);
    version
        .map(|version| (number, version))
        .ok_or_else(|| SecretError::no_version(&format!("{}/versions/{number}", name.secret())))
}

fn metadata(name: &str, version: &ProjectVersion) -> Value {
    let created = OffsetDateTime::from(version.created).format(&Rfc3339).unwrap_or_default();
    json!({
        "name": name,
        "createTime": created,
        "state": version.state.name(),
        "replicationStatus": { "automatic": {} },
        "etag": "\"1\"",
        "clientSpecifiedPayloadChecksum": true,
    })
}

fn payload(name: &str, version: &ProjectVersion) -> Value {
    let crc32c = crc32c::crc32c(&version.value);
    json!({
        "name": name,
        "payload": { "data": STANDARD.encode(&version.value), "dataCrc32c": i64::from(crc32c).to_string() },
    })
}

fn authenticate(handle: &Handle, headers: &HeaderMap) -> Result<Bearer, SecretError> {
    let authorization = headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
    let bearer = handle.google_seal.open(authorization).map_err(|fault| match fault {
        BearerFault::Missing => SecretError::no_credential(),
        BearerFault::Invalid | BearerFault::Expired => SecretError::invalid_credential(),
    })?;
    if bearer.scopes.contains(SCOPE) { Ok(bearer) } else { Err(SecretError::scopes()) }
}
