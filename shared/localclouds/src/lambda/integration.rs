//! Both reply formats of a Lambda proxy integration: the document of a buffered one, and the
//! metadata before a streamed one.

use super::invocation::Chunk;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

/// Between metadata and bytes.
const DELIMITER: [u8; 8] = [0; 8];

/// How long metadata may be: a bound of ours.
const LONGEST_METADATA: usize = 64 << 10;

/// A reply that is not of the format; the caller sees 502.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Status and headers of a reply.
#[derive(Debug)]
pub(crate) struct Head {
    pub status: StatusCode,
    pub headers: HeaderMap,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    /// The document's default is 200 when a stream leaves it out.
    status_code: Option<Value>,
    headers: Option<Map<String, Value>>,
    multi_value_headers: Option<Map<String, Value>>,
    cookies: Option<Vec<String>>,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

pub(crate) fn buffered(document: &[u8]) -> Result<(Head, Bytes), Malformed> {
    let metadata: Metadata = serde_json::from_slice(document).map_err(|_| Malformed)?;
    if metadata.status_code.is_none() {
        return Err(Malformed);
    }
    let body = metadata.body.clone().unwrap_or_default();
    let body = match metadata.is_base64_encoded {
        true => STANDARD.decode(body).map_err(|_| Malformed)?,
        false => body.into_bytes(),
    };
    Ok((metadata.head()?, Bytes::from(body)))
}

/// The metadata of a stream and what came with its last piece.
pub(crate) async fn streamed(chunks: &mut mpsc::Receiver<Chunk>) -> Result<(Head, Bytes, bool), Malformed> {
    let mut seen = BytesMut::new();
    let mut ended = false;
    loop {
        if let Some(at) = seen.windows(DELIMITER.len()).position(|window| window == DELIMITER) {
            let metadata = seen.split_to(at);
            let rest = seen.split_off(DELIMITER.len()).freeze();
            let metadata: Metadata = serde_json::from_slice(&metadata).map_err(|_| Malformed)?;
            return Ok((metadata.head()?, rest, ended));
        }
        if ended || seen.len() > LONGEST_METADATA {
            return Err(Malformed);
        }
        match chunks.recv().await {
            Some(Chunk::Data(data)) => seen.extend_from_slice(&data),
            Some(Chunk::End) => ended = true,
            Some(Chunk::Broken) | None => return Err(Malformed),
        }
    }
}

impl Metadata {
    fn head(self) -> Result<Head, Malformed> {
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers.into_iter().flatten() {
            add(&mut headers, &name, &value)?;
        }
        // Of a header in both maps the several values win.
        for (name, values) in self.multi_value_headers.into_iter().flatten() {
            headers.remove(&name);
            add(&mut headers, &name, &values)?;
        }
        for cookie in self.cookies.into_iter().flatten() {
            headers.append(header::SET_COOKIE, HeaderValue::from_str(&cookie).map_err(|_| Malformed)?);
        }
        Ok(Head { status: status(self.status_code)?, headers })
    }
}

fn status(code: Option<Value>) -> Result<StatusCode, Malformed> {
    let code = match code {
        None => return Ok(StatusCode::OK),
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.parse().ok(),
        Some(_) => None,
    };
    let code = code.and_then(|code| u16::try_from(code).ok()).ok_or(Malformed)?;
    StatusCode::from_u16(code).map_err(|_| Malformed)
}

fn add(headers: &mut HeaderMap, name: &str, value: &Value) -> Result<(), Malformed> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Malformed)?;
    let several = match value {
        Value::Array(values) => values.as_slice(),
        one => std::slice::from_ref(one),
    };
    for value in several {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(yes) => yes.to_string(),
            _ => return Err(Malformed),
        };
        headers.append(remapped(&name), HeaderValue::from_str(&text).map_err(|_| Malformed)?);
    }
    Ok(())
}

/// What the gateway says of its own response: the function's word goes by another name.
fn remapped(name: &HeaderName) -> HeaderName {
    match *name {
        header::CONTENT_LENGTH => HeaderName::from_static("x-amzn-remapped-content-length"),
        header::CONNECTION => HeaderName::from_static("x-amzn-remapped-connection"),
        header::DATE => HeaderName::from_static("x-amzn-remapped-date"),
        header::SERVER => HeaderName::from_static("x-amzn-remapped-server"),
        header::TRANSFER_ENCODING => HeaderName::from_static("x-amzn-remapped-transfer-encoding"),
        header::WWW_AUTHENTICATE => HeaderName::from_static("x-amzn-remapped-www-authenticate"),
        _ => name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_becomes_a_response() {
        let (head, body) = buffered(
            br#"{"statusCode": 201, "headers": {"x-one": "1", "Content-Length": "9"},
                "multiValueHeaders": {"x-two": ["a", "b"]}, "body": "aGk=", "isBase64Encoded": true}"#,
        )
        .unwrap();
        assert_eq!(head.status, 201);
        assert_eq!(head.headers["x-one"], "1");
        assert_eq!(head.headers.get_all("x-two").iter().count(), 2);
        assert_eq!(head.headers["x-amzn-remapped-content-length"], "9");
        assert_eq!(&body[..], b"hi");
    }

    #[test]
    fn what_is_not_of_the_format_is_refused() {
        for wrong in [
            &b"{}"[..],
            b"null",
            b"\"text\"",
            br#"{"statusCode": "two"}"#,
            br#"{"statusCode": 99999}"#,
            br#"{"statusCode": 200, "headers": {"a b": "c"}}"#,
            br#"{"statusCode": 200, "headers": {"a": "c\r\nd: e"}}"#,
            br#"{"statusCode": 200, "body": "%", "isBase64Encoded": true}"#,
        ] {
            assert!(buffered(wrong).is_err(), "{}", String::from_utf8_lossy(wrong));
        }
    }

    async fn feed(pieces: &[&'static [u8]], end: bool) -> Result<(Head, Bytes, bool), Malformed> {
        let (sender, mut receiver) = mpsc::channel(16);
        for piece in pieces {
            let _ = sender.send(Chunk::Data(Bytes::from_static(piece))).await;
        }
        if end {
            let _ = sender.send(Chunk::End).await;
        }
        drop(sender);
        streamed(&mut receiver).await
    }

    #[tokio::test]
    async fn metadata_may_come_in_any_pieces() {
        let pieces: &[&'static [u8]] =
            &[b"{\"statusCode\":206,\"cookies\":[\"a=1\"]}\0\0\0", b"\0\0\0\0", b"\0by", b"tes"];
        let (head, rest, ended) = feed(pieces, true).await.unwrap();
        assert_eq!((head.status.as_u16(), &rest[..], ended), (206, &b"by"[..], false));
        assert_eq!(head.headers[header::SET_COOKIE], "a=1");
    }

    #[tokio::test]
    async fn a_stream_without_a_delimiter_is_malformed() {
        assert!(feed(&[b"{\"statusCode\":200}"], true).await.is_err());
        assert!(feed(&[b"{\"statusCode\":200}"], false).await.is_err());
        assert!(feed(&[b"not json\0\0\0\0\0\0\0\0"], true).await.is_err());
    }
}
