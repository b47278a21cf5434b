//! The stand-ins and the real function binaries.

use super::border::{BORDERS, Border};
use super::evidence::{self, Hop};
use crate::commands::local::exports;
use crate::failure::Failure;
use carnet_federation::config::Env;
use carnet_federation::http::Http;
use carnet_localclouds::lambda::{self, Function, FunctionSpec, GatewayOptions};
use carnet_localclouds::local::RESOURCES;
use carnet_localclouds::{Local, Options, World};
use carnet_trust::config::Config;
use serde::{Serialize, Serializer};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The variables that lead to the stand-ins; all else a function has from the configuration.
const LISTENERS: [&str; 7] = [
    "AWS_ENDPOINT_URL_STS",
    "AZURE_AUTHORITY_HOST",
    "CARNET_AZURE_BLOB_ENDPOINT",
    "CARNET_GOOGLE_STS_ENDPOINT",
    "CARNET_GOOGLE_IAM_CREDENTIALS_ENDPOINT",
    "CARNET_GOOGLE_STORAGE_ENDPOINT",
    "SSL_CERT_FILE",
];
const CONFIG: &str = include_str!("carnet.toml");
/// A log line takes a moment through its pipe. None takes this long.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct Stage {
    local: Local,
    http: Http,
    /// Where the functions' binaries lie.
    binaries: PathBuf,
    /// The objects and the CA's certificate; removed at the end.
    _folder: tempfile::TempDir,
}

impl Stage {
    pub async fn open(binaries: Option<&Path>) -> Result<Self, Failure> {
        let binaries = find_functions(binaries)?;
        let folder = tempfile::Builder::new().prefix("carnet-demo-").tempdir();
        let folder = folder.map_err(|error| Failure::file(&std::env::temp_dir(), error))?;
        write_objects(folder.path())?;
        let config = Config::parse(CONFIG).map_err(|faults| {
            Failure::Other(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        })?;
        let world = World::stated(&config, folder.path()).map_err(|error| Failure::because(&error))?;
        // The function is started by each act anew: an environment of its own.
        let options =
            Options { folder: folder.path().to_owned(), functions: Some(Vec::new()), ..Options::default() };
        let local = Local::start(world, options).await.map_err(|error| Failure::because(&error))?;
        let ca = local.state().ca_file.display().to_string();
        let http = Http::from_env(&Env::from_iter([("SSL_CERT_FILE", ca)]))?;
        Ok(Self { local, http, binaries, _folder: folder })
    }

    pub async fn close(self) {
        self.local.stop().await;
    }

    pub fn binary(&self, border: &Border) -> PathBuf {
        self.binaries.join(border.function)
    }

    /// What the caller must never see.
    pub fn internals(&self) -> Vec<String> {
        let state = self.local.state();
        let fixed = ["AADSTS", "unauthorized_client", "arn:", "subject", "127.0.0.1"].map(str::to_owned);
        fixed
            .into_iter()
            .chain([state.entra.tenant_id, state.google.audience])
            .filter(|word| !word.is_empty())
            .collect()
    }

    /// The trust that lets the function in, for people.
    pub fn trust(&self, border: &Border) -> Vec<(&'static str, String)> {
        (border.shown)(&self.local.shared.world())
    }

    /// The text that the far side compares.
    pub fn stated(&self, border: &Border) -> Result<String, Failure> {
        (border.stated)(&mut self.local.shared.world_mut()).cloned().ok_or_else(no_trust)
    }

    /// As an administrator of that cloud would, in its console.
    pub fn state(&self, border: &Border, text: &str) -> Result<(), Failure> {
        let mut world = self.local.shared.world_mut();
        text.clone_into((border.stated)(&mut world).ok_or_else(no_trust)?);
        Ok(())
    }

    /// Starts the function in a fresh environment and asks it for its object, as API Gateway's callers do.
    pub async fn ask(&self, border: &Border) -> Result<Scene, Failure> {
        let api =
            GatewayOptions { resources: RESOURCES.map(str::to_owned).to_vec(), ..GatewayOptions::default() };
        let function = lambda::start(Arc::clone(&self.local.shared), self.spec(border)?, api)
            .await
            .map_err(|error| Failure::Other(format!("the function's API cannot start: {error}")))?;
        let url = format!("{}{}", function.base_url(), border.path);
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
    fn spec(&self, border: &Border) -> Result<FunctionSpec, Failure> {
        let world = self.local.shared.world();
        let function = world.functions.get(border.function);
        let function =
            function.ok_or_else(|| Failure::Other("the demo's world has no function".to_owned()))?;
        let mut spec = FunctionSpec::new(border.function, self.binary(border), &function.role);
        spec.env = exports::of(&self.local.state())
            .into_iter()
            .filter(|(name, _)| LISTENERS.contains(name))
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        spec.env.extend(function.environment.clone());
        // Nothing spreads here: what is refused is refused at once.
        spec.env.insert("CARNET_SPREADING_WINDOW_SECONDS".to_owned(), "0".to_owned());
        Ok(spec)
    }
}

fn no_trust() -> Failure {
    Failure::Other("the demo's world states no trust to change".to_owned())
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

/// A folder with all the functions' binaries in it: the named one, or this program's own.
fn find_functions(named: Option<&Path>) -> Result<PathBuf, Failure> {
    let folder = match named {
        Some(path) => path.to_owned(),
        None => {
            let me = std::env::current_exe();
            let me = me.map_err(|error| Failure::Other(format!("where am I? {error}")))?;
            me.parent().unwrap_or(Path::new(".")).to_owned()
        }
    };
    for border in &BORDERS {
        let path = folder.join(border.function);
        if !path.is_file() {
            return Err(Failure::Other(format!(
                "{} is missing: build it with `cargo build -p {}`, or name its folder with --functions",
                path.display(),
                border.function
            )));
        }
    }
    Ok(folder)
}

/// Each cloud's container is a folder named like its place.
fn write_objects(folder: &Path) -> Result<(), Failure> {
    for border in &BORDERS {
        let path = border.path.splitn(3, '/').nth(2).unwrap_or_default();
        let file = folder.join(path);
        let container = file.parent().unwrap_or(folder);
        std::fs::create_dir(container)
            .and_then(|()| std::fs::write(&file, border.bytes))
            .map_err(|error| Failure::file(&file, error))?;
    }
    Ok(())
}
