//! The functions' API as its callers see it. Both functions keep one contract, so each has a [`Door`].

use crate::Stage;
use carnet_localclouds::faults::Hop;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, Response};
use serde_json::Value;

/// A function, and where its one place is.
#[derive(Clone, Copy, Debug)]
pub struct Door {
    pub function: &'static str,
    /// `/azure`
    pub route: &'static str,
    /// `/azure/assets`
    pub place: &'static str,
    pub store: Hop,
    pub token_service: Hop,
    /// Where the bytes come from.
    pub bytes: Hop,
}

pub const BLOB_API: Door = Door {
    function: "blob-api",
    route: "/azure",
    place: "/azure/assets",
    store: Hop::Blob,
    token_service: Hop::EntraToken,
    bytes: Hop::Blob,
};

pub const GCS_API: Door = Door {
    function: "gcs-api",
    route: "/gcs",
    place: "/gcs/archive",
    store: Hop::GoogleStorage,
    token_service: Hop::GoogleSts,
    bytes: Hop::GoogleMedia,
};

pub const HELLO: &[u8] = b"Hello from the other cloud.\n";

/// A function that serves, with some objects behind it.
pub struct Api {
    pub stage: Stage,
    pub door: Door,
}

impl Api {
    pub async fn open(door: Door) -> Self {
        let stage = Stage::serving(door.function).await;
        stage.put("hello.txt", HELLO);
        stage.put("empty", b"");
        stage.put("reports/2026/summer figures für alle.csv", "a,b\n");
        stage.put("reports/2026/winter.csv", "c,d\n");
        Self { stage, door }
    }

    /// `path` is below the place: `/hello.txt`, `?prefix=a`.
    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        self.call(Method::GET, path, headers).await
    }

    pub async fn call(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
        let url = format!("{}{}{path}", self.stage.api(self.door.function), self.door.place);
        let request = self.stage.client().request(method, url);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.send().await.expect("an answer")
    }

    /// Sends a request line as it is, and reads the problem's status and slug: a client would tidy the
    /// path away.
    pub async fn raw(&self, path: &str) -> (u16, String) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let base = self.stage.api(self.door.function);
        let host = base.strip_prefix("http://").expect("a plain base URL");
        let mut socket = tokio::net::TcpStream::connect(host).await.expect("a connection");
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.expect("the request goes out");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.expect("an answer");
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let slug = answer.split("urn:carnet:problem:").nth(1).and_then(|rest| rest.split('"').next());
        (status, slug.unwrap_or(&answer).to_owned())
    }

    /// What the function logged so far.
    pub fn lines(&self) -> Vec<String> {
        self.stage.function(self.door.function).logs().lines()
    }

    pub async fn doctor(&self) -> Value {
        let output = self.stage.function(self.door.function).invoke(r#"{"carnet":"doctor"}"#).await;
        assert_eq!(output.function_error, None, "{output:?}");
        serde_json::from_slice(&output.payload).expect("a report")
    }
}

/// Status and slug of a problem, which must hold no internals.
pub async fn problem(response: Response) -> (u16, String) {
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    let status = response.status().as_u16();
    let document: Value = response.json().await.expect("a problem");
    assert_eq!(document["status"], status);
    assert!(document["instance"].as_str().is_some_and(|id| id.starts_with("urn:uuid:")), "{document}");
    let text = document.to_string();
    for internal in ["127.0.0.1", "AADSTS", "arn:aws", "tenant", "iam.googleapis.com", "eyJ", "ya29."] {
        assert!(!text.contains(internal), "{text}");
    }
    let slug = document["type"].as_str().and_then(|slug| slug.strip_prefix("urn:carnet:problem:"));
    (status, slug.expect("one of our problems").to_owned())
}
