//! Access tokens: for which resources there are any, and what each version says.
//!
//! Microsoft, "Access token claims reference" and "Access tokens in the Microsoft identity platform": the
//! resource's application chooses the version, whatever endpoint the token is asked of.

use super::answers::{self, Answer};
use crate::faults::{self, TokenFault};
use crate::jwt::Algorithm;
use crate::local::Handle;
use crate::world::{Application, World};
use serde_json::{Map, Value, json};
use std::time::Duration;
use uuid::Uuid;

/// How a client proved itself, as `appidacr` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    Secret,
    /// Any assertion; a managed identity's own certificate too.
    Assertion,
}

impl Proof {
    fn class(self) -> &'static str {
        match self {
            Proof::Secret => "1",
            Proof::Assertion => "2",
        }
    }
}

pub(crate) struct Asked<'a> {
    pub client_id: &'a str,
    pub application: &'a Application,
    pub proof: Proof,
    /// As it was asked for, without `/.default`.
    pub resource: &'a str,
    pub lifetime: Duration,
    /// The identity's id in Azure Resource Manager, if it is a managed one.
    pub managed: Option<&'a str>,
}

pub(crate) struct Granted {
    pub token: String,
    pub issued_at: i64,
    pub expires_in: i64,
    pub request_id: String,
}

/// Whose tokens are asked for, and what they have as `aud`.
enum Resource {
    /// Version 1.0: as it was asked for.
    One,
    /// Version 2.0: the application's client id.
    Two(String),
}

/// Microsoft's own services, the storage accounts that exist, and applications by client id or App ID
/// URI.
fn find(world: &World, asked: &str) -> Option<Resource> {
    const SERVICES: [&str; 4] = [
        "https://storage.azure.com",
        "https://vault.azure.net",
        "https://management.azure.com",
        "https://graph.microsoft.com",
    ];
    let of = |(client_id, application): (&String, &Application)| match application.token_version {
        2 => Resource::Two(client_id.clone()),
        _ => Resource::One,
    };
    let mut applications = world.entra.applications.iter();
    let own = applications.find(|(client_id, application)| {
        application.app_id_uri.as_deref() == Some(asked) || client_id.eq_ignore_ascii_case(asked)
    });
    if let Some(own) = own {
        return Some(of(own));
    }
    let resource = asked.trim_end_matches('/');
    let host = resource.strip_prefix("https://").unwrap_or("");
    let account = host.split_once(".blob.core.").map(|(account, _)| account);
    let known =
        SERVICES.contains(&resource) || account.is_some_and(|name| world.azure.accounts.contains_key(name));
    known.then_some(Resource::One)
}

pub(crate) fn issue(handle: &Handle, asked: &Asked) -> Result<Granted, Answer> {
    let (tenant_id, resource) = {
        let world = handle.world();
        (world.entra.tenant_id.clone(), find(&world, asked.resource))
    };
    let resource = resource.ok_or_else(|| answers::resource(asked.resource, &tenant_id))?;
    let lifetime = asked.lifetime.as_secs() as i64;
    let (issued_at, expires_in) = match faults::token_fault() {
        None => (faults::now_seconds(), lifetime),
        Some(TokenFault::AbsurdExpiry) => (faults::now_seconds(), 200 * 365 * 86_400),
        Some(TokenFault::Expired) => (faults::now_seconds() - 86_400, 0),
    };
    let request_id = Uuid::new_v4().to_string();
    let mut claims = claims(asked, &resource, &tenant_id);
    claims.extend([
        ("iat".to_owned(), issued_at.into()),
        ("nbf".to_owned(), issued_at.into()),
        ("exp".to_owned(), (issued_at + expires_in).into()),
        ("uti".to_owned(), request_id.as_str().into()),
    ]);
    if let Some(managed) = asked.managed {
        claims.insert("xms_mirid".to_owned(), managed.into());
    }
    let claims = Value::Object(claims);
    let token = handle.entra_keys.sign(&claims, Algorithm::Rs256).map_err(|_| answers::signature())?;
    Ok(Granted { token, issued_at, expires_in, request_id })
}

fn claims(asked: &Asked, resource: &Resource, tenant_id: &str) -> Map<String, Value> {
    let class = asked.proof.class();
    let mut claims =
        json!({ "oid": asked.application.object_id, "sub": asked.application.object_id, "tid": tenant_id });
    let more = match resource {
        Resource::One => json!({
            "aud": asked.resource,
            "iss": format!("https://sts.windows.net/{tenant_id}/"),
            "idp": format!("https://sts.windows.net/{tenant_id}/"),
            "appid": asked.client_id, "appidacr": class, "ver": "1.0",
        }),
        Resource::Two(client_id) => json!({
            "aud": client_id,
            "iss": format!("https://login.microsoftonline.com/{tenant_id}/v2.0"),
            "azp": asked.client_id, "azpacr": class, "ver": "2.0",
        }),
    };
    let mut all = claims.as_object_mut().map(std::mem::take).unwrap_or_default();
    if let Value::Object(more) = more {
        all.extend(more);
    }
    all
}
