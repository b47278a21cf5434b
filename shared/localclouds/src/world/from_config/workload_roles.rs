//! A role for each workload, so that its proof buys something at AWS too: one issuer and one subject a
//! role, as AWS advises. They may do in the local buckets what the operator may.

use super::workloads::foreigners;
use super::{WorldError, bucket_policy, identifier};
use crate::names::GOOGLE;
use crate::workloads::cognito;
use crate::world::{OidcProvider, Role, World};
use carnet_trust::aws::role_trust::{ACTION, RoleTrust, issuer_host, provider_arn};
use carnet_trust::config::Config;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const AUDIENCE: &str = "sts.amazonaws.com";

/// What the role of a workload is called.
pub(crate) fn role_name(workload: &str) -> String {
    format!("carnet-local-{workload}")
}

/// Whom a role trusts.
struct Trusted {
    principal: String,
    /// Condition operator to key to value.
    conditions: BTreeMap<&'static str, Map<String, Value>>,
}

impl Trusted {
    /// All keys must equal their values.
    fn new(principal: String, equal: Vec<(String, Value)>) -> Self {
        Self { principal, conditions: BTreeMap::from([("StringEquals", equal.into_iter().collect())]) }
    }

    fn policy(self) -> Option<RoleTrust> {
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": { "Federated": self.principal }, "Action": ACTION,
            "Condition": self.conditions,
        }] });
        // Always `Some`: it has a trust policy's elements and no other.
        serde_json::from_value(policy).ok()
    }
}

pub(super) fn add(world: &mut World, config: &Config) -> Result<(), WorldError> {
    let account = world.aws.account.clone();
    let operator = world.aws.access_keys.get(&world.operator).map(|key| key.role.clone());
    let operators = operator.and_then(|role| world.aws.roles.get(&role)).map(|role| role.arn.clone());
    let partition = operators.as_deref().and_then(|arn| arn.split(':').nth(1)).unwrap_or("aws").to_owned();
    let mut trusted: Vec<(String, Trusted)> = Vec::new();
    for (name, issuer, subject) in foreigners(world) {
        trusted.push(if issuer == GOOGLE {
            (name, google(&subject))
        } else {
            believe(world, &issuer, AUDIENCE);
            (name, of_issuer(&issuer, &account, &partition, AUDIENCE, subject.into()))
        });
    }
    trusted.push(("cognito".to_owned(), of_cognito(world)));
    if let Some(app_id_uri) = world.workloads.app_id_uri.clone() {
        let issuer = format!("https://sts.windows.net/{}/", world.entra.tenant_id);
        believe(world, &issuer, &app_id_uri);
        let subjects: Vec<&String> = world.entra.applications.values().map(|it| &it.object_id).collect();
        let azure = of_issuer(&issuer, &account, &partition, &app_id_uri, json!(subjects));
        trusted.push(("azure".to_owned(), azure));
    }
    for (workload, trusted) in trusted {
        let name = role_name(&workload);
        let role = Role {
            arn: format!("arn:{partition}:iam::{account}:role/{name}"),
            id: identifier("AROA")?,
            policies: bucket_policy(&config.local.s3_buckets).into_iter().collect(),
            tags: BTreeMap::new(),
            trust: trusted.policy(),
            max_session: Role::MAX_SESSION,
        };
        world.aws.roles.insert(name, role);
    }
    Ok(())
}

/// The account knows the issuer, and takes this audience of it too.
fn believe(world: &mut World, issuer: &str, audience: &str) {
    let host = issuer_host(issuer).to_owned();
    let provider = world.aws.oidc_providers.entry(host);
    let provider = provider.or_insert_with(|| OidcProvider { client_ids: Default::default() });
    provider.client_ids.insert(audience.to_owned());
}

fn of_issuer(issuer: &str, account: &str, partition: &str, audience: &str, subject: Value) -> Trusted {
    let host = issuer_host(issuer);
    let equal = vec![(format!("{host}:aud"), audience.into()), (format!("{host}:sub"), subject)];
    Trusted::new(provider_arn(issuer, account, partition), equal)
}

/// To AWS `aud` is Google's `azp`, and the real audience `oaud`.
fn google(subject: &str) -> Trusted {
    let host = issuer_host(GOOGLE);
    let equal = vec![
        (format!("{host}:aud"), subject.into()),
        (format!("{host}:oaud"), AUDIENCE.into()),
        (format!("{host}:sub"), subject.into()),
    ];
    Trusted::new(host.to_owned(), equal)
}

fn of_cognito(world: &World) -> Trusted {
    let (host, developer) = (issuer_host(cognito::ISSUER), &world.workloads.developer);
    let equal = vec![
        (format!("{host}:aud"), developer.identity_pool_id.as_str().into()),
        (format!("{host}:sub"), developer.identity_id.as_str().into()),
    ];
    let mut trusted = Trusted::new(host.to_owned(), equal);
    let methods = Map::from_iter([(format!("{host}:amr"), "authenticated".into())]);
    trusted.conditions.insert("ForAnyValue:StringLike", methods);
    trusted
}
