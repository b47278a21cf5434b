//! `GetWebIdentityToken`: limits, permissions, claims.
//!
//! AWS, "GetWebIdentityToken" (STS API reference) and "Actions, resources, and condition keys for
//! AWS Security Token Service".

use super::query::{Call, ServiceError, element};
use super::session;
use crate::faults::{self, TokenFault};
use crate::jwt::Algorithm;
use crate::local::Handle;
use crate::world::{AccessKey, Role, World};
use carnet_trust::aws::{Decision, Request};
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::ops::RangeInclusive;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

const AUDIENCES: RangeInclusive<usize> = 1..=10;
const MAX_AUDIENCE: usize = 1000;
const SECONDS: RangeInclusive<i64> = 60..=3600;
const DEFAULT_SECONDS: i64 = 300;
const MAX_TAGS: usize = 50;
const MAX_TAG_KEY: usize = 128;
const MAX_TAG_VALUE: usize = 256;
/// AWS publishes no figure for the limit behind `JWTPayloadSizeExceededException`; this one is ours.
const MAX_PAYLOAD: usize = 8192;

/// What was asked for, within its limits.
struct Asked {
    audiences: Vec<String>,
    seconds: i64,
    algorithm: Algorithm,
    tags: Vec<(String, String)>,
}

pub fn get_web_identity_token(handle: &Handle, call: &Call) -> Result<String, ServiceError> {
    let asked = asked(call)?;
    let world = handle.world();
    let role = role(&world, call)?;
    authorize(&world, role, call, &asked)?;
    if !world.aws.outbound_federation {
        return Err(ServiceError::new(
            "OutboundWebIdentityFederationDisabledException",
            StatusCode::FORBIDDEN,
            "The outbound web identity federation feature is not enabled for this account. To use this \
             feature, you must first enable it through the Amazon Web Services Management Console or API.",
        ));
    }
    let key = world.aws.access_keys.get(&call.caller.access_key_id);
    let expiry = faults::now_seconds() + asked.seconds;
    let session_end = key.and_then(|key| key.expires_at).map(faults::seconds);
    if session_end.is_some_and(|end| expiry > end) {
        return Err(ServiceError::new(
            "SessionDurationEscalationException",
            StatusCode::FORBIDDEN,
            "The requested token duration would extend the session beyond its original expiration time. You \
             cannot use this operation to extend the lifetime of a session beyond what was granted when the \
             session was originally created.",
        ));
    }
    let (issued_at, expires_at) = lifetime(asked.seconds);
    let claims = claims(&world, role, key, &asked, issued_at, expires_at);
    if claims.to_string().len() > MAX_PAYLOAD {
        return Err(ServiceError::new(
            "JWTPayloadSizeExceededException",
            StatusCode::BAD_REQUEST,
            "The requested token payload size exceeds the maximum allowed size. Reduce the number of request \
             tags included in the GetWebIdentityToken API call to reduce the token payload size.",
        ));
    }
    let token = handle.aws_keys.sign(&claims, asked.algorithm).map_err(|error| {
        ServiceError::new("InternalFailure", StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    })?;
    Ok(element("WebIdentityToken", &token) + &element("Expiration", &timestamp(expires_at)))
}

fn asked(call: &Call) -> Result<Asked, ServiceError> {
    let audiences = call.members("Audience");
    if audiences.is_empty() {
        return Err(ServiceError::validation("null", "audience", "Member must not be null"));
    }
    if !AUDIENCES.contains(&audiences.len()) {
        let constraint = "Member must have length less than or equal to 10";
        return Err(ServiceError::validation(
            &format!("'[{}]'", audiences.join(", ")),
            "audience",
            constraint,
        ));
    }
    if let Some(wrong) = audiences.iter().find(|a| a.is_empty() || a.chars().count() > MAX_AUDIENCE) {
        let constraint = "Member must satisfy constraint: [Member must have length less than or equal to 1000, \
             Member must have length greater than or equal to 1]";
        return Err(ServiceError::validation(&format!("'[{wrong}]'"), "audience", constraint));
    }
    Ok(Asked { audiences, seconds: seconds(call)?, algorithm: algorithm(call)?, tags: tags(call)? })
}

fn seconds(call: &Call) -> Result<i64, ServiceError> {
    let Some(text) = call.parameter("DurationSeconds") else { return Ok(DEFAULT_SECONDS) };
    let Ok(seconds) = text.parse::<i64>() else {
        return Err(ServiceError::new(
            "MalformedInput",
            StatusCode::BAD_REQUEST,
            "Invalid integer value in request",
        ));
    };
    let wrong =
        |constraint| Err(ServiceError::validation(&format!("'{seconds}'"), "durationSeconds", constraint));
    if seconds < *SECONDS.start() {
        return wrong("Member must have value greater than or equal to 60");
    }
    if seconds > *SECONDS.end() {
        return wrong("Member must have value less than or equal to 3600");
    }
    Ok(seconds)
}

fn algorithm(call: &Call) -> Result<Algorithm, ServiceError> {
    match call.parameter("SigningAlgorithm") {
        Some("RS256") => Ok(Algorithm::Rs256),
        Some("ES384") => Ok(Algorithm::Es384),
        Some(other) => Err(ServiceError::validation(
            &format!("'{other}'"),
            "signingAlgorithm",
            "Member must satisfy enum value set: [ES384, RS256]",
        )),
        None => Err(ServiceError::validation("null", "signingAlgorithm", "Member must not be null")),
    }
}

fn tags(call: &Call) -> Result<Vec<(String, String)>, ServiceError> {
    let tags = call.pairs("Tags");
    if tags.len() > MAX_TAGS {
        let constraint = "Member must have length less than or equal to 50";
        return Err(ServiceError::validation(&format!("'{} tags'", tags.len()), "tags", constraint));
    }
    for (number, (key, value)) in tags.iter().enumerate() {
        let at = |part| format!("tags.{}.member.{part}", number + 1);
        if key.is_empty() || key.chars().count() > MAX_TAG_KEY {
            let constraint = "Member must have length between 1 and 128";
            return Err(ServiceError::validation(&format!("'{key}'"), &at("key"), constraint));
        }
        if value.chars().count() > MAX_TAG_VALUE {
            let constraint = "Member must have length less than or equal to 256";
            return Err(ServiceError::validation(&format!("'{value}'"), &at("value"), constraint));
        }
    }
    Ok(tags)
}

fn role<'w>(world: &'w World, call: &Call) -> Result<&'w Role, ServiceError> {
    world
        .aws
        .roles
        .get(&call.caller.role)
        .ok_or_else(|| denied(&call.caller.session_arn, &call.action, false))
}

fn authorize(world: &World, role: &Role, call: &Call, asked: &Asked) -> Result<(), ServiceError> {
    let mut actions = vec!["sts:GetWebIdentityToken"];
    if !asked.tags.is_empty() {
        actions.push("sts:TagGetWebIdentityToken");
    }
    for action in actions {
        let mut request = Request::new(action, "*")
            .with("sts:IdentityTokenAudience", &asked.audiences)
            .with("sts:DurationSeconds", [asked.seconds.to_string()])
            .with("sts:SigningAlgorithm", [asked.algorithm.name()])
            .with("aws:PrincipalArn", [&role.arn]);
        if !asked.tags.is_empty() {
            request = request.with("aws:TagKeys", asked.tags.iter().map(|(key, _)| key));
        }
        for (key, value) in &asked.tags {
            request = request.with(&format!("aws:RequestTag/{key}"), [value]);
        }
        for (key, value) in &role.tags {
            request = request.with(&format!("aws:PrincipalTag/{key}"), [value]);
        }
        let decision = session::decide(world, &call.caller.access_key_id, &request);
        if let Decision::Denied { explicit, reason } = decision {
            // AWS keeps the reason to itself; it is for whoever watches the stand-in.
            tracing::info!(action, role = role.arn, explicit, reason, "the role's policies deny this");
            return Err(denied(&call.caller.session_arn, action, explicit));
        }
    }
    Ok(())
}

/// AWS, "Troubleshoot access denied error messages".
pub fn denied(user: &str, action: &str, explicit: bool) -> ServiceError {
    let because = if explicit {
        "with an explicit deny in an identity-based policy".to_owned()
    } else {
        format!("because no identity-based policy allows the {action} action")
    };
    let message = format!("User: {user} is not authorized to perform: {action} on resource: * {because}");
    ServiceError::new("AccessDenied", StatusCode::FORBIDDEN, message)
}

/// From when to when, unless a fault says otherwise.
fn lifetime(seconds: i64) -> (i64, i64) {
    const AGES: i64 = 200 * 365 * 86_400;
    let now = faults::now_seconds();
    match faults::token_fault() {
        None => (now, now + seconds),
        Some(TokenFault::AbsurdExpiry) => (now, now + AGES),
        Some(TokenFault::Expired) => (now - 7200 - seconds, now - 7200),
    }
}

fn claims(
    world: &World,
    role: &Role,
    key: Option<&AccessKey>,
    asked: &Asked,
    issued_at: i64,
    expires_at: i64,
) -> Value {
    let mut aws = Map::new();
    let mut put = |name: &str, value: Value| aws.insert(name.to_owned(), value);
    put("aws_account", json!(world.aws.account));
    put("source_region", json!(world.aws.region));
    put("principal_id", json!(role.arn));
    if let Some(org_id) = &world.aws.org_id {
        put("org_id", json!(org_id));
    }
    if !role.tags.is_empty() {
        put("principal_tags", json!(role.tags));
    }
    if !asked.tags.is_empty() {
        let tags: Map<String, Value> = asked.tags.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
        put("request_tags", Value::Object(tags));
    }
    if let Some(key) = key {
        if let Some(end) = key.expires_at {
            put("original_session_exp", json!(timestamp(faults::seconds(end))));
        }
        if let Some(arn) = &key.function_arn {
            put("lambda_source_function_arn", json!(arn));
        }
        if let Some(arn) = &key.instance_arn {
            put("ec2_source_instance_arn", json!(arn));
        }
    }
    let audience = match asked.audiences.as_slice() {
        [one] => json!(one),
        many => json!(many),
    };
    json!({
        "iss": world.aws.issuer,
        "sub": role.arn,
        "aud": audience,
        "iat": issued_at,
        "exp": expires_at,
        "jti": Uuid::new_v4().to_string(),
        "https://sts.amazonaws.com/": aws,
    })
}

pub(super) fn timestamp(seconds: i64) -> String {
    // Within the range of both: years are far below 9999, and RFC 3339 can write them all.
    let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(&Rfc3339).unwrap_or_default()
}
