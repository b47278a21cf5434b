//! Running the `carnet` command. What it writes is counted, digested or parsed, and never shown.

use super::settings::Settings;
use crate::digest::Running;
use crate::failure::Failure;
use carnet_objects::Digests;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

pub struct Carnet {
    program: PathBuf,
    settings: Settings,
}

/// What `carnet cat` wrote.
pub struct Read {
    pub length: u64,
    pub digests: Digests,
    pub etag: Option<String>,
}

impl Carnet {
    /// The one that a variable names, else the one beside this program.
    pub fn find(settings: Settings) -> Result<Self, String> {
        let named = std::env::var_os("CARNET_BIN_CARNET").map(PathBuf::from);
        let beside = || Some(std::env::current_exe().ok()?.with_file_name("carnet"));
        match named.or_else(beside).filter(|path| path.is_file()) {
            Some(program) => Ok(Self { program, settings }),
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
        for (name, value) in &self.settings {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
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
