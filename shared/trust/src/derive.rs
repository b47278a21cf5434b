//! What follows from a [`Config`]: nothing here is stated a second time anywhere.

use crate::aws::condition::Test;
use crate::aws::{Effect, OneOrMany, Operator, Policy, Statement, Values};
use crate::config::{AzureCloud, Config, Principal};
use crate::entra::FederatedCredential;
use std::collections::{BTreeMap, BTreeSet};

/// AWS, "IAM and AWS STS quotas": role names.
pub const MAX_ROLE_NAME: usize = 64;
/// How long a proof may live: it is traded at once.
pub const PROOF_SECONDS: u64 = 300;

impl AzureCloud {
    /// As it is written in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            AzureCloud::Public => "public",
            AzureCloud::UsGovernment => "usgovernment",
            AzureCloud::China => "china",
        }
    }

    /// Microsoft, "Workload identity federation": the audience of each national cloud.
    pub fn exchange_audience(self) -> &'static str {
        match self {
            AzureCloud::Public => "api://AzureADTokenExchange",
            AzureCloud::UsGovernment => "api://AzureADTokenExchangeUSGov",
            AzureCloud::China => "api://AzureADTokenExchangeChina",
        }
    }
}

impl Config {
    /// Functions, then instances.
    pub fn principals(&self) -> impl Iterator<Item = (&String, &Principal)> {
        self.functions.iter().chain(&self.instances)
    }

    /// `<stack>-<region>-<name>`: fixed, because the far side's trust names it.
    pub fn role_name(&self, principal: &str) -> String {
        format!("{}-{}-{principal}", self.aws.stack, self.aws.region)
    }

    pub fn role_arn(&self, principal: &str) -> String {
        format!("arn:{}:iam::{}:role/{}", self.partition(), self.aws.account, self.role_name(principal))
    }

    pub fn function_arn(&self, function: &str) -> String {
        let (partition, region, account) = (self.partition(), &self.aws.region, &self.aws.account);
        format!("arn:{partition}:lambda:{region}:{account}:function:{function}")
    }

    pub fn partition(&self) -> &'static str {
        match self.aws.region.as_str() {
            region if region.starts_with("us-gov-") => "aws-us-gov",
            region if region.starts_with("cn-") => "aws-cn",
            _ => "aws",
        }
    }

    /// By identity name. `issuer` is the account's: the configured one, or a stand-in's.
    pub fn federated_credentials(&self, issuer: &str) -> BTreeMap<String, Vec<FederatedCredential>> {
        let mut credentials: BTreeMap<String, Vec<FederatedCredential>> =
            self.azure.identities.keys().map(|name| (name.clone(), Vec::new())).collect();
        for (name, principal) in self.principals() {
            let Some(identity) = &principal.azure_identity else { continue };
            credentials.entry(identity.clone()).or_default().push(FederatedCredential {
                name: self.role_name(name),
                issuer: issuer.to_owned(),
                subject: self.role_arn(name),
                audiences: vec![self.azure.cloud.exchange_audience().to_owned()],
            });
        }
        credentials
    }

    /// The least a principal needs to mint a proof for the configured Azure cloud.
    ///
    /// `ForAllValues` alone lets a request without an audience pass, hence the `Null`; `ForAnyValue`
    /// would let one good audience carry a bad one along.
    pub fn mint_policy(&self) -> Policy {
        let audience = "sts:IdentityTokenAudience".to_owned();
        let key = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), Values::one(value))]);
        let condition = BTreeMap::from([
            (
                Operator::for_all_values(Test::StringEquals),
                BTreeMap::from([(audience.clone(), Values::one(self.azure.cloud.exchange_audience()))]),
            ),
            (Operator::plain(Test::Null), BTreeMap::from([(audience, Values::one("false"))])),
            (
                Operator::plain(Test::NumericLessThanEquals),
                key("sts:DurationSeconds", &PROOF_SECONDS.to_string()),
            ),
            (Operator::plain(Test::StringEquals), key("sts:SigningAlgorithm", "RS256")),
        ]);
        Policy::new(vec![Statement {
            sid: Some("MintProofsForAzure".to_owned()),
            effect: Effect::Allow,
            action: OneOrMany(vec!["sts:GetWebIdentityToken".to_owned()]),
            not_action: OneOrMany::default(),
            resource: OneOrMany(vec!["*".to_owned()]),
            condition,
        }])
    }

    /// `(account, container)` to the names of the identities that read it.
    pub fn readers(&self) -> BTreeMap<(String, String), BTreeSet<String>> {
        let mut readers: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        for place in self.places.values() {
            readers.entry((place.account.clone(), place.container.clone())).or_default();
        }
        for (_, principal) in self.principals() {
            let places = principal.reads.iter().filter_map(|name| self.places.get(name));
            for (place, identity) in places.zip(std::iter::repeat(&principal.azure_identity)) {
                if let Some(identity) = identity {
                    let key = (place.account.clone(), place.container.clone());
                    readers.entry(key).or_default().insert(identity.clone());
                }
            }
        }
        readers
    }
}
