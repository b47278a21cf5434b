//! A bare pipe as the yardstick for `carnet sync`: one object from the source into S3 in one request,
//! with the digests that Carnet computes and nothing else.
//!
//! `pipe SOURCE_URL DESTINATION_URL md5|crc32c`: `PIPE_BEARER` opens the source, which is checked
//! against its own digest of that name. S3 checks the CRC32C, which goes behind the bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use limit::sigv4::Signer;
use limit::{Error, tls};
use md5::{Digest as _, Md5};
use reqwest::header::HeaderMap;
use std::env::var;
use time::OffsetDateTime;
use url::Url;

const PAYLOAD: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
const TRAILER: &str = "x-amz-checksum-crc32c";
const STORAGE_VERSION: &str = "2026-04-06";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [source, destination, digest] = &arguments[..] else {
        return Err("usage: pipe SOURCE_URL DESTINATION_URL md5|crc32c".into());
    };
    let client = tls::client()?;
    let answer = client
        .get(source)
        .header("authorization", format!("Bearer {}", var("PIPE_BEARER")?))
        .header("x-ms-version", STORAGE_VERSION)
        .send()
        .await?
        .error_for_status()?;
    let length = answer.content_length().ok_or("the source tells no length")?;
    let digests = Digests::expecting(digest, answer.headers())?;
    let body = reqwest::Body::wrap_stream(chunked(answer, digests));
    put(&client, &Url::parse(destination)?, length, body).await
}

/// The running digests, and what the source says of its object.
struct Digests {
    crc32c: u32,
    md5: Option<Md5>,
    stated: String,
}

impl Digests {
    fn expecting(digest: &str, headers: &HeaderMap) -> Result<Self, Error> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        // Cloud Storage repeats the header, once for each of its digests.
        let google = headers.get_all("x-goog-hash").iter().filter_map(|value| value.to_str().ok());
        let mut google = google.flat_map(|value| value.split(','));
        let (stated, md5) = match digest {
            "md5" => (text("content-md5"), Some(Md5::new())),
            "crc32c" => (google.find_map(|part| part.trim().strip_prefix("crc32c=")), None),
            other => return Err(format!("no digest {other:?}").into()),
        };
        Ok(Self { crc32c: 0, md5, stated: stated.ok_or("the source tells no digest")?.to_owned() })
    }

    fn update(&mut self, bytes: &[u8]) {
        self.crc32c = crc32c::crc32c_append(self.crc32c, bytes);
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
    }

    /// The last chunk and the trailer, if the bytes were right.
    fn finish(self) -> Result<Bytes, Error> {
        let crc32c = STANDARD.encode(self.crc32c.to_be_bytes());
        let found = self.md5.map_or_else(|| crc32c.clone(), |md5| STANDARD.encode(md5.finalize()));
        match found == self.stated {
            true => Ok(Bytes::from(format!("0\r\n{TRAILER}:{crc32c}\r\n\r\n"))),
            false => Err(format!("the source says {}, its bytes give {found}", self.stated).into()),
        }
    }
}

/// The bytes in S3's own chunks, each between its length and a line's end.
fn chunked(
    answer: reqwest::Response,
    digests: Digests,
) -> impl futures_util::Stream<Item = Result<Bytes, Error>> {
    let state = Some((answer, digests));
    let chunks = stream::try_unfold(state, |state| async move {
        let Some((mut answer, mut digests)) = state else { return Ok::<_, Error>(None) };
        Ok(Some(match answer.chunk().await? {
            Some(bytes) => {
                digests.update(&bytes);
                let head = Bytes::from(format!("{:x}\r\n", bytes.len()));
                ([head, bytes, Bytes::from_static(b"\r\n")], Some((answer, digests)))
            }
            None => ([digests.finish()?, Bytes::new(), Bytes::new()], None),
        }))
    });
    chunks.flat_map(|pieces| match pieces {
        Ok(pieces) => {
            stream::iter(pieces.into_iter().filter(|piece| !piece.is_empty()).map(Ok)).left_stream()
        }
        Err(error) => stream::iter([Err(error)]).right_stream(),
    })
}

async fn put(client: &reqwest::Client, url: &Url, length: u64, body: reqwest::Body) -> Result<(), Error> {
    let (id, secret, region) = (var("AWS_ACCESS_KEY_ID")?, var("AWS_SECRET_ACCESS_KEY")?, var("AWS_REGION")?);
    let signer = Signer { access_key_id: &id, secret_access_key: &secret, region: &region, service: "s3" };
    let length = length.to_string();
    let headers = [
        ("content-encoding", "aws-chunked"),
        ("host", url.authority()),
        ("x-amz-content-sha256", PAYLOAD),
        ("x-amz-decoded-content-length", &length),
        ("x-amz-trailer", TRAILER),
    ];
    let signed = signer.sign_request("PUT", url.path(), &headers, PAYLOAD, OffsetDateTime::now_utc())?;
    let mut request = client.put(url.clone());
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.header("x-amz-date", signed.date).header("authorization", signed.authorization);
    request.body(body).send().await?.error_for_status()?;
    Ok(())
}
