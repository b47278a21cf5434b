//! Hosts of the internet that the stand-ins play: other people's issuers under their real names.
//!
//! A token says `https://token.actions.githubusercontent.com`, and whoever checks it asks that host for
//! its discovery document and keys, over TLS. The clouds' HTTP client finds it here, at one listener for
//! all of them; a host that nobody plays is found nowhere, so that nothing ever leaves this machine.
//!
//! | issuer | signed by |
//! |---|---|
//! | Entra's, of either version | Entra's keys |
//! | Google's | Google's keys |
//! | everybody else's: GitHub, clusters, Cognito, `world.issuers` | one key for all of them |

use crate::jwt::{Algorithm, KeyError};
use crate::local::{Handle, Shared};
use crate::tls::TlsError;
use crate::workloads::cognito;
use crate::world::World;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use http::{StatusCode, header};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

pub const GOOGLE: &str = "https://accounts.google.com";
pub const GITHUB: &str = "https://token.actions.githubusercontent.com";
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// An issuer that is played, as it is at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Played {
    issuer: String,
    jwks_uri: String,
    signer: Signer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signer {
    Entra,
    Google,
    Cognito,
    Others,
}

impl Played {
    fn new(issuer: &str, signer: Signer) -> Self {
        Self { issuer: issuer.to_owned(), jwks_uri: jwks_uri(issuer), signer }
    }
}

/// Whatever the world holds now.
fn played(world: &World) -> Vec<Played> {
    let mut all = vec![
        Played::new(GOOGLE, Signer::Google),
        Played::new(GITHUB, Signer::Others),
        Played::new(cognito::ISSUER, Signer::Cognito),
    ];
    let tenant = &world.entra.tenant_id;
    if !tenant.is_empty() {
        all.push(Played::new(&format!("https://sts.windows.net/{tenant}/"), Signer::Entra));
        all.push(Played::new(&format!("https://login.microsoftonline.com/{tenant}/v2.0"), Signer::Entra));
    }
    let clusters = world.workloads.clusters.values().map(|cluster| &cluster.issuer);
    all.extend(clusters.chain(&world.issuers).map(|issuer| Played::new(issuer, Signer::Others)));
    all
}

/// Where each of them really has its keys.
fn jwks_uri(issuer: &str) -> String {
    let base = issuer.trim_end_matches('/');
    let host = host_of(issuer);
    match host {
        "sts.windows.net" => "https://login.microsoftonline.com/common/discovery/keys".to_owned(),
        "login.microsoftonline.com" => format!("{}/discovery/v2.0/keys", base.trim_end_matches("/v2.0")),
        "accounts.google.com" => "https://www.googleapis.com/oauth2/v3/certs".to_owned(),
        "cognito-identity.amazonaws.com" => format!("{base}/.well-known/jwks_uri"),
        "container.googleapis.com" => format!("{base}/jwks"),
        "gitlab.com" => format!("{base}/oauth/discovery/keys"),
        _ if host.starts_with("oidc.eks.") => format!("{base}/keys"),
        _ if host.ends_with(".oic.prod-aks.azure.com") => format!("{base}/openid/v1/jwks"),
        _ => format!("{base}/.well-known/jwks"),
    }
}

/// Of an `https://` URL without a port.
fn host_of(url: &str) -> &str {
    let rest = url.strip_prefix("https://").unwrap_or(url);
    rest.split('/').next().unwrap_or(rest)
}

fn plays(world: &World, host: &str) -> bool {
    played(world).iter().any(|played| host_of(&played.issuer) == host || host_of(&played.jwks_uri) == host)
}

/// Finds the hosts that are played, for the clouds' HTTP client. A clone is the same.
#[derive(Clone, Default)]
pub struct Names(Arc<Found>);

#[derive(Default)]
struct Found {
    shared: OnceLock<Weak<Shared>>,
    listener: OnceLock<SocketAddr>,
}

impl Names {
    /// Once, when the listener has its port.
    pub(crate) fn are_at(&self, listener: SocketAddr, handle: &Handle) {
        // A second listener would be a second set of stand-ins, and those have names of their own.
        let _ = self.0.listener.set(listener);
        let _ = self.0.shared.set(Arc::downgrade(handle));
    }

    /// `None` for a host that nobody here plays.
    pub fn address(&self, host: &str) -> Option<SocketAddr> {
        let shared = self.0.shared.get()?.upgrade()?;
        let known = plays(&shared.world(), &host.to_ascii_lowercase());
        self.0.listener.get().copied().filter(|_| known)
    }
}

/// A host that no stand-in plays.
#[derive(Debug)]
struct Unplayed(String);

impl fmt::Display for Unplayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no stand-in plays {}", self.0)
    }
}

impl std::error::Error for Unplayed {}

impl Resolve for Names {
    /// With the listener's port, which counts where the URL names none.
    fn resolve(&self, name: Name) -> Resolving {
        let found = self.address(name.as_str());
        let found = found.ok_or_else(|| Unplayed(name.as_str().to_owned()).into());
        Box::pin(async move { found.map(|address| Box::new(std::iter::once(address)) as Addrs) })
    }
}

/// A certificate for each name that is asked for, if it is played.
pub(crate) struct Certificates {
    handle: Handle,
    made: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

impl Certificates {
    pub(crate) fn new(handle: &Handle) -> Self {
        Self { handle: Arc::clone(handle), made: Mutex::default() }
    }

    fn of(&self, host: &str) -> Result<Arc<CertifiedKey>, TlsError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = made.get(host) {
            return Ok(Arc::clone(known));
        }
        let key = Arc::new(self.handle.authority.certified(&[host])?);
        made.insert(host.to_owned(), Arc::clone(&key));
        Ok(key)
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let host = hello.server_name()?.to_ascii_lowercase();
        let known = plays(&self.handle.world(), &host);
        known.then(|| self.of(&host).ok()).flatten()
    }
}

/// Discovery and keys of all of them, by host and path.
pub(crate) fn router(handle: Handle) -> Router {
    Router::new().fallback(serve).with_state(handle)
}

async fn serve(State(handle): State<Handle>, request: Request) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let url = format!("https://{host}{}", request.uri().path());
    let all = played(&handle.world());
    if let Some(asked) = url.strip_suffix(DISCOVERY)
        && let Some(found) = all.iter().find(|played| played.issuer.trim_end_matches('/') == asked)
    {
        return Json(discovery(found)).into_response();
    }
    match all.iter().find(|played| played.jwks_uri == url).map(|played| keys(&handle, played.signer)) {
        Some(Ok(keys)) => Json(keys).into_response(),
        Some(Err(_)) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn discovery(played: &Played) -> Value {
    json!({
        "issuer": played.issuer,
        "jwks_uri": played.jwks_uri,
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [algorithm(played.signer).name()],
    })
}

fn algorithm(signer: Signer) -> Algorithm {
    if signer == Signer::Cognito { Algorithm::Rs512 } else { Algorithm::Rs256 }
}

fn keys(handle: &Handle, signer: Signer) -> Result<Value, KeyError> {
    let mut keys = match signer {
        Signer::Entra => handle.entra_keys.rsa_jwks(),
        Signer::Google => handle.google_keys()?.rsa_jwks(),
        Signer::Cognito | Signer::Others => handle.other_keys()?.rsa_jwks(),
    };
    for key in keys["keys"].as_array_mut().into_iter().flatten() {
        key["alg"] = algorithm(signer).name().into();
    }
    Ok(keys)
}
