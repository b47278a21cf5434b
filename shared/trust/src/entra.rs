//! Entra's federated identity credentials: which assertion one of them lets in.
//!
//! Microsoft, "Workload identity federation" and "Important considerations and restrictions for
//! federated identity credentials": issuer, subject and audience must equal the token's, case
//! included; no wildcards; at most 20 credentials, fields of at most 600 characters,
//! issuer and subject unique on an identity.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

pub const MAX_CREDENTIALS: usize = 20;
/// Those that `AADSTS5002738` names. The documents speak of RS256 alone, but Cognito signs with RS512, and
/// people have published how they trade its tokens.
const ALGORITHMS: [&str; 3] = ["RS256", "RS384", "RS512"];
pub const MAX_FIELD_CHARACTERS: usize = 600;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FederatedCredential {
    pub name: String,
    pub issuer: String,
    pub subject: String,
    pub audiences: Vec<String>,
}

/// What an assertion says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presented {
    pub issuer: String,
    pub subject: String,
    pub audiences: Vec<String>,
    /// From the token's header.
    pub algorithm: String,
}

/// Why Entra turns an assertion away: its code, and the field people must look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The number in `AADSTSnnn`.
    pub code: u32,
    pub field: &'static str,
    pub presented: String,
    /// What the credentials that came closest hold in that field.
    pub expected: Vec<String>,
}

impl Refusal {
    pub const NO_CREDENTIALS: u32 = 70025;
    pub const ALGORITHM: u32 = 5002738;
    pub const ISSUER: u32 = 700211;
    pub const AUDIENCE: u32 = 700212;
    pub const SUBJECT: u32 = 700213;
    pub const LETTER_CASE: u32 = 7002138;
}

/// The credential that lets the assertion in, or the first field that none of them matches: issuer,
/// then subject, then audience.
pub fn evaluate<'a>(
    credentials: &'a [FederatedCredential],
    presented: &Presented,
) -> Result<&'a FederatedCredential, Refusal> {
    if !ALGORITHMS.contains(&presented.algorithm.as_str()) {
        return Err(Refusal {
            code: Refusal::ALGORITHM,
            field: "algorithm",
            presented: presented.algorithm.clone(),
            expected: ALGORITHMS.map(str::to_owned).into(),
        });
    }
    if credentials.is_empty() {
        return Err(Refusal {
            code: Refusal::NO_CREDENTIALS,
            field: "credential",
            presented: presented.subject.clone(),
            expected: Vec::new(),
        });
    }
    let all: Vec<&FederatedCredential> = credentials.iter().collect();
    let by_issuer = narrow(all, "issuer", Refusal::ISSUER, &presented.issuer, |c| vec![&c.issuer])?;
    let by_subject =
        narrow(by_issuer, "subject", Refusal::SUBJECT, &presented.subject, |c| vec![&c.subject])?;
    let [audience] = presented.audiences.as_slice() else {
        return Err(Refusal {
            code: Refusal::AUDIENCE,
            field: "audience",
            presented: presented.audiences.join(", "),
            expected: by_subject.iter().flat_map(|c| c.audiences.clone()).collect(),
        });
    };
    let by_audience =
        narrow(by_subject, "audience", Refusal::AUDIENCE, audience, |c| c.audiences.iter().collect())?;
    Ok(by_audience[0])
}

/// The candidates that hold `presented` in a field. Never empty when it is `Ok`.
fn narrow<'a>(
    candidates: Vec<&'a FederatedCredential>,
    field: &'static str,
    code: u32,
    presented: &str,
    values: impl Fn(&'a FederatedCredential) -> Vec<&'a String>,
) -> Result<Vec<&'a FederatedCredential>, Refusal> {
    let exact: Vec<_> =
        candidates.iter().copied().filter(|c| values(c).iter().any(|value| *value == presented)).collect();
    if !exact.is_empty() {
        return Ok(exact);
    }
    let expected: Vec<String> = candidates.iter().flat_map(|c| values(c)).cloned().collect();
    let lower = presented.to_lowercase();
    let only_case = expected.iter().any(|value| value.to_lowercase() == lower);
    Err(Refusal {
        code: if only_case { Refusal::LETTER_CASE } else { code },
        field,
        presented: presented.to_owned(),
        expected,
    })
}

/// A limit of Entra's that a set of credentials breaks, or a value that can never match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The credential's name; empty if it is the set as a whole.
    pub credential: String,
    pub field: &'static str,
    pub problem: String,
}

/// Judges the credentials of one identity.
pub fn validate(credentials: &[FederatedCredential]) -> Vec<Fault> {
    let mut faults = Vec::new();
    if credentials.len() > MAX_CREDENTIALS {
        faults.push(Fault {
            credential: String::new(),
            field: "credentials",
            problem: format!("{} on one identity; Entra allows {MAX_CREDENTIALS}", credentials.len()),
        });
    }
    let mut names = BTreeSet::new();
    let mut keys = BTreeSet::new();
    for credential in credentials {
        let mut fault = |field, problem: String| {
            faults.push(Fault { credential: credential.name.clone(), field, problem });
        };
        if !names.insert(&credential.name) {
            fault("name", "another credential of this identity has it".to_owned());
        }
        if !keys.insert((&credential.issuer, &credential.subject)) {
            fault(
                "subject",
                "another credential of this identity has the same issuer and subject".to_owned(),
            );
        }
        if credential.audiences.len() != 1 {
            fault("audiences", format!("{} given; Entra takes exactly one", credential.audiences.len()));
        }
        let audiences = credential.audiences.iter().map(|audience| ("audiences", audience));
        let fields = [("issuer", &credential.issuer), ("subject", &credential.subject)];
        for (field, value) in fields.into_iter().chain(audiences) {
            for problem in value_problems(value) {
                fault(field, problem);
            }
        }
    }
    faults
}

fn value_problems(value: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let characters = value.chars().count();
    if value.is_empty() {
        problems.push("it is empty".to_owned());
    }
    if characters > MAX_FIELD_CHARACTERS {
        problems.push(format!("{characters} characters; Entra allows {MAX_FIELD_CHARACTERS}"));
    }
    if value.trim() != value {
        problems.push("white space around it is compared too, and never matches".to_owned());
    }
    if value.contains('*') {
        problems.push("a wildcard is compared literally, and never matches".to_owned());
    }
    problems
}
