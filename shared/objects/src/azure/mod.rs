//! Azure Blob Storage, over Microsoft's own client `azure_storage_blob`.
//!
//! | module | what happens there |
//! |---|---|
//! | `pipeline` | what we add to the client's pipeline: the bearer token, the delimiter |
//! | `headers` | what an answer's headers say of an object |
//! | `listing` | a page's XML |
//! | `errors` | the client's errors as ours |
//!
//! The client's own retries are off (ours follow the kind and the deadline), and so is its
//! splitting of a download into parallel ranges, which costs memory and checks nothing: a read is
//! one streamed GET. It does not notice a body that ends early; [`read`](mod@crate::read) does.

mod errors;
mod headers;
mod listing;
mod location;
mod pipeline;
#[cfg(test)]
mod tests;

pub use location::{AzureLocation, InvalidLocation};
pub use pipeline::{BlobCredential, SCOPE};

use crate::key::Key;
use crate::list::{ListRequest, Page};
use crate::object::{Conditions, Match, ObjectMeta};
use crate::range::ByteRange;
use crate::source::{ObjectSource, Opened, ReadRequest};
use azure_core::http::{Context, Etag, pager::PagerOptions};
use azure_storage_blob::models::{
    BlobClientDownloadOptions, BlobClientGetPropertiesOptions, BlobContainerClientListBlobsOptions, HttpRange,
};
use azure_storage_blob::{BlobClient, BlobContainerClient, BlobContainerClientOptions};
use carnet_federation::http::Http;
use carnet_federation::{BoxFuture, Error, Hop, Kind, Result, hints, telemetry};
use futures_util::StreamExt;
use std::num::NonZero;
use std::sync::Arc;

/// "Scalability and performance targets for Blob storage" ends at 190.7 TiB for one blob, so one
/// partition of this size holds any: the client then makes one request and streams its answer.
const ONE_PARTITION: NonZero<usize> = NonZero::new(1 << 48).unwrap();
const ONE_AT_A_TIME: NonZero<usize> = NonZero::<usize>::MIN;

/// The most that "List Blobs" gives in a page.
const MAX_PAGE: u32 = 5000;

/// One container. Built once: the client, its pipeline and its connections are shared by all calls.
pub struct AzureBlobs {
    container: BlobContainerClient,
    credential: Arc<dyn BlobCredential>,
    target: String,
}

impl AzureBlobs {
    pub fn new(http: &Http, credential: Arc<dyn BlobCredential>, location: &AzureLocation) -> Result<Self> {
        let target = location.to_string();
        let mut client_options = http.azure_client_options();
        client_options.per_call_policies.push(Arc::new(pipeline::Hierarchy));
        // Not the SDK's own bearer policy: its cache would stand before ours, and it makes everyone
        // who waits for a token that cannot be had fail one after the other.
        client_options.per_try_policies.push(Arc::new(pipeline::Bearer(credential.clone())));
        let options = BlobContainerClientOptions { client_options, ..BlobContainerClientOptions::default() };
        let container = BlobContainerClient::new(location.container_url().clone(), None, Some(options))
            .map_err(|error| errors::from_sdk(Hop::Config, &target, &error))?;
        Ok(Self { container, credential, target })
    }

    fn blob(&self, key: &Key) -> BlobClient {
        self.container.blob_client(key.as_str())
    }

    fn error(&self, hop: Hop, error: &azure_core::Error) -> Error {
        let error = errors::from_sdk(hop, &self.target, error);
        let by_the_store = matches!(error.kind(), Kind::Forbidden | Kind::Unauthenticated);
        match self.credential.identity() {
            Some(identity) if by_the_store && error.presented().is_none() => error.with_presented(identity),
            _ => error,
        }
    }

    async fn list_page(&self, request: &ListRequest) -> Result<Page> {
        let mut context = Context::new();
        if let Some(delimiter) = request.delimiter.as_ref().filter(|delimiter| !delimiter.is_empty()) {
            context.insert(pipeline::Delimiter(delimiter.clone()));
        }
        let options = BlobContainerClientListBlobsOptions {
            marker: request.page_token.as_ref().map(|token| token.as_str().to_owned()),
            maxresults: request.page_size.map(|size| size.clamp(1, MAX_PAGE) as i32),
            method_options: PagerOptions { context, ..PagerOptions::default() },
            prefix: Some(request.prefix.clone()).filter(|prefix| !prefix.is_empty()),
            start_from: request.start_from.clone(),
            ..BlobContainerClientListBlobsOptions::default()
        };
        let pager =
            self.container.list_blobs(Some(options)).map_err(|error| self.error(Hop::List, &error))?;
        let page = match pager.into_pages().next().await {
            Some(page) => page.map_err(|error| request.refused(self.error(Hop::List, &error)))?,
            None => return Ok(Page::default()),
        };
        telemetry::record("request_id", headers::request_id(page.headers()));
        // The SDK's model of a page has no prefixes, so we read the XML ourselves.
        listing::parse(page.body()).map_err(|why| self.malformed(Hop::List, why))
    }

    async fn properties(&self, key: &Key, conditions: &Conditions) -> Result<ObjectMeta> {
        let options = BlobClientGetPropertiesOptions {
            if_match: conditions.if_match.as_ref().map(etag),
            if_none_match: conditions.if_none_match.as_ref().map(etag),
            ..BlobClientGetPropertiesOptions::default()
        };
        let response = self
            .blob(key)
            .get_properties(Some(options))
            .await
            .map_err(|error| self.error(Hop::Read, &error))?;
        telemetry::record("request_id", headers::request_id(response.headers()));
        headers::properties(key, response.headers()).map_err(|why| self.malformed(Hop::Read, why))
    }

    async fn download(&self, key: &Key, request: &ReadRequest) -> Result<Opened> {
        let range = match request.range {
            Some(ByteRange::Last(count)) => return self.download_last(key, request, count).await,
            Some(ByteRange::From(first)) => Some(http_range(first, u64::MAX)),
            Some(ByteRange::Between { first, last }) if first <= last => Some(http_range(first, last)),
            Some(ByteRange::Between { .. }) => return Err(self.no_such_bytes()),
            None => None,
        };
        let options = BlobClientDownloadOptions {
            if_match: self.wanted_version(request)?,
            if_none_match: request.conditions.if_none_match.as_ref().map(etag),
            range,
            parallel: Some(ONE_AT_A_TIME),
            partition_size: Some(ONE_PARTITION),
            ..BlobClientDownloadOptions::default()
        };
        let answer =
            self.blob(key).download(Some(options)).await.map_err(|error| self.error(Hop::Read, &error))?;
        telemetry::record("request_id", headers::request_id(&answer.headers));
        // The client turns 416 for an empty blob into a read of the whole of it: what was asked for
        // decides, not the status.
        let Some((meta, range)) = headers::download(key, &answer.headers, request.range)
            .map_err(|why| self.malformed(Hop::Read, why))?
        else {
            return Err(self.no_such_bytes());
        };
        let target = self.target.clone();
        let body =
            answer.body.map(move |item| item.map_err(|error| errors::from_sdk(Hop::Read, &target, &error)));
        Ok(Opened { meta, range, body: Box::pin(body) })
    }

    /// "Specifying the range header for Blob service operations" knows no ranges from the end.
    async fn download_last(&self, key: &Key, request: &ReadRequest, count: u64) -> Result<Opened> {
        let meta = self.properties(key, &request.conditions).await?;
        let Some(range) = ByteRange::Last(count).resolve(meta.size) else {
            return Err(Error::new(
                Hop::Read,
                Kind::OutOfRange,
                &self.target,
                "the object has no such bytes",
            ));
        };
        if request.version.as_ref().is_some_and(|pinned| *pinned != meta.version) {
            return Err(self.changed());
        }
        let pinned = ReadRequest {
            range: Some(ByteRange::Between { first: range.start, last: range.end - 1 }),
            version: Some(meta.version),
            conditions: Conditions::default(),
        };
        Box::pin(self.download(key, &pinned)).await.map_err(|error| match error.kind() {
            // It changed between our two calls, of which the caller knows nothing: a fresh try may do.
            Kind::Changed if request.version.is_none() && request.conditions.if_match.is_none() => {
                Error::new(
                    Hop::Read,
                    Kind::Unavailable,
                    &self.target,
                    "the object changed while its size was asked for",
                )
                .caused_by(error)
            }
            _ => error,
        })
    }

    /// A pinned version and the caller's If-Match are one header.
    fn wanted_version(&self, request: &ReadRequest) -> Result<Option<Etag>> {
        match (&request.version, &request.conditions.if_match) {
            (Some(pinned), Some(wanted)) if !wanted.holds(pinned) => Err(self.changed()),
            (Some(pinned), _) => Ok(Some(Etag::from(pinned.as_str()))),
            (None, wanted) => Ok(wanted.as_ref().map(etag)),
        }
    }

    fn no_such_bytes(&self) -> Error {
        Error::new(Hop::Read, Kind::OutOfRange, &self.target, "the object has no such bytes")
    }

    fn changed(&self) -> Error {
        Error::new(Hop::Read, Kind::Changed, &self.target, "the object is not in the version asked for")
            .with_hint(&hints::CHANGED)
    }

    fn malformed(&self, hop: Hop, why: &str) -> Error {
        Error::new(hop, Kind::Malformed, &self.target, format!("the store's answer has {why}"))
    }
}

/// Huge but valid numbers stay what they mean: no blob reaches that far, and the client's own sums
/// do not overflow.
fn http_range(first: u64, last: u64) -> HttpRange {
    const BEYOND: u64 = ONE_PARTITION.get() as u64;
    if last < BEYOND {
        HttpRange::new(first, last - first + 1)
    } else {
        HttpRange::from_offset(first.min(BEYOND))
    }
}

fn etag(wanted: &Match) -> Etag {
    Etag::from(wanted.as_str())
}

impl ObjectSource for AzureBlobs {
    fn target(&self) -> &str {
        &self.target
    }

    fn list<'a>(&'a self, request: &'a ListRequest) -> BoxFuture<'a, Result<Page>> {
        Box::pin(telemetry::hop(Hop::List, &self.target, self.list_page(request)))
    }

    fn head<'a>(&'a self, key: &'a Key, conditions: &'a Conditions) -> BoxFuture<'a, Result<ObjectMeta>> {
        Box::pin(telemetry::hop(Hop::Read, &self.target, self.properties(key, conditions)))
    }

    fn open<'a>(&'a self, key: &'a Key, request: &'a ReadRequest) -> BoxFuture<'a, Result<Opened>> {
        Box::pin(telemetry::hop(Hop::Read, &self.target, self.download(key, request)))
    }

    fn credential_rejected(&self) {
        self.credential.rejected();
    }
}
