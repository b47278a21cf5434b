//! A store that answers as told, and a credential that gives tokens of its own.

use crate::digest::Verdict;
use crate::google::{Bucket, CloudStorage, StorageCredential};
use crate::key::Key;
use crate::range::ByteRange;
use crate::read::read_to_vec;
use crate::source::{ObjectSource as _, Opened, ReadRequest};
use carnet_federation::config::Env;
use carnet_federation::http::Http;
use carnet_federation::{AccessToken, BoxFuture, Error, Result, Secret};
use google_cloud_auth::credentials::{CacheableResource, Credentials, CredentialsProvider, EntityTag};
use google_cloud_auth::errors::CredentialsError;
use http::header::{AUTHORIZATION, HeaderMap};
use reqwest::Url;
use serde_json::json;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(super) const TOKEN: &str = "ya29.the-token-itself";
pub(super) const BODY: &str = "0123456789";

/// Gives `TOKEN`, or fails as told; numbers its tokens by how many were refused.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub refusal: Option<Error>,
    pub rejected: AtomicUsize,
}

impl Given {
    fn give(&self) -> Result<String> {
        match &self.refusal {
            Some(refusal) => Err(refusal.clone()),
            None => Ok(format!("{TOKEN}-{}", self.rejected.load(Ordering::Relaxed))),
        }
    }
}

#[derive(Debug)]
struct Provider(Arc<Given>);

impl CredentialsProvider for Provider {
    async fn headers(
        &self,
        _: http::Extensions,
    ) -> std::result::Result<CacheableResource<HeaderMap>, CredentialsError> {
        let token = self.0.give().map_err(|error| CredentialsError::new(false, "no token", error))?;
        let data = HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {token}").parse().unwrap())]);
        Ok(CacheableResource::New { entity_tag: EntityTag::new(), data })
    }

    async fn universe_domain(&self) -> Option<String> {
        None
    }
}

impl StorageCredential for Given {
    fn token(&self) -> BoxFuture<'_, Result<AccessToken>> {
        let expires_at = SystemTime::now() + Duration::from_secs(60);
        let token = self.give().map(|token| AccessToken { secret: Secret::new(token), expires_at });
        Box::pin(std::future::ready(token))
    }

    fn credentials(self: Arc<Self>) -> Credentials {
        Credentials::from(Provider(self))
    }

    fn rejected(&self) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }

    fn identity(&self) -> Option<String> {
        Some("service account reader".to_owned())
    }
}

/// What is answered, in order: to calls of the API, and to reads of bytes.
#[derive(Default)]
struct Script {
    api: Mutex<VecDeque<String>>,
    media: Mutex<VecDeque<String>>,
    asked: Mutex<Vec<String>>,
}

/// A loopback listener that gives one answer a connection, and keeps what it was asked.
pub(super) struct Store {
    script: Arc<Script>,
    pub credential: Arc<Given>,
    pub source: Arc<Bucket>,
}

impl Store {
    pub(super) async fn answering(api: Vec<String>, media: Vec<String>) -> Self {
        Self::with(api, media, Given::default()).await
    }

    pub(super) async fn with(api: Vec<String>, media: Vec<String>, credential: Given) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let script = Arc::new(Script {
            api: Mutex::new(api.into()),
            media: Mutex::new(media.into()),
            ..Script::default()
        });
        tokio::spawn(serve(listener, script.clone()));
        let http = Http::from_env(&Env::default()).unwrap();
        let credential = Arc::new(credential);
        let source = CloudStorage::new(&http, credential.clone(), &endpoint).unwrap().bucket("box").unwrap();
        Self { script, credential, source: Arc::new(source) }
    }

    /// The requests with or without `alt=media`, in order.
    pub(super) fn asked(&self, media: bool) -> Vec<String> {
        let asked = self.script.asked.lock().unwrap();
        asked.iter().filter(|head| head.contains("alt=media") == media).cloned().collect()
    }

    pub(super) async fn open(&self, request: ReadRequest) -> Result<Opened> {
        self.source.open(&key("a/b"), &request).await
    }

    pub(super) async fn refused(&self, request: ReadRequest) -> Error {
        self.open(request).await.map(|_| ()).unwrap_err()
    }

    pub(super) async fn bytes(&self) -> Result<(Vec<u8>, Verdict)> {
        let read = read_to_vec(self.source.clone(), &key("a/b"), ReadRequest::default(), 100).await;
        read.map(|(_, bytes, verdict)| (bytes, verdict))
    }
}

async fn serve(listener: TcpListener, script: Arc<Script>) {
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        tokio::spawn(converse(socket, script.clone()));
    }
}

async fn converse(mut socket: TcpStream, script: Arc<Script>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let answers = if head.contains("alt=media") { &script.media } else { &script.api };
    script.asked.lock().unwrap().push(head);
    let answer = answers.lock().unwrap().pop_front().expect("an answer for every request");
    socket.write_all(answer.as_bytes()).await.unwrap();
    socket.shutdown().await.unwrap();
}

pub(super) fn key(name: &str) -> Key {
    Key::parse(name).unwrap()
}

pub(super) fn range(range: ByteRange) -> ReadRequest {
    ReadRequest { range: Some(range), ..ReadRequest::default() }
}

/// `headers` are lines without their ends.
pub(super) fn answer(status: &str, headers: &[&str], body: &str) -> String {
    let mut head = format!("HTTP/1.1 {status}\r\nconnection: close\r\nx-guploader-uploadid: up-1\r\n");
    for header in headers {
        head += &format!("{header}\r\n");
    }
    head + "\r\n" + body
}

pub(super) fn json_answer(status: &str, body: &serde_json::Value) -> String {
    let body = body.to_string();
    answer(status, &[&format!("content-length: {}", body.len()), "content-type: application/json"], &body)
}

/// The metadata of a ten-byte object in a version.
pub(super) fn metadata(generation: i64) -> String {
    metadata_of("a/b", generation)
}

pub(super) fn metadata_of(name: &str, generation: i64) -> String {
    let crc32c = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        crc32c::crc32c(BODY.as_bytes()).to_be_bytes(),
    );
    let resource = json!({
        "name": name, "generation": generation.to_string(), "size": "10", "updated": "1994-11-06T08:49:37Z",
        "crc32c": crc32c,
    });
    json_answer("200 OK", &resource)
}

/// The whole object, of which `sent` bytes really come.
pub(super) fn media(generation: i64, sent: usize) -> String {
    let generation = format!("x-goog-generation: {generation}");
    answer("200 OK", &[&generation, "content-length: 10"], &BODY[..sent])
}

pub(super) fn part(generation: i64, range: std::ops::Range<usize>) -> String {
    let generation = format!("x-goog-generation: {generation}");
    let content_range = format!("content-range: bytes {}-{}/10", range.start, range.end - 1);
    let length = format!("content-length: {}", range.len());
    answer("206 Partial Content", &[&generation, &content_range, &length], &BODY[range])
}

pub(super) fn refusal(status: &str, reason: &str, message: &str) -> String {
    let detail = json!({"message": message, "domain": "global", "reason": reason});
    json_answer(status, &json!({"error": {"code": 0, "message": message, "errors": [detail]}}))
}

/// As it comes where bytes were asked for.
pub(super) fn bare(status: &str, message: &str) -> String {
    answer(status, &[&format!("content-length: {}", message.len()), "content-type: text/html"], message)
}

pub(super) fn query_of(head: &str) -> Vec<(String, String)> {
    let url = Url::parse(&format!("http://h{}", head.split(' ').nth(1).unwrap())).unwrap();
    let mut pairs: Vec<_> = url.query_pairs().into_owned().collect();
    pairs.sort();
    pairs
}

pub(super) fn has(head: &str, name: &str, value: &str) -> bool {
    query_of(head).contains(&(name.to_owned(), value.to_owned()))
}
