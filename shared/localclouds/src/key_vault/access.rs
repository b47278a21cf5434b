//! Who may do what: the challenge, the bearer token, the firewall, the role.

use super::Call;
use super::error::VaultError;
use crate::entra::{BearerFault, Caller, check_bearer};
use crate::local::Handle;
use crate::world::Vault;
use http::header;
use http::request::Parts;

const RESOURCE: &str = "https://vault.azure.net";

/// What a role allows; "Azure built-in roles for Security", Key Vault Secrets User.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    GetSecret,
    ReadMetadata,
}

impl Action {
    pub(super) fn name(self) -> &'static str {
        match self {
            Action::GetSecret => "Microsoft.KeyVault/vaults/secrets/getSecret/action",
            Action::ReadMetadata => "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
        }
    }
}

pub(super) fn authenticate(handle: &Handle, parts: &Parts) -> Result<Caller, VaultError> {
    let authorization = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    check_bearer(handle, authorization, &[RESOURCE]).map_err(|fault| {
        let error = match fault {
            BearerFault::Missing => VaultError::no_token(),
            BearerFault::Audience => VaultError::audience(RESOURCE),
            _ => VaultError::invalid_token(),
        };
        error.challenge(challenge(handle))
    })
}

/// "Authentication, requests, and responses" (Key Vault): where a token is had, and for what.
fn challenge(handle: &Handle) -> String {
    let tenant = handle.world().entra.tenant_id.clone();
    let authority = handle.endpoints.get().map(|all| all.entra_authority.clone()).unwrap_or_default();
    format!("Bearer authorization=\"{authority}/{tenant}\", resource=\"{RESOURCE}\"")
}

pub(super) fn authorize(
    vault: &Vault,
    call: &Call,
    caller: &Caller,
    action: Action,
) -> Result<(), VaultError> {
    if vault.firewalled {
        return Err(VaultError::firewall(caller, &call.vault));
    }
    let on_secret = vault.users_of.get(&call.secret).is_some_and(|users| users.contains(&caller.object_id));
    match on_secret || vault.users.contains(&caller.object_id) {
        true => Ok(()),
        false => Err(VaultError::denied(caller, action, &call.vault, &call.secret)),
    }
}
