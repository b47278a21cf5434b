//! What follows from a [`Config`]: nothing here is stated a second time anywhere.
//!
//! | module | what follows |
//! |---|---|
//! | this one | role names and ARNs, the policy that lets a role mint |
//! | [`deployment`] | stages: the same functions, deployed several times |
//! | [`azure`] | federated credentials, role assignments |
//! | [`environment`] | the variables a program is told its ways by |
//! | [`roles`] | roles into AWS: their trust, what they may, the providers they need |
//! | [`google`] | providers, the identity each principal becomes, grants |
//! | [`secrets`] | who reads which secret |

pub mod azure;
pub mod deployment;
pub mod environment;
pub mod google;
pub mod roles;
pub mod secrets;

pub use deployment::{Deployment, only_stage, provider_of_account};

use crate::aws::condition::Test;
use crate::aws::{Effect, OneOrMany, Operator, Policy, Statement, Values};
use crate::config::{Config, Principal};
use std::collections::BTreeMap;

/// AWS, "IAM and AWS STS quotas": role names.
pub const MAX_ROLE_NAME: usize = 64;
/// How long a proof may live: it is traded at once.
pub const PROOF_SECONDS: u64 = 300;

/// `<stack>-<region>-<name>`: fixed, because the far side's trust names it.
pub fn role_name(stack: &str, region: &str, principal: &str) -> String {
    format!("{stack}-{region}-{principal}")
}

pub fn partition(region: &str) -> &'static str {
    match region {
        region if region.starts_with("us-gov-") => "aws-us-gov",
        region if region.starts_with("cn-") => "aws-cn",
        _ => "aws",
    }
}

impl Config {
    /// Functions, then instances.
    pub fn principals(&self) -> impl Iterator<Item = (&String, &Principal)> {
        self.functions.iter().chain(&self.instances)
    }

    pub fn role_name(&self, principal: &str) -> String {
        role_name(&self.aws.stack, &self.aws.region, principal)
    }

    pub fn role_arn(&self, principal: &str) -> String {
        format!("arn:{}:iam::{}:role/{}", self.partition(), self.aws.account, self.role_name(principal))
    }

    /// As the template names it: `<stack>-<function>`.
    pub fn function_name(&self, function: &str) -> String {
        format!("{}-{function}", self.aws.stack)
    }

    pub fn function_arn(&self, function: &str) -> String {
        let (partition, region, account) = (self.partition(), &self.aws.region, &self.aws.account);
        format!("arn:{partition}:lambda:{region}:{account}:function:{function}")
    }

    pub fn partition(&self) -> &'static str {
        partition(&self.aws.region)
    }

    /// The audiences a principal mints outbound tokens for: those of its ways that take one.
    pub fn proof_audiences(&self, principal: &Principal) -> Vec<String> {
        let azure = self.azure.as_ref().filter(|_| principal.azure_identity.is_some());
        let azure = azure.map(|azure| azure.cloud.exchange_audience().to_owned());
        azure.into_iter().chain(self.google_proof_audience(principal)).collect()
    }

    /// The least a principal needs to mint its proofs; `None` if it needs no outbound token.
    ///
    /// `ForAllValues` alone lets a request without an audience pass, hence the `Null`; `ForAnyValue`
    /// would let one good audience carry a bad one along.
    pub fn mint_policy(&self, principal: &Principal) -> Option<Policy> {
        let audiences = self.proof_audiences(principal);
        if audiences.is_empty() {
            return None;
        }
        let audience = "sts:IdentityTokenAudience".to_owned();
        let key = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), Values::one(value))]);
        let condition = BTreeMap::from([
            (
                Operator::for_all_values(Test::StringEquals),
                BTreeMap::from([(audience.clone(), Values::of(audiences))]),
            ),
            (Operator::plain(Test::Null), BTreeMap::from([(audience, Values::one("false"))])),
            (
                Operator::plain(Test::NumericLessThanEquals),
                key("sts:DurationSeconds", &PROOF_SECONDS.to_string()),
            ),
            (Operator::plain(Test::StringEquals), key("sts:SigningAlgorithm", "RS256")),
        ]);
        Some(Policy::new(vec![Statement {
            sid: Some("MintProofs".to_owned()),
            effect: Effect::Allow,
            action: OneOrMany(vec!["sts:GetWebIdentityToken".to_owned()]),
            not_action: OneOrMany::default(),
            resource: OneOrMany(vec!["*".to_owned()]),
            condition,
        }]))
    }
}
