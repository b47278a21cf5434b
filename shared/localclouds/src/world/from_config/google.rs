//! Google's part of the world: the pool with its providers, service accounts, buckets and grants.

use super::{WorldError, folder, random};
use crate::world::{Bucket, Google, Pool, Provider, ServiceAccount};
use carnet_trust::config::{Config, Principal, ProviderKind};
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
        let account = ServiceAccount { unique_id: unique_id()?, disabled: false, users };
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
    let pools = BTreeMap::from([(stated.pool_name(), pool)]);
    Ok(Google { pools, service_accounts, buckets, token_lifetime: TOKEN_LIFETIME })
}

/// 21 digits.
fn unique_id() -> Result<String, WorldError> {
    let digits = random::<20>()?.map(|byte| char::from(b'0' + byte % 10));
    Ok(format!("1{}", digits.iter().collect::<String>()))
}

/// What a principal names as its audience at the security token service.
pub(super) fn audience(config: &Config, principal: &Principal) -> Option<String> {
    Some(config.google.as_ref()?.audience(principal.google_provider.as_ref()?))
}

pub(super) fn service_account(config: &Config, principal: &Principal) -> Option<String> {
    let account = config.google.as_ref()?.service_accounts.get(principal.google_service_account.as_ref()?)?;
    Some(account.email.clone())
}

/// The first audience that the provider allows in place of its name.
fn token_audience(config: &Config, principal: &Principal) -> Option<String> {
    let provider = config.google.as_ref()?.providers.get(principal.google_provider.as_ref()?)?;
    provider.allowed_audiences.first().cloned()
}

pub(super) fn environment(config: &Config, principal: &Principal) -> BTreeMap<String, String> {
    let kind = config
        .google
        .as_ref()
        .and_then(|google| Some(google.providers.get(principal.google_provider.as_ref()?)?.kind));
    let token_type = kind.map(|kind| match kind {
        ProviderKind::Oidc => "jwt".to_owned(),
        ProviderKind::Aws => "aws4_request".to_owned(),
    });
    [
        ("CARNET_GOOGLE_AUDIENCE", audience(config, principal)),
        ("CARNET_GOOGLE_TOKEN_AUDIENCE", token_audience(config, principal)),
        ("CARNET_GOOGLE_SUBJECT_TOKEN_TYPE", token_type),
        ("CARNET_GOOGLE_SERVICE_ACCOUNT", service_account(config, principal)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
    .collect()
}
