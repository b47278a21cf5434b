//! A proof against a provider.
//!
//! The sentences are Google's ("Troubleshoot Workload Identity Federation", and what its users
//! published with them) unless a comment says that they are ours.

use super::expression::{self, ExpressionFault, Variables};
use super::{
    ATTRIBUTE, GROUPS, MAX_MAPPED_BYTES, MAX_SUBJECT_BYTES, Mapped, Provider, ProviderKind, SUBJECT,
};
use cel::objects::Value;
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, HashMap};

/// What a proof says, its signature and times checked by whoever received it.
#[derive(Clone, Debug, PartialEq)]
pub enum Presented {
    Oidc {
        claims: Map<String, Json>,
    },
    /// What `GetCallerIdentity` answers.
    Aws {
        arn: String,
        account: String,
        userid: String,
    },
}

/// Why Google turns a proof away, and the field people must look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// OAuth's code.
    pub error: &'static str,
    pub description: String,
    /// `kind`, `issuer`, `account`, `audience`, `mapping` or `condition`.
    pub field: &'static str,
}

impl Refusal {
    fn new(error: &'static str, field: &'static str, description: impl Into<String>) -> Self {
        Self { error, description: description.into(), field }
    }
}

/// Who the proof is to Google: kind, issuer or account, audience, mapping, condition, in this order.
pub fn evaluate(provider: &Provider, presented: &Presented) -> Result<Mapped, Refusal> {
    check_origin(provider, presented)?;
    let assertion = assertion(presented);
    let mapped = map(&provider.effective_mapping(), &assertion)?;
    if let Some(condition) = &provider.condition {
        check_condition(condition, &assertion, &mapped)?;
    }
    Ok(mapped)
}

fn check_origin(provider: &Provider, presented: &Presented) -> Result<(), Refusal> {
    match (&provider.kind, presented) {
        (ProviderKind::Oidc { issuer, .. }, Presented::Oidc { claims }) => {
            check_issuer(issuer, claims)?;
            check_audience(&provider.expected_audiences(), claims)
        }
        // Ours: Google's words for another account were not found.
        (ProviderKind::Aws { account: expected }, Presented::Aws { account, .. }) if account != expected => {
            let description =
                format!("The AWS account {account} of the given credential is not the provider's.");
            Err(Refusal::new("invalid_grant", "account", description))
        }
        (ProviderKind::Aws { .. }, Presented::Aws { .. }) => Ok(()),
        // Ours, as above.
        (ProviderKind::Oidc { .. }, Presented::Aws { .. }) => Err(Refusal::new(
            "invalid_grant",
            "kind",
            "The given credential is a signed AWS request, the provider takes OIDC tokens.",
        )),
        (ProviderKind::Aws { .. }, Presented::Oidc { .. }) => Err(Refusal::new(
            "invalid_grant",
            "kind",
            "The given credential is an OIDC token, the provider takes signed AWS requests.",
        )),
    }
}

fn check_issuer(expected: &str, claims: &Map<String, Json>) -> Result<(), Refusal> {
    if claims.get("iss").and_then(Json::as_str) == Some(expected) {
        return Ok(());
    }
    // Google answers so when the issuer cannot be asked, and names a wrong `iss` as a cause.
    Err(Refusal::new("invalid_grant", "issuer", "Error connecting to the given credential's issuer."))
}

/// One of the token's audiences must be one of the provider's.
fn check_audience(expected: &[String], claims: &Map<String, Json>) -> Result<(), Refusal> {
    let audiences: Vec<&str> = match claims.get("aud") {
        Some(Json::String(one)) => vec![one],
        Some(Json::Array(many)) => many.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    };
    if audiences.iter().any(|audience| expected.iter().any(|allowed| allowed == audience)) {
        return Ok(());
    }
    // Google names the expected one if there is just one to name.
    let named = match expected {
        [one] => format!(" {one}"),
        _ => String::new(),
    };
    let presented = audiences.join(", ");
    let description =
        format!("The audience in ID Token [{presented}] does not match the expected audience{named}.");
    Err(Refusal::new("invalid_grant", "audience", description))
}

/// What the expressions call `assertion`.
pub(super) fn assertion(presented: &Presented) -> Value {
    match presented {
        Presented::Oidc { claims } => expression::object(claims),
        Presented::Aws { arn, account, userid } => {
            let fields = [("arn", arn), ("account", account), ("userid", userid)];
            let fields = fields.map(|(name, text)| (name.to_owned(), Value::from(text.as_str())));
            Value::from(HashMap::from(fields))
        }
    }
}

fn map(mapping: &BTreeMap<String, String>, assertion: &Value) -> Result<Mapped, Refusal> {
    let variables: Variables = vec![("assertion", assertion.clone())];
    let mut mapped = Mapped::default();
    let mut bytes = 0;
    for (target, expression) in mapping {
        let value = match expression::run(expression, &variables) {
            Ok(value) => value,
            Err(fault) => return Err(no_value(target, &fault)),
        };
        if target == GROUPS {
            mapped.groups = groups(value)?;
            bytes += mapped.groups.iter().map(String::len).sum::<usize>();
            continue;
        }
        let Value::String(text) = value else { return Err(not_a_string(target)) };
        bytes += text.len();
        match target.strip_prefix(ATTRIBUTE) {
            Some(name) => drop(mapped.attributes.insert(name.to_owned(), text.to_string())),
            None if target == SUBJECT => mapped.subject = text.to_string(),
            None => return Err(unknown_target(target)),
        }
    }
    check_size(&mapped, bytes)?;
    Ok(mapped)
}

fn check_size(mapped: &Mapped, bytes: usize) -> Result<(), Refusal> {
    if mapped.subject.is_empty() {
        return Err(no_subject());
    }
    if mapped.subject.len() > MAX_SUBJECT_BYTES {
        let description = format!(
            "The size of mapped attribute {SUBJECT} exceeds the {MAX_SUBJECT_BYTES} bytes limit. Either modify your \
             attribute mapping or the incoming assertion to produce a mapped attribute that is less than \
             {MAX_SUBJECT_BYTES} bytes."
        );
        return Err(Refusal::new("invalid_request", "mapping", description));
    }
    if bytes > MAX_MAPPED_BYTES {
        // Ours: the limit is documented, its words were not found.
        let description =
            format!("The size of all mapped attributes exceeds the {MAX_MAPPED_BYTES} bytes limit.");
        return Err(Refusal::new("invalid_request", "mapping", description));
    }
    Ok(())
}

fn groups(value: Value) -> Result<Vec<String>, Refusal> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.to_string()),
        _ => None,
    };
    let groups = match &value {
        Value::List(items) => items.iter().map(text).collect(),
        _ => text(&value).map(|one| vec![one]),
    };
    // Ours.
    groups.ok_or_else(|| {
        let description = format!("The mapped attribute '{GROUPS}' must be a list of strings.");
        Refusal::new("unauthorized_client", "mapping", description)
    })
}

fn no_subject() -> Refusal {
    let description = format!("Could not obtain a value for {SUBJECT} from the given credential.");
    Refusal::new("unauthorized_client", "mapping", description)
}

fn no_value(target: &str, fault: &ExpressionFault) -> Refusal {
    if target == SUBJECT {
        return no_subject();
    }
    // Ours: what Google says of the other attributes was not found.
    let description = format!("Could not obtain a value for {target} from the given credential: {fault}.");
    Refusal::new("unauthorized_client", "mapping", description)
}

fn not_a_string(target: &str) -> Refusal {
    let description = format!("The mapped attribute '{target}' must be of type STRING.");
    Refusal::new("unauthorized_client", "mapping", description)
}

/// Ours: Google takes no such provider in the first place.
fn unknown_target(target: &str) -> Refusal {
    let description = format!("The mapping names {target}, which is no attribute of Google's.");
    Refusal::new("invalid_request", "mapping", description)
}

/// Only `true` lets in. That an expression which fails or gives no boolean refuses is ours.
fn check_condition(condition: &str, assertion: &Value, mapped: &Mapped) -> Result<(), Refusal> {
    match expression::run(condition, &condition_variables(assertion, mapped)) {
        Ok(Value::Bool(true)) => Ok(()),
        _ => Err(Refusal::new(
            "unauthorized_client",
            "condition",
            "The given credential is rejected by the attribute condition.",
        )),
    }
}

pub(super) fn condition_variables(assertion: &Value, mapped: &Mapped) -> Variables {
    let google = HashMap::from([
        ("subject".to_owned(), Value::from(mapped.subject.as_str())),
        ("groups".to_owned(), Value::from(mapped.groups.clone())),
    ]);
    let attributes = mapped.attributes.iter();
    let attribute: HashMap<String, Value> =
        attributes.map(|(name, text)| (name.clone(), Value::from(text.as_str()))).collect();
    vec![
        ("assertion", assertion.clone()),
        ("google", Value::from(google)),
        ("attribute", Value::from(attribute)),
    ]
}
