//! The claims of a token as condition keys: `<issuer without https://>:<name>`.
//!
//! AWS, "IAM and AWS STS condition context keys", "Available keys for AWS OIDC federation". Few claims
//! become keys. The rest of a token is invisible to a policy: a condition on it is one on a missing key.

use super::principal::issuer_host;
use super::{Call, Presented};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Condition keys in lower case, each with its values. One that is absent was not in the request.
pub type Context = BTreeMap<String, Vec<String>>;

/// Key and claim, of every OpenID Connect provider. `aud` is not among them: see [`context`].
const OF_EVERY_ISSUER: [(&str, &str); 4] =
    [("sub", "sub"), ("amr", "amr"), ("email", "email"), ("oaud", "aud")];

/// Issuers of which more claims are keys, or others.
///
/// A host that ends in `/` stands for all below it.
const OF_SOME_ISSUERS: [(&str, &[&str]); 5] = [
    (
        "token.actions.githubusercontent.com",
        &[
            "actor",
            "actor_id",
            "enterprise_id",
            "environment",
            "job_workflow_ref",
            "ref",
            "repository",
            "repository_id",
            "workflow",
        ],
    ),
    ("accounts.google.com", &["google/organization_number"]),
    // Its issuers have the organisation in their path.
    ("oidc.circleci.com/org/", &["oidc.circleci.com/project-id"]),
    // Their access tokens are no OpenID Connect tokens; what is known of them is this.
    ("www.amazon.com", &["app_id", "user_id"]),
    ("graph.facebook.com", &["app_id", "id"]),
];

/// What a policy can ask of this token and this call.
///
/// `aud` is the token's `azp` where it has one, and only else its `aud`; the token's own `aud` is
/// always `oaud`. Google's tokens have an `azp`: the unique id of the service account.
pub fn context(presented: &Presented, call: &Call) -> Context {
    let host = issuer_host(&presented.issuer);
    let mut context = Context::new();
    let mut add = |name: &str, claim: Option<&Value>| {
        let values = claim.map(texts).unwrap_or_default();
        if !values.is_empty() {
            context.insert(format!("{host}:{name}").to_lowercase(), values);
        }
    };
    for (name, claim) in OF_EVERY_ISSUER {
        add(name, presented.claims.get(claim));
    }
    add("aud", audience(&presented.claims));
    for name in of_issuer(host) {
        add(name, presented.claims.get(*name));
    }
    if let Some(name) = &call.session_name {
        context.insert("sts:rolesessionname".to_owned(), vec![name.clone()]);
    }
    if let Some(seconds) = call.epoch_seconds {
        for key in ["aws:epochtime", "aws:currenttime"] {
            context.insert(key.to_owned(), vec![seconds.to_string()]);
        }
    }
    context
}

/// What the key `aud` holds.
pub fn audience(claims: &Map<String, Value>) -> Option<&Value> {
    claims.get("azp").filter(|azp| !texts(azp).is_empty()).or_else(|| claims.get("aud"))
}

fn of_issuer(host: &str) -> &'static [&'static str] {
    let covers = |known: &str| known == host || (known.ends_with('/') && host.starts_with(known));
    OF_SOME_ISSUERS.iter().find(|(known, _)| covers(known)).map_or(&[], |(_, names)| names)
}

/// A claim's values as policies compare them: a list is several, a number or boolean its text.
pub fn texts(claim: &Value) -> Vec<String> {
    match claim {
        Value::String(text) => vec![text.clone()],
        Value::Bool(value) => vec![value.to_string()],
        Value::Number(number) => vec![number.to_string()],
        Value::Array(many) => many.iter().flat_map(texts).collect(),
        Value::Null | Value::Object(_) => Vec::new(),
    }
}
