//! The reading half of Azure Key Vault's secrets: `/secrets/{name}[/{version}]` and its versions, below the
//! vault's name as the first piece of the path (`https://127.0.0.1:PORT/{vault}`) or of the host
//! (`https://{vault}.vault.example`).
//!
//! | module | what happens there |
//! |---|---|
//! | this one | the address, the operations |
//! | [`access`] | challenge, bearer token, firewall, role |
//! | [`error`] | Key Vault's codes and words |
//! | [`bundle`] | a secret as its JSON |
//!
//! Only what a Key Vault Secrets User may do is here.

mod access;
mod bundle;
mod error;

use crate::local::Handle;
use crate::world::{Vault, VaultVersion};
use access::Action;
use axum::body::Body;
use axum::response::IntoResponse as _;
use axum::{Json, Router};
use error::VaultError;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, header};
use serde_json::Value;

/// The most that "Get Secret Versions" gives in a page.
const PAGE: usize = 25;

/// Faults of [`crate::faults::Hop::KeyVault`] are wrapped around it by the caller.
pub fn router(handle: Handle) -> Router {
    Router::new().fallback(move |request: Request<Body>| answer(handle.clone(), request))
}

async fn answer(handle: Handle, request: Request<Body>) -> Response<Body> {
    let (parts, _body) = request.into_parts();
    let mut response = match perform(&handle, &parts) {
        Ok(body) => Json(body).into_response(),
        Err(fault) => fault.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(id) = HeaderValue::from_str(&uuid::Uuid::new_v4().to_string()) {
        headers.insert("x-ms-request-id", id);
    }
    response
}

/// A call's address.
struct Call {
    vault: String,
    /// `https://127.0.0.1:PORT/vault`, as the caller knows it.
    base: String,
    secret: String,
    asked: Asked,
}

enum Asked {
    Current,
    Version(String),
    Versions { most: usize, skip: usize },
}

fn perform(handle: &Handle, parts: &Parts) -> Result<Value, VaultError> {
    let call = Call::parse(parts)?;
    let caller = access::authenticate(handle, parts)?;
    let world = handle.world();
    // A vault that does not exist has no address at all in Azure.
    let vault = world.azure.vaults.get(&call.vault).ok_or_else(|| VaultError::no_vault(&call.vault))?;
    let action = match call.asked {
        Asked::Versions { .. } => Action::ReadMetadata,
        Asked::Current | Asked::Version(_) => Action::GetSecret,
    };
    access::authorize(vault, &call, &caller, action)?;
    match &call.asked {
        Asked::Versions { most, skip } => Ok(list(vault, &call, *most, *skip)),
        Asked::Current => get(&call, versions(vault, &call)?.last()),
        Asked::Version(id) => {
            let mut versions = versions(vault, &call)?.iter();
            get(&call, versions.find(|version| version.id.eq_ignore_ascii_case(id)))
        }
    }
}

fn versions<'v>(vault: &'v Vault, call: &Call) -> Result<&'v [VaultVersion], VaultError> {
    vault.secrets.get(&call.secret).map(Vec::as_slice).ok_or_else(|| VaultError::not_found(&call.secret))
}

fn get(call: &Call, version: Option<&VaultVersion>) -> Result<Value, VaultError> {
    let version = version.ok_or_else(|| VaultError::not_found(&call.secret))?;
    if !version.enabled {
        return Err(VaultError::disabled());
    }
    Ok(bundle::with_value(call, version))
}

/// In the order of their ids, which is none of time. What Azure answers for a secret that does not exist is
/// not documented; here it is an empty list.
fn list(vault: &Vault, call: &Call, most: usize, skip: usize) -> Value {
    let mut versions: Vec<&VaultVersion> = vault.secrets.get(&call.secret).into_iter().flatten().collect();
    versions.sort_by(|one, other| one.id.cmp(&other.id));
    let page = versions.iter().skip(skip).take(most).map(|version| bundle::without_value(call, version));
    let page: Vec<Value> = page.collect();
    let next = skip + page.len();
    let next = (next < versions.len()).then(|| {
        let Call { base, secret, .. } = call;
        format!("{base}/secrets/{secret}/versions?api-version=2025-07-01&maxresults={most}&$skiptoken={next}")
    });
    serde_json::json!({ "value": page, "nextLink": next })
}

impl Call {
    fn parse(parts: &Parts) -> Result<Self, VaultError> {
        if parts.method != Method::GET {
            return Err(VaultError::not_supported());
        }
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let mut pieces: Vec<&str> = parts.uri.path().split('/').filter(|piece| !piece.is_empty()).collect();
        let (vault, base) = match host.split_once('.') {
            // An address has dots too, and no letters.
            Some((vault, _)) if vault.bytes().any(|byte| byte.is_ascii_alphabetic()) => {
                (vault.to_owned(), format!("https://{host}"))
            }
            _ if pieces.is_empty() => return Err(VaultError::not_supported()),
            _ => {
                let vault = pieces.remove(0);
                (vault.to_owned(), format!("https://{host}/{vault}"))
            }
        };
        let query: Vec<(String, String)> =
            url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
                .into_owned()
                .collect();
        let parameter =
            |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        if parameter("api-version").is_none_or(str::is_empty) {
            return Err(VaultError::no_api_version());
        }
        let number = |name: &str| parameter(name).map(str::parse::<usize>).transpose();
        let (secret, asked) = match pieces[..] {
            ["secrets", secret] => (secret, Asked::Current),
            ["secrets", secret, "versions"] => {
                let most = number("maxresults").map_err(|_| VaultError::bad_parameter("maxresults"))?;
                let skip = number("$skiptoken").map_err(|_| VaultError::bad_parameter("$skiptoken"))?;
                let most = most.unwrap_or(PAGE);
                if !(1..=PAGE).contains(&most) {
                    return Err(VaultError::bad_parameter("maxresults"));
                }
                (secret, Asked::Versions { most, skip: skip.unwrap_or(0) })
            }
            ["secrets", secret, version] => (secret, Asked::Version(version.to_owned())),
            _ => return Err(VaultError::not_supported()),
        };
        Ok(Self { vault, base, secret: secret.to_owned(), asked })
    }
}
