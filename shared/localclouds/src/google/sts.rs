//! The security token service: one request from form to answer.
//!
//! Google, "Method: token" (Security Token Service REST reference): a form with RFC 8693's names or
//! JSON with Google's own, answered with RFC 8693's. `v1beta` is the same under an older name.

use super::bearer::Bearer;
use super::refusals::{self, Answer};
use super::{caller_identity, proof};
use crate::faults::{self, TokenFault};
use crate::local::Handle;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use carnet_trust::google::{Presented, Provider, evaluate};
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";
const AWS_REQUEST: &str = "urn:ietf:params:aws:token-type:aws4_request";

/// More than any proof needs, even encoded twice.
const MAX_BODY: usize = 256 * 1024;

pub fn router(handle: Handle) -> Router {
    Router::new().route("/v1/token", post(serve)).route("/v1beta/token", post(serve)).with_state(handle)
}

async fn serve(State(handle): State<Handle>, request: Request) -> Response {
    match exchange(&handle, request).await {
        Ok(granted) => granted.into_response(),
        Err(answer) => {
            tracing::info!(error = answer.error, answer = answer.description, "Google turned a proof away");
            answer.into_response()
        }
    }
}

async fn exchange(handle: &Handle, request: Request) -> Result<Granted, Answer> {
    let asked = Asked::of(&Parameters::read(request).await?)?;
    let (provider, pool) = find_provider(handle, &asked.audience)?;
    let presented = match asked.kind {
        Kind::Oidc => {
            Presented::Oidc { claims: proof::check(handle, &provider, &asked.subject_token).await? }
        }
        Kind::Aws => caller_identity::check(handle, &provider, &asked.subject_token)?,
    };
    let mapped = evaluate(&provider, &presented)?;
    Ok(grant(handle, mapped.members(&pool), asked.scopes))
}

/// By RFC 8693's names.
struct Parameters(BTreeMap<String, String>);

impl Parameters {
    async fn read(request: Request) -> Result<Self, Answer> {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, MAX_BODY).await.map_err(|_| refusals::unreadable())?;
        let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_json = content_type.is_some_and(|value| value.starts_with("application/json"));
        if !is_json {
            return Ok(Self(url::form_urlencoded::parse(&body).into_owned().collect()));
        }
        let object: BTreeMap<String, Value> =
            serde_json::from_slice(&body).map_err(|_| refusals::unreadable())?;
        let text = |(name, value): (String, Value)| Some((snake_case(&name), value.as_str()?.to_owned()));
        Ok(Self(object.into_iter().filter_map(text).collect()))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// `subjectToken` as the form has it. Google's JSON takes both spellings.
fn snake_case(name: &str) -> String {
    name.chars().fold(String::new(), |mut snake, letter| {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
        snake
    })
}

enum Kind {
    Oidc,
    Aws,
}

/// What was asked for, in its form right.
struct Asked {
    audience: Audience,
    scopes: BTreeSet<String>,
    kind: Kind,
    subject_token: String,
}

impl Asked {
    fn of(parameters: &Parameters) -> Result<Self, Answer> {
        if parameters.get("grant_type") != Some(GRANT_TYPE) {
            return Err(refusals::parameter("grant_type"));
        }
        let audience = parameters.get("audience").and_then(Audience::parse).ok_or_else(refusals::audience)?;
        if parameters.get("requested_token_type") != Some(ACCESS_TOKEN) {
            return Err(refusals::parameter("requested_token_type"));
        }
        let kind = match parameters.get("subject_token_type") {
            Some(JWT | ID_TOKEN) => Kind::Oidc,
            Some(AWS_REQUEST) => Kind::Aws,
            _ => return Err(refusals::parameter("subject_token_type")),
        };
        let scopes = parameters.get("scope").unwrap_or_default().split_whitespace();
        let scopes: BTreeSet<String> = scopes.map(str::to_owned).collect();
        if scopes.is_empty() {
            return Err(refusals::no_scope());
        }
        let subject_token =
            parameters.get("subject_token").ok_or_else(|| refusals::parameter("subject_token"))?;
        Ok(Self { audience, scopes, kind, subject_token: subject_token.to_owned() })
    }
}

/// `//iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER`
struct Audience {
    /// The pool's full name.
    pool: String,
    provider: String,
}

impl Audience {
    fn parse(text: &str) -> Option<Self> {
        let (pool, provider) = text.strip_prefix("//iam.googleapis.com/")?.split_once("/providers/")?;
        let parts: Vec<&str> = pool.split('/').collect();
        let ["projects", number, "locations", "global", "workloadIdentityPools", pool_id] = parts.as_slice()
        else {
            return None;
        };
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let are_ids = !pool_id.is_empty() && !provider.is_empty() && !provider.contains('/');
        (is_number && are_ids).then(|| Self { pool: pool.to_owned(), provider: provider.to_owned() })
    }
}

/// The provider, and its pool's full name.
fn find_provider(handle: &Handle, audience: &Audience) -> Result<(Provider, String), Answer> {
    let world = handle.world();
    let pool = world.google.pools.get(&audience.pool).filter(|pool| !pool.disabled);
    let provider = pool.and_then(|pool| pool.providers.get(&audience.provider));
    let provider = provider.filter(|provider| !provider.disabled).ok_or_else(refusals::target)?;
    Ok((provider.trust.clone(), audience.pool.clone()))
}

struct Granted {
    token: String,
    expires_in: u64,
}

fn grant(handle: &Handle, members: BTreeSet<String>, scopes: BTreeSet<String>) -> Granted {
    let lifetime = match faults::token_fault() {
        None => handle.world().google.token_lifetime,
        Some(TokenFault::AbsurdExpiry) => Duration::from_secs(200 * 365 * 86_400),
        Some(TokenFault::Expired) => Duration::ZERO,
    };
    // The seal sets the end.
    let bearer = Bearer { members, federated: true, scopes, expires_at: 0 };
    Granted { token: handle.google_seal.issue(bearer, lifetime), expires_in: lifetime.as_secs() }
}

impl IntoResponse for Granted {
    fn into_response(self) -> Response {
        Json(json!({
            "access_token": self.token,
            "issued_token_type": ACCESS_TOKEN,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
        }))
        .into_response()
    }
}
