//! One bucket as a source.

use super::api::Api;
use super::client::{At, Client, Media};
use super::credential::StorageCredential;
use super::terms::{Terms, generation};
use super::{CloudStorage, errors};
use crate::key::Key;
use crate::list::{ListRequest, Page};
use crate::object::{Conditions, ObjectMeta};
use crate::range::ByteRange;
use crate::source::{ObjectSource, Opened, ReadRequest};
use carnet_federation::http::target_of;
use carnet_federation::{BoxFuture, Error, Hop, Kind, Result, telemetry};
use futures_util::{FutureExt as _, future};
use std::sync::Arc;

/// A bucket of [`CloudStorage`].
pub struct Bucket {
    api: Api,
    pub(super) client: Arc<Client>,
    credential: Arc<dyn StorageCredential>,
    pub(super) at: At,
}

impl Bucket {
    pub(super) fn new(storage: &CloudStorage, name: &str) -> Result<Self> {
        let target = format!("{}/{name}", target_of(&storage.endpoint));
        if !crate::place::is_bucket(name) {
            let why = crate::place::InvalidPlaceUrl::Bucket;
            return Err(Error::new(Hop::Config, Kind::NotConfigured, &target, why.to_string()));
        }
        let (http, credential) = (storage.http.clone(), storage.credential.clone());
        Ok(Self {
            api: Api::new(http, credential.clone(), &storage.endpoint, name, &target),
            client: storage.client.clone(),
            credential,
            at: At { bucket: format!("projects/_/buckets/{name}"), target },
        })
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
        let media = self.client.read(&self.at, key, &terms, request.range);
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
        let media = self.client.read(&self.at, key, &pinned, request.range).await;
        media.map_err(|error| match error.kind() {
            Kind::Changed if terms.is.is_none() => {
                let message = "the object changed while it was opened";
                Error::new(Hop::Read, Kind::Unavailable, &self.at.target, message).caused_by(error)
            }
            _ => error,
        })
    }

    /// What the conditions come to, of an object that exists.
    fn decided(&self, terms: &Terms) -> Result<()> {
        match terms.decided {
            None => Ok(()),
            Some(kind) => Err(errors::decided(&self.at.target, kind)),
        }
    }

    fn no_such_bytes(&self) -> Error {
        errors::decided(&self.at.target, Kind::OutOfRange)
    }

    /// Who the store was told is asking, in its refusals. The store names a service account, and calls
    /// a federated identity no more than "Caller".
    fn presented(&self, error: Error) -> Error {
        let by_the_store = matches!(error.kind(), Kind::Forbidden | Kind::Unauthenticated);
        let Some(identity) = self.credential.identity().filter(|_| by_the_store) else { return error };
        match error.presented() {
            None => error.with_presented(identity),
            Some(said) => match said.strip_prefix("Caller ") {
                Some(for_what) => {
                    let whole = format!("{identity} {for_what}");
                    error.with_presented(whole)
                }
                None => error,
            },
        }
    }

    async fn hop<T>(&self, hop: Hop, work: impl Future<Output = Result<T>>) -> Result<T> {
        telemetry::hop(hop, &self.at.target, async { work.await.map_err(|error| self.presented(error)) })
            .await
    }
}

impl ObjectSource for Bucket {
    fn target(&self) -> &str {
        &self.at.target
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
