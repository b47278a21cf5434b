//! A function under Lambda's Runtime Interface Emulator: the real runtime API, without Docker.

use crate::Result;
use crate::process::child_of;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Emulator {
    child: Child,
    http: reqwest::Client,
    address: SocketAddr,
}

impl Emulator {
    /// Starts the emulator alone: it starts the function at the first invocation.
    pub async fn start(
        rie: &Path,
        program: &Path,
        arguments: &[&str],
        env: &[(String, String)],
        http: &reqwest::Client,
    ) -> Result<Self> {
        let (address, runtime_api) = (free_address()?, free_address()?);
        let child = Command::new(rie)
            .arg("--runtime-interface-emulator-address")
            .arg(address.to_string())
            .arg("--runtime-api-address")
            .arg(runtime_api.to_string())
            .arg(program)
            .args(arguments)
            .env_clear()
            .envs(env.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_FUNCTION_NAME", "blob-api")
            .env("AWS_LAMBDA_FUNCTION_TIMEOUT", "60")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("_HANDLER", arguments.last().unwrap_or(&"bootstrap"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut emulator = Self { child, http: http.clone(), address };
        emulator.ready().await?;
        Ok(emulator)
    }

    async fn ready(&mut self) -> Result {
        const PATIENCE: Duration = Duration::from_secs(30);
        let start = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("the Runtime Interface Emulator ended with {status}").into());
            }
            if start.elapsed() > PATIENCE {
                return Err("the Runtime Interface Emulator does not listen".into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// One invocation, answered whole: the emulator does not stream.
    pub async fn invoke(&self, event: &[u8]) -> Result<Vec<u8>> {
        let url = format!("http://{}/2015-03-31/functions/function/invocations", self.address);
        let answer = self.http.post(url).body(event.to_vec()).send().await?;
        let status = answer.status();
        let body = answer.bytes().await?;
        if !status.is_success() {
            return Err(format!("the emulator answered {status}: {}", String::from_utf8_lossy(&body)).into());
        }
        Ok(body.into())
    }

    /// The function's process, once it was invoked.
    pub fn function(&self) -> Result<Pid> {
        child_of(self.pid()?)
    }

    fn pid(&self) -> Result<Pid> {
        Ok(Pid::from_raw(i32::try_from(self.child.id())?))
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        if let Ok(function) = self.function() {
            let _ = kill(function, Signal::SIGKILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address nobody listens on. Someone else could take it before the emulator does; then the
/// emulator ends, and says so.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}
