//! The stand-ins for the clouds, as the reader's `carnet.toml` says they are, and what the reader asked
//! of them in the last steps.

use super::machine::{API_URL, Machine};
use carnet_federation::config::Env;
use carnet_federation::http::Http;
use carnet_localclouds::{Local, Options, World};
use carnet_tests::{binary, program_of, repository};
use carnet_trust::config::Config;
use serde_json::Value;
use std::process::Stdio;
use tokio::process::Command;

pub struct Clouds {
    local: Local,
    functions: Vec<String>,
}

impl Clouds {
    pub async fn of(machine: &Machine) -> Self {
        let mut text = machine.read("carnet.toml");
        let parsed = |text: &str| Config::parse(text).unwrap_or_else(|faults| panic!("{faults:?}"));
        let config = parsed(&text);
        if config.instances.is_empty() {
            // The stand-ins want somebody for the command line. Nobody here is asked for him.
            text.push_str("\n[instances.operator]\nreads = []\n");
        }
        if config.azure.is_some() {
            text.push_str("\n[local.containers]\n\"mystorage/my-container\" = \"examples/assets\"\n");
        }
        if config.google.is_some() {
            text.push_str("\n[local.buckets]\nmy-bucket = \"examples/archive\"\n");
        }
        let functions: Vec<String> = config.functions.keys().cloned().collect();
        text.push_str("\n[local.functions]\n");
        for function in &functions {
            text.push_str(&format!("{function} = {:?}\n", binary(program_of(function))));
        }
        let world = World::from_config(&parsed(&text), repository()).expect("a world");
        let options = Options {
            functions: Some(functions.clone()),
            folder: machine.path().to_owned(),
            ..Options::default()
        };
        Self { local: Local::start(world, options).await.expect("the stand-ins start"), functions }
    }

    /// Does for real what was recorded of steps 9 and 10. Returns how much that was.
    pub async fn replay(&self, machine: &Machine) -> usize {
        let mut replayed = 0;
        let client = Http::from_env(&Env::default()).expect("an HTTP client").client();
        for call in machine.calls_of("aws lambda invoke") {
            let name = call[4].strip_prefix("carnet-dev-").expect("a function of the stack");
            let payload = call[call.len() - 2].clone();
            let output = self.local.functions[name].invoke(payload).await;
            let report: Value = serde_json::from_slice(&output.payload).expect("a report");
            assert_eq!(report["ok"], true, "{report}");
            replayed += 1;
        }
        for call in machine.calls_of("curl") {
            let path =
                call.last().and_then(|url| url.strip_prefix(API_URL)).expect("the API's address first");
            let cloud = if path.starts_with("azure/") { "blob-api" } else { "gcs-api" };
            assert!(self.functions.iter().any(|function| function == cloud), "{path}");
            let url = format!("{}/{path}", self.local.state().functions[cloud]);
            let answer = client.get(url).send().await.expect("an answer");
            assert_eq!(answer.status(), 200, "{path}");
            assert_eq!(answer.bytes().await.expect("a body"), hello(path));
            replayed += 1;
        }
        for call in machine.calls_of("ssh") {
            let [_, host, command] = call.as_slice() else { panic!("{call:?}") };
            assert_eq!(host, "ec2-user@203.0.113.10");
            let output = self.on_the_instance(machine, command).await;
            if command.contains("carnet cat") {
                assert_eq!(output, hello(command));
            }
            replayed += 1;
        }
        replayed
    }

    /// Nothing but the profile's credentials, what was copied there, and where the stand-ins are.
    async fn on_the_instance(&self, machine: &Machine, command: &str) -> Vec<u8> {
        let state = self.local.state();
        let mut shell = Command::new("sh");
        shell.args(["-eu", "-c", command]).current_dir(machine.instance()).env_clear();
        shell
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", "/nonexistent")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        shell.env("AWS_ACCESS_KEY_ID", state.aws.access_key_id);
        shell.env("AWS_SECRET_ACCESS_KEY", state.aws.secret_access_key);
        shell.env("AWS_ENDPOINT_URL_STS", state.aws.sts).env("SSL_CERT_FILE", &state.ca_file);
        shell.env("AZURE_AUTHORITY_HOST", state.entra.authority);
        shell.env("CARNET_GOOGLE_STS_ENDPOINT", state.google.sts);
        shell.env("CARNET_GOOGLE_STORAGE_ENDPOINT", state.google.storage);
        if let Some(url) = state.azure.blob.get("mystorage") {
            shell.env("CARNET_AZURE_BLOB_ENDPOINT", url.replace("mystorage", "{account}"));
        }
        let output = shell.stdin(Stdio::null()).output().await.expect("a shell");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {said}");
        output.stdout
    }
}

/// What the stand-in's folder holds.
fn hello(asked: &str) -> Vec<u8> {
    let folder = if asked.contains("archive") || asked.contains("gs://") { "archive" } else { "assets" };
    std::fs::read(repository().join("examples").join(folder).join("hello.txt")).expect("hello.txt")
}
