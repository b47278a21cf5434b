//! Cloud Storage: its bytes over Google's own client `google-cloud-storage`, the rest over its JSON
//! API.
//!
//! | module | what happens there |
//! |---|---|
//! | this one | [`CloudStorage`]: what its buckets share |
//! | `bucket` | [`Bucket`]: one bucket as a source |
//! | `credential` | what the store asks of a credential |
//! | `client` | Google's client: made late, renewed after a rest, one read a call |
//! | `api` | calls of the JSON API on our own HTTP client |
//! | `resource` | objects and listings as the JSON API writes them |
//! | `terms` | versions and conditions as generations |
//! | `errors` | the store's and the client's errors as ours |
//!
//! The client lists over gRPC only, and what it says of a body it reads lacks a date and a cache
//! control. So listing and metadata are calls of ours, and a read is two calls at once: the metadata
//! and the bytes, of one generation.
//!
//! The client's own retries and resumes are off (ours follow the kind and the deadline), and so is
//! its check of the CRC32C: ours holds the last chunk back until the digest is right. It keeps
//! `Content-Range` to itself, but compares the length it names with the bytes that came; they are
//! counted again against what was asked for. A wrong range of the right length would show only in the
//! digest of a whole object.
//!
//! Objects come as they are stored. One that is compressed by gzip stays so, and its digest is that of
//! the compressed bytes.

mod api;
mod bucket;
mod client;
mod credential;
mod errors;
mod resource;
mod terms;
#[cfg(test)]
mod tests;

pub use bucket::Bucket;
pub use credential::{SCOPE, StorageCredential};

use carnet_federation::http::{Http, guard, target_of};
use carnet_federation::{Error, Hop, Kind, Result};
use client::Client;
use reqwest::Url;
use std::sync::Arc;

/// Cloud Storage as one credential sees it. Made once: its buckets share the clients and their
/// connections.
pub struct CloudStorage {
    http: Http,
    credential: Arc<dyn StorageCredential>,
    endpoint: Url,
    client: Arc<Client>,
}

impl CloudStorage {
    /// `endpoint` is the service's base URL without a path, as `https://storage.googleapis.com`.
    pub fn new(http: &Http, credential: Arc<dyn StorageCredential>, endpoint: &Url) -> Result<Self> {
        let target = target_of(endpoint);
        guard::check(endpoint).map_err(|why| Error::new(Hop::Config, Kind::NotConfigured, &target, why))?;
        let client = Arc::new(Client::new(credential.clone().credentials(), endpoint, target));
        Ok(Self { http: http.clone(), credential, endpoint: endpoint.clone(), client })
    }

    /// Makes Google's client, which reads the platform's root certificates, before the first read
    /// has to wait for it.
    pub async fn prepare(&self) -> Result<()> {
        self.client.current().await.map(drop)
    }

    pub fn bucket(&self, name: &str) -> Result<Bucket> {
        Bucket::new(self, name)
    }
}
