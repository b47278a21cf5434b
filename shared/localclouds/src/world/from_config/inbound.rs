//! Roles into AWS, the providers they need, the buckets they read.

use super::{WorldError, identifier};
use crate::world::{OidcProvider, Role};
use carnet_trust::config::Config;
use std::collections::BTreeMap;
use std::time::Duration;

pub fn roles(config: &Config) -> Result<Vec<(String, Role)>, WorldError> {
    let role = |(name, stated): (&String, &carnet_trust::config::InboundRole)| {
        let role = Role {
            arn: config.role_arn(name),
            id: identifier("AROA")?,
            policies: vec![stated.read_policy(config.partition())],
            tags: stated.tags.clone(),
            trust: Some(stated.from.trust(&config.aws.account, config.partition())),
            max_session: Duration::from_secs(stated.max_session_seconds.into()),
        };
        Ok((config.role_name(name), role))
    };
    config.roles.iter().map(role).collect()
}

pub fn providers(config: &Config) -> BTreeMap<String, OidcProvider> {
    let providers = config.oidc_providers().into_iter();
    providers.map(|(host, client_ids)| (host, OidcProvider { client_ids })).collect()
}

pub fn buckets(config: &Config) -> impl Iterator<Item = String> {
    let reads = config.roles.values().flat_map(|role| &role.reads);
    reads.map(|place| place.bucket.clone()).collect::<Vec<_>>().into_iter()
}
