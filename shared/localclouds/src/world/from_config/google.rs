//! Google's part of the world: the pool with its providers, service accounts, buckets and grants.

use super::{WorldError, folder, random};
use crate::world::{Bucket, Google, Pool, Provider, ServiceAccount};
use carnet_trust::config::{Config, Principal};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

/// What Google answers as `expires_in`.
const TOKEN_LIFETIME: Duration = Duration::from_secs(3600);

pub(super) fn google(
    config: &Config,
    base: &Path,
    issuer: &str,
    operator: (&str, &Principal),
) -> Result<Google, WorldError> {
    let Some(stated) = &config.google else { return Ok(Google::default()) };
    let grants = config.google_grants();
    let providers = stated.providers.keys().filter_map(|id| {
        Some((id.clone(), Provider { disabled: false, trust: config.google_provider(id, issuer)? }))
    });
    let pool = Pool { disabled: false, providers: providers.collect() };
    let mut service_accounts = BTreeMap::new();
    for (email, users) in grants.service_accounts {
        let mut stated = config.google.iter().flat_map(|google| google.service_accounts.values());
        let stated = stated.find(|account| account.email == email).and_then(|it| it.unique_id.clone());
        let unique_id = stated.map_or_else(unique_id, Ok)?;
        let account = ServiceAccount { unique_id, disabled: false, users };
        service_accounts.insert(email, account);
    }
    let (operator_name, operator) = operator;
    // The operator tries both ways, with a service account and without: what it reads as one, it may
    // read as itself too.
    let as_itself = config.google_member(operator_name);
    let reads: BTreeSet<&str> = config.buckets_of(operator).collect();
    let mut buckets = BTreeMap::new();
    for (name, mut readers) in grants.buckets {
        readers.extend(as_itself.clone().filter(|_| reads.contains(name.as_str())));
        let folder = folder("buckets", &config.local.buckets, &name, base)?;
        buckets.insert(name, Bucket { folder, readers, uniform_access: true });
    }
    let secrets = super::secrets::projects(config, grants.secrets, (operator_name, operator));
    let pools = BTreeMap::from([(stated.pool_name(), pool)]);
    Ok(Google { pools, service_accounts, buckets, secrets, token_lifetime: TOKEN_LIFETIME })
}

/// 21 digits.
fn unique_id() -> Result<String, WorldError> {
    let digits = random::<20>()?.map(|byte| char::from(b'0' + byte % 10));
    Ok(format!("1{}", digits.iter().collect::<String>()))
}
