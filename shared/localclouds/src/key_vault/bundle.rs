//! A secret as its JSON: `SecretBundle`, and `SecretItem` without the value.

use super::Call;
use crate::world::VaultVersion;
use serde_json::{Value, json};
use std::time::SystemTime;

pub(super) fn without_value(call: &Call, version: &VaultVersion) -> Value {
    let seconds = |at: SystemTime| at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let created = seconds(version.created);
    let mut attributes = json!({
        "enabled": version.enabled,
        "created": created,
        "updated": created,
        "recoveryLevel": "Recoverable+Purgeable",
        "recoverableDays": 90,
    });
    for (name, at) in [("nbf", version.not_before), ("exp", version.expires)] {
        if let Some(at) = at {
            attributes[name] = seconds(at).into();
        }
    }
    let mut item = json!({
        "id": format!("{}/secrets/{}/{}", call.base, call.secret, version.id),
        "attributes": attributes,
        "tags": {},
    });
    if let Some(content_type) = &version.content_type {
        item["contentType"] = content_type.as_str().into();
    }
    item
}

pub(super) fn with_value(call: &Call, version: &VaultVersion) -> Value {
    let mut bundle = without_value(call, version);
    bundle["value"] = version.value.as_str().into();
    bundle
}
