//! Cloud Storage: its bytes over Google's own client `google-cloud-storage`, the rest over its JSON
//! API.
//!
//! | module | what happens there |
//! |---|---|
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
mod client;
mod credential;
mod errors;
mod resource;
mod terms;
#[cfg(test)]
mod tests;

pub use credential::{SCOPE, StorageCredential};

use crate::key::Key;
use crate::list::{ListRequest, Page};
use crate::object::{Conditions, ObjectMeta};
use crate::range::ByteRange;
use crate::source::{ObjectSource, Opened, ReadRequest};
use api::Api;
use carnet_federation::http::{Http, target_of};
use carnet_federation::{BoxFuture, Error, Hop, Kind, Result, telemetry};
use client::{Client, Media};
use futures_util::{FutureExt as _, future};
use reqwest::Url;
use std::sync::Arc;
use terms::{Terms, generation};

/// One bucket. Made once: its clients and their connections are shared by all calls.
pub struct CloudStorage {
    api: Api,
    client: Client,
    credential: Arc<dyn StorageCredential>,
    target: String,
}

impl CloudStorage {
    /// `endpoint` is the service's base URL without a path, as `https://storage.googleapis.com`.
    pub fn new(
        http: &Http,
        credential: Arc<dyn StorageCredential>,
        endpoint: &Url,
        bucket: &str,
    ) -> Result<Self> {
        let target = format!("{}/{bucket}", target_of(endpoint));
        carnet_federation::http::guard::check(endpoint)
            .map_err(|why| Error::new(Hop::Config, Kind::NotConfigured, &target, why))?;
        if !crate::place::is_bucket(bucket) {
            let why = crate::place::InvalidPlaceUrl::Bucket;
            return Err(Error::new(Hop::Config, Kind::NotConfigured, &target, why.to_string()));
        }
        Ok(Self {
            api: Api::new(http.clone(), credential.clone(), endpoint, bucket, &target),
            client: Client::new(credential.clone().credentials(), endpoint, bucket, &target),
            credential,
            target,
        })
    }

    /// Makes Google's client, which reads the platform's root certificates, before the first read
    /// has to wait for it.
    pub async fn prepare(&self) -> Result<()> {
        self.client.current().await.map(drop)
    }

    async fn properties(&self, key: &Key, conditions: &Conditions) -> Result<ObjectMeta> {
        let terms = Terms::of(conditions, None);
        let meta = self.api.metadata(key, &terms).await?;
        self.decided(&terms)?;
        Ok(meta)
    }

    async fn open_object(&self, key: &Key, request: &ReadRequest) -> Result<Opened> {
        let terms = Terms::of(&request.conditions, request.version.as_ref());
        let asked = request.range.unwrap_or(ByteRange::From(0));
        if terms.decided.is_some() || asked.resolve(u64::MAX).is_none() {
            // No byte will be read, but whether there is such an object decides what is said.
            self.api.metadata(key, &terms).await?;
            self.decided(&terms)?;
            return Err(self.no_such_bytes());
        }
        let media = self.client.read(key, &terms, request.range);
        let (meta, media) = future::try_join(self.api.metadata(key, &terms), media.map(Ok)).await?;
        let range = match request.range {
            None => 0..meta.size,
            Some(asked) => asked.resolve(meta.size).ok_or_else(|| self.no_such_bytes())?,
        };
        let media = self.of_one_generation(key, request, &terms, &meta, media).await?;
        Ok(Opened { meta, range, body: media.body })
    }

    /// The bytes of the version that `meta` is of. The two calls may have met two versions, if none
    /// was asked for: then the bytes are asked for again, of the one that is known.
    async fn of_one_generation(
        &self,
        key: &Key,
        request: &ReadRequest,
        terms: &Terms,
        meta: &ObjectMeta,
        media: Result<Media>,
    ) -> Result<Media> {
        let known = generation(&meta.version);
        match media {
            Ok(media) if Some(media.generation) == known => return Ok(media),
            Err(error) if error.kind() != Kind::OutOfRange || terms.is.is_some() => return Err(error),
            _ => {}
        }
        let pinned = Terms { is: known, ..Terms::default() };
        let media = self.client.read(key, &pinned, request.range).await;
        media.map_err(|error| match error.kind() {
            Kind::Changed if terms.is.is_none() => {
                let message = "the object changed while it was opened";
                Error::new(Hop::Read, Kind::Unavailable, &self.target, message).caused_by(error)
            }
            _ => error,
        })
    }

    /// What the conditions come to, of an object that exists.
    fn decided(&self, terms: &Terms) -> Result<()> {
        match terms.decided {
            None => Ok(()),
            Some(kind) => Err(errors::decided(&self.target, kind)),
        }
    }

    fn no_such_bytes(&self) -> Error {
        errors::decided(&self.target, Kind::OutOfRange)
    }

    /// Who the store was told is asking, in its refusals.
    fn presented(&self, error: Error) -> Error {
        let by_the_store = matches!(error.kind(), Kind::Forbidden | Kind::Unauthenticated);
        match self.credential.identity() {
            Some(identity) if by_the_store && error.presented().is_none() => error.with_presented(identity),
            _ => error,
        }
    }

    async fn hop<T>(&self, hop: Hop, work: impl Future<Output = Result<T>>) -> Result<T> {
        telemetry::hop(hop, &self.target, async { work.await.map_err(|error| self.presented(error)) }).await
    }
}

impl ObjectSource for CloudStorage {
    fn target(&self) -> &str {
        &self.target
    }

    fn list<'a>(&'a self, request: &'a ListRequest) -> BoxFuture<'a, Result<Page>> {
        Box::pin(self.hop(Hop::List, self.api.list(request)))
    }

    fn head<'a>(&'a self, key: &'a Key, conditions: &'a Conditions) -> BoxFuture<'a, Result<ObjectMeta>> {
        Box::pin(self.hop(Hop::Read, self.properties(key, conditions)))
    }

    fn open<'a>(&'a self, key: &'a Key, request: &'a ReadRequest) -> BoxFuture<'a, Result<Opened>> {
        Box::pin(self.hop(Hop::Read, self.open_object(key, request)))
    }

    fn credential_rejected(&self) {
        self.credential.rejected();
    }
}
