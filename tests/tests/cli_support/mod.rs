//! Running the real `carnet` binary as a shell would, with nothing of this process's environment.
#![allow(dead_code)] // each test binary uses its own part

pub mod copies;

use carnet_tests::{Stage, binary, secrecy};
use std::process::Stdio;
use tokio::process::Command;

pub type Vars = Vec<(String, String)>;

/// How a run ended.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Run {
    pub fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).expect("text on stdout")
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }

    pub fn lines(&self) -> Vec<serde_json::Value> {
        self.text().lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// The error on stderr, of a run with `--format json`.
    pub fn error(&self) -> serde_json::Value {
        let line = self.stderr.lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|error| panic!("no JSON error ({error}): {self:?}"))
    }

    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }
}

pub fn command(vars: &Vars, args: &[&str]) -> Command {
    let mut command = Command::new(binary("carnet"));
    // No home: a profile of whoever runs the tests must not decide them.
    command.env_clear().env("HOME", "/nonexistent").envs(vars.iter().cloned()).args(args);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs it to its end. Whatever it wrote is searched for tokens, unless one was asked for.
pub async fn carnet_with(vars: &Vars, args: &[&str]) -> Run {
    let output = command(vars, args).output().await.expect("carnet runs");
    let run = Run {
        code: output.status.code().expect("an exit code, not a signal"),
        stdout: output.stdout,
        stderr: String::from_utf8(output.stderr).expect("text on stderr"),
    };
    if !args.contains(&"--show-token") {
        no_token(&run.stdout);
    }
    no_token(run.stderr.as_bytes());
    for (_, secret) in vars.iter().filter(|(name, _)| name == "AWS_SECRET_ACCESS_KEY") {
        assert!(
            !run.stderr.contains(secret) && !contains(&run.stdout, secret.as_bytes()),
            "a secret key is shown"
        );
    }
    run
}

pub async fn carnet(stage: &Stage, args: &[&str]) -> Run {
    carnet_with(&stage.env(), args).await
}

fn no_token(output: &[u8]) {
    for secret in secrecy::SECRETS {
        let shown = contains(output, secret.as_bytes());
        assert!(!shown, "{secret} in the output: {}", String::from_utf8_lossy(output));
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// The environment with some variables set, or with `""` removed.
pub fn changed(stage: &Stage, changes: &[(&str, &str)]) -> Vars {
    let mut vars = stage.env();
    vars.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    let set = changes.iter().filter(|(_, value)| !value.is_empty());
    vars.extend(set.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    vars
}
