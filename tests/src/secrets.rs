//! Secrets of the stage: what they are worth in the stand-ins, the function that copies them, and AWS
//! Secrets Manager, which is moto's.

use crate::tool::{Server, tool};
use crate::{SECRETS_PROJECT, Stage, VAULT};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::Response;
use carnet_federation::http::Http;
use carnet_federation::mint::AwsSession;
use carnet_localclouds::lambda::Function;
use carnet_localclouds::server::{self, Listening, Transport};
use carnet_localclouds::world::{ProjectSecret, Vault};
use carnet_secrets::aws::SecretsManager;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Values that nothing but a secret's reader may show.
pub const DB_PASSWORD: &str = "stand-in-db-password-4711";
pub const API_KEY: &str = "stand-in-api-key-0815";

pub const VAULT_PAIR: &str = "keyvault://carnet-test/db-password=secretsmanager://app/db-password";
pub const PROJECT_PAIR: &str = "secretmanager://carnet-test/api-key=secretsmanager://app/api-key";

/// moto's Secrets Manager, behind a listener that notes what is asked.
pub struct Kept {
    pub url: String,
    client: reqwest::Client,
    asked: Asked,
    _listener: Listening,
    _server: Server,
}

type Asked = Arc<Mutex<BTreeSet<String>>>;

impl Kept {
    pub async fn start(stage: &Stage) -> Self {
        let mut command = tool("CARNET_MOTO_SERVER", "moto");
        command.args(["--host", "127.0.0.1", "--port", "0"]);
        let server = Server::start(command, "Running on ").await;
        let client = stage.client();
        let asked = Asked::default();
        let router = noting(server.url.clone(), client.clone(), asked.clone());
        let listener = server::serve(router, Transport::Plain).await.expect("a listener");
        Self { url: listener.base_url.clone(), client, asked, _listener: listener, _server: server }
    }

    /// The actions that were asked for since this was last called, as policies name them.
    pub fn asked(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// One call of its JSON protocol; what it answers, or its error's type.
    pub async fn call(&self, action: &str, body: Value) -> Result<Value, String> {
        let authorization = "AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/eu-central-1/secretsmanager/aws4_request, SignedHeaders=host, Signature=0";
        let answer = self
            .client
            .post(&self.url)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("secretsmanager.{action}"))
            .header("authorization", authorization)
            .body(body.to_string())
            .send()
            .await
            .expect("moto answers");
        let is_success = answer.status().is_success();
        let body: Value = answer.json().await.expect("JSON");
        if is_success { Ok(body) } else { Err(body["__type"].as_str().unwrap_or_default().to_owned()) }
    }

    pub async fn describe(&self, name: &str) -> Value {
        self.call("DescribeSecret", json!({ "SecretId": name })).await.expect("the secret is there")
    }

    /// The value at a stage.
    pub async fn value(&self, name: &str, stage: &str) -> Option<String> {
        let asked = json!({ "SecretId": name, "VersionStage": stage });
        let answer = self.call("GetSecretValue", asked).await.ok()?;
        answer["SecretString"].as_str().map(str::to_owned)
    }

    pub async fn tag(&self, name: &str, key: &str) -> Option<String> {
        let described = self.describe(name).await;
        let tags = described["Tags"].as_array()?.clone();
        let tag = tags.into_iter().find(|tag| tag["Key"] == key)?;
        tag["Value"].as_str().map(str::to_owned)
    }
}

/// Passes each request on, and notes its action.
fn noting(to: String, client: reqwest::Client, asked: Asked) -> Router {
    Router::new().fallback(move |request: Request| {
        let (to, client, asked) = (to.clone(), client.clone(), asked.clone());
        async move {
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(body, 1 << 20).await.expect("a whole request");
            let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
            if let Some((service, action)) = target.and_then(|target| target.split_once('.')) {
                let action = format!("{service}:{action}");
                asked.lock().unwrap_or_else(PoisonError::into_inner).insert(action);
            }
            let sent = client.request(parts.method, to).headers(parts.headers).body(body).send();
            let answer = sent.await.expect("moto answers");
            let (status, headers) = (answer.status(), answer.headers().clone());
            let mut passed = Response::new(Body::from(answer.bytes().await.expect("a whole answer")));
            *passed.status_mut() = status;
            *passed.headers_mut() = headers;
            // moto says that it is a page.
            let json = HeaderValue::from_static("application/x-amz-json-1.1");
            passed.headers_mut().insert(CONTENT_TYPE, json);
            passed
        }
    })
}

impl Stage {
    /// The function that copies these pairs there, as the operator.
    pub async fn secret_sync(&self, kept: &Kept, pairs: &[&str], more: &[(&str, &str)]) -> Function {
        let pairs = pairs.join(",");
        let own =
            [("CARNET_SECRETS", pairs.as_str()), ("AWS_ENDPOINT_URL_SECRETS_MANAGER", kept.url.as_str())];
        self.start("secret-sync", own.iter().chain(more), Duration::from_secs(60)).await
    }

    /// The client that the function has, on moto.
    pub async fn secrets_manager(&self, kept: &Kept) -> SecretsManager {
        let http: Http = self.http();
        let session: AwsSession = self.session(&http, self.access_key(None)).await.expect("a session");
        let config = session.config().clone().into_builder().endpoint_url(&kept.url).build();
        let session = AwsSession::from_config(config).expect("a session");
        SecretsManager::new(&http, &session).expect("a client")
    }

    /// Changes the stage's vault.
    pub fn with_vault<T>(&self, change: impl FnOnce(&mut Vault) -> T) -> T {
        let mut world = self.local.shared.world_mut();
        change(world.azure.vaults.get_mut(VAULT).expect("the stage's vault"))
    }

    /// Changes a secret of the stage's project, which is made with the operator's grants if it is missing.
    pub fn with_secret<T>(&self, name: &str, change: impl FnOnce(&mut ProjectSecret) -> T) -> T {
        let mut world = self.local.shared.world_mut();
        let secrets = world.google.secrets.get_mut(SECRETS_PROJECT).expect("the stage's project");
        let granted = secrets.get("api-key").expect("the stage's secret").clone();
        change(secrets.entry(name.to_owned()).or_insert(ProjectSecret { versions: Vec::new(), ..granted }))
    }
}
