//! Which identity is meant, found or made.

use super::Asked;
use super::answers::{self, Fault};
use crate::local::Handle;
use crate::world::workloads::{IdentityPool, PoolIdentity};
use std::collections::BTreeMap;
use uuid::Uuid;

/// An identity of a pool.
pub(super) struct Found {
    pub pool_id: String,
    pub identity_id: String,
    logins: BTreeMap<String, String>,
}

impl Found {
    /// The token's `amr`: whether anybody vouched for it, and who.
    pub fn methods(&self) -> Vec<String> {
        if self.logins.is_empty() {
            return vec!["unauthenticated".to_owned()];
        }
        let mut methods = vec!["authenticated".to_owned()];
        for (provider, user) in &self.logins {
            methods.push(provider.clone());
            methods.push(format!("{provider}:{}:{user}", self.pool_id));
        }
        methods
    }
}

/// A new identity that nobody vouches for.
pub(super) fn of_nobody(handle: &Handle, asked: &Asked) -> Result<Found, Fault> {
    let pool_id = asked.identity_pool_id.as_deref().ok_or_else(|| answers::missing("identityPoolId"))?;
    check_id(pool_id, "identityPoolId")?;
    let mut world = handle.world_mut();
    let region = world.aws.region.clone();
    let pool = world.workloads.identity_pools.get_mut(pool_id).ok_or_else(|| answers::no_pool(pool_id))?;
    if !asked.logins.is_empty() {
        return Err(answers::provider());
    }
    if !pool.allows_unauthenticated {
        return Err(answers::unauthenticated());
    }
    Ok(make(pool, pool_id, &region, BTreeMap::new()))
}

/// One that exists, for whoever may have a token for it without a developer's word.
pub(super) fn existing(handle: &Handle, asked: &Asked) -> Result<Found, Fault> {
    let id = asked.identity_id.as_deref().ok_or_else(|| answers::missing("identityId"))?;
    check_id(id, "identityId")?;
    let world = handle.world();
    let mut pools = world.workloads.identity_pools.iter();
    let (pool_id, pool) =
        pools.find(|(_, pool)| pool.identities.contains_key(id)).ok_or_else(|| answers::no_identity(id))?;
    if !asked.logins.is_empty() {
        return Err(answers::provider());
    }
    let is_free = pool.identities.get(id).is_some_and(|identity| identity.logins.is_empty());
    if !is_free {
        return Err(answers::forbidden(id));
    }
    if !pool.allows_unauthenticated {
        return Err(answers::unauthenticated());
    }
    Ok(Found { pool_id: pool_id.clone(), identity_id: id.to_owned(), logins: BTreeMap::new() })
}

/// The identity of a user that the developer's backend vouches for: the one it has, or a new one.
pub(super) fn of_developer(handle: &Handle, pool_id: &str, asked: &Asked) -> Result<Found, Fault> {
    check_id(pool_id, "identityPoolId")?;
    let mut world = handle.world_mut();
    let region = world.aws.region.clone();
    let pool = world.workloads.identity_pools.get_mut(pool_id).ok_or_else(|| answers::no_pool(pool_id))?;
    let mut logins = asked.logins.iter();
    let (Some((provider, user)), None) = (logins.next(), logins.next()) else {
        return Err(answers::one_login());
    };
    if pool.developer_provider.as_ref() != Some(provider) || user.is_empty() {
        return Err(answers::developer_provider(provider));
    }
    let login = BTreeMap::from([(provider.clone(), user.clone())]);
    let owner = pool.identities.iter().find(|(_, identity)| identity.logins.get(provider) == Some(user));
    let owner = owner.map(|(id, _)| id.clone());
    match (asked.identity_id.as_deref(), owner) {
        (None, None) => Ok(make(pool, pool_id, &region, login)),
        (None, Some(id)) => Ok(Found { pool_id: pool_id.to_owned(), identity_id: id, logins: login }),
        (Some(asked), Some(id)) if asked != id => Err(answers::registered(user)),
        (Some(id), _) => {
            let identity = pool.identities.get_mut(id).ok_or_else(|| answers::no_identity(id))?;
            identity.logins.extend(login);
            let logins = identity.logins.clone();
            Ok(Found { pool_id: pool_id.to_owned(), identity_id: id.to_owned(), logins })
        }
    }
}

fn make(pool: &mut IdentityPool, pool_id: &str, region: &str, logins: BTreeMap<String, String>) -> Found {
    let identity_id = format!("{region}:{}", Uuid::new_v4());
    pool.identities.insert(identity_id.clone(), PoolIdentity { logins: logins.clone() });
    Found { pool_id: pool_id.to_owned(), identity_id, logins }
}

/// `[\w-]+:[0-9a-f-]+`, at most 55 characters.
fn check_id(id: &str, field: &str) -> Result<(), Fault> {
    let fits = id.split_once(':').is_some_and(|(region, guid)| {
        let of_region = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        let of_guid = |letter: char| matches!(letter, '0'..='9' | 'a'..='f' | '-');
        !region.is_empty() && !guid.is_empty() && region.chars().all(of_region) && guid.chars().all(of_guid)
    });
    if fits && id.len() <= 55 { Ok(()) } else { Err(answers::invalid_id(id, field)) }
}
