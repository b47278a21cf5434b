//! The stand-ins and the real function binary.

use super::evidence::{self, Hop};
use crate::commands::local::exports;
use crate::failure::Failure;
use carnet_federation::config::Env;
use carnet_federation::http::Http;
use carnet_localclouds::lambda::{self, Function, FunctionSpec, GatewayOptions};
use carnet_localclouds::local::RESOURCES;
use carnet_localclouds::{Local, Options, World};
use carnet_trust::config::Config;
use carnet_trust::entra::FederatedCredential;
use serde::{Serialize, Serializer};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const FUNCTION: &str = "blob-api";
const CONFIG: &str = include_str!("carnet.toml");
/// A log line takes a moment through its pipe. None takes this long.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct Stage {
    local: Local,
    http: Http,
    binary: PathBuf,
    /// The blobs and the CA's certificate; removed at the end.
    _folder: tempfile::TempDir,
}

impl Stage {
    pub async fn open(binary: Option<&Path>) -> Result<Self, Failure> {
        let binary = find_function(binary)?;
        let folder = tempfile::Builder::new().prefix("carnet-demo-").tempdir();
        let folder = folder.map_err(|error| Failure::file(&std::env::temp_dir(), error))?;
        write_blobs(folder.path())?;
        let config = Config::parse(CONFIG).map_err(|faults| {
            Failure::Other(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        })?;
        let world = World::from_config(&config, folder.path()).map_err(|error| Failure::because(&error))?;
        // The function is started by each act anew: an environment of its own.
        let options =
            Options { folder: folder.path().to_owned(), functions: Some(Vec::new()), ..Options::default() };
        let local = Local::start(world, options).await.map_err(|error| Failure::because(&error))?;
        let ca = local.state().ca_file.display().to_string();
        let http = Http::from_env(&Env::from_iter([("SSL_CERT_FILE", ca)]))?;
        Ok(Self { local, http, binary, _folder: folder })
    }

    pub async fn close(self) {
        self.local.stop().await;
    }

    pub fn binary(&self) -> &Path {
        &self.binary
    }

    pub fn tenant_id(&self) -> String {
        self.local.state().entra.tenant_id
    }

    /// The federated credential that lets the function in.
    pub fn credential(&self) -> Result<FederatedCredential, Failure> {
        self.with_credential(|credential| credential.clone())
    }

    /// As an administrator of Entra would, in the portal.
    pub fn set_subject(&self, subject: &str) -> Result<(), Failure> {
        self.with_credential(|credential| credential.subject = subject.to_owned())
    }

    fn with_credential<T>(&self, work: impl FnOnce(&mut FederatedCredential) -> T) -> Result<T, Failure> {
        let missing = || Failure::Other("the demo's world has no federated credential".to_owned());
        let mut world = self.local.shared.world_mut();
        let function = world.functions.get(FUNCTION);
        let client_id = function.and_then(|function| function.environment.get("AZURE_CLIENT_ID").cloned());
        let application =
            client_id.and_then(|id| world.entra.applications.get_mut(&id)).ok_or_else(missing)?;
        application.federated_credentials.first_mut().map(work).ok_or_else(missing)
    }

    /// Starts the function in a fresh environment and asks it for a blob, as API Gateway's callers do.
    pub async fn ask(&self, key: &str) -> Result<Scene, Failure> {
        let api =
            GatewayOptions { resources: RESOURCES.map(str::to_owned).to_vec(), ..GatewayOptions::default() };
        let function = lambda::start(Arc::clone(&self.local.shared), self.spec()?, api)
            .await
            .map_err(|error| Failure::Other(format!("the function's API cannot start: {error}")))?;
        let url = format!("{}/azure/assets/{key}", function.base_url());
        let failed = |what: String| Failure::Other(format!("GET {url}: {what}"));
        let response =
            self.http.client().get(&url).send().await.map_err(|error| failed(error.to_string()))?;
        let header = |name: &str| response.headers().get(name)?.to_str().ok().map(str::to_owned);
        let answer = Answer {
            status: response.status().as_u16(),
            content_type: header("content-type"),
            etag: header("etag"),
            body: Vec::new(),
        };
        let body = response.bytes().await.map_err(|error| failed(error.to_string()))?.to_vec();
        Ok(Scene { answer: Answer { body, ..answer }, url, function })
    }

    /// The function as the configuration states it, and where it finds the stand-ins.
    fn spec(&self) -> Result<FunctionSpec, Failure> {
        const LISTENERS: [&str; 4] =
            ["AWS_ENDPOINT_URL_STS", "AZURE_AUTHORITY_HOST", "CARNET_AZURE_BLOB_ENDPOINT", "SSL_CERT_FILE"];
        let world = self.local.shared.world();
        let function = world.functions.get(FUNCTION);
        let function =
            function.ok_or_else(|| Failure::Other("the demo's world has no function".to_owned()))?;
        let mut spec = FunctionSpec::new(FUNCTION, &self.binary, &function.role);
        spec.env = function.environment.clone();
        let exports = exports::of(&self.local.state()).into_iter();
        spec.env.extend(
            exports
                .filter(|(name, _)| LISTENERS.contains(name))
                .map(|(name, value)| (name.to_owned(), value)),
        );
        // Nothing spreads here: what is refused is refused at once.
        spec.env.insert("CARNET_SPREADING_WINDOW_SECONDS".to_owned(), "0".to_owned());
        Ok(spec)
    }
}

/// One request and its answer, with the environment that gave it still there.
pub struct Scene {
    pub url: String,
    pub answer: Answer,
    function: Function,
}

/// What the caller got.
#[derive(Serialize)]
pub struct Answer {
    pub status: u16,
    pub content_type: Option<String>,
    pub etag: Option<String>,
    #[serde(serialize_with = "as_text")]
    pub body: Vec<u8>,
}

fn as_text<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(bytes))
}

impl Scene {
    /// The hops of these names, from the function's log.
    pub async fn hops(&self, names: &[&str]) -> Result<Vec<Hop>, Failure> {
        let mut hops = Vec::new();
        for name in names {
            hops.push(self.line(name, |line| evidence::hop(line).filter(|hop| hop.hop == *name)).await?);
        }
        Ok(hops)
    }

    /// The request's failure, from the function's log.
    pub async fn failure(&self) -> Result<evidence::Failure, Failure> {
        self.line("failure", evidence::failure).await
    }

    async fn line<T>(&self, what: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, Failure> {
        let logs = self.function.logs();
        let find = || logs.lines().iter().find_map(|line| read(line));
        // The platform's own last line of an invocation comes after all of the function's.
        let report = async { logs.wait_for("REPORT RequestId").await };
        let _ = tokio::time::timeout(PATIENCE, report).await;
        find().ok_or_else(|| {
            let lines = logs.lines().join("\n  ");
            Failure::Other(format!("the function's log has no line of its {what}. It says:\n  {lines}"))
        })
    }

    pub async fn end(self) -> Answer {
        self.function.stop().await;
        self.answer
    }
}

fn find_function(named: Option<&Path>) -> Result<PathBuf, Failure> {
    let path = match named {
        Some(path) => path.to_owned(),
        None => {
            let me =
                std::env::current_exe().map_err(|error| Failure::Other(format!("where am I? {error}")))?;
            me.with_file_name(FUNCTION)
        }
    };
    if path.is_file() {
        return Ok(path);
    }
    Err(Failure::Other(format!(
        "{} is missing: build it with `cargo build -p {FUNCTION}`, or name it with --function",
        path.display()
    )))
}

fn write_blobs(folder: &Path) -> Result<(), Failure> {
    let container = folder.join("assets");
    let write = || {
        std::fs::create_dir(&container)?;
        std::fs::write(container.join(super::KEY), super::BLOB)
    };
    write().map_err(|error| Failure::file(&container, error))
}
