//! Starts programs.

use crate::steps::Result;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The repository's folder.
pub fn root() -> &'static Path {
    // xtask/ lies in it.
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Where cargo builds.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

pub fn dev_binary(name: &str) -> PathBuf {
    target().join("debug").join(name)
}

/// Where [`crate::shipped::build`] puts it.
pub fn release_binary(name: &str) -> PathBuf {
    target().join(crate::shipped::triple()).join("release").join(name)
}

/// The cargo that runs this task, in the repository's folder.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    command.args(arguments).current_dir(root());
    without_this_package(&mut command);
    command
}

/// A command that calls cargo, now or in the end.
pub fn without_this_package(command: &mut Command) -> &mut Command {
    // What cargo said of this package. A build script that asks for such a variable (ring's does)
    // would be run again, and half the graph be built again, each time a person calls cargo directly.
    let ours = std::env::vars_os().map(|(name, _)| name);
    for name in ours.filter(|name| is_of_this_package(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    command
}

fn is_of_this_package(variable: &str) -> bool {
    let families = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
    families.iter().any(|family| variable.starts_with(family))
}

/// Runs to the end; anything but success is an error that names the program.
pub fn run(command: &mut Command) -> Result {
    let status = status(command)?;
    if status.success() { Ok(()) } else { Err(format!("{} ended with {status}", shown(command))) }
}

/// Runs to the end, however that is.
pub fn status(command: &mut Command) -> Result<ExitStatus> {
    command.status().map_err(|error| cannot_start(command, &error))
}

/// What it prints on standard output.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| cannot_start(command, &error))?;
    if !output.status.success() {
        return Err(format!("{} ended with {}", shown(command), output.status));
    }
    String::from_utf8(output.stdout)
        .map_err(|_| format!("{} printed something else than text", shown(command)))
}

fn cannot_start(command: &Command, error: &std::io::Error) -> String {
    format!("cannot start {}: {error}", shown(command))
}

/// The program and its first words: arguments can be long.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = command.get_args().take(4).map(|word| word.to_string_lossy());
    std::iter::once(program.to_string_lossy()).chain(words).collect::<Vec<_>>().join(" ")
}

/// `carnet local`, stopped when dropped.
pub struct LocalClouds {
    child: Child,
    pub state_file: PathBuf,
}

impl LocalClouds {
    /// Returns when the state file is there, which is when everything answers.
    pub fn start(carnet: &Path, config: &Path, folder: &Path) -> Result<Self> {
        const PATIENCE: Duration = Duration::from_secs(60);
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let state_file = folder.join("state.json");
        let _ = std::fs::remove_file(&state_file);
        let mut command = Command::new(carnet);
        command.args(["local", "--quiet"]).arg("--config").arg(config).arg("--state-file").arg(&state_file);
        let child = command.spawn().map_err(|error| cannot_start(&command, &error))?;
        let mut local = Self { child, state_file };
        let start = Instant::now();
        while !local.state_file.exists() {
            if let Ok(Some(status)) = local.child.try_wait() {
                return Err(format!("{} ended with {status} before it was ready", shown(&command)));
            }
            if start.elapsed() > PATIENCE {
                return Err(format!("{} was not ready after {} s", shown(&command), PATIENCE.as_secs()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(local)
    }
}

impl Drop for LocalClouds {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
