//! What a session may: its role's policies, and what it was narrowed to when it began.
//!
//! AWS, "Session policies": the intersection of the two. A session that was not narrowed may all its
//! role may.

use crate::world::World;
use carnet_trust::aws::{Decision, Request, evaluate};

pub(crate) fn decide(world: &World, access_key_id: &str, request: &Request) -> Decision {
    let key = world.aws.access_keys.get(access_key_id);
    let role = key.and_then(|key| world.aws.roles.get(&key.role));
    let by_role = evaluate(role.map(|role| role.policies.as_slice()).unwrap_or_default(), request);
    match (by_role, world.aws.session_policies.get(access_key_id)) {
        (Decision::Allowed, Some(policy)) => evaluate(std::slice::from_ref(policy), request),
        (decision, _) => decision,
    }
}
