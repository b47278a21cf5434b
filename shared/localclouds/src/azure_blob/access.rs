//! Who may do what: the bearer token, the firewall, the data role.

use super::error::BlobError;
use super::request::Call;
use crate::entra::{BearerFault, Caller, check_bearer};
use crate::local::Handle;
use http::header;
use http::request::Parts;
use std::path::PathBuf;

/// The first version that takes Entra's tokens.
const FIRST_BEARER_VERSION: &str = "2017-11-09";

/// The container a call is allowed on.
pub(crate) struct Place {
    pub container: String,
    pub folder: PathBuf,
    pub hierarchical: bool,
    /// `https://127.0.0.1:PORT/account/`
    pub service_endpoint: String,
}

pub(crate) fn authenticate(handle: &Handle, parts: &Parts) -> Result<Caller, BlobError> {
    let authorization = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if authorization.is_some() {
        check_version(parts)?;
    }
    let account = parts.uri.path().trim_start_matches('/').split('/').next().unwrap_or_default();
    let own = format!("https://{account}.blob.core.windows.net");
    let audiences = ["https://storage.azure.com", own.as_str()];
    check_bearer(handle, authorization, &audiences).map_err(|fault| refusal(handle, fault))
}

/// Bearer tokens need a version of the service that knows them.
fn check_version(parts: &Parts) -> Result<(), BlobError> {
    let too_old = || {
        BlobError::authentication_failed().detail(
            "AuthenticationErrorDetail",
            "Authentication scheme Bearer is not supported in this version.",
        )
    };
    let Some(version) = parts.headers.get("x-ms-version") else {
        return Err(too_old());
    };
    let text = version.to_str().unwrap_or_default();
    let date = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    match date {
        false => Err(BlobError::invalid_header("x-ms-version", text)),
        true if text < FIRST_BEARER_VERSION => Err(too_old()),
        true => Ok(()),
    }
}

fn refusal(handle: &Handle, fault: BearerFault) -> BlobError {
    let challenge = |error: BlobError| error.header(header::WWW_AUTHENTICATE, challenge(handle));
    let invalid =
        |why| challenge(BlobError::invalid_authentication().detail("AuthenticationErrorDetail", why));
    match fault {
        BearerFault::Missing => challenge(BlobError::no_authentication()),
        BearerFault::Malformed => BlobError::malformed_authentication(),
        BearerFault::Audience => invalid("Audience validation failed. Audience did not match."),
        BearerFault::Issuer => invalid("Issuer validation failed. Issuer did not match."),
        BearerFault::Signature => invalid("Signature validation failed. Signature verification failed."),
        BearerFault::Expired => invalid("Lifetime validation failed. The token is expired."),
        BearerFault::NotYetValid => invalid("Lifetime validation failed. The token is not yet valid."),
    }
}

/// As Azure asks for a token: the tenant's authority and the resource.
fn challenge(handle: &Handle) -> String {
    let tenant = handle.world().entra.tenant_id.clone();
    let authority = handle.endpoints.get().map(|all| all.entra_authority.clone()).unwrap_or_default();
    format!(
        "Bearer authorization_uri={authority}/{tenant}/oauth2/authorize resource_id=https://storage.azure.com"
    )
}

pub(crate) fn authorize(handle: &Handle, caller: &Caller, call: &Call) -> Result<Place, BlobError> {
    let world = handle.world();
    let account = world.azure.accounts.get(&call.account).ok_or_else(BlobError::resource_not_found)?;
    if account.firewalled {
        return Err(BlobError::authorization_failure());
    }
    let Some(container) = account.containers.get(&call.container) else {
        // Who may read nothing learns nothing about what exists.
        let known = account.containers.values().any(|it| it.readers.contains(&caller.object_id));
        return Err(match known && !call.container.is_empty() {
            true => BlobError::container_not_found(),
            false => BlobError::permission_mismatch(),
        });
    };
    if !container.readers.contains(&caller.object_id) {
        return Err(BlobError::permission_mismatch());
    }
    let base = handle.endpoints.get().map(|all| all.azure_blob.as_str()).unwrap_or_default();
    Ok(Place {
        container: call.container.clone(),
        folder: container.folder.clone(),
        hierarchical: account.hierarchical_namespace,
        service_endpoint: format!("{base}/{}/", call.account),
    })
}
