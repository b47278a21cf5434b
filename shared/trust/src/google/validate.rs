//! What Google would not take of a provider, and what can never work.
//!
//! An unknown function shows only when it is called: so the names are looked up in the expressions,
//! and the expressions are tried on a proof of the provider's kind.

use super::evaluate::{assertion, condition_variables};
use super::expression::{self, ExpressionFault, Variables};
use super::{
    ATTRIBUTE, GROUPS, MAX_ATTRIBUTE_NAME, MAX_ATTRIBUTES, MAX_AUDIENCE_CHARACTERS, MAX_AUDIENCES,
    MAX_CONDITION_CHARACTERS, MAX_MAPPING_CHARACTERS, Mapped, Presented, Provider, ProviderKind, SUBJECT,
    is_id,
};
use crate::aws::is_account;
use cel::objects::Value;

/// A limit of Google's that a provider breaks, or a value that can never work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// `name`, `issuer`, `allowed_audiences`, `account`, `mapping` or `condition`.
    pub field: &'static str,
    /// The mapping's target; empty for other fields.
    pub target: String,
    pub problem: String,
}

pub fn validate(provider: &Provider) -> Vec<Fault> {
    let mut faults = Faults(Vec::new());
    if !is_provider_name(&provider.name) {
        faults.add(
            "name",
            "it is not projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER with ids of 4 \
             to 32 lower-case letters, digits and hyphens that do not start with gcp-",
        );
    }
    check_kind(&provider.kind, &mut faults);
    check_mapping(provider, &mut faults);
    if let Some(condition) = &provider.condition {
        check_condition(provider, condition, &mut faults);
    }
    faults.0
}

struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, field: &'static str, problem: impl Into<String>) {
        self.0.push(Fault { field, target: String::new(), problem: problem.into() });
    }

    fn add_for(&mut self, target: &str, problem: impl Into<String>) {
        self.0.push(Fault { field: "mapping", target: target.to_owned(), problem: problem.into() });
    }
}

fn is_provider_name(name: &str) -> bool {
    let parts: Vec<&str> = name.split('/').collect();
    let ["projects", number, "locations", "global", "workloadIdentityPools", pool, "providers", provider] =
        parts.as_slice()
    else {
        return false;
    };
    !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) && is_id(pool) && is_id(provider)
}

fn check_kind(kind: &ProviderKind, faults: &mut Faults) {
    match kind {
        ProviderKind::Aws { account } => {
            if !is_account(account) {
                faults.add("account", "an AWS account has 12 digits");
            }
        }
        ProviderKind::Oidc { issuer, allowed_audiences } => {
            if issuer.strip_prefix("https://").is_none_or(str::is_empty) {
                faults.add("issuer", "it must begin with https://");
            }
            if allowed_audiences.len() > MAX_AUDIENCES {
                let problem = format!("{} given; Google allows {MAX_AUDIENCES}", allowed_audiences.len());
                faults.add("allowed_audiences", problem);
            }
            for audience in allowed_audiences {
                let characters = audience.chars().count();
                if characters == 0 {
                    faults.add("allowed_audiences", "one of them is empty");
                }
                if characters > MAX_AUDIENCE_CHARACTERS {
                    let problem = format!("{characters} characters; Google allows {MAX_AUDIENCE_CHARACTERS}");
                    faults.add("allowed_audiences", problem);
                }
            }
        }
    }
}

fn check_mapping(provider: &Provider, faults: &mut Faults) {
    let mapping = provider.effective_mapping();
    if !mapping.contains_key(SUBJECT) {
        faults.add_for(SUBJECT, "a mapping must have it");
    }
    let attributes = mapping.keys().filter(|target| target.starts_with(ATTRIBUTE)).count();
    if attributes > MAX_ATTRIBUTES {
        faults.add_for("", format!("{attributes} attributes; Google allows {MAX_ATTRIBUTES}"));
    }
    for (target, expression) in &mapping {
        if !is_target(target) {
            let problem = format!(
                "neither {SUBJECT} nor {GROUPS} nor {ATTRIBUTE}NAME with up to {MAX_ATTRIBUTE_NAME} lower-case \
                 letters, digits and underscores"
            );
            faults.add_for(target, problem);
        }
        let characters = expression.chars().count();
        if characters > MAX_MAPPING_CHARACTERS {
            faults
                .add_for(target, format!("{characters} characters; Google allows {MAX_MAPPING_CHARACTERS}"));
            continue;
        }
        if let Some(problem) = mapping_problem(&provider.kind, target, expression) {
            faults.add_for(target, problem);
        }
    }
}

fn is_target(target: &str) -> bool {
    let is_name = |name: &str| {
        let letters = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        (1..=MAX_ATTRIBUTE_NAME).contains(&name.len()) && letters
    };
    target == SUBJECT || target == GROUPS || target.strip_prefix(ATTRIBUTE).is_some_and(is_name)
}

/// Whatever shows first.
fn mapping_problem(kind: &ProviderKind, target: &str, expression: &str) -> Option<String> {
    if let Some(problem) = unreadable(expression) {
        return Some(problem);
    }
    samples(kind).into_iter().find_map(|sample| {
        let variables = vec![("assertion", assertion(&sample))];
        match expression::run(expression, &variables) {
            Ok(Value::String(_)) => None,
            Ok(Value::List(_)) if target == GROUPS => None,
            Ok(_) => Some("it does not give a string".to_owned()),
            Err(fault) => failed(kind, expression, &fault),
        }
    })
}

fn check_condition(provider: &Provider, condition: &str, faults: &mut Faults) {
    let characters = condition.chars().count();
    if characters > MAX_CONDITION_CHARACTERS {
        faults.add("condition", format!("{characters} characters; Google allows {MAX_CONDITION_CHARACTERS}"));
        return;
    }
    if let Some(problem) = unreadable(condition) {
        faults.add("condition", problem);
        return;
    }
    let problem = samples(&provider.kind).into_iter().find_map(|sample| {
        let variables = condition_sample(provider, &sample);
        match expression::run(condition, &variables) {
            Ok(Value::Bool(_)) => None,
            Ok(_) => Some("it gives neither true nor false".to_owned()),
            Err(fault) => failed(&provider.kind, condition, &fault),
        }
    });
    if let Some(problem) = problem {
        faults.add("condition", problem);
    }
}

/// What a failed trial says of the expression. An OIDC token's claims are its issuer's affair: one
/// that the sample lacks is no fault.
fn failed(kind: &ProviderKind, expression: &str, fault: &ExpressionFault) -> Option<String> {
    let claims_unknown =
        matches!(kind, ProviderKind::Oidc { .. }) && expression::uses(expression, "assertion");
    match fault {
        ExpressionFault::Missing(_) | ExpressionFault::Evaluation if claims_unknown => None,
        ExpressionFault::Missing(name) => Some(format!("it reads {name}, which does not exist")),
        fault => Some(fault.to_string()),
    }
}

fn unreadable(expression: &str) -> Option<String> {
    match expression::unknown_functions(expression) {
        Err(fault) => Some(fault.to_string()),
        Ok(unknown) => unknown.first().map(|name| format!("it calls {name}(), which does not exist")),
    }
}

/// Proofs of the provider's kind.
fn samples(kind: &ProviderKind) -> Vec<Presented> {
    match kind {
        ProviderKind::Oidc { .. } => vec![Presented::Oidc { claims: serde_json::Map::new() }],
        ProviderKind::Aws { account } => {
            let arns = [
                format!("arn:aws:sts::{account}:assumed-role/role/session"),
                format!("arn:aws:iam::{account}:user/name"),
            ];
            let caller = |arn| Presented::Aws {
                arn,
                account: account.clone(),
                userid: "AROAEXAMPLE:session".to_owned(),
            };
            arns.map(caller).into()
        }
    }
}

/// What a condition sees of a sample: every mapped attribute has some value.
fn condition_sample(provider: &Provider, sample: &Presented) -> Variables {
    let mapping = provider.effective_mapping();
    let names = mapping.keys().filter_map(|target| target.strip_prefix(ATTRIBUTE));
    let mapped = Mapped {
        subject: "subject".to_owned(),
        groups: Vec::new(),
        attributes: names.map(|name| (name.to_owned(), "value".to_owned())).collect(),
    };
    condition_variables(&assertion(sample), &mapped)
}
