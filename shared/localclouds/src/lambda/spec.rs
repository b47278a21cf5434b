//! What a function and its API are made of.

use super::logs::LogSink;
use super::resource::ANYTHING;
use crate::server::Transport;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone)]
pub struct FunctionSpec {
    pub name: String,
    /// The name that Lambda has it under where a stack deploys it. Invoke takes either.
    pub deployed_name: String,
    /// Run as `bootstrap` is.
    pub binary: PathBuf,
    /// A role's name in the world.
    pub role: String,
    /// A session of the role that the world already has; without one each environment gets a new
    /// session of its own.
    pub access_key_id: Option<String>,
    /// Added to what Lambda sets, and stronger than it.
    pub env: BTreeMap<String, String>,
    pub memory_mb: u32,
    pub timeout: Duration,
    /// How many environments may run side by side. Further requests wait.
    pub concurrency: usize,
    /// Lambda gives 500 ms after SIGTERM to who registered an extension; a busy machine that runs
    /// tests needs more.
    pub shutdown_grace: Duration,
    /// Gets every line the process writes, besides [`super::Logs`].
    pub log_sink: Option<LogSink>,
}

impl FunctionSpec {
    pub fn new(name: impl Into<String>, binary: impl Into<PathBuf>, role: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            deployed_name: name.clone(),
            name,
            binary: binary.into(),
            role: role.into(),
            access_key_id: None,
            env: BTreeMap::new(),
            memory_mb: 256,
            timeout: Duration::from_secs(30),
            concurrency: 2,
            shutdown_grace: Duration::from_secs(2),
            log_sink: None,
        }
    }
}

/// What a REST API's integration does with a function's reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ResponseTransferMode {
    /// `STREAM`: metadata, eight NULs, then bytes as they come.
    #[default]
    Stream,
    /// `BUFFERED`: one JSON document of at most 6 MB.
    Buffered,
}

#[derive(Clone)]
pub struct GatewayOptions {
    pub transport: Transport,
    /// Whether a caller must sign, as the `AWS_IAM` authorizer demands. Whose signature holds may
    /// call: the account's policies on `execute-api` are not judged.
    pub check_sigv4: bool,
    /// What the API has, e.g. `/azure/{place}/{key+}`; by default everything goes to the function.
    pub resources: Vec<String>,
    pub stage: String,
    pub stage_variables: BTreeMap<String, String>,
    pub response_transfer_mode: ResponseTransferMode,
    /// Until the whole reply, or the first byte of a streamed one.
    pub integration_timeout: Duration,
}

impl Default for GatewayOptions {
    fn default() -> Self {
        Self {
            transport: Transport::Plain,
            check_sigv4: false,
            resources: ANYTHING.map(str::to_owned).to_vec(),
            stage: "prod".to_owned(),
            stage_variables: BTreeMap::new(),
            response_transfer_mode: ResponseTransferMode::default(),
            integration_timeout: Duration::from_secs(29),
        }
    }
}
