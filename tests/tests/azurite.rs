//! The Azure source against Azurite, Microsoft's own emulator: a second opinion on what we send and
//! what we understand. With OAuth over TLS; the tokens come from the stand-in's Entra, whose
//! signature Azurite does not check.

use bytes::Bytes;
use carnet_federation::adapter::azure::AzureCredential;
use carnet_federation::http::Http;
use carnet_federation::{Credential, Scope, exchange::Entra};
use carnet_objects::azure::{AzureBlobs, AzureLocation, SCOPE};
use carnet_objects::conformance::{Ability, Fixture, Upload, run};
use carnet_objects::{BoxFuture, Key};
use carnet_tests::Stage;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// The one account Azurite has without further words.
const ACCOUNT: &str = "devstoreaccount1";
const VARIABLE: &str = "CARNET_AZURITE_BIN";
const NO_BLOCKS: &str = r#"<?xml version="1.0" encoding="utf-8"?><BlockList></BlockList>"#;
const ONE_BLOCK: &str =
    r#"<?xml version="1.0" encoding="utf-8"?><BlockList><Latest>AAAA</Latest></BlockList>"#;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "cargo xtask test runs it: it needs Node"]
async fn the_azure_source_conforms_on_azurite() {
    let stage = Stage::new().await;
    let azurite = Azurite::start(&stage).await;
    let template = format!("{}/{{account}}", azurite.url);
    let location = AzureLocation::new(&template, ACCOUNT, "box").unwrap();
    let (http, credential) = (stage.http(), stage.credential(|_| {}).await.unwrap());
    let container = Container { http: http.clone(), credential: credential.clone(), location };
    container.send("PUT", container.url(None, "restype=container"), Bytes::new(), Vec::new()).await;
    let source = AzureBlobs::new(&http, AzureCredential::new(credential), &container.location).unwrap();
    run(Arc::new(source), &container).await;
}

/// A running emulator: ends with the test.
struct Azurite {
    url: String,
    _process: Child,
    _folder: TempDir,
}

impl Azurite {
    async fn start(stage: &Stage) -> Self {
        let Some(program) = std::env::var_os(VARIABLE) else {
            panic!(
                "{VARIABLE} is not set: run `cargo xtask test azurite`, which installs Azurite and sets it"
            )
        };
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = stage.local.shared.authority.server_pem().unwrap();
        std::fs::write(folder.path().join("chain.pem"), certificate).unwrap();
        std::fs::write(folder.path().join("leaf.key"), key).unwrap();
        let mut process = Command::new(&program)
            .args([
                "--blobHost",
                "127.0.0.1",
                "--blobPort",
                "0",
                "--inMemoryPersistence",
                "--disableTelemetry",
            ])
            .args(["--oauth", "basic", "--cert", "chain.pem", "--key", "leaf.key"])
            // It knows no version as new as the client's.
            .arg("--skipApiVersionCheck")
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let listening = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if let Some((_, url)) = line.split_once("successfully listens on ") {
                    return url.trim().to_owned();
                }
            }
            panic!("Azurite ended before it listened");
        };
        let url = tokio::time::timeout(Duration::from_secs(120), listening).await;
        let url = url.expect("Azurite says where it listens");
        // Its log goes on for as long as it runs; unread, it would block.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { url, _process: process, _folder: folder }
    }
}

struct Container {
    http: Http,
    credential: Credential<Entra>,
    location: AzureLocation,
}

impl Container {
    fn url(&self, key: Option<&Key>, query: &str) -> reqwest::Url {
        let mut url = self.location.container_url().clone();
        if let Some(key) = key {
            // As one segment: what a key holds is never a path of its own.
            url.path_segments_mut().expect("an https URL").push(key.as_str());
        }
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        url
    }

    async fn send(&self, method: &str, url: reqwest::Url, body: Bytes, headers: Vec<(String, String)>) {
        let token = self.credential.token(&Scope::new(SCOPE)).await.unwrap();
        let mut request = self
            .http
            .client()
            .request(method.parse().unwrap(), url.clone())
            .bearer_auth(token.secret.expose())
            .header("x-ms-version", "2025-11-05")
            .body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        assert!(status.is_success(), "{method} {url}: {status} {}", answer.text().await.unwrap());
    }

    async fn upload(&self, key: &Key, body: Bytes, upload: Upload) {
        let mut headers: Vec<(String, String)> =
            upload.metadata.into_iter().map(|(name, value)| (format!("x-ms-meta-{name}"), value)).collect();
        let stated = [
            ("x-ms-blob-content-type", upload.content_type),
            ("x-ms-blob-cache-control", upload.cache_control),
        ];
        headers.extend(stated.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        // A blob made of blocks has no digest unless its uploader states one. And Azurite does not
        // take an empty body for a blob of no bytes.
        let list = |blocks: &'static str| (self.url(Some(key), "comp=blocklist"), Bytes::from(blocks));
        let (url, body) = match (body.is_empty(), upload.without_digest) {
            (true, _) => list(NO_BLOCKS),
            (false, true) => {
                self.send("PUT", self.url(Some(key), "comp=block&blockid=AAAA"), body, Vec::new()).await;
                list(ONE_BLOCK)
            }
            (false, false) => {
                headers.push(("x-ms-blob-type".to_owned(), "BlockBlob".to_owned()));
                (self.url(Some(key), ""), body)
            }
        };
        self.send("PUT", url, body, headers).await;
    }
}

impl Fixture for Container {
    fn put<'a>(&'a self, key: &'a Key, body: Bytes, upload: Upload) -> BoxFuture<'a, ()> {
        Box::pin(self.upload(key, body, upload))
    }

    fn remove<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, ()> {
        Box::pin(self.send("DELETE", self.url(Some(key), ""), Bytes::new(), Vec::new()))
    }

    fn can(&self, ability: Ability) -> bool {
        ability != Ability::RangesOfNothing
    }
}
