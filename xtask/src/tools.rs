//! Pinned tools inside `target/tools`: nothing is installed on the machine, nothing by hand.
//!
//! Each folder keeps a copy of the lock it was made from, and is made anew when the lock changes.

use crate::process::{root, run, target};
use crate::steps::Result;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A Python environment of its own: the tools' dependencies contradict each other.
pub struct Venv {
    name: &'static str,
    lock: &'static str,
}

/// SAM's checks, cfn-lint, and the Runtime Interface Emulator.
pub const SAM: Venv = Venv { name: "venv-sam", lock: "tests/sam/requirements.lock" };
/// The clouds' own Python clients, and pytest.
pub const CLIENTS: Venv = Venv { name: "venv-clients", lock: "tests/python/requirements.lock" };
/// What the Python handler of the bench runs on.
pub const PEER: Venv = Venv { name: "venv-peer", lock: "bench/peer/requirements.lock" };
/// Judges template.yaml.
pub const CHECKOV: Venv = Venv { name: "venv-checkov", lock: "tests/checkov/requirements.lock" };
/// What `sam build` compiles with.
pub const CARGO_LAMBDA: Venv =
    Venv { name: "venv-cargo-lambda", lock: "tests/cargo-lambda/requirements.lock" };
/// libfaketime, for the test of a frozen function.
pub const FAKETIME: Venv = Venv { name: "venv-faketime", lock: "tests/faketime/requirements.lock" };

/// A second implementation of S3.
pub const MOTO: Venv = Venv { name: "venv-moto", lock: "tests/moto/requirements.lock" };
/// A third, and the peer that copies are compared with.
pub const RCLONE: Venv = Venv { name: "venv-rclone", lock: "tests/rclone/requirements.lock" };

impl Venv {
    pub fn folder(&self) -> PathBuf {
        target().join("tools").join(self.name)
    }

    pub fn program(&self, name: &str) -> PathBuf {
        self.folder().join("bin").join(name)
    }

    /// A file that came with a package.
    fn package_file(&self, folder: &str, file: &str) -> Result<PathBuf> {
        let lib = self.folder().join("lib");
        let versions = std::fs::read_dir(&lib).map_err(|error| format!("{}: {error}", lib.display()))?;
        versions
            .flatten()
            .map(|version| version.path().join("site-packages").join(folder).join(file))
            .find(|path| path.exists())
            .ok_or_else(|| format!("{} has no {folder}/{file}", lib.display()))
    }

    pub fn install(&self) -> Result {
        let lock = root().join(self.lock);
        install(&self.folder(), &lock, || {
            let python = python()?;
            run(Command::new(python).args(["-m", "venv", "--clear"]).arg(self.folder())).map_err(|why| {
                format!("{why}\n  python3 is there, but its venv module is not (Debian: python3-venv)")
            })?;
            println!("    installing {} (pinned, with hashes)", self.lock);
            // The lock is complete, so nothing is resolved: --no-deps. Wheels only: no package's
            // own build code runs here, and no compiler is needed.
            run(Command::new(self.program("python"))
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .args(["--no-deps", "--require-hashes", "--only-binary", ":all:", "-r"])
                .arg(&lock))?;
            run(Command::new(self.program("python")).args(["-m", "pip", "check"]).stdout(Stdio::null()))
        })
    }
}

/// The Runtime Interface Emulator that comes with SAM.
pub fn rie() -> Result<PathBuf> {
    let file = match std::env::consts::ARCH {
        "x86_64" => "aws-lambda-rie-x86_64",
        "aarch64" => "aws-lambda-rie-arm64",
        other => return Err(format!("there is no Runtime Interface Emulator for {other}")),
    };
    SAM.package_file("samcli/local/rapid", file)
}

/// The library that moves a process's wall clock. The wheel holds it for x86-64 only.
pub fn faketime() -> Result<PathBuf> {
    FAKETIME.package_file("libfaketime/vendor/libfaketime/src", "libfaketime.so.1")
}

/// Azurite, from npm.
pub fn azurite() -> PathBuf {
    node_folder().join("node_modules/.bin/azurite-blob")
}

pub fn install_azurite() -> Result {
    let source = root().join("tests/node");
    let lock = source.join("package-lock.json");
    install(&node_folder(), &lock, || {
        needs("node", "Azurite, the second implementation of Azure Blob in the tests")?;
        needs("npm", "Azurite, the second implementation of Azure Blob in the tests")?;
        let folder = node_folder();
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for file in ["package.json", "package-lock.json"] {
            let to = folder.join(file);
            std::fs::copy(source.join(file), &to).map_err(|error| format!("{}: {error}", to.display()))?;
        }
        println!("    installing tests/node/package-lock.json");
        run(Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(&folder))
    })
}

fn node_folder() -> PathBuf {
    target().join("tools/node")
}

/// Runs `make` unless `folder` was made from this very lock.
fn install(folder: &Path, lock: &Path, make: impl FnOnce() -> Result) -> Result {
    let wanted = std::fs::read(lock).map_err(|error| format!("{}: {error}", lock.display()))?;
    let stamp = folder.join("made-from.lock");
    if std::fs::read(&stamp).is_ok_and(|made_from| made_from == wanted) {
        println!("    {} is up to date", folder.display());
        return Ok(());
    }
    let _ = std::fs::remove_file(&stamp);
    make()?;
    std::fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))
}

fn python() -> Result<&'static str> {
    needs("python3", "SAM's checks, the Runtime Interface Emulator and the clouds' Python clients")?;
    Ok("python3")
}

fn needs(program: &'static str, what_for: &str) -> Result {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    match found {
        Ok(status) if status.success() => Ok(()),
        _ => Err(format!(
            "cargo xtask test needs {program}, for {what_for}. It was not found, or does not start. \
             Steps that do without: cargo xtask test --only demo,lint,unit"
        )),
    }
}
