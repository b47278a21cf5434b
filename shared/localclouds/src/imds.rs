//! An EC2 instance's metadata service, version 2: a token for a PUT, then the region and the
//! instance profile's credentials for it.
//!
//! AWS, "Use the Instance Metadata Service to access instance metadata" and "Retrieve security
//! credentials from instance metadata". Version 1 (no token) is switched off, as on instances that
//! require tokens.

use crate::local::Handle;
use crate::server::{self, Listening, Transport};
use crate::world::AccessKey;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

const TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN: &str = "x-aws-ec2-metadata-token";
/// Six hours.
const LONGEST_TTL: u64 = 21_600;

/// A running metadata service. Ends when stopped or dropped.
pub struct Imds {
    listening: Listening,
}

struct Instance {
    handle: Handle,
    role: String,
    lifetime: Duration,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Metadata tokens and their ends.
    tokens: BTreeMap<String, SystemTime>,
    /// The session handed out last.
    session: Option<Session>,
}

#[derive(Clone)]
struct Session {
    access_key_id: String,
    key: AccessKey,
    begins: SystemTime,
    ends: SystemTime,
}

/// For an instance whose profile has the role of this name in the world. Each session lives so long.
pub async fn serve(handle: &Handle, role: &str, lifetime: Duration) -> io::Result<Imds> {
    let known = handle.world.read().unwrap_or_else(PoisonError::into_inner).aws.roles.contains_key(role);
    if !known {
        return Err(io::Error::new(io::ErrorKind::NotFound, format!("the world has no role {role:?}")));
    }
    let instance =
        Instance { handle: Arc::clone(handle), role: role.to_owned(), lifetime, known: Mutex::default() };
    Ok(Imds { listening: server::serve(router(Arc::new(instance)), Transport::Plain).await? })
}

impl Imds {
    /// As `AWS_EC2_METADATA_SERVICE_ENDPOINT`.
    pub fn endpoint(&self) -> &str {
        &self.listening.base_url
    }

    pub async fn stop(self) {
        self.listening.stop().await;
    }
}

fn router(instance: Arc<Instance>) -> Router {
    const CREDENTIALS: &str = "/latest/meta-data/iam/security-credentials/";
    Router::new()
        .route("/latest/api/token", put(token))
        .route("/latest/meta-data/placement/region", get(region))
        .route(CREDENTIALS, get(profile))
        .route(&format!("{CREDENTIALS}{{role}}"), get(credentials))
        .with_state(instance)
}

async fn token(State(instance): State<Arc<Instance>>, headers: HeaderMap) -> Response {
    // A request that came through a proxy may be someone else's.
    if headers.contains_key("x-forwarded-for") {
        return StatusCode::FORBIDDEN.into_response();
    }
    let ttl = headers.get(TTL).and_then(|ttl| ttl.to_str().ok()?.parse::<u64>().ok());
    let Some(ttl @ 1..=LONGEST_TTL) = ttl else { return StatusCode::BAD_REQUEST.into_response() };
    let token = format!("AQAE{}==", Uuid::new_v4().simple());
    instance.known().tokens.insert(token.clone(), SystemTime::now() + Duration::from_secs(ttl));
    ([(TTL, HeaderValue::from(ttl))], token).into_response()
}

async fn region(State(instance): State<Arc<Instance>>, headers: HeaderMap) -> Response {
    if !instance.admits(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    instance.handle.world.read().unwrap_or_else(PoisonError::into_inner).aws.region.clone().into_response()
}

async fn profile(State(instance): State<Arc<Instance>>, headers: HeaderMap) -> Response {
    if !instance.admits(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    instance.role.clone().into_response()
}

async fn credentials(
    State(instance): State<Arc<Instance>>,
    Path(role): Path<String>,
    headers: HeaderMap,
) -> Response {
    if !instance.admits(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if role != instance.role {
        return StatusCode::NOT_FOUND.into_response();
    }
    let session = instance.session();
    let document = json!({
        "Code": "Success",
        "LastUpdated": stamp(session.begins),
        "Type": "AWS-HMAC",
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.key.secret,
        "Token": session.key.session_token,
        "Expiration": stamp(session.ends),
    });
    Json(document).into_response()
}

impl Instance {
    fn admits(&self, headers: &HeaderMap) -> bool {
        let token = headers.get(TOKEN).and_then(|token| token.to_str().ok());
        token
            .is_some_and(|token| self.known().tokens.get(token).is_some_and(|ends| *ends > SystemTime::now()))
    }

    /// The session handed out last, or a new one once that has ended.
    fn session(&self) -> Session {
        let mut known = self.known();
        let live = known.session.take().filter(|session| session.ends > SystemTime::now());
        let session = live.unwrap_or_else(|| self.sign_in());
        known.session = Some(session.clone());
        session
    }

    fn sign_in(&self) -> Session {
        let begins = SystemTime::now();
        let ends = begins + self.lifetime;
        let random = || Uuid::new_v4().simple().to_string();
        let instance_id = format!("i-{}", &random()[..17]);
        let mut world = self.handle.world.write().unwrap_or_else(PoisonError::into_inner);
        let arn = format!("arn:aws:ec2:{}:{}:instance/{instance_id}", world.aws.region, world.aws.account);
        let key = AccessKey {
            secret: format!("{}{}", random(), random()),
            session_token: Some(format!("{}{}", random(), random())),
            role: self.role.clone(),
            session_name: instance_id,
            expires_at: Some(ends),
            function_arn: None,
            instance_arn: Some(arn),
        };
        let access_key_id = format!("ASIA{}", random()[..16].to_uppercase());
        world.aws.access_keys.insert(access_key_id.clone(), key.clone());
        Session { access_key_id, key, begins, ends }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Whole at every step: a panic elsewhere leaves nothing half-written.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `2026-11-21T22:31:38Z`
fn stamp(at: SystemTime) -> String {
    let at = OffsetDateTime::from(at);
    // A whole second formats without a fraction, as EC2 has it; no year here is beyond 9999.
    at.replace_nanosecond(0).unwrap_or(at).format(&Rfc3339).unwrap_or_default()
}
