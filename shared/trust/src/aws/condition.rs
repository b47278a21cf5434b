//! The condition operators of IAM policies, with IAM's semantics.
//!
//! AWS, "IAM JSON policy elements: Condition operators" and "Set operators for multi-valued context
//! keys". What surprises people, and is kept: a key that is missing makes a positive operator false
//! but a negated one, `...IfExists` and `ForAllValues` true; `*` is a wildcard in `StringLike` only;
//! key names ignore case and values do not.

use super::date;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// e.g. `ForAllValues:StringLikeIfExists`
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Operator {
    pub set: Option<SetOperator>,
    pub test: Test,
    pub if_exists: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SetOperator {
    ForAllValues,
    ForAnyValue,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Test {
    StringEquals,
    StringNotEquals,
    StringEqualsIgnoreCase,
    StringNotEqualsIgnoreCase,
    StringLike,
    StringNotLike,
    NumericEquals,
    NumericNotEquals,
    NumericLessThan,
    NumericLessThanEquals,
    NumericGreaterThan,
    NumericGreaterThanEquals,
    DateEquals,
    DateNotEquals,
    DateLessThan,
    DateLessThanEquals,
    DateGreaterThan,
    DateGreaterThanEquals,
    Bool,
    Null,
}

const NAMES: [(&str, Test); 20] = [
    ("StringEquals", Test::StringEquals),
    ("StringNotEquals", Test::StringNotEquals),
    ("StringEqualsIgnoreCase", Test::StringEqualsIgnoreCase),
    ("StringNotEqualsIgnoreCase", Test::StringNotEqualsIgnoreCase),
    ("StringLike", Test::StringLike),
    ("StringNotLike", Test::StringNotLike),
    ("NumericEquals", Test::NumericEquals),
    ("NumericNotEquals", Test::NumericNotEquals),
    ("NumericLessThan", Test::NumericLessThan),
    ("NumericLessThanEquals", Test::NumericLessThanEquals),
    ("NumericGreaterThan", Test::NumericGreaterThan),
    ("NumericGreaterThanEquals", Test::NumericGreaterThanEquals),
    ("DateEquals", Test::DateEquals),
    ("DateNotEquals", Test::DateNotEquals),
    ("DateLessThan", Test::DateLessThan),
    ("DateLessThanEquals", Test::DateLessThanEquals),
    ("DateGreaterThan", Test::DateGreaterThan),
    ("DateGreaterThanEquals", Test::DateGreaterThanEquals),
    ("Bool", Test::Bool),
    ("Null", Test::Null),
];

impl Operator {
    pub const fn plain(test: Test) -> Self {
        Self { set: None, test, if_exists: false }
    }

    pub const fn for_all_values(test: Test) -> Self {
        Self { set: Some(SetOperator::ForAllValues), test, if_exists: false }
    }

    /// Whether the request's values of a key satisfy the policy's. `None`: the key was not in the
    /// request. A key without any value counts as missing.
    pub fn holds(&self, presented: Option<&[String]>, policy: &[String]) -> bool {
        let presented = presented.filter(|values| !values.is_empty());
        if self.test == Test::Null {
            let is_null = presented.is_none().to_string();
            return policy.iter().any(|value| value.eq_ignore_ascii_case(&is_null));
        }
        let Some(presented) = presented else {
            return self.holds_without_a_value();
        };
        let mut each = presented.iter().map(|value| self.test.one_value_passes(value, policy));
        match self.set {
            Some(SetOperator::ForAllValues) => each.all(|passes| passes),
            Some(SetOperator::ForAnyValue) => each.any(|passes| passes),
            // IAM asks for a set operator here. Without one, a single match is enough to pass a
            // positive operator and to fail a negated one.
            None if self.test.is_negated() => each.all(|passes| passes),
            None => each.any(|passes| passes),
        }
    }

    fn holds_without_a_value(&self) -> bool {
        match self.set {
            _ if self.if_exists => true,
            Some(SetOperator::ForAllValues) => true,
            Some(SetOperator::ForAnyValue) => false,
            None => self.test.is_negated(),
        }
    }
}

impl Test {
    fn is_negated(self) -> bool {
        matches!(
            self,
            Test::StringNotEquals
                | Test::StringNotEqualsIgnoreCase
                | Test::StringNotLike
                | Test::NumericNotEquals
                | Test::DateNotEquals
        )
    }

    /// One value of the request against all of the policy's: these are alternatives to a positive
    /// operator, and all forbidden to a negated one.
    fn one_value_passes(self, presented: &str, policy: &[String]) -> bool {
        let mut policy = policy.iter();
        if self.is_negated() {
            policy.all(|value| self.pair_passes(presented, value))
        } else {
            policy.any(|value| self.pair_passes(presented, value))
        }
    }

    fn pair_passes(self, presented: &str, policy: &str) -> bool {
        match self {
            Test::StringEquals => presented == policy,
            Test::StringNotEquals => presented != policy,
            Test::StringEqualsIgnoreCase => presented.to_lowercase() == policy.to_lowercase(),
            Test::StringNotEqualsIgnoreCase => presented.to_lowercase() != policy.to_lowercase(),
            Test::StringLike => wildcard_matches(policy, presented),
            Test::StringNotLike => !wildcard_matches(policy, presented),
            Test::NumericEquals => numbers(presented, policy).is_some_and(|(a, b)| a == b),
            Test::NumericNotEquals => numbers(presented, policy).is_none_or(|(a, b)| a != b),
            Test::NumericLessThan => numbers(presented, policy).is_some_and(|(a, b)| a < b),
            Test::NumericLessThanEquals => numbers(presented, policy).is_some_and(|(a, b)| a <= b),
            Test::NumericGreaterThan => numbers(presented, policy).is_some_and(|(a, b)| a > b),
            Test::NumericGreaterThanEquals => numbers(presented, policy).is_some_and(|(a, b)| a >= b),
            Test::DateEquals => dates(presented, policy).is_some_and(|(a, b)| a == b),
            Test::DateNotEquals => dates(presented, policy).is_none_or(|(a, b)| a != b),
            Test::DateLessThan => dates(presented, policy).is_some_and(|(a, b)| a < b),
            Test::DateLessThanEquals => dates(presented, policy).is_some_and(|(a, b)| a <= b),
            Test::DateGreaterThan => dates(presented, policy).is_some_and(|(a, b)| a > b),
            Test::DateGreaterThanEquals => dates(presented, policy).is_some_and(|(a, b)| a >= b),
            Test::Bool => presented.eq_ignore_ascii_case(policy),
            Test::Null => unreachable!("Operator::holds answers Null before it looks at values"),
        }
    }
}

fn numbers(presented: &str, policy: &str) -> Option<(f64, f64)> {
    Some((presented.trim().parse().ok()?, policy.trim().parse().ok()?))
}

fn dates(presented: &str, policy: &str) -> Option<(f64, f64)> {
    Some((date::seconds(presented)?, date::seconds(policy)?))
}

/// `*` stands for any run of characters, `?` for one.
pub(crate) fn wildcard_matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // Where to go back to: the last star, and how much text it has swallowed.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == text[t]) {
            p += 1;
            t += 1;
        } else if let Some((star_at, swallowed)) = star {
            star = Some((star_at, swallowed + 1));
            p = star_at + 1;
            t = swallowed + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|character| *character == '*')
}

impl FromStr for Operator {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || format!("`{text}` is not a condition operator known here");
        let (set, rest) = match text.split_once(':') {
            Some(("ForAllValues", rest)) => (Some(SetOperator::ForAllValues), rest),
            Some(("ForAnyValue", rest)) => (Some(SetOperator::ForAnyValue), rest),
            Some(_) => return Err(unknown()),
            None => (None, text),
        };
        let (name, if_exists) = match rest.strip_suffix("IfExists") {
            Some(name) => (name, true),
            None => (rest, false),
        };
        let (_, test) = *NAMES.iter().find(|(known, _)| *known == name).ok_or_else(unknown)?;
        if test == Test::Null && (if_exists || set.is_some()) {
            return Err(unknown());
        }
        Ok(Self { set, test, if_exists })
    }
}

impl TryFrom<String> for Operator {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Operator> for String {
    fn from(operator: Operator) -> Self {
        operator.to_string()
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.set {
            Some(SetOperator::ForAllValues) => f.write_str("ForAllValues:")?,
            Some(SetOperator::ForAnyValue) => f.write_str("ForAnyValue:")?,
            None => {}
        }
        let name = NAMES.iter().find(|(_, test)| *test == self.test).map_or("", |(name, _)| name);
        f.write_str(name)?;
        if self.if_exists { f.write_str("IfExists") } else { Ok(()) }
    }
}
