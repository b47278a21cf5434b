//! Google's client: made late, renewed after a rest, one read a call.

use super::errors;
use super::terms::Terms;
use crate::key::Key;
use crate::range::ByteRange;
use crate::source::ByteStream;
use bytes::Bytes;
use carnet_federation::http::rest::Rest;
use carnet_federation::{Error, Hop, Kind, Result, hints};
use futures_util::stream;
use google_cloud_auth::credentials::Credentials;
use google_cloud_gax::retry_policy::NeverRetry;
use google_cloud_storage::client::Storage;
use google_cloud_storage::model_ext::ReadRange;
use google_cloud_storage::read_object::ReadObjectResponse;
use google_cloud_storage::read_resume_policy::NeverResume;
use reqwest::Url;
use std::time::Duration;
use tokio::sync::Mutex;

/// Between two chunks of a body, as on our own client. A store that stalls longer is resumed on
/// another connection.
const READ_TIMEOUT: Duration = Duration::from_secs(20);

pub(super) struct Client {
    credentials: Credentials,
    endpoint: String,
    target: String,
    made: Mutex<Option<Storage>>,
    rest: Rest,
}

/// Where objects are read, and what errors call it.
pub(super) struct At {
    /// `projects/_/buckets/..`
    pub bucket: String,
    pub target: String,
}

/// An answer with bytes.
pub(super) struct Media {
    pub generation: i64,
    pub body: ByteStream,
}

impl Client {
    pub(super) fn new(credentials: Credentials, endpoint: &Url, target: String) -> Self {
        Self {
            credentials,
            endpoint: endpoint.as_str().trim_end_matches('/').to_owned(),
            target,
            made: Mutex::default(),
            rest: Rest::begin(),
        }
    }

    /// The client; another one, with no connections from before, if the wall clock says that those of
    /// the last one have rested too long. (It takes no transport of ours that would know.)
    pub(super) async fn current(&self) -> Result<Storage> {
        let mut made = self.made.lock().await;
        if self.rest.was_too_long() {
            *made = None;
        }
        match &*made {
            Some(client) => Ok(client.clone()),
            None => Ok(made.insert(self.make().await?).clone()),
        }
    }

    async fn make(&self) -> Result<Storage> {
        let mut builder = Storage::builder()
            .with_credentials(self.credentials.clone())
            .with_endpoint(&self.endpoint)
            .with_retry_policy(NeverRetry)
            .with_read_resume_policy(NeverResume);
        // The client refuses credentials of a universe that it was not told of.
        if let Some(universe) = self.credentials.universe_domain().await {
            builder = builder.with_universe_domain(universe);
        }
        builder.build().await.map_err(|error| {
            Error::new(
                Hop::Config,
                Kind::NotConfigured,
                &self.target,
                "Google's storage client cannot be made",
            )
            .with_hint(&hints::CONFIGURATION)
            .caused_by(error)
        })
    }

    pub(super) async fn read(
        &self,
        at: &At,
        key: &Key,
        terms: &Terms,
        range: Option<ByteRange>,
    ) -> Result<Media> {
        let mut read = self.current().await?.read_object(&at.bucket, key.as_str()).compute_crc32c(false);
        if let Some(generation) = terms.is {
            read = read.set_if_generation_match(generation);
        }
        if let Some(generation) = terms.is_not {
            read = read.set_if_generation_not_match(generation);
        }
        if let Some(range) = range {
            read = read.set_read_range(read_range(range));
        }
        let response = read.send().await.map_err(|error| errors::of_client(&at.target, &error))?;
        Ok(Media { generation: response.object().generation, body: body(response, at.target.clone()) })
    }
}

fn body(response: ReadObjectResponse, target: String) -> ByteStream {
    Box::pin(stream::unfold(Some(response), move |response| {
        let target = target.clone();
        async move {
            let mut response = response?;
            match tokio::time::timeout(READ_TIMEOUT, response.next()).await {
                Ok(None) => None,
                Ok(Some(Ok(chunk))) => Some((Ok::<Bytes, Error>(chunk), Some(response))),
                Ok(Some(Err(error))) => Some((Err(errors::of_client(&target, &error)), None)),
                Err(_) => Some((Err(errors::stalled(&target)), None)),
            }
        }
    }))
}

/// Huge but valid numbers stay what they mean: no object reaches that far, and the client's own sums
/// (in 64 bits, with a sign) do not overflow.
fn read_range(range: ByteRange) -> ReadRange {
    const BEYOND: u64 = i64::MAX as u64;
    match range {
        ByteRange::From(first) => ReadRange::offset(first),
        ByteRange::Last(count) => ReadRange::tail(count),
        ByteRange::Between { first, last } if last < BEYOND => ReadRange::segment(first, last - first + 1),
        ByteRange::Between { first, .. } => ReadRange::offset(first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carnet_federation::config::Env;
    use carnet_federation::http::Http;
    use carnet_federation::http::rest::IDLE;
    use futures_util::TryStreamExt as _;
    use google_cloud_auth::credentials::anonymous;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::SystemTime;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    /// Says the same on every request, and leaves the connection open for the next.
    async fn converse(mut socket: TcpStream) {
        let mut head = Vec::new();
        while let Ok(byte) = socket.read_u8().await {
            head.push(byte);
            if head.ends_with(b"\r\n\r\n") {
                head.clear();
                let answer = "HTTP/1.1 200 OK\r\nx-goog-generation: 7\r\ncontent-length: 2\r\n\r\nhi";
                socket.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    }

    async fn counting(listener: TcpListener, connections: Arc<AtomicUsize>) {
        while let Ok((socket, _)) = listener.accept().await {
            connections.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(converse(socket));
        }
    }

    #[tokio::test]
    async fn connections_that_rested_too_long_are_left_behind() {
        // Sets the process's TLS provider, as it does in every program.
        Http::from_env(&Env::default()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        tokio::spawn(counting(listener, connections.clone()));
        let mut client = Client::new(anonymous::Builder::new().build(), &endpoint, "store".into());
        let at = At { bucket: "projects/_/buckets/box".into(), target: "store/box".into() };
        let key = Key::parse("a").unwrap();
        for (rested, expected) in
            [(Duration::ZERO, 1), (Duration::ZERO, 1), (IDLE * 2, 2), (Duration::ZERO, 2)]
        {
            client.rest = Rest::since(SystemTime::now() - rested);
            let media = client.read(&at, &key, &Terms::default(), None).await.unwrap();
            let chunks: Vec<Bytes> = media.body.try_collect().await.unwrap();
            assert_eq!(
                (chunks.concat().as_slice(), connections.load(Ordering::Relaxed)),
                (&b"hi"[..], expected)
            );
        }
    }
}
