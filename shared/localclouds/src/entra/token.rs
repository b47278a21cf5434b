//! The token endpoint: one request from form to answer.

use super::answers::{self, Answer};
use super::assertion;
use crate::faults::{self, TokenFault};
use crate::jwt::Algorithm;
use crate::local::Handle;
use crate::world::{Application, World};
use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::json;
use std::collections::BTreeMap;
use uuid::Uuid;

/// An assertion has at most 20,000 characters or so; the rest is names.
const MAX_BODY: usize = 128 * 1024;
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

pub fn router(handle: Handle) -> Router {
    Router::new().route("/{tenant}/oauth2/v2.0/token", post(serve)).with_state(handle)
}

async fn serve(State(handle): State<Handle>, Path(tenant): Path<String>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let correlation_id = parts.headers.get("client-request-id").and_then(|id| id.to_str().ok());
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return answers::respond(&answers::missing_parameter("grant_type"), None);
    };
    let form = url::form_urlencoded::parse(&body).into_owned().collect();
    match sign_in(&handle, &tenant, &form).await {
        Ok(granted) => respond(&granted),
        Err(answer) => {
            tracing::info!(code = answer.code, answer = answer.text, "Entra turned a sign-in away");
            answers::respond(&answer, correlation_id)
        }
    }
}

type Form = BTreeMap<String, String>;

async fn sign_in(handle: &Handle, tenant: &str, form: &Form) -> Result<Granted, Answer> {
    let parameter = |name: &str| {
        form.get(name).filter(|value| !value.is_empty()).ok_or_else(|| answers::missing_parameter(name))
    };
    let grant_type = parameter("grant_type")?;
    if grant_type != "client_credentials" {
        return Err(answers::grant_type(grant_type));
    }
    let (client_id, scope) = (parameter("client_id")?, parameter("scope")?);
    let (application, tenant_id) = {
        let world = handle.world();
        check_tenant(&world, tenant)?;
        let application = find_application(&world, client_id)
            .ok_or_else(|| answers::application(client_id, &world.entra.tenant_id))?;
        (application.clone(), world.entra.tenant_id.clone())
    };
    let resource = resource_of(scope).ok_or_else(|| answers::scope(scope))?;
    let assertion = form.get("client_assertion").filter(|assertion| !assertion.is_empty());
    let is_jwt = form.get("client_assertion_type").is_some_and(|kind| kind == ASSERTION_TYPE);
    let assertion = assertion.filter(|_| is_jwt).ok_or_else(answers::missing_credential)?;

    assertion::check(handle, client_id, &application, assertion).await?;
    if !is_resource(&handle.world(), resource) {
        return Err(answers::resource(resource, &tenant_id));
    }
    grant(handle, &application, client_id, resource)
}

/// The one resource that is asked for. MSAL for Go, and so azidentity and rclone, adds OpenID Connect's
/// scopes to every request; a client's own token is none the different for them.
fn resource_of(scope: &str) -> Option<&str> {
    const OPENID: [&str; 3] = ["openid", "offline_access", "profile"];
    let mut asked = scope.split(' ').filter(|scope| !OPENID.contains(scope));
    match (asked.next(), asked.next()) {
        (Some(scope), None) => scope.strip_suffix("/.default"),
        _ => None,
    }
}

/// Client ids are GUIDs, and GUIDs ignore case.
fn find_application<'w>(world: &'w World, client_id: &str) -> Option<&'w Application> {
    let applications = world.entra.applications.iter();
    applications
        .filter(|(id, _)| id.eq_ignore_ascii_case(client_id))
        .map(|(_, application)| application)
        .next()
}

pub(super) fn check_tenant(world: &World, tenant: &str) -> Result<(), Answer> {
    if tenant.eq_ignore_ascii_case(&world.entra.tenant_id) {
        return Ok(());
    }
    if Uuid::parse_str(tenant).is_err() && !tenant.contains('.') {
        return Err(answers::tenant_malformed(tenant));
    }
    Err(answers::tenant(tenant))
}

/// What tokens can be asked for: Microsoft's own services, and the storage accounts that exist.
fn is_resource(world: &World, resource: &str) -> bool {
    const SERVICES: [&str; 4] = [
        "https://storage.azure.com",
        "https://vault.azure.net",
        "https://management.azure.com",
        "https://graph.microsoft.com",
    ];
    let resource = resource.trim_end_matches('/');
    let host = resource.strip_prefix("https://").unwrap_or("");
    let account = host.split_once(".blob.core.").map(|(account, _)| account);
    SERVICES.contains(&resource) || account.is_some_and(|name| world.azure.accounts.contains_key(name))
}

struct Granted {
    token: String,
    expires_in: i64,
    request_id: String,
}

fn grant(
    handle: &Handle,
    application: &Application,
    client_id: &str,
    resource: &str,
) -> Result<Granted, Answer> {
    let (tenant_id, lifetime) = {
        let world = handle.world();
        (world.entra.tenant_id.clone(), world.entra.token_lifetime.as_secs() as i64)
    };
    let (issued_at, expires_in) = match faults::token_fault() {
        None => (faults::now_seconds(), lifetime),
        Some(TokenFault::AbsurdExpiry) => (faults::now_seconds(), 200 * 365 * 86_400),
        Some(TokenFault::Expired) => (faults::now_seconds() - 86_400, 0),
    };
    let request_id = Uuid::new_v4().to_string();
    let claims = json!({
        "aud": resource,
        "iss": format!("https://sts.windows.net/{tenant_id}/"),
        "iat": issued_at,
        "nbf": issued_at,
        "exp": issued_at + expires_in,
        "appid": client_id,
        // How the client proved itself: 2 is an assertion or a certificate.
        "appidacr": "2",
        "idp": format!("https://sts.windows.net/{tenant_id}/"),
        "oid": application.object_id,
        "sub": application.object_id,
        "tid": tenant_id,
        "uti": request_id,
        "ver": "1.0",
    });
    let token = handle.entra_keys.sign(&claims, Algorithm::Rs256).map_err(|_| answers::signature())?;
    Ok(Granted { token, expires_in, request_id })
}

fn respond(granted: &Granted) -> Response {
    let body = json!({
        "token_type": "Bearer",
        "expires_in": granted.expires_in,
        "ext_expires_in": granted.expires_in,
        "access_token": granted.token,
    });
    let mut response = Json(body).into_response();
    answers::mark(&mut response, &granted.request_id);
    response
}
