//! Which managed identity is meant, and its token.

use crate::entra::access::{self, Asked, Granted, Proof};
use crate::entra::answers::Answer;
use crate::local::Handle;
use crate::world::workloads::AzureHost;
use std::collections::BTreeMap;
use std::time::Duration;

/// Managed identities' tokens live for a day ("Use managed identities on a virtual machine to acquire
/// access token").
const LIFETIME: Duration = Duration::from_secs(86_399);

pub(super) type Query = BTreeMap<String, String>;

pub(super) fn get<'q>(query: &'q Query, name: &str) -> Option<&'q str> {
    query.get(name).map(String::as_str).filter(|value| !value.is_empty())
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub client_id: String,
    /// What the token says of it as `xms_mirid`.
    resource_id: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoIdentity {
    /// The resource has none, or none like this.
    NotFound,
    /// None was named, and there is more than one to choose from.
    Several,
}

/// The one that is named by client, object or resource id; else the resource's own; else the only one.
pub(super) fn choose(handle: &Handle, host: &AzureHost, query: &Query) -> Result<Identity, NoIdentity> {
    let named = |names: &[&str]| names.iter().find_map(|name| get(query, name));
    let client_id = named(&["client_id"]);
    let object_id = named(&["object_id", "principal_id"]);
    let resource_id = named(&["msi_res_id", "mi_res_id"]);
    let own = host.system_assigned.iter().map(|client_id| (client_id, &host.resource_id));
    let assigned = host.user_assigned.iter().map(|(resource_id, client_id)| (client_id, resource_id));
    let world = handle.world();
    let object_of = |id: &str| world.entra.applications.get(id).map(|known| known.object_id.as_str());
    let same = |wanted: Option<&str>, has: Option<&str>| {
        wanted.is_none_or(|wanted| has.is_some_and(|has| has.eq_ignore_ascii_case(wanted)))
    };
    let is_named = client_id.is_some() || object_id.is_some() || resource_id.is_some();
    if !is_named && host.system_assigned.is_none() && host.user_assigned.len() > 1 {
        return Err(NoIdentity::Several);
    }
    let mut fitting = own.chain(assigned).filter(|(client, resource)| {
        same(client_id, Some(client))
            && same(object_id, object_of(client))
            && same(resource_id, Some(resource))
    });
    let (client_id, resource_id) = fitting.next().ok_or(NoIdentity::NotFound)?;
    Ok(Identity { client_id: client_id.clone(), resource_id: resource_id.clone() })
}

/// `Ok(None)`: Entra does not know the identity any more.
pub(super) fn token(handle: &Handle, identity: &Identity, resource: &str) -> Result<Option<Granted>, Answer> {
    let application = handle.world().entra.applications.get(&identity.client_id).cloned();
    let Some(application) = application else { return Ok(None) };
    let asked = Asked {
        client_id: &identity.client_id,
        application: &application,
        proof: Proof::Assertion,
        resource,
        lifetime: LIFETIME,
        managed: Some(&identity.resource_id),
    };
    access::issue(handle, &asked).map(Some)
}
