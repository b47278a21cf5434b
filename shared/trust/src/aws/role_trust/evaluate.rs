//! A token against a role's trust.
//!
//! AWS, "Policy evaluation logic": an explicit deny wins, then an allow is needed.

use super::creation::required_at_sts;
use super::keys::{Context, context};
use super::principal::principal_of;
use super::{ACTION, Call, Presented, Principals, Refusal, RoleTrust, TrustStatement};
use crate::aws::condition::wildcard_matches;
use crate::aws::{Effect, OneOrMany};

/// Whether the token takes the role. `account` and `partition` are the role's.
pub fn evaluate(
    trust: &RoleTrust,
    account: &str,
    partition: &str,
    presented: &Presented,
) -> Result<(), Refusal> {
    evaluate_call(trust, account, partition, presented, &Call::default())
}

/// As [`evaluate`], where the call's session name and time are known too.
pub fn evaluate_call(
    trust: &RoleTrust,
    account: &str,
    partition: &str,
    presented: &Presented,
    call: &Call,
) -> Result<(), Refusal> {
    let issuer = &presented.issuer;
    let context = context(presented, call);
    let named = |statement: &TrustStatement| covers_principal(statement, issuer, account, partition);
    let statements = || trust.statement.0.iter().enumerate();
    for (index, statement) in statements().filter(|(_, statement)| statement.effect == Effect::Deny) {
        if named(statement) && covers_action(statement) && failed(statement, &context).is_none() {
            let reason = format!("{} denies it", statement.name(index));
            return Err(Refusal::new(denying_field(statement), reason));
        }
    }
    let mut nearest: Option<Refusal> = None;
    let mut unnamed = Vec::new();
    let mut other_actions = Vec::new();
    for (index, statement) in statements().filter(|(_, statement)| statement.effect == Effect::Allow) {
        if !named(statement) {
            unnamed.extend(principals(statement));
            continue;
        }
        if !covers_action(statement) {
            other_actions.extend(statement.action.0.clone());
            continue;
        }
        match failed(statement, &context).or_else(|| required_at_sts(statement, issuer)) {
            None => return Ok(()),
            Some((field, problem)) => {
                let reason = format!("{}: {problem}", statement.name(index));
                nearest = Some(match nearest {
                    None => Refusal::new(field, reason),
                    Some(so_far) => Refusal::new(so_far.field, format!("{}; {reason}", so_far.reason)),
                });
            }
        }
    }
    if let Some(refusal) = nearest {
        return Err(refusal);
    }
    if !other_actions.is_empty() {
        let reason = format!("it trusts the provider, but for {}, not {ACTION}", other_actions.join(", "));
        return Err(Refusal::new("action", reason));
    }
    Err(no_principal(&principal_of(issuer, account, partition), &unnamed))
}

fn covers_principal(statement: &TrustStatement, issuer: &str, account: &str, partition: &str) -> bool {
    match (&statement.principal, &statement.not_principal) {
        (Some(those), _) => those.include(issuer, account, partition),
        (None, Some(others)) => !others.include(issuer, account, partition),
        (None, None) => false,
    }
}

/// For a refusal: whom a statement names instead.
fn principals(statement: &TrustStatement) -> Vec<String> {
    let Some(Principals::Named(kinds)) = &statement.principal else { return Vec::new() };
    kinds.values().flat_map(|names| names.0.clone()).collect()
}

fn covers_action(statement: &TrustStatement) -> bool {
    // Actions ignore case.
    let action = ACTION.to_lowercase();
    let names =
        |actions: &OneOrMany<String>| actions.0.iter().any(|a| wildcard_matches(&a.to_lowercase(), &action));
    match statement.action.is_empty() {
        true => !statement.not_action.is_empty() && !names(&statement.not_action),
        false => names(&statement.action),
    }
}

/// The first condition that does not hold: its key, and what is wrong in words.
fn failed(statement: &TrustStatement, context: &Context) -> Option<(String, String)> {
    for (operator, keys) in &statement.condition {
        for (key, policy) in keys {
            // Keys ignore case.
            let presented = context.get(&key.to_lowercase()).map(Vec::as_slice);
            if operator.holds(presented, &policy.0) {
                continue;
            }
            let found = match presented {
                Some(values) => format!("presented {}", quoted(values)),
                None => "the token and the call have no such key".to_owned(),
            };
            let problem = format!("{operator} on {key}: {found}, expected {}", quoted(&policy.0));
            return Some((key.clone(), problem));
        }
    }
    None
}

fn denying_field(statement: &TrustStatement) -> String {
    let key = statement.condition.values().flat_map(|keys| keys.keys()).next();
    key.cloned().unwrap_or_else(|| "principal".to_owned())
}

fn no_principal(own: &str, named: &[String]) -> Refusal {
    let slash = |name: &&String| name.trim_end_matches('/') == own.trim_end_matches('/');
    let reason = match (named, named.iter().find(slash)) {
        ([], _) => format!("no statement names {own}"),
        (_, Some(almost)) => {
            format!("presented {own}, expected {almost}: they differ by the slash at the end")
        }
        (_, None) => format!("presented {own}, expected {}", quoted(named)),
    };
    Refusal::new("principal", reason)
}

fn quoted(values: &[String]) -> String {
    values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(" or ")
}
