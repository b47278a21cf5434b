//! Cognito's identity pools: `GetId`, `GetOpenIdToken`, `GetOpenIdTokenForDeveloperIdentity`.
//!
//! | module | what happens there |
//! |---|---|
//! | this one | AWS JSON 1.1: one request from target to answer |
//! | `identities` | which identity is meant, found or made |
//! | `answers` | every refusal |
//!
//! AWS, "Amazon Cognito Federated Identities API Reference" and "Developer-authenticated identities". The
//! tokens are signed with RS512 and say `typ` `JWS`, as those that people have published; the names of
//! further providers in `Logins` are not known here, and principal tags are not put into the token.

mod answers;
mod identities;

use crate::aws::session;
use crate::aws::sigv4::{self, Principal};
use crate::faults::{self, TokenFault};
use crate::jwt::Algorithm;
use crate::local::Handle;
use answers::Fault;
use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use carnet_trust::aws::{self, Decision};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use identities::Found;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// One for all pools and regions.
pub const ISSUER: &str = "https://cognito-identity.amazonaws.com";
const SERVICE: &str = "cognito-identity";
const TARGET: &str = "AWSCognitoIdentityService.";
const ACTION: &str = "cognito-identity:GetOpenIdTokenForDeveloperIdentity";
const MAX_BODY: usize = 256 * 1024;
/// "An OpenID token, valid for 10 minutes."
const PLAIN_SECONDS: i64 = 600;
/// "The default is 15 minutes", and 24 hours at most.
const DEVELOPER_SECONDS: i64 = 900;
const MOST_SECONDS: i64 = 86_400;

pub fn router(handle: Handle) -> Router {
    Router::new().fallback(serve).with_state(handle)
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Asked {
    identity_pool_id: Option<String>,
    identity_id: Option<String>,
    logins: BTreeMap<String, String>,
    token_duration: Option<i64>,
}

async fn serve(State(handle): State<Handle>, request: Request) -> Response {
    let request_id = Uuid::new_v4().to_string();
    let mut response = match answer(&handle, request).await {
        Ok(body) => axum::Json(body).into_response(),
        Err(fault) => fault.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        headers.insert(HeaderName::from_static("x-amzn-requestid"), id);
    }
    response
}

async fn answer(handle: &Handle, request: Request) -> Result<Value, Fault> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY).await.map_err(|_| answers::unreadable())?;
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let action =
        target.and_then(|target| target.strip_prefix(TARGET)).ok_or_else(answers::unknown_operation)?;
    let asked = || serde_json::from_slice::<Asked>(&body).map_err(|_| answers::unreadable());
    match action {
        // These two are asked by people's devices, and signed by nobody.
        "GetId" => {
            identities::of_nobody(handle, &asked()?).map(|found| json!({ "IdentityId": found.identity_id }))
        }
        "GetOpenIdToken" => {
            let found = identities::existing(handle, &asked()?)?;
            respond(handle, &found, PLAIN_SECONDS)
        }
        "GetOpenIdTokenForDeveloperIdentity" => for_developer(handle, &parts, &body, &asked()?),
        _ => Err(answers::unknown_operation()),
    }
}

fn for_developer(handle: &Handle, parts: &Parts, body: &[u8], asked: &Asked) -> Result<Value, Fault> {
    let region = handle.world().aws.region.clone();
    let caller = sigv4::verify(handle, parts, body, SERVICE, &region)?;
    handle.trail.record(&caller.role, caller.session(), ACTION);
    let pool_id = asked.identity_pool_id.as_deref().ok_or_else(|| answers::missing("identityPoolId"))?;
    authorize(handle, &caller, pool_id)?;
    let seconds = asked.token_duration.unwrap_or(DEVELOPER_SECONDS);
    if !(1..=MOST_SECONDS).contains(&seconds) {
        return Err(answers::duration(seconds));
    }
    let found = identities::of_developer(handle, pool_id, asked)?;
    respond(handle, &found, seconds)
}

fn authorize(handle: &Handle, caller: &Principal, pool_id: &str) -> Result<(), Fault> {
    let world = handle.world();
    let resource = pool_arn(&world.aws.region, &world.aws.account, pool_id);
    let request = aws::Request::new(ACTION, &resource).with("aws:PrincipalArn", [&caller.role_arn]);
    match session::decide(&world, &caller.access_key_id, &request) {
        Decision::Allowed => Ok(()),
        Decision::Denied { explicit, reason } => {
            tracing::info!(action = ACTION, role = caller.role_arn, reason, "the role's policies deny this");
            Err(answers::denied(&caller.session_arn, ACTION, &resource, explicit))
        }
    }
}

fn pool_arn(region: &str, account: &str, pool_id: &str) -> String {
    format!("arn:aws:cognito-identity:{region}:{account}:identitypool/{pool_id}")
}

fn respond(handle: &Handle, found: &Found, seconds: i64) -> Result<Value, Fault> {
    let now = faults::now_seconds();
    let (issued_at, expires_at) = match faults::token_fault() {
        None => (now, now + seconds),
        Some(TokenFault::AbsurdExpiry) => (now, now + 200 * 365 * 86_400),
        Some(TokenFault::Expired) => (now - 7200 - seconds, now - 7200),
    };
    let pool_arn = {
        let world = handle.world();
        pool_arn(&world.aws.region, &world.aws.account, &found.pool_id)
    };
    let claims = json!({
        "sub": found.identity_id,
        "aud": found.pool_id,
        "amr": found.methods(),
        "iss": ISSUER,
        "https://cognito-identity.amazonaws.com/identity-pool-arn": pool_arn,
        "iat": issued_at,
        "exp": expires_at,
    });
    let keys = handle.other_keys().map_err(|_| answers::internal())?;
    let header = json!({ "kid": keys.key_id(Algorithm::Rs512), "typ": "JWS", "alg": "RS512" });
    let token =
        keys.sign_as(&header, &claims.to_string(), Algorithm::Rs512).map_err(|_| answers::internal())?;
    Ok(json!({ "IdentityId": found.identity_id, "Token": token }))
}
