//! Amazon S3, over the official `aws-sdk-s3`.
//!
//! | module | what happens there |
//! |---|---|
//! | this one | [`S3Bucket`]: one bucket, as a sink and as a source |
//! | `settings` | endpoint, region and owner: what the environment says of buckets |
//! | `transport` | the SDK's calls on the shared HTTP client |
//! | `objects` | objects in one piece: head, get, put, delete |
//! | `uploads`, `streamed` | objects in parts; the bytes of a part, as they come |
//! | `listing` | pages of names, and of uploads |
//! | `source` | the same bucket, read: for those who compare what was written |
//! | `errors` | the SDK's errors as ours |
//!
//! The SDK's retries are off (a writer decides what a second try may overwrite), and so are the
//! checksums it would compute, but of parts, whose bytes pass by: others are there before it is called,
//! and S3 checks them. Bodies are not hashed for the signature either: TLS protects them on
//! the way, and their CRC32C is signed with the headers.

mod errors;
mod listing;
mod objects;
mod settings;
mod source;
mod streamed;
mod transport;
mod uploads;

pub use settings::S3Settings;

use crate::key::Key;
use crate::list::{ListRequest, Page};
use crate::object::{Conditions, ObjectMeta, Version};
use crate::place::is_s3_bucket;
use crate::sink::{
    Attributes, CompleteRequest, Deletion, EntryPage, Got, ObjectSink, Part, PartPage, PutRequest,
    SinkListRequest, SinkObject, Upload, UploadMarker, UploadPage, WriteOutcome,
};
use crate::source::{ByteStream, ObjectSource, Opened, ReadRequest};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Builder, Region, RequestChecksumCalculation, ResponseChecksumValidation};
use bytes::Bytes;
use carnet_federation::http::Http;
use carnet_federation::mint::AwsSession;
use carnet_federation::{BoxFuture, Error, Hop, Kind, Result, telemetry};

/// One bucket. Built once: the client and its connections are shared by all calls.
pub struct S3Bucket {
    client: Client,
    bucket: String,
    /// Set: the bucket must belong to this account, or nothing happens.
    owner: Option<String>,
    target: String,
}

impl S3Bucket {
    pub fn new(http: &Http, session: &AwsSession, settings: &S3Settings, bucket: &str) -> Result<Self> {
        let target = format!("s3://{bucket}");
        if !is_s3_bucket(bucket) {
            let message = "this cannot be a bucket's name";
            return Err(Error::new(Hop::Config, Kind::NotConfigured, target, message));
        }
        let region = match &settings.region {
            Some(region) => Region::new(region.clone()),
            None => session.region()?.clone(),
        };
        let mut config = Builder::from(session.config())
            .http_client(transport::Transport::new(http)?)
            .region(region)
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::disabled())
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        if let Some(endpoint) = &settings.endpoint {
            config = config.endpoint_url(endpoint.as_str()).force_path_style(true);
        }
        let client = Client::from_conf(config.build());
        Ok(Self { client, bucket: bucket.to_owned(), owner: settings.bucket_owner.clone(), target })
    }

    fn malformed(&self, hop: Hop, why: impl std::fmt::Display) -> Error {
        Error::new(hop, Kind::Malformed, &self.target, format!("the store's answer has {why}"))
    }

    /// Runs one call in its span. The futures of the SDK are large: they live on the heap.
    fn hop<'a, T: 'a>(
        &'a self,
        hop: Hop,
        work: impl Future<Output = Result<T>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T>> {
        Box::pin(telemetry::hop(hop, &self.target, work))
    }
}

impl ObjectSink for S3Bucket {
    fn target(&self) -> &str {
        &self.target
    }

    fn head<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<SinkObject>>> {
        self.hop(Hop::Read, self.head_object(key))
    }

    fn get<'a>(
        &'a self,
        key: &'a Key,
        if_none_match: Option<&'a Version>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Got>> {
        self.hop(Hop::Read, self.get_small(key, if_none_match, limit))
    }

    fn put<'a>(
        &'a self,
        key: &'a Key,
        body: Bytes,
        request: &'a PutRequest,
    ) -> BoxFuture<'a, Result<WriteOutcome>> {
        self.hop(Hop::Write, self.put_object(key, body, request))
    }

    fn begin_upload<'a>(&'a self, key: &'a Key, attributes: &'a Attributes) -> BoxFuture<'a, Result<Upload>> {
        self.hop(Hop::Write, self.create_upload(key, attributes))
    }

    fn put_part<'a>(
        &'a self,
        upload: &'a Upload,
        number: u32,
        size: u64,
        body: ByteStream,
    ) -> BoxFuture<'a, Result<Part>> {
        self.hop(Hop::Write, self.upload_part(upload, number, size, body))
    }

    fn list_parts<'a>(&'a self, upload: &'a Upload, after: Option<u32>) -> BoxFuture<'a, Result<PartPage>> {
        self.hop(Hop::Write, self.parts(upload, after))
    }

    fn complete<'a>(
        &'a self,
        upload: &'a Upload,
        parts: &'a [Part],
        request: &'a CompleteRequest,
    ) -> BoxFuture<'a, Result<WriteOutcome>> {
        self.hop(Hop::Write, self.complete_upload(upload, parts, request))
    }

    fn abort<'a>(&'a self, upload: &'a Upload) -> BoxFuture<'a, Result<()>> {
        self.hop(Hop::Write, self.abort_upload(upload))
    }

    fn list_uploads<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a UploadMarker>,
    ) -> BoxFuture<'a, Result<UploadPage>> {
        self.hop(Hop::List, self.uploads(prefix, after))
    }

    fn delete<'a>(&'a self, key: &'a Key, if_match: Option<&'a Version>) -> BoxFuture<'a, Result<Deletion>> {
        self.hop(Hop::Write, self.delete_object(key, if_match))
    }

    fn list<'a>(&'a self, request: &'a SinkListRequest) -> BoxFuture<'a, Result<EntryPage>> {
        self.hop(Hop::List, self.entries(request))
    }
}

impl ObjectSource for S3Bucket {
    fn target(&self) -> &str {
        &self.target
    }

    fn list<'a>(&'a self, request: &'a ListRequest) -> BoxFuture<'a, Result<Page>> {
        self.hop(Hop::List, self.page(request))
    }

    fn head<'a>(&'a self, key: &'a Key, conditions: &'a Conditions) -> BoxFuture<'a, Result<ObjectMeta>> {
        self.hop(Hop::Read, self.meta(key, conditions))
    }

    fn open<'a>(&'a self, key: &'a Key, request: &'a ReadRequest) -> BoxFuture<'a, Result<Opened>> {
        self.hop(Hop::Read, self.download(key, request))
    }

    /// Nothing is kept here: the session renews its credentials before they end.
    fn credential_rejected(&self) {}
}
