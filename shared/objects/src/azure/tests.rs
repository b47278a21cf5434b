//! The Azure source over a socket that answers as told: what is asked, and what becomes of answers.

use super::*;
use crate::digest::{Algorithm, Verdict};
use crate::list::PageToken;
use crate::object::Version;
use crate::read::{read, read_to_vec};
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use carnet_federation::config::Env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const TOKEN: &str = "the-token-itself";

/// Gives `TOKEN`, or fails as told; numbers its tokens by how many were refused.
#[derive(Debug, Default)]
struct Given {
    refusal: Option<Error>,
    rejected: AtomicUsize,
}

#[async_trait::async_trait]
impl TokenCredential for Given {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        assert_eq!(scopes, [SCOPE]);
        match &self.refusal {
            Some(refusal) => {
                Err(azure_core::Error::with_error(ErrorKind::Credential, refusal.clone(), "no token"))
            }
            None => {
                let token = format!("{TOKEN}-{}", self.rejected.load(Ordering::Relaxed));
                Ok(AccessToken::new(
                    token,
                    (std::time::SystemTime::now() + std::time::Duration::from_secs(60)).into(),
                ))
            }
        }
    }
}

impl BlobCredential for Given {
    fn rejected(&self) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }
}

/// A loopback listener that gives one answer a connection, in order, and keeps what it was asked.
struct Store {
    asked: Arc<Mutex<Vec<String>>>,
    credential: Arc<Given>,
    source: Arc<AzureBlobs>,
}

impl Store {
    async fn answering(answers: Vec<String>) -> Self {
        Self::with(answers, Given::default()).await
    }

    async fn with(answers: Vec<String>, credential: Given) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let template = format!("http://{}/{{account}}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(serve(listener, answers, asked.clone()));
        let http = Http::from_env(&Env::default()).unwrap();
        let credential = Arc::new(credential);
        let location = AzureLocation::new(&template, "acct", "box").unwrap();
        let source = Arc::new(AzureBlobs::new(&http, credential.clone(), &location).unwrap());
        Self { asked, credential, source }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    async fn open(&self, request: ReadRequest) -> Result<Opened> {
        self.source.open(&key("a/b"), &request).await
    }
}

async fn serve(listener: TcpListener, answers: Vec<String>, asked: Arc<Mutex<Vec<String>>>) {
    for answer in answers {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(socket.read_u8().await.unwrap());
        }
        asked.lock().unwrap().push(String::from_utf8(head).unwrap());
        socket.write_all(answer.as_bytes()).await.unwrap();
        socket.shutdown().await.unwrap();
    }
}

fn key(name: &str) -> Key {
    Key::parse(name).unwrap()
}

/// An answer to GET; `headers` are lines without their ends.
fn answer(status: &str, headers: &[&str], body: &str) -> String {
    let mut head = format!("HTTP/1.1 {status}\r\nconnection: close\r\nx-ms-request-id: req-1\r\n");
    for header in headers {
        head += &format!("{header}\r\n");
    }
    head + "\r\n" + body
}

const OBJECT: [&str; 2] = ["etag: \"v1\"", "last-modified: Sun, 06 Nov 1994 08:49:37 GMT"];

/// Bytes of the ten-byte object `0123456789`, of which `sent` really come.
fn part(range: std::ops::Range<usize>, sent: usize) -> String {
    const BODY: &str = "0123456789";
    let content_range = format!("content-range: bytes {}-{}/10", range.start, range.end - 1);
    let length = format!("content-length: {}", range.len());
    let headers =
        [&OBJECT[..], &[&content_range, &length, "x-ms-blob-content-md5: eB5eJF1ptWaXm4bijSPyxw=="]].concat();
    answer("206 Partial Content", &headers, &BODY[range][..sent])
}

fn refusal(status: &str, code: &str) -> String {
    let body =
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>sig=secret</Message></Error>");
    let code = format!("x-ms-error-code: {code}");
    answer(
        status,
        &[&code, &format!("content-length: {}", body.len()), "content-type: application/xml"],
        &body,
    )
}

#[tokio::test]
async fn a_read_is_one_signed_request_for_an_encoded_name() {
    let store = Store::answering(vec![part(0..10, 10)]).await;
    let odd = key("dir/a b+c%2f#?é");
    let request = ReadRequest { version: Some(Version::parse("\"v1\"").unwrap()), ..ReadRequest::default() };
    let reading = read(store.source.clone(), &odd, request).await.unwrap();
    assert_eq!(reading.verdict(), Verdict::Verified { algorithm: Algorithm::Md5 });
    let bytes: Vec<_> = reading.map(|chunk| chunk.unwrap().to_vec()).collect().await;
    assert_eq!(bytes.concat(), b"0123456789");
    let [asked] = store.asked().try_into().unwrap();
    assert!(asked.starts_with("GET /acct/box/dir%2Fa%20b+c%252f%23%3F%C3%A9 HTTP/1.1\r\n"), "{asked}");
    for line in ["authorization: Bearer the-token-itself-0", "if-match: \"v1\"", "x-ms-version: 20"] {
        assert!(asked.contains(&format!("\r\n{line}")), "{line} in {asked}");
    }
}

#[tokio::test]
async fn ranges_on_the_wire_are_the_ones_asked_for() {
    for (range, line, expected) in [
        (ByteRange::Between { first: 2, last: 4 }, "range: bytes=2-4\r\n", 2..5),
        (ByteRange::From(7), "range: bytes=7-", 7..10),
        (ByteRange::Between { first: 1, last: u64::MAX }, "range: bytes=1-", 1..10),
    ] {
        let store = Store::answering(vec![part(expected.clone(), expected.len())]).await;
        let opened = store.open(ReadRequest { range: Some(range), ..ReadRequest::default() }).await.unwrap();
        assert_eq!(opened.range, expected.start as u64..expected.end as u64);
        assert!(store.asked()[0].contains(line), "{line:?} in {}", store.asked()[0]);
    }
}

#[tokio::test]
async fn ranges_beyond_any_blob_are_the_stores_to_refuse() {
    for range in [ByteRange::From(u64::MAX), ByteRange::Between { first: u64::MAX, last: u64::MAX }] {
        let store = Store::answering(vec![refusal("416 Range Not Satisfiable", "InvalidRange")]).await;
        let error = store
            .open(ReadRequest { range: Some(range), ..ReadRequest::default() })
            .await
            .map(|_| ())
            .unwrap_err();
        assert_eq!((error.kind(), store.asked().len()), (Kind::OutOfRange, 1));
    }
    let store = Store::answering(vec![]).await;
    let backwards =
        ReadRequest { range: Some(ByteRange::Between { first: 5, last: 2 }), ..ReadRequest::default() };
    assert_eq!(store.open(backwards).await.map(|_| ()).unwrap_err().kind(), Kind::OutOfRange);
}

#[tokio::test]
async fn the_last_bytes_are_found_by_a_head_and_read_at_its_version() {
    let head = answer("200 OK", &[OBJECT[0], OBJECT[1], "content-length: 10"], "");
    let store = Store::answering(vec![head, part(7..10, 3)]).await;
    let opened =
        store.open(ReadRequest { range: Some(ByteRange::Last(3)), ..ReadRequest::default() }).await.unwrap();
    assert_eq!(opened.range, 7..10);
    let asked = store.asked();
    assert!(asked[0].starts_with("HEAD "), "{}", asked[0]);
    assert!(
        asked[1].contains("range: bytes=7-9\r\n") && asked[1].contains("if-match: \"v1\""),
        "{}",
        asked[1]
    );
}

#[tokio::test]
async fn a_truncated_answer_is_resumed_and_not_believed() {
    // Without Content-Length the connection's end looks like the body's.
    let cut = part(0..10, 6).replace("content-length: 10\r\n", "");
    let store = Store::answering(vec![cut, part(6..10, 4)]).await;
    let (_, bytes, verdict) =
        read_to_vec(store.source.clone(), &key("a"), ReadRequest::default(), 10).await.unwrap();
    assert_eq!(
        (bytes.as_slice(), verdict),
        (&b"0123456789"[..], Verdict::Verified { algorithm: Algorithm::Md5 })
    );
    let asked = store.asked();
    assert!(
        asked[1].contains("range: bytes=6-9\r\n") && asked[1].contains("if-match: \"v1\""),
        "{}",
        asked[1]
    );
}

#[tokio::test]
async fn a_broken_connection_is_resumed() {
    let store = Store::answering(vec![part(0..10, 6), part(6..10, 4)]).await;
    let (_, bytes, _) =
        read_to_vec(store.source.clone(), &key("a"), ReadRequest::default(), 10).await.unwrap();
    assert_eq!(bytes, b"0123456789");
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let refused = || refusal("401 Unauthorized", "InvalidAuthenticationInfo");
    let store = Store::answering(vec![refused(), part(0..10, 10)]).await;
    read_to_vec(store.source.clone(), &key("a"), ReadRequest::default(), 10).await.unwrap();
    let asked = store.asked();
    assert!(asked[0].contains("Bearer the-token-itself-0") && asked[1].contains("Bearer the-token-itself-1"));

    let store = Store::answering(vec![refused(), refused()]).await;
    let error = read(store.source.clone(), &key("a"), ReadRequest::default()).await.unwrap_err();
    assert_eq!((error.kind(), store.credential.rejected.load(Ordering::Relaxed)), (Kind::Unauthenticated, 1));
}

#[tokio::test]
async fn a_refusal_by_entra_stays_one() {
    let refusal =
        Error::new(Hop::Exchange, Kind::Refused, "login", "wrong subject").with_code("AADSTS700213");
    let credential = Given { refusal: Some(refusal), ..Given::default() };
    let store = Store::with(vec![], credential).await;
    for error in [
        store.open(ReadRequest::default()).await.map(|_| ()).unwrap_err(),
        store.source.list(&ListRequest::default()).await.unwrap_err(),
        store.source.head(&key("a"), &Conditions::default()).await.unwrap_err(),
    ] {
        assert_eq!(
            (error.hop(), error.kind(), error.code()),
            (Hop::Exchange, Kind::Refused, Some("AADSTS700213"))
        );
    }
}

#[tokio::test]
async fn answers_become_errors_of_their_kind() {
    for (status, code, kind) in [
        ("304 Not Modified", "ConditionNotMet", Kind::NotModified),
        ("400 Bad Request", "InvalidHeaderValue", Kind::Malformed),
        ("401 Unauthorized", "InvalidAuthenticationInfo", Kind::Unauthenticated),
        ("403 Forbidden", "AuthorizationPermissionMismatch", Kind::Forbidden),
        ("403 Forbidden", "AuthorizationFailure", Kind::Forbidden),
        ("404 Not Found", "BlobNotFound", Kind::NotFound),
        ("404 Not Found", "ContainerNotFound", Kind::NotFound),
        ("409 Conflict", "BlobArchived", Kind::Forbidden),
        ("412 Precondition Failed", "ConditionNotMet", Kind::Changed),
        ("416 Range Not Satisfiable", "InvalidRange", Kind::OutOfRange),
        ("429 Too Many Requests", "TooManyRequests", Kind::Throttled),
        ("500 Internal Server Error", "OperationTimedOut", Kind::Unavailable),
        ("503 Service Unavailable", "ServerBusy", Kind::Throttled),
        ("503 Service Unavailable", "ServiceUnavailable", Kind::Unavailable),
    ] {
        let answer = match status {
            "304 Not Modified" => answer(status, &["x-ms-error-code: ConditionNotMet"], ""),
            _ => refusal(status, code).replace("connection: close", "connection: close\r\nretry-after: 7"),
        };
        let store = Store::answering(vec![answer]).await;
        let part = ReadRequest { range: Some(ByteRange::From(5)), ..ReadRequest::default() };
        let error = store.open(part).await.map(|_| ()).unwrap_err();
        let number = status[..3].parse().ok();
        assert_eq!((error.kind(), error.code(), error.status()), (kind, Some(code), number), "{status}");
        assert_eq!(error.request_id(), Some("req-1"));
        if kind.is_transient() {
            assert_eq!(error.retry_after(), Some(std::time::Duration::from_secs(7)));
        }
        let shown = format!("{error} {error:?}");
        for secret in [TOKEN, "sig=secret", "Bearer"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        // One call and no retry of the client's own: those are ours to make.
        assert_eq!(store.asked().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn answers_to_head_have_no_body_and_keep_their_code() {
    let answer = answer("404 Not Found", &["x-ms-error-code: BlobNotFound"], "");
    let store = Store::answering(vec![answer]).await;
    let error = store.source.head(&key("a"), &Conditions::default()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code(), error.request_id()),
        (Kind::NotFound, Some("BlobNotFound"), Some("req-1"))
    );
}

#[tokio::test]
async fn answers_that_are_none_are_malformed() {
    for headers in [
        &["content-length: 2", "last-modified: Sun, 06 Nov 1994 08:49:37 GMT"][..],
        &[OBJECT[0], OBJECT[1]],
        &[OBJECT[0], OBJECT[1], "content-length: 2", "content-range: bytes 0-1/*"],
    ] {
        let store = Store::answering(vec![answer("200 OK", headers, "hi")]).await;
        let error = store.open(ReadRequest::default()).await.map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), Kind::Malformed, "{headers:?}");
    }
    let page = answer("200 OK", &["content-length: 20"], "<html>sign in</html>");
    let error = Store::answering(vec![page]).await.source.list(&ListRequest::default()).await.unwrap_err();
    assert_eq!((error.hop(), error.kind()), (Hop::List, Kind::Malformed));
    assert!(!format!("{error:?}").contains("sign in"));
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let location =
        AzureLocation::new(&format!("http://127.0.0.1:{port}/{{account}}"), "acct", "box").unwrap();
    let http = Http::from_env(&Env::default()).unwrap();
    let source = AzureBlobs::new(&http, Arc::new(Given::default()), &location).unwrap();
    let error = source.head(&key("a"), &Conditions::default()).await.unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::Unavailable, "no connection"));
}

#[tokio::test]
async fn an_empty_blob_has_no_range() {
    let empty = || answer("200 OK", &[OBJECT[0], OBJECT[1], "content-length: 0"], "");
    let refused = || refusal("416 Range Not Satisfiable", "InvalidRange");
    let store = Store::answering(vec![refused(), empty()]).await;
    assert_eq!(store.open(ReadRequest::default()).await.unwrap().range, 0..0);
    let store = Store::answering(vec![refused(), empty()]).await;
    let request = ReadRequest { range: Some(ByteRange::From(0)), ..ReadRequest::default() };
    assert_eq!(store.open(request).await.map(|_| ()).unwrap_err().kind(), Kind::OutOfRange);
}

#[tokio::test]
async fn a_listing_asks_for_what_the_request_says() {
    let xml = "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults><Blobs><BlobPrefix><Name>p q/r/</Name></BlobPrefix></Blobs><NextMarker>m2</NextMarker></EnumerationResults>";
    let page = answer("200 OK", &[&format!("content-length: {}", xml.len())], xml);
    let store = Store::answering(vec![page]).await;
    let request = ListRequest {
        prefix: "p q/&x=1".into(),
        delimiter: Some("/".into()),
        page_size: Some(99_999),
        page_token: Some(PageToken::new("m&1")),
        start_from: Some("p q/s".into()),
    };
    let page = store.source.list(&request).await.unwrap();
    assert_eq!((page.prefixes, page.next), (vec!["p q/r/".to_owned()], Some(PageToken::new("m2"))));
    let asked = store.asked()[0].clone();
    let url = asked.split(' ').nth(1).unwrap();
    let url = azure_core::http::Url::parse(&format!("http://h{url}")).unwrap();
    let mut pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    pairs.sort();
    let expected = [
        ("comp", "list"),
        ("delimiter", "/"),
        ("marker", "m&1"),
        ("maxresults", "5000"),
        ("prefix", "p q/&x=1"),
        ("restype", "container"),
        ("startFrom", "p q/s"),
    ];
    assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(url.path(), "/acct/box");
}

#[tokio::test]
async fn a_token_the_store_never_gave_is_the_callers_fault() {
    let bad = refusal("400 Bad Request", "OutOfRangeInput");
    let store = Store::answering(vec![bad.clone(), bad]).await;
    let request = ListRequest { page_token: Some(PageToken::new("made up")), ..ListRequest::default() };
    assert_eq!(store.source.list(&request).await.unwrap_err().kind(), Kind::OutOfRange);
    assert_eq!(store.source.list(&ListRequest::default()).await.unwrap_err().kind(), Kind::Malformed);
}
