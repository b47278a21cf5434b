//! IAM credentials: `generateAccessToken`.
//!
//! Google, "Method: projects.serviceAccounts.generateAccessToken" (Service Account Credentials API).

use super::api_errors::{self, ApiError};
use super::bearer::{Bearer, BearerFault};
use crate::faults::{self, TokenFault};
use crate::local::Handle;
use crate::world::{self, Google};
use axum::body::{Bytes, to_bytes};
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;
use time::OffsetDateTime;
use time::macros::format_description;

const MAX_BODY: usize = 64 * 1024;
const DEFAULT_LIFETIME: Duration = Duration::from_secs(3600);
/// Without an organization policy, and there is none here.
const MAX_LIFETIME: Duration = Duration::from_secs(3600);
/// With one of these a token may ask for others.
const SCOPES: [&str; 2] =
    ["https://www.googleapis.com/auth/iam", "https://www.googleapis.com/auth/cloud-platform"];

pub fn router(handle: Handle) -> Router {
    Router::new()
        .route("/v1/projects/{project}/serviceAccounts/{call}", post(serve))
        .fallback(async || api_errors::not_found())
        .with_state(handle)
}

async fn serve(
    State(handle): State<Handle>,
    Path((project, call)): Path<(String, String)>,
    request: Request,
) -> Response {
    let Some(account) = call.strip_suffix(":generateAccessToken") else {
        return api_errors::not_found().into_response();
    };
    let (parts, body) = request.into_parts();
    let outcome = match to_bytes(body, MAX_BODY).await {
        Ok(body) => generate(&handle, &parts.headers, &project, account, &body),
        Err(_) => Err(api_errors::invalid_argument()),
    };
    match outcome {
        Ok(granted) => granted.into_response(),
        Err(error) => {
            tracing::info!(answer = error.message, "Google gave no service account's token");
            error.into_response()
        }
    }
}

/// To Google's APIs `null` is as good as nothing, and Google's own libraries send it.
#[derive(Deserialize)]
struct Wanted {
    scope: Option<Vec<String>>,
    lifetime: Option<String>,
    delegates: Option<Vec<String>>,
}

fn generate(
    handle: &Handle,
    headers: &HeaderMap,
    project: &str,
    account: &str,
    body: &Bytes,
) -> Result<Granted, ApiError> {
    let caller = caller(handle, headers)?;
    let wanted: Wanted = serde_json::from_slice(body).map_err(|_| api_errors::invalid_argument())?;
    let scopes = wanted.scope.unwrap_or_default();
    if project != "-" || scopes.is_empty() || scopes.iter().any(String::is_empty) {
        return Err(api_errors::invalid_argument());
    }
    let lifetime = wanted.lifetime.as_deref().map_or(Some(DEFAULT_LIFETIME), seconds);
    let lifetime = lifetime.filter(|life| !life.is_zero()).ok_or_else(api_errors::invalid_argument)?;
    let email = {
        let world = handle.world();
        let email = follow(&world.google, &caller, &wanted.delegates.unwrap_or_default(), account)?;
        email.to_owned()
    };
    if lifetime > MAX_LIFETIME {
        return Err(api_errors::lifetime(&email));
    }
    Ok(grant(handle, &email, scopes, lifetime))
}

/// Federated identities and service accounts alike, if their token reaches so far.
fn caller(handle: &Handle, headers: &HeaderMap) -> Result<Bearer, ApiError> {
    let authorization = headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
    let bearer = handle.google_seal.open(authorization).map_err(|fault| match fault {
        BearerFault::Missing => api_errors::no_credential(),
        BearerFault::Invalid => api_errors::invalid_credential(),
        BearerFault::Expired => api_errors::expired_credential(),
    })?;
    if SCOPES.iter().any(|scope| bearer.scopes.contains(*scope)) {
        Ok(bearer)
    } else {
        Err(api_errors::scopes())
    }
}

/// `3600s`
fn seconds(text: &str) -> Option<Duration> {
    let number = text.strip_suffix('s').filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))?;
    number.parse().ok().map(Duration::from_secs)
}

/// Down the chain: each may act as the next. The e-mail address of the last.
fn follow<'w>(
    google: &'w Google,
    caller: &Bearer,
    delegates: &[String],
    account: &str,
) -> Result<&'w str, ApiError> {
    let mut members = caller.members.clone();
    for delegate in delegates {
        let name =
            delegate.strip_prefix("projects/-/serviceAccounts/").ok_or_else(api_errors::invalid_argument)?;
        let email = step(google, &members, name)?;
        members = BTreeSet::from([member(email)]);
    }
    step(google, &members, account)
}

fn step<'w>(google: &'w Google, members: &BTreeSet<String>, account: &str) -> Result<&'w str, ApiError> {
    let (email, found) = find(google, account).ok_or_else(api_errors::denied)?;
    if found.disabled || found.users.is_disjoint(members) {
        return Err(api_errors::denied());
    }
    Ok(email)
}

/// By e-mail address or unique id.
fn find<'w>(google: &'w Google, account: &str) -> Option<(&'w str, &'w world::ServiceAccount)> {
    let mut accounts = google.service_accounts.iter();
    let found = accounts.find(|(email, known)| email.as_str() == account || known.unique_id == account);
    found.map(|(email, known)| (email.as_str(), known))
}

fn member(email: &str) -> String {
    format!("serviceAccount:{email}")
}

struct Granted {
    token: String,
    expires_at: OffsetDateTime,
}

fn grant(handle: &Handle, email: &str, scopes: Vec<String>, lifetime: Duration) -> Granted {
    let now = OffsetDateTime::from(faults::now());
    let (lifetime, expires_at) = match faults::token_fault() {
        None => (lifetime, now + lifetime),
        Some(TokenFault::AbsurdExpiry) => {
            let ages = Duration::from_secs(200 * 365 * 86_400);
            (ages, now + ages)
        }
        Some(TokenFault::Expired) => (Duration::ZERO, now - Duration::from_secs(86_400)),
    };
    let bearer = Bearer {
        members: BTreeSet::from([member(email)]),
        federated: false,
        scopes: scopes.into_iter().collect(),
        // The seal sets the end.
        expires_at: 0,
    };
    Granted { token: handle.google_seal.issue(bearer, lifetime), expires_at }
}

impl IntoResponse for Granted {
    fn into_response(self) -> Response {
        let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
        // These components exist in every date.
        let expire_time = self.expires_at.format(format).unwrap_or_default();
        Json(json!({ "accessToken": self.token, "expireTime": expire_time })).into_response()
    }
}
