//! Running the `carnet` command. What it writes is counted, digested or parsed, and never shown.

use crate::digest::Running;
use crate::failure::Failure;
use carnet_objects::Digests;
use carnet_trust::config::{Config, Principal};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

/// What this process was started with must not decide what is only stated in `carnet.toml`.
const NOT_INHERITED: [&str; 11] = [
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_MANAGED_IDENTITY_CLIENT_ID",
    "CARNET_AZURE_CLOUD",
    "CARNET_AZURE_AUDIENCE",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "CARNET_GOOGLE_AUDIENCE",
    "CARNET_GOOGLE_TOKEN_AUDIENCE",
    "CARNET_GOOGLE_SUBJECT_TOKEN_TYPE",
    "CARNET_GOOGLE_SERVICE_ACCOUNT",
    // Its last line on stderr is the error, or what was read.
    "RUST_LOG",
];

pub struct Carnet {
    program: PathBuf,
    /// Where it goes, and as whom: what `carnet.toml` states of the instance.
    settings: BTreeMap<String, String>,
}

/// What `carnet cat` wrote.
pub struct Read {
    pub length: u64,
    pub digests: Digests,
    pub etag: Option<String>,
}

impl Carnet {
    /// The one that a variable names, else the one beside this program.
    pub fn find(config: &Config, principal: &Principal) -> Result<Self, String> {
        let named = std::env::var_os("CARNET_BIN_CARNET").map(PathBuf::from);
        let beside = || Some(std::env::current_exe().ok()?.with_file_name("carnet"));
        match named.or_else(beside).filter(|path| path.is_file()) {
            Some(program) => {
                let mut settings = config.environment(principal);
                settings.insert("AWS_REGION".to_owned(), config.aws.region.clone());
                Ok(Self { program, settings })
            }
            None => {
                Err("the `carnet` command is not built: cargo build --bin carnet, or set CARNET_BIN_CARNET"
                    .to_owned())
            }
        }
    }

    /// One JSON document.
    pub async fn document(&self, arguments: &[&str]) -> Result<Value, Failure> {
        let mut text = Vec::new();
        self.run(arguments, |bytes| text.extend_from_slice(bytes)).await?;
        serde_json::from_slice(&text)
            .map_err(|_| Failure::new("", "malformed", "`carnet` wrote something else than JSON"))
    }

    pub async fn bytes(&self, arguments: &[&str]) -> Result<Read, Failure> {
        let (mut running, mut length) = (Running::default(), 0);
        let said = self
            .run(arguments, |bytes| {
                length += bytes.len() as u64;
                running.update(bytes);
            })
            .await?;
        let said: Value = last_line(&said).unwrap_or_default();
        let etag = said["etag"].as_str().map(str::to_owned);
        Ok(Read { length, digests: running.finish(), etag })
    }

    /// So many lines of JSON, or all there are; then it is stopped.
    pub async fn first_lines(&self, arguments: &[&str], lines: usize) -> Result<Vec<Value>, Failure> {
        let (mut child, stdout) = self.start(arguments)?;
        let mut reader = BufReader::new(stdout).lines();
        let mut found = Vec::new();
        while found.len() < lines {
            let line = reader.next_line().await.map_err(|error| broken(&error))?;
            let Some(line) = line else { break };
            found.extend(serde_json::from_str::<Value>(&line).ok());
        }
        if found.len() < lines {
            let said = stderr_of(&mut child).await?;
            ended(child, &said).await?;
        }
        // Else it is dropped here, and so ended.
        Ok(found)
    }

    /// What it said on stderr, if it ended well.
    async fn run(&self, arguments: &[&str], mut take: impl FnMut(&[u8])) -> Result<String, Failure> {
        let (mut child, mut stdout) = self.start(arguments)?;
        let mut buffer = vec![0; 64 << 10];
        let reading = async {
            loop {
                match stdout.read(&mut buffer).await.map_err(|error| broken(&error))? {
                    0 => return Ok(()),
                    read => take(&buffer[..read]),
                }
            }
        };
        let (read, said) = tokio::join!(reading, stderr_of(&mut child));
        let said = read.and(said)?;
        ended(child, &said).await?;
        Ok(said)
    }

    fn start(&self, arguments: &[&str]) -> Result<(Child, ChildStdout), Failure> {
        let mut command = Command::new(&self.program);
        command.args(["--format", "json"]).args(arguments);
        for name in NOT_INHERITED {
            command.env_remove(name);
        }
        command.envs(&self.settings);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| broken(&error))?;
        let stdout = child.stdout.take().ok_or_else(|| broken(&std::io::Error::other("it has no stdout")))?;
        Ok((child, stdout))
    }
}

async fn stderr_of(child: &mut Child) -> Result<String, Failure> {
    let mut text = Vec::new();
    if let Some(stderr) = &mut child.stderr {
        stderr.read_to_end(&mut text).await.map_err(|error| broken(&error))?;
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Its exit code, and where that is not 0 the error it wrote.
async fn ended(mut child: Child, said: &str) -> Result<(), Failure> {
    let status = child.wait().await.map_err(|error| broken(&error))?;
    if status.success() {
        return Ok(());
    }
    let nothing =
        || Failure::new("", "other", format!("`carnet` ended with {status} and no error of its own"));
    Err(last_line(said).unwrap_or_else(nothing))
}

fn last_line<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text.lines().last()?).ok()
}

fn broken(error: &std::io::Error) -> Failure {
    Failure::new("", "other", format!("`carnet` cannot be run: {error}"))
}
