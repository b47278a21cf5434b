//! The ways from this process to the clouds, built from the environment.

use crate::location::Location;
use carnet_federation::config::{self, Env, Faults};
use carnet_federation::{Mints, Result, SecretStore};
use carnet_objects::{ObjectSource, way};
use carnet_secrets::StoredSecrets;
use std::sync::Arc;

/// Settings of one side beside the mint that the environment names; every fault of both in one error.
pub fn with_mints<T>(env: &Env, read: impl FnOnce(&mut Faults) -> Option<T>) -> Result<(T, Mints)> {
    config::gather(|faults| {
        let settings = read(faults);
        let mints = Mints::read(env, faults);
        Some((settings?, mints?.with_secrets(stored_secrets(env))))
    })
}

/// Where an app registration's client secret may lie.
pub fn stored_secrets(env: &Env) -> Arc<dyn SecretStore> {
    Arc::new(StoredSecrets::new(env))
}

/// A container or bucket that can be read.
pub async fn store(env: &Env, location: &Location) -> Result<Arc<dyn ObjectSource>> {
    Ok(way::way_with_secrets(env, &location.store, stored_secrets(env)).await?.objects)
}
