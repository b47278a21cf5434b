//! A reader's machine: a copy of what the steps need of the repository, and the clouds' command lines
//! as programs that record how they are called.

use carnet_tests::{binary, repository};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

pub const ISSUER: &str = "https://0f1e2d3c-0000-4000-8000-123456789abc.tokens.sts.global.api.aws";
pub const API_URL: &str = "https://abc123.execute-api.eu-central-1.amazonaws.com/live/";

const RECORD: &str = include_str!("programs/record.sh");
const PROGRAMS: [(&str, &str); 11] = [
    ("aws", include_str!("programs/aws.sh")),
    ("az", include_str!("programs/az.sh")),
    ("gcloud", include_str!("programs/gcloud.sh")),
    ("sam", include_str!("programs/sam.sh")),
    ("curl", include_str!("programs/curl.sh")),
    ("ssh", include_str!("programs/ssh.sh")),
    ("scp", include_str!("programs/scp.sh")),
    ("cargo", include_str!("programs/cargo.sh")),
    ("rustup", include_str!("programs/rustup.sh")),
    ("python3", include_str!("programs/python3.sh")),
    ("terraform", include_str!("programs/terraform.sh")),
];

/// What the steps need of the repository.
const FILES: [&str; 5] = [
    "carnet.toml",
    "template.yaml",
    "samconfig.toml",
    "tests/sam/requirements.lock",
    "tests/cargo-lambda/requirements.lock",
];

pub struct Machine(TempDir);

/// A program and the words it was given.
pub type Call = Vec<String>;

impl Machine {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let machine = Self(folder);
        for file in FILES {
            let to = machine.checkout().join(file);
            std::fs::create_dir_all(to.parent().expect("a parent")).expect("a folder");
            std::fs::copy(repository().join(file), to).expect(file);
        }
        // A document of the example's that is none of the reader's: it must not be left.
        std::fs::create_dir(machine.checkout().join("infra")).expect("a folder");
        // As of a cloud that was in carnet.toml before.
        let left_over = format!("# {}\n", carnet_trust::render::MARK);
        std::fs::write(machine.checkout().join("infra/left-over.tf"), left_over).expect("a file");
        let programs = machine.0.path().join("bin");
        std::fs::create_dir(&programs).expect("a folder");
        for (name, text) in PROGRAMS {
            let program = programs.join(name);
            std::fs::write(&program, format!("{RECORD}\n{text}")).expect("a program");
            std::fs::set_permissions(&program, Permissions::from_mode(0o755)).expect("a program");
        }
        machine
    }

    /// Where the reader is.
    pub fn checkout(&self) -> PathBuf {
        self.0.path().join("checkout")
    }

    pub fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.checkout().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// The instance that the reader copied something to.
    pub fn instance(&self) -> PathBuf {
        self.0.path().join("instance")
    }

    /// In one shell that stops at the first command that fails, and at the first variable that is not set.
    pub fn run(&self, script: &str) -> Result<(), String> {
        let file = self.0.path().join("steps.sh");
        std::fs::write(&file, script).expect("the steps");
        let output = Command::new("sh")
            .arg("-eu")
            .arg(file)
            .current_dir(self.checkout())
            .env_clear()
            .envs([("HOME", "/nonexistent"), ("ISSUER", ISSUER), ("API_URL", API_URL)])
            .env("GUIDE", self.0.path())
            .env("CARNET", binary("carnet"))
            .env("PATH", format!("{}:/usr/bin:/bin", self.0.path().join("bin").display()))
            .stdin(Stdio::null())
            .output()
            .expect("a shell");
        match output.status.success() {
            true => Ok(()),
            false => Err(format!("{}\n{}", output.status, String::from_utf8_lossy(&output.stderr))),
        }
    }

    /// Every call so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        let text = std::fs::read_to_string(self.0.path().join("calls")).unwrap_or_default();
        let calls = text.split_terminator('\u{1e}');
        calls.map(|call| call.split('\u{1f}').map(str::to_owned).collect()).collect()
    }

    /// The calls that begin like this.
    pub fn calls_of(&self, beginning: &str) -> Vec<Call> {
        let words: Vec<&str> = beginning.split(' ').collect();
        let begins =
            |call: &Call| call.iter().map(String::as_str).take(words.len()).eq(words.iter().copied());
        self.calls().into_iter().filter(begins).collect()
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// The value of an option, given as `--name value` or `--name=value`.
pub fn option<'c>(call: &'c Call, name: &str) -> &'c str {
    let joined = format!("{name}=");
    let value = call.iter().zip(call.iter().skip(1)).find_map(|(word, next)| (word == name).then_some(next));
    let value = value.map(String::as_str).or_else(|| call.iter().find_map(|word| word.strip_prefix(&joined)));
    value.unwrap_or_else(|| panic!("no {name} in {call:?}"))
}
