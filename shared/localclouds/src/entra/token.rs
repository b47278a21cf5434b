//! The token endpoint: one request from form to answer.

use super::access::{self, Asked, Granted, Proof};
use super::answers::{self, Answer};
use super::{assertion, own_credential};
use crate::jwt::Token;
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
    let (application, lifetime) = {
        let world = handle.world();
        check_tenant(&world, tenant)?;
        let application = find_application(&world, client_id)
            .ok_or_else(|| answers::application(client_id, &world.entra.tenant_id))?;
        (application.clone(), world.entra.token_lifetime)
    };
    let resource = resource_of(scope).ok_or_else(|| answers::scope(scope))?;
    let proof = prove(handle, client_id, &application, form).await?;
    access::issue(
        handle,
        &Asked { client_id, application: &application, proof, resource, lifetime, managed: None },
    )
}

/// An assertion of someone else's, or what the application holds itself.
async fn prove(
    handle: &Handle,
    client_id: &str,
    application: &Application,
    form: &Form,
) -> Result<Proof, Answer> {
    let given = |name: &str| form.get(name).filter(|value| !value.is_empty());
    let is_jwt = given("client_assertion_type").is_some_and(|kind| kind == ASSERTION_TYPE);
    if let Some(assertion) = given("client_assertion").filter(|_| is_jwt) {
        let token = Token::parse(assertion).map_err(|_| answers::assertion_malformed())?;
        if own_credential::is_own(client_id, &token) {
            assertion::check_blocked(application)?;
            own_credential::check_certificate(handle, client_id, application, &token)?;
        } else {
            assertion::check(handle, client_id, application, &token).await?;
        }
        return Ok(Proof::Assertion);
    }
    let secret = given("client_secret").ok_or_else(answers::missing_credential)?;
    assertion::check_blocked(application)?;
    own_credential::check_secret(client_id, application, secret)?;
    Ok(Proof::Secret)
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
