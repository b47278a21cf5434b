//! `AssumeRoleWithWebIdentity`: a token of another issuer for a session of a role.
//!
//! AWS, "AssumeRoleWithWebIdentity" (STS API reference): parameters, codes, statuses. Its sentences are
//! AWS's where its documents or its users print them: no provider, the audience, the verification key,
//! the trust, the role's maximum. Those marked so are ours. AWS documents no order of its checks; here
//! it is parameters, token, provider, audience, time, signature, role, trust, duration, policy.

use super::mint::timestamp;
use super::query::{Form, ServiceError, element};
use crate::faults;
use crate::issuers::KeyFault;
use crate::jwt::{JwtFault, Token};
use crate::local::Handle;
use crate::world::{AccessKey, World, identifier, secret, session_token};
use carnet_trust::aws::Policy;
use carnet_trust::aws::role_trust::keys::{audience, texts};
use carnet_trust::aws::role_trust::{self, BUILT_IN, Presented, issuer_host};
use http::StatusCode;
use std::ops::RangeInclusive;
use std::time::Duration;

pub(super) const ACTION: &str = "AssumeRoleWithWebIdentity";

const TOKEN_CHARACTERS: RangeInclusive<usize> = 4..=20_000;
const NAME_CHARACTERS: RangeInclusive<usize> = 2..=64;
const ARN_CHARACTERS: RangeInclusive<usize> = 20..=2048;
const SECONDS: RangeInclusive<i64> = 900..=43_200;
const DEFAULT_SECONDS: i64 = 3600;
/// "The plaintext that you use for both inline and managed session policies".
const MAX_POLICY: usize = 2048;
const ALGORITHMS: [&str; 6] = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"];
/// Ours: AWS says nothing of clocks that differ.
const SKEW: i64 = 60;
/// The issuers of outbound federation. Their tokens take no role: "Outbound identity federation".
const OUTBOUND: &str = ".tokens.sts.global.api.aws";

struct Asked<'f> {
    role_arn: &'f str,
    session_name: &'f str,
    token: &'f str,
    seconds: i64,
    policy: Option<&'f str>,
}

pub(super) async fn assume(handle: &Handle, form: &Form) -> Result<String, ServiceError> {
    let asked = asked(form)?;
    let token = Token::parse(asked.token).map_err(|fault| match fault {
        JwtFault::DuplicateClaim => invalid("The token has a claim twice."),
        _ => invalid("The token is no JSON Web Token."),
    })?;
    let issuer = check_token(handle, &token)?.to_owned();
    check_signature(handle, &issuer, &token).await?;
    begin(handle, &asked, Presented { issuer, claims: token.claims })
}

fn asked(form: &Form) -> Result<Asked<'_>, ServiceError> {
    let role_arn = text(form, "RoleArn", "roleArn", ARN_CHARACTERS)?;
    let session_name = text(form, "RoleSessionName", "roleSessionName", NAME_CHARACTERS)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if !session_name.chars().all(plain) {
        let constraint = r"Member must satisfy regular expression pattern: [\w+=,.@-]*";
        return Err(ServiceError::validation(&format!("'{session_name}'"), "roleSessionName", constraint));
    }
    let token = form.parameter("WebIdentityToken").unwrap_or_default();
    if !TOKEN_CHARACTERS.contains(&token.chars().count()) {
        // The value would be the token.
        let constraint = "Member must have length between 4 and 20000";
        return Err(ServiceError::validation("'***'", "webIdentityToken", constraint));
    }
    if form.parameter("ProviderId").is_some() {
        return Err(invalid("These stand-ins know no OAuth 2.0 access tokens: leave ProviderId out."));
    }
    if form.parameter("PolicyArns.member.1.arn").is_some() {
        return Err(malformed_policy("These stand-ins know no managed policies."));
    }
    Ok(Asked { role_arn, session_name, token, seconds: seconds(form)?, policy: form.parameter("Policy") })
}

fn text<'f>(
    form: &'f Form,
    name: &str,
    field: &str,
    length: RangeInclusive<usize>,
) -> Result<&'f str, ServiceError> {
    let Some(text) = form.parameter(name) else {
        return Err(ServiceError::validation("null", field, "Member must not be null"));
    };
    let (least, most) = (length.start(), length.end());
    let constraint = match text.chars().count() {
        short if short < *least => {
            format!("Member must have length greater than or equal to {least}")
        }
        long if long > *most => format!("Member must have length less than or equal to {most}"),
        _ => return Ok(text),
    };
    Err(ServiceError::validation(&format!("'{text}'"), field, &constraint))
}

fn seconds(form: &Form) -> Result<i64, ServiceError> {
    let Some(text) = form.parameter("DurationSeconds") else { return Ok(DEFAULT_SECONDS) };
    let Ok(seconds) = text.parse::<i64>() else {
        let message = "Invalid integer value in request";
        return Err(ServiceError::new("MalformedInput", StatusCode::BAD_REQUEST, message));
    };
    let constraint = match seconds {
        short if short < *SECONDS.start() => "Member must have value greater than or equal to 900",
        long if long > *SECONDS.end() => "Member must have value less than or equal to 43200",
        _ => return Ok(seconds),
    };
    Err(ServiceError::validation(&format!("'{seconds}'"), "durationSeconds", constraint))
}

/// Everything of the token but its signature. Its issuer.
fn check_token<'t>(handle: &Handle, token: &'t Token) -> Result<&'t str, ServiceError> {
    let algorithm = token.header_text("alg").unwrap_or("none");
    if !ALGORITHMS.contains(&algorithm) {
        return Err(invalid(format!(
            "The token is signed with {algorithm}, not with one of {ALGORITHMS:?}."
        )));
    }
    let missing =
        ["iss", "sub", "aud", "exp", "iat"].into_iter().find(|name| !token.claims.contains_key(*name));
    if let Some(name) = missing {
        return Err(invalid(format!("The token has no claim {name}.")));
    }
    let issuer = token.claim_text("iss").unwrap_or_default();
    check_provider(&handle.world(), issuer, token)?;
    check_time(token)?;
    Ok(issuer)
}

fn check_provider(world: &World, issuer: &str, token: &Token) -> Result<(), ServiceError> {
    let host = issuer_host(issuer);
    let outbound = host.split('/').next().is_some_and(|host| host.ends_with(OUTBOUND));
    if issuer == world.aws.issuer || outbound {
        return Err(invalid("AWS issued the token: it is for other clouds, and takes no role."));
    }
    if BUILT_IN.contains(&host) {
        return Ok(());
    }
    let Some(provider) = world.aws.oidc_providers.get(host) else {
        return Err(invalid(format!("No OpenIDConnect provider found in your account for {issuer}")));
    };
    let audiences = token.claims.get("aud").map(texts).unwrap_or_default();
    let asked_by = audience(&token.claims).map(texts).unwrap_or_default();
    let known = audiences.iter().chain(&asked_by).any(|audience| provider.client_ids.contains(audience));
    if known { Ok(()) } else { Err(invalid("Incorrect token audience")) }
}

fn check_time(token: &Token) -> Result<(), ServiceError> {
    let now = faults::now_seconds();
    if token.claim_seconds("exp").is_none_or(|end| end <= now) {
        let message = "The token has expired.";
        return Err(ServiceError::new("ExpiredTokenException", StatusCode::BAD_REQUEST, message));
    }
    let early = |name| token.claim_seconds(name).is_some_and(|from| from > now + SKEW);
    if early("nbf") || early("iat") {
        return Err(invalid("The token is not valid yet."));
    }
    Ok(())
}

async fn check_signature(handle: &Handle, issuer: &str, token: &Token) -> Result<(), ServiceError> {
    let key_id = token.header_text("kid").unwrap_or_default();
    let key = handle.aws_issuers.key(issuer, key_id).await.map_err(|fault| match fault {
        KeyFault::NoAnswer => ServiceError::new(
            "IDPCommunicationError",
            StatusCode::BAD_REQUEST,
            "The identity provider could not be reached to verify the token.",
        ),
        KeyFault::Useless | KeyFault::UnknownKey => {
            invalid("Couldn't retrieve verification key from your identity provider.")
        }
    })?;
    token.check_by(&key).map_err(|_| invalid("The token's signature is not that of its issuer."))
}

/// The role, its trust, the duration, the session policy; then the session.
fn begin(handle: &Handle, asked: &Asked, presented: Presented) -> Result<String, ServiceError> {
    let mut world = handle.world_mut();
    let found = world.aws.roles.iter().find(|(_, role)| role.arn == asked.role_arn);
    let Some((name, role)) = found.map(|(name, role)| (name.clone(), role.clone())) else {
        tracing::info!(role = asked.role_arn, "there is no such role");
        return Err(not_authorized());
    };
    handle.trail.record(&name, asked.session_name, role_trust::ACTION);
    let partition = role.arn.split(':').nth(1).unwrap_or("aws");
    let call = role_trust::Call {
        session_name: Some(asked.session_name.to_owned()),
        epoch_seconds: u64::try_from(faults::now_seconds()).ok(),
    };
    let Some(trust) = &role.trust else {
        tracing::info!(role = role.arn, "the role trusts no web identity");
        return Err(not_authorized());
    };
    role_trust::evaluate_call(trust, &world.aws.account, partition, &presented, &call).map_err(
        |refusal| {
            // AWS keeps the reason to itself; it is for whoever watches the stand-in.
            tracing::info!(role = role.arn, field = refusal.field, reason = refusal.reason, "not trusted");
            not_authorized()
        },
    )?;
    if asked.seconds.unsigned_abs() > role.max_session.as_secs() {
        return Err(ServiceError::new(
            "ValidationError",
            StatusCode::BAD_REQUEST,
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    let policy = asked.policy.map(session_policy).transpose()?;
    let fresh = || ServiceError::new("InternalFailure", StatusCode::INTERNAL_SERVER_ERROR, "no randomness");
    let id = identifier("ASIA").map_err(|_| fresh())?;
    let key = AccessKey {
        secret: secret().map_err(|_| fresh())?,
        session_token: Some(session_token().map_err(|_| fresh())?),
        role: name.clone(),
        session_name: asked.session_name.to_owned(),
        expires_at: Some(faults::now() + Duration::from_secs(asked.seconds.unsigned_abs())),
        function_arn: None,
        instance_arn: None,
    };
    let account = &world.aws.account;
    let session_arn = format!("arn:{partition}:sts::{account}:assumed-role/{name}/{}", asked.session_name);
    let session_id = format!("{}:{}", role.id, asked.session_name);
    let answer = answer(&id, &key, &session_arn, &session_id, asked, &presented);
    if let Some(policy) = policy {
        world.aws.session_policies.insert(id.clone(), policy);
    }
    world.aws.access_keys.insert(id, key);
    Ok(answer)
}

fn answer(
    id: &str,
    key: &AccessKey,
    session_arn: &str,
    session_id: &str,
    asked: &Asked,
    presented: &Presented,
) -> String {
    let first = |claim: Option<&serde_json::Value>| {
        claim.map(texts).unwrap_or_default().into_iter().next().unwrap_or_default()
    };
    let expiration = key.expires_at.map(faults::seconds).unwrap_or_default();
    let credentials = element("AccessKeyId", id)
        + &element("SecretAccessKey", &key.secret)
        + &element("SessionToken", key.session_token.as_deref().unwrap_or_default())
        + &element("Expiration", &timestamp(expiration));
    let user = element("AssumedRoleId", session_id) + &element("Arn", session_arn);
    let packed = asked.policy.map(|policy| element("PackedPolicySize", &percent(policy).to_string()));
    element("SubjectFromWebIdentityToken", &first(presented.claims.get("sub")))
        + &element("Audience", &first(audience(&presented.claims)))
        + &format!("<AssumedRoleUser>{user}</AssumedRoleUser><Credentials>{credentials}</Credentials>")
        + &element("Provider", &presented.issuer)
        + &packed.unwrap_or_default()
}

/// AWS does not say how it packs; here the text counts as it is, against its limit.
fn percent(policy: &str) -> usize {
    (policy.chars().count() * 100).div_ceil(MAX_POLICY)
}

fn session_policy(text: &str) -> Result<Policy, ServiceError> {
    if text.chars().count() > MAX_POLICY {
        let message = format!("The session policy has {}% of the size that is allowed.", percent(text));
        return Err(ServiceError::new("PackedPolicyTooLarge", StatusCode::BAD_REQUEST, message));
    }
    serde_json::from_str(text).map_err(|error| malformed_policy(format!("The session policy: {error}")))
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidIdentityToken", StatusCode::BAD_REQUEST, message)
}

fn malformed_policy(message: impl Into<String>) -> ServiceError {
    ServiceError::new("MalformedPolicyDocument", StatusCode::BAD_REQUEST, message)
}

/// AWS says the same of a role that does not exist, and of one that does not trust.
fn not_authorized() -> ServiceError {
    ServiceError::new("AccessDenied", StatusCode::FORBIDDEN, role_trust::NOT_AUTHORIZED)
}
