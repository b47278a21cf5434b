//! A request against identity policies.
//!
//! AWS, "Policy evaluation logic": an explicit deny wins, then an allow is needed.

use super::condition::wildcard_matches;
use super::{Effect, OneOrMany, Policy, Statement};
use std::collections::BTreeMap;

/// What a caller asks for, with the context IAM gathers about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// e.g. `sts:GetWebIdentityToken`
    pub action: String,
    pub resource: String,
    /// Condition keys, each with its values. A key that is absent was not in the request.
    pub context: BTreeMap<String, Vec<String>>,
}

impl Request {
    pub fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: resource.into(), context: BTreeMap::new() }
    }

    pub fn with(mut self, key: &str, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.context.insert(key.to_owned(), values.into_iter().map(Into::into).collect());
        self
    }

    fn values(&self, key: &str) -> Option<&[String]> {
        self.context
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(key))
            .map(|(_, values)| values.as_slice())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    Allowed,
    /// The reason names the condition that failed, for people. AWS itself does not say it.
    Denied {
        explicit: bool,
        reason: String,
    },
}

pub fn evaluate(policies: &[Policy], request: &Request) -> Decision {
    let statements = || policies.iter().flat_map(|policy| &policy.statement.0).enumerate();
    for (index, statement) in statements().filter(|(_, statement)| statement.effect == Effect::Deny) {
        if covers(statement, request) && failed_condition(statement, request).is_none() {
            let reason = format!("{} denies it", name(index, statement));
            return Decision::Denied { explicit: true, reason };
        }
    }
    let mut near_misses = Vec::new();
    for (index, statement) in statements().filter(|(_, statement)| statement.effect == Effect::Allow) {
        if !covers(statement, request) {
            continue;
        }
        match failed_condition(statement, request) {
            None => return Decision::Allowed,
            Some(condition) => near_misses.push(format!("{}: {condition}", name(index, statement))),
        }
    }
    let reason = if near_misses.is_empty() {
        format!("no statement allows {} on {}", request.action, request.resource)
    } else {
        near_misses.join("; ")
    };
    Decision::Denied { explicit: false, reason }
}

fn name(index: usize, statement: &Statement) -> String {
    match &statement.sid {
        Some(sid) => format!("statement {sid}"),
        None => format!("statement {}", index + 1),
    }
}

fn covers(statement: &Statement, request: &Request) -> bool {
    // Actions ignore case, resources do not.
    let action = request.action.to_lowercase();
    let names_action =
        |actions: &OneOrMany<String>| actions.0.iter().any(|a| wildcard_matches(&a.to_lowercase(), &action));
    let action_covered = if statement.action.is_empty() {
        !statement.not_action.is_empty() && !names_action(&statement.not_action)
    } else {
        names_action(&statement.action)
    };
    action_covered && statement.resource.0.iter().any(|r| wildcard_matches(r, &request.resource))
}

/// The first condition that does not hold, in words.
fn failed_condition(statement: &Statement, request: &Request) -> Option<String> {
    for (operator, keys) in &statement.condition {
        for (key, policy) in keys {
            let presented = request.values(key);
            if !operator.holds(presented, &policy.0) {
                let presented = presented.map_or("nothing".to_owned(), |values| format!("{values:?}"));
                return Some(format!("{operator} on {key}: presented {presented}, policy {:?}", policy.0));
            }
        }
    }
    None
}
