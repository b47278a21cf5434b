//! What a resource (the blob service) does with an access token of Entra's.

use crate::faults;
use crate::jwt::JwtFault;
use crate::local::Handle;
use serde_json::Value;

/// Whom the token was given to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub object_id: String,
    pub tenant_id: String,
    pub app_id: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BearerFault {
    /// No `Authorization` header.
    Missing,
    /// Another scheme, or no JWT.
    Malformed,
    Signature,
    Issuer,
    Audience,
    Expired,
    NotYetValid,
}

/// `resource_audiences`: the `aud` values the resource takes for its own, without a slash at the end.
pub fn check_bearer(
    handle: &Handle,
    authorization: Option<&str>,
    resource_audiences: &[&str],
) -> Result<Caller, BearerFault> {
    let (scheme, token) =
        authorization.ok_or(BearerFault::Missing)?.split_once(' ').ok_or(BearerFault::Malformed)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(BearerFault::Malformed);
    }
    let claims = handle.entra_keys.verify(token.trim()).map_err(|fault| match fault {
        JwtFault::Malformed | JwtFault::DuplicateClaim => BearerFault::Malformed,
        JwtFault::UnknownKey | JwtFault::Algorithm | JwtFault::BadSignature => BearerFault::Signature,
    })?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let seconds = |name: &str| claims.get(name).and_then(Value::as_i64);
    let tenant_id = handle.world().entra.tenant_id.clone();
    if text("iss") != format!("https://sts.windows.net/{tenant_id}/") {
        return Err(BearerFault::Issuer);
    }
    if !resource_audiences.contains(&text("aud").trim_end_matches('/')) {
        return Err(BearerFault::Audience);
    }
    let now = faults::now_seconds();
    if seconds("exp").is_none_or(|exp| exp <= now) {
        return Err(BearerFault::Expired);
    }
    // The allowance that Microsoft's token libraries make for clocks.
    if seconds("nbf").is_some_and(|nbf| nbf > now + 300) {
        return Err(BearerFault::NotYetValid);
    }
    Ok(Caller { object_id: text("oid"), tenant_id, app_id: text("appid") })
}
