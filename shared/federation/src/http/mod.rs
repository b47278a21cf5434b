//! The one HTTP client of a process, which the clouds' SDKs use too.
//!
//! - TLS by rustls on ring, roots compiled in plus those of `SSL_CERT_FILE`: nothing is parsed at start.
//! - https only. Plain http goes to loopback alone, and to the clouds' own metadata services on the
//!   machine, for what is theirs to say; see [`guard`].
//! - No redirects: an assertion is never carried on to another host.
//! - `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` are honoured. Plain http never leaves the machine, so
//!   `HTTP_PROXY` has nothing to say here.
//! - After the process was frozen, its pooled connections are left behind ([`Http::client`]).

pub(crate) mod answer;
pub mod aws;
#[cfg(feature = "azure")]
pub mod azure;
pub mod body;
pub mod guard;
pub mod rest;
pub mod retry;
pub mod skew;
mod tls;

use crate::config::Env;
use crate::error::{Error, Hop, Kind, Result};
use crate::hints;
use reqwest::header::HeaderMap;
use rest::{IDLE, Rest};
use skew::Skew;
use std::sync::{Arc, RwLock};
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Between two reads of a body. A store that stalls longer is resumed on another connection.
const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// A handle on the client; a clone shares it.
#[derive(Clone)]
pub struct Http(Arc<Shared>);

struct Shared {
    tls: rustls::ClientConfig,
    proxy: Option<reqwest::Proxy>,
    read_timeout: Option<Duration>,
    client: RwLock<reqwest::Client>,
    rest: Rest,
    skew: Skew,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Http")
    }
}

impl Http {
    /// Reads `SSL_CERT_FILE` and the proxy variables.
    pub fn from_env(env: &Env) -> Result<Self> {
        let tls = tls::client_config(env)?;
        let proxy = proxy(env)?;
        Self::new(tls, proxy, Some(READ_TIMEOUT))
    }

    fn new(
        tls: rustls::ClientConfig,
        proxy: Option<reqwest::Proxy>,
        read_timeout: Option<Duration>,
    ) -> Result<Self> {
        let client = build(&tls, proxy.as_ref(), read_timeout)?;
        Ok(Self(Arc::new(Shared {
            tls,
            proxy,
            read_timeout,
            client: RwLock::new(client),
            rest: Rest::begin(),
            skew: Skew::default(),
        })))
    }

    /// Another client, for long bodies that go out, with connections of its own. The bound on waiting
    /// for an answer begins before the body is sent, so it has none: its caller bounds how long a
    /// body may stand still.
    pub fn for_uploads(&self) -> Result<Self> {
        Self::new(self.0.tls.clone(), self.0.proxy.clone(), None)
    }

    /// The client, with a fresh connection pool if the wall clock says that the pooled connections
    /// have rested too long. (The pool's own timer stands still while a Lambda is frozen.)
    pub fn client(&self) -> reqwest::Client {
        if self.0.rest.was_too_long()
            && let Ok(fresh) = build(&self.0.tls, self.0.proxy.as_ref(), self.0.read_timeout)
        {
            *self.0.client.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = fresh;
        }
        self.0.client.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Sends one request to a URL that [`guard`] lets pass, and notes the answer's `Date`.
    pub async fn send(&self, hop: Hop, request: reqwest::RequestBuilder) -> Result<reqwest::Response> {
        self.send_if(guard::check, hop, request).await
    }

    /// The same to a metadata service of Azure's or Google's. Proxies are for https alone, so none is
    /// between.
    pub(crate) async fn send_to_metadata(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<reqwest::Response> {
        self.send_if(guard::check_metadata, Hop::Mint, request).await
    }

    async fn send_if(
        &self,
        may_be_called: fn(&reqwest::Url) -> std::result::Result<(), &'static str>,
        hop: Hop,
        request: reqwest::RequestBuilder,
    ) -> Result<reqwest::Response> {
        let (client, request) = request.build_split();
        let request = request.map_err(|error| unsendable(hop, error))?;
        may_be_called(request.url()).map_err(|why| refused_url(hop, request.url(), why))?;
        let target = target_of(request.url());
        let response = client.execute(request).await.map_err(|error| unreachable(hop, &target, error))?;
        self.note_date(response.headers());
        Ok(response)
    }

    pub fn skew(&self) -> &Skew {
        &self.0.skew
    }

    pub(crate) fn note_date(&self, headers: &HeaderMap) {
        self.0.skew.note(headers);
    }
}

/// Host and port: what an error calls its target.
pub fn target_of(url: &reqwest::Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => "no host".to_owned(),
    }
}

/// Nothing came back: the way to the host is broken.
pub fn unreachable(hop: Hop, target: &str, error: reqwest::Error) -> Error {
    let message = if error.is_connect() {
        "no connection"
    } else if error.is_timeout() {
        "no answer in time"
    } else {
        "the connection broke"
    };
    // The URL is left out: a query may hold more than an error should show.
    Error::new(hop, Kind::Unavailable, target, message)
        .with_hint(&hints::UNREACHABLE)
        .caused_by(error.without_url())
}

fn unsendable(hop: Hop, error: reqwest::Error) -> Error {
    Error::new(hop, Kind::NotConfigured, "request", "the request cannot be built")
        .caused_by(error.without_url())
}

fn refused_url(hop: Hop, url: &reqwest::Url, why: &'static str) -> Error {
    Error::new(hop, Kind::NotConfigured, target_of(url), why).with_hint(&hints::PLAIN_HTTP)
}

fn build(
    tls: &rustls::ClientConfig,
    proxy: Option<&reqwest::Proxy>,
    read_timeout: Option<Duration>,
) -> Result<reqwest::Client> {
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls.clone())
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE)
        .user_agent(concat!("carnet/", env!("CARGO_PKG_VERSION")))
        .no_proxy();
    if let Some(bound) = read_timeout {
        builder = builder.read_timeout(bound);
    }
    if let Some(proxy) = proxy {
        builder = builder.proxy(proxy.clone());
    }
    builder.build().map_err(|error| {
        Error::new(Hop::Config, Kind::NotConfigured, "http client", "the HTTP client cannot be built")
            .caused_by(error)
    })
}

fn proxy(env: &Env) -> Result<Option<reqwest::Proxy>> {
    let named = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let Some((name, address)) = named.iter().find_map(|name| env.get(name).map(|value| (*name, value)))
    else {
        return Ok(None);
    };
    let bypass = env.get("NO_PROXY").or_else(|| env.get("no_proxy")).and_then(reqwest::NoProxy::from_string);
    let proxy = reqwest::Proxy::https(address).map_err(|_| {
        // The value is not shown: a proxy's address may carry a password.
        Error::new(
            Hop::Config,
            Kind::NotConfigured,
            name,
            format!("{name} is not a proxy address such as http://proxy.example:3128"),
        )
        .with_hint(&hints::CONFIGURATION)
    })?;
    Ok(Some(proxy.no_proxy(bypass)))
}
