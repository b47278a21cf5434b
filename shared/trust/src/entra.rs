//! Entra's federated identity credentials.

use serde::{Deserialize, Serialize};

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
    pub algorithm: String,
}

/// Why Entra turns an assertion away: its code, and the field people must look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: u32,
    pub field: &'static str,
    pub presented: String,
    pub expected: Vec<String>,
}

pub fn evaluate<'a>(
    credentials: &'a [FederatedCredential],
    _presented: &Presented,
) -> Result<&'a FederatedCredential, Refusal> {
    credentials.first().ok_or(Refusal {
        code: 70025,
        field: "credential",
        presented: String::new(),
        expected: Vec::new(),
    })
}

/// A limit of Entra's that a set of credentials breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub credential: String,
    pub field: &'static str,
    pub problem: String,
}

pub fn validate(_credentials: &[FederatedCredential]) -> Vec<Fault> {
    Vec::new()
}
