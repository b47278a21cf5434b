//! The name of a role's session: who took the role, and where from. It stands in the assumed role's ARN and in
//! every event of CloudTrail.
//!
//! 2 to 64 characters of `[\w+=,.@-]` ("AssumeRoleWithWebIdentity", `RoleSessionName`).

use crate::assertion::Claims;
use serde_json::{Map, Value};

pub(crate) const LONGEST: usize = 64;

/// Whether STS takes it as it is.
pub(crate) fn is_valid(name: &str) -> bool {
    (2..=LONGEST).contains(&name.len()) && name.chars().all(is_allowed)
}

/// Made of what a proof says of its bearer. Other issuers' claims are not known here: their subject is taken.
pub(super) fn of(token: &str) -> String {
    let claims = Claims::all_of_jwt(token);
    let claim = |name: &str| text(&claims, name);
    let (issuer, subject) = (claim("iss"), claim("sub"));
    let host = issuer.strip_prefix("https://").unwrap_or(&issuer);
    if !claim("repository").is_empty() && !claim("run_id").is_empty() {
        return joined("github", &claim("repository"), &claim("run_id"));
    }
    // Both forms of Entra's tokens say tenant and object. Together they are longer than a name may be;
    // the tenant as a whole is in the issuer, which CloudTrail records too.
    if !claim("tid").is_empty() && !claim("oid").is_empty() {
        let tenant: String = claim("tid").chars().take_while(|c| *c != '-').collect();
        return joined("azure", &tenant, &claim("oid"));
    }
    if let Some(account) = subject.strip_prefix("system:serviceaccount:") {
        return joined("kubernetes", "", account);
    }
    match host.split('/').next().unwrap_or_default() {
        "accounts.google.com" => joined("google", "", &subject),
        "cognito-identity.amazonaws.com" => joined("cognito", "", &subject),
        _ => joined("carnet", "", &subject),
    }
}

/// `from-where-who`, of which who is kept whole, as far as it fits.
fn joined(from: &str, place: &str, who: &str) -> String {
    let who = cut(&allowed(who), LONGEST - from.len() - 1);
    let room = LONGEST.saturating_sub(from.len() + who.len() + 2);
    let place = cut(&allowed(place), room);
    let parts = [from, &place, &who];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("-")
}

fn cut(text: &str, room: usize) -> String {
    text.chars().take(room).collect()
}

fn allowed(text: &str) -> String {
    text.chars().map(|c| if is_allowed(c) { c } else { '-' }).collect()
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '=' | ',' | '.' | '@' | '-')
}

fn text(claims: &Map<String, Value>, name: &str) -> String {
    match claims.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    fn name(payload: Value) -> String {
        let name = of(&format!("e30.{}.x", URL_SAFE_NO_PAD.encode(payload.to_string())));
        assert!(is_valid(&name), "{name}");
        name
    }

    #[test]
    fn it_says_who_and_where_from() {
        let github = json!({
            "iss": "https://token.actions.githubusercontent.com",
            "sub": "repo:acme/app:ref:refs/heads/main", "repository": "acme/app", "run_id": "42",
        });
        assert_eq!(name(github), "github-acme-app-42");
        let azure = json!({
            "iss": "https://sts.windows.net/11111111-2222-4333-8444-555555555555/",
            "tid": "11111111-2222-4333-8444-555555555555", "oid": "bbbbbbbb-1111-4222-8333-444444444444",
        });
        assert_eq!(name(azure), "azure-11111111-bbbbbbbb-1111-4222-8333-444444444444");
        let google = json!({ "iss": "https://accounts.google.com", "sub": "113057325249898657053" });
        assert_eq!(name(google), "google-113057325249898657053");
        let pod = json!({ "iss": "https://k", "sub": "system:serviceaccount:shop:reader" });
        assert_eq!(name(pod), "kubernetes-shop-reader");
        let pool = json!({ "iss": "https://cognito-identity.amazonaws.com", "sub": "eu-central-1:aaaa" });
        assert_eq!(name(pool), "cognito-eu-central-1-aaaa");
        assert_eq!(name(json!({ "iss": "https://idp", "sub": "job #7 ü" })), "carnet-job--7--");
        assert_eq!(name(json!({})), "carnet");
    }

    #[test]
    fn a_long_one_keeps_its_end() {
        let payload =
            json!({ "repository": format!("acme/{}", "x".repeat(90)), "run_id": 7_000_000_123_u64 });
        let name = name(payload);
        assert_eq!(name.len(), LONGEST);
        assert!(name.starts_with("github-acme-xxx") && name.ends_with("x-7000000123"), "{name}");
        assert_eq!(super::of("no token"), "carnet");
        assert!(!is_valid("x") && !is_valid("a b") && !is_valid(&"x".repeat(65)));
    }
}
