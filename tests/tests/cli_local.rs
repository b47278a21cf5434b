//! `carnet local` and `carnet demo`: the real binaries, started as people start them.

mod cli_support;

use carnet_federation::config::Env;
use carnet_federation::http::Http;
use carnet_tests::{binary, secrecy};
use cli_support::{Run, Vars, carnet_with, command};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::{Child, Command};

const CONFIG: &str = r#"
[aws]
account = "123456789012"
region = "eu-central-1"
stack = "carnet"

[stages.dev]
stack = "carnet-dev"
regions = ["eu-west-1"]

[azure]
tenant_id = "11111111-2222-4333-8444-555555555555"

[azure.identities.reader]
client_id = "aaaaaaaa-1111-4222-8333-444444444444"
object_id = "bbbbbbbb-1111-4222-8333-444444444444"

[google]
project_number = "210987654321"
pool = "carnet"

[google.providers.aws-tokens]
type = "oidc"

[google.service_accounts.reader]
email = "reader@carnet-test.iam.gserviceaccount.com"

[places.assets]
url = "azure://carnettest/assets"

[places.archive]
url = "gs://carnet-test-bucket"

[instances.operator]
reads = ["assets", "archive"]
azure_identity = "reader"
google_provider = "aws-tokens"
google_service_account = "reader"

[functions.blob-api]
reads = ["assets"]
azure_identity = "reader"

[functions.gcs-api]
reads = ["archive"]
google_provider = "aws-tokens"

[local.containers]
"carnettest/assets" = "blobs"

[local.buckets]
carnet-test-bucket = "blobs"

[local.functions]
blob-api = "BLOB_API"
gcs-api = "GCS_API"
"#;

/// With the functions under test.
fn configuration() -> String {
    let path = |name: &str| binary(name).to_str().expect("a plain path").to_owned();
    CONFIG.replace("BLOB_API", &path("blob-api")).replace("GCS_API", &path("gcs-api"))
}

/// A `carnet local` that runs in a folder whose name a shell would stumble over.
struct Clouds {
    child: Child,
    folder: TempDir,
}

impl Clouds {
    async fn start(more: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("carnet it's $HOME ").tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("blobs")).expect("a folder");
        std::fs::write(folder.path().join("blobs/a.txt"), "hello").expect("a blob");
        std::fs::write(folder.path().join("carnet.toml"), configuration()).expect("the configuration");
        // A stale state must not be taken for this run's.
        std::fs::write(folder.path().join("state.json"), "{}").expect("an old state");
        let args = ["local", "--config", "carnet.toml", "--state-file", "state.json"];
        let mut command = command(&Vec::new(), &[&args[..], more].concat());
        let log = std::fs::File::create(folder.path().join("blobs/.log")).expect("a file");
        command.current_dir(folder.path()).env("RUST_LOG", "info").stdout(Stdio::piped()).stderr(log);
        let child = command.spawn().expect("carnet runs");
        let clouds = Self { child, folder };
        clouds.wait_for(|| clouds.read_state().is_some_and(|state| state["control"].is_string())).await;
        clouds
    }

    fn state_file(&self) -> PathBuf {
        self.folder.path().join("state.json")
    }

    fn read_state(&self) -> Option<Value> {
        serde_json::from_slice(&std::fs::read(self.state_file()).ok()?).ok()
    }

    async fn wait_for(&self, mut holds: impl FnMut() -> bool) {
        let wait = async {
            while !holds() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), wait).await.expect("it comes to pass");
    }

    /// Runs a shell with what `carnet local --env` says.
    async fn shell(&self, script: &str) -> Run {
        let script = format!("eval \"$(\"$CARNET\" local --env --state-file \"$STATE\")\" && {script}");
        let output = Command::new("sh")
            .args(["-c", &script])
            .env_clear()
            .envs([("PATH", "/usr/bin:/bin"), ("HOME", "/nonexistent"), ("AWS_SESSION_TOKEN", "old")])
            .env("CARNET", binary("carnet"))
            .env("STATE", self.state_file())
            .output()
            .await
            .expect("a shell");
        Run {
            code: output.status.code().expect("an exit code"),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    async fn end(mut self, signal: &str) -> (i32, String, TempDir) {
        let pid = self.child.id().expect("it runs").to_string();
        let killed = Command::new("sh").args(["-c", &format!("kill -{signal} {pid}")]).status().await;
        assert!(killed.expect("kill").success());
        let stdout = self.child.stdout.take();
        let status = self.child.wait().await.expect("an end");
        let mut text = String::new();
        if let Some(mut stdout) = stdout {
            tokio::io::AsyncReadExt::read_to_string(&mut stdout, &mut text).await.expect("text");
        }
        (status.code().expect("an exit code"), text, self.folder)
    }
}

async fn get(url: &str) -> reqwest::Result<reqwest::Response> {
    Http::from_env(&Env::default()).expect("a client").client().get(url).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_file_says_where_everything_is_and_goes_when_it_ends() {
    for signal in ["TERM", "INT"] {
        let clouds = Clouds::start(&[]).await;
        let state = clouds.read_state().expect("a state");
        for pointer in [
            "/ca_file",
            "/aws/sts",
            "/aws/iam",
            "/aws/issuer",
            "/aws/lambda",
            "/aws/region",
            "/aws/access_key_id",
            "/aws/secret_access_key",
            "/entra/authority",
            "/entra/tenant_id",
            "/entra/client_id",
            "/azure/blob/carnettest",
            "/google/sts",
            "/google/iam_credentials",
            "/google/storage",
            "/google/audience",
            "/google/subject_token_type",
            "/google/service_account",
            "/google/providers/aws-tokens",
            "/google/buckets/0",
            "/functions/blob-api",
            "/functions/gcs-api",
        ] {
            assert!(state.pointer(pointer).is_some_and(Value::is_string), "{pointer} in the state");
        }
        assert!(Path::new(state["ca_file"].as_str().expect("a path")).is_file());
        let (code, said, folder) = clouds.end(signal).await;
        assert_eq!(code, 0);
        assert!(said.contains(state["aws"]["sts"].as_str().expect("a URL")), "{said}");
        assert!(!said.contains(state["aws"]["secret_access_key"].as_str().expect("a key")), "{said}");
        let mut left: Vec<_> = std::fs::read_dir(folder.path()).expect("the folder").flatten().collect();
        left.retain(|entry| entry.file_name() != "blobs" && entry.file_name() != "carnet.toml");
        assert!(left.is_empty(), "{left:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_with_its_exports_reads_blobs_and_calls_the_function() {
    let clouds = Clouds::start(&[]).await;
    for object in ["azure://carnettest/assets/a.txt", "gs://carnet-test-bucket/a.txt"] {
        let read = clouds.shell(&format!("exec \"$CARNET\" cat {object}")).await.ok();
        assert_eq!(read.text(), "hello", "{object}");
    }
    let token = "exec \"$CARNET\" token --cloud google --exchange --format json";
    let exchange = &clouds.shell(token).await.ok().json()["exchange"];
    assert_eq!(exchange["service_account"], "reader@carnet-test.iam.gserviceaccount.com");
    let file = clouds.shell("test -f \"$SSL_CERT_FILE\" && test -z \"$AWS_SESSION_TOKEN\"").await;
    assert_eq!(file.code, 0, "{file:?}");
    let state = clouds.read_state().expect("a state");
    for (function, place) in [("blob-api", "azure/assets"), ("gcs-api", "gcs/archive")] {
        let url = format!("{}/{place}/a.txt", state["functions"][function].as_str().expect("a URL"));
        let answer = get(&url).await.expect("an answer");
        let found = (answer.status().as_u16(), answer.text().await.expect("text"));
        assert_eq!(found, (200, "hello".to_owned()), "{function}");
    }
    let log = std::fs::read_to_string(clouds.folder.path().join("blobs/.log")).expect("a log");
    for part in [
        "path=\"/carnettest/assets/a.txt\"",
        "hop=\"aws.sts\"",
        "function=\"blob-api\"",
        "carnet_localclouds::function",
        "hop=\"google.sts\"",
        "hop=\"google.iam_credentials\"",
        "hop=\"google.media\"",
        "function=\"gcs-api\"",
    ] {
        assert!(log.contains(part), "{part} in {log}");
    }
    for secret in secrecy::SECRETS {
        assert!(!log.contains(secret), "{secret} in the log: {log}");
    }
    let file = clouds.state_file();
    let args = ["local", "--env", "--format", "json", "--state-file", file.to_str().expect("a plain path")];
    let exports = carnet_with(&Vars::new(), &args).await.ok().json();
    assert_eq!(exports["AZURE_TENANT_ID"], state["entra"]["tenant_id"]);
    for (variable, key) in [
        ("CARNET_GOOGLE_STS_ENDPOINT", "sts"),
        ("CARNET_GOOGLE_IAM_CREDENTIALS_ENDPOINT", "iam_credentials"),
        ("CARNET_GOOGLE_STORAGE_ENDPOINT", "storage"),
        ("CARNET_GOOGLE_AUDIENCE", "audience"),
        ("CARNET_GOOGLE_SUBJECT_TOKEN_TYPE", "subject_token_type"),
        ("CARNET_GOOGLE_SERVICE_ACCOUNT", "service_account"),
    ] {
        assert!(exports[variable].is_string(), "{variable} in {exports}");
        assert_eq!(exports[variable], state["google"][key], "{variable}");
    }
    assert_eq!(exports["AWS_ENDPOINT_URL_LAMBDA"], state["aws"]["lambda"]);
    clouds.end("TERM").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_and_callers_checks_are_switched_on_from_the_command_line() {
    let faults = ["--fault", "entra.token=status:503", "--fault", "google.iam_credentials=malformed-json"];
    let clouds = Clouds::start(&[&["--check-callers"], &faults[..]].concat()).await;
    for (cloud, code) in [("azure", 8), ("google", 9)] {
        let run = clouds.shell(&format!("exec \"$CARNET\" token --cloud {cloud} --exchange")).await;
        assert_eq!(run.code, code, "{run:?}");
    }
    let state = clouds.read_state().expect("a state");
    for (function, place) in [("blob-api", "azure/assets"), ("gcs-api", "gcs/archive")] {
        let url = format!("{}/{place}/a.txt", state["functions"][function].as_str().expect("a URL"));
        assert_eq!(get(&url).await.expect("an answer").status(), 403, "{function}");
    }
    clouds.end("TERM").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_becomes_each_workload_and_keeps_nothing_of_another() {
    let clouds = Clouds::start(&[]).await;
    let state = clouds.read_state().expect("a state");
    let file = clouds.state_file();
    let file = file.to_str().expect("a plain path");
    let exports = async |more: &[&str]| {
        let args = ["local", "--env", "--format", "json", "--state-file", file];
        carnet_with(&Vars::new(), &[&args[..], more].concat()).await.ok().json()
    };
    let workloads = &state["workloads"];
    for (name, mint, variable, expected) in [
        ("azure-vm", "azure-identity", "AZURE_POD_IDENTITY_AUTHORITY_HOST", &workloads["azure_vm"]["imds"]),
        ("app-service", "azure-identity", "IDENTITY_ENDPOINT", &workloads["app_service"]["endpoint"]),
        ("azure-app", "azure-app", "AZURE_CLIENT_SECRET", &workloads["azure_app"]["client_secret"]),
        ("google-vm", "google-metadata", "GCE_METADATA_HOST", &workloads["google_vm"]["host"]),
        ("github", "github", "ACTIONS_ID_TOKEN_REQUEST_URL", &workloads["github"]["url"]),
        ("eks", "token-file", "CARNET_TOKEN_FILE", &workloads["token_files"]["eks"]["azure"]),
        ("aks", "token-file", "CARNET_TOKEN_FILE", &workloads["token_files"]["aks"]["aws"]),
        ("gke", "token-file", "CARNET_TOKEN_FILE", &workloads["token_files"]["gke"]["aws"]),
        ("cognito", "cognito", "CARNET_COGNITO_DEVELOPER_USER", &workloads["cognito"]["developer_user"]),
    ] {
        let found = exports(&["--workload", name]).await;
        assert_eq!(found["CARNET_MINT"], mint, "{name}");
        assert!(expected.is_string(), "{name}: {workloads}");
        assert_eq!(&found[variable], expected, "{name}");
        for everybody in ["AWS_ENDPOINT_URL_STS", "AWS_REGION", "SSL_CERT_FILE", "AZURE_AUTHORITY_HOST"] {
            assert!(found[everybody].is_string(), "{name}: {everybody}");
        }
        // Only whoever signs has a key.
        assert_eq!(found["AWS_ACCESS_KEY_ID"].is_string(), name == "cognito", "{name}");
    }
    let google = exports(&["--workload", "gke", "--to", "google"]).await;
    assert_eq!(google["CARNET_TOKEN_FILE"], workloads["token_files"]["gke"]["google"]);
    let file = google["CARNET_TOKEN_FILE"].as_str().expect("a path");
    assert_eq!(std::fs::read_to_string(file).expect("a token").split('.').count(), 3);

    // One shell, one workload after the other.
    let become_ =
        |name: &str| format!("eval \"$(\"$CARNET\" local --env --state-file \"$STATE\" --workload {name})\"");
    let asked = r#"curl -sf -H Metadata:true "$AZURE_POD_IDENTITY_AUTHORITY_HOST/metadata/identity/oauth2/token?api-version=2018-02-01&resource=$CARNET_AWS_AUDIENCE&client_id=$AZURE_CLIENT_ID""#;
    let answer = clouds.shell(&format!("{} && {asked}", become_("azure-vm"))).await.ok().json();
    assert_eq!(answer["token_type"], "Bearer");
    let script = format!(
        "{} && {} && echo \"$CARNET_MINT,$AZURE_CLIENT_SECRET,$AWS_ACCESS_KEY_ID,$IDENTITY_HEADER\"",
        become_("app-service"),
        become_("github")
    );
    assert_eq!(clouds.shell(&script).await.ok().text().trim(), "github,,,");

    let (_, said, folder) = clouds.end("TERM").await;
    for secret in ["/azure_app/client_secret", "/app_service/header", "/github/token"] {
        let secret = workloads.pointer(secret).and_then(Value::as_str).expect("a secret");
        assert!(!said.contains(secret), "{said}");
    }
    assert!(!folder.path().join("state.json.d").exists(), "tokens and certificates go too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_that_is_not_there_is_said_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state.json");
    let state = state.to_str().expect("a plain path");
    for (args, words) in [
        (&["--workload", "toaster"][..], "azure-vm, app-service, azure-app"),
        (&["--workload", "eks", "--to", "moon"], "aws, azure, google"),
        (&["--to", "aws"], "--workload"),
    ] {
        let run =
            carnet_with(&Vars::new(), &[&["local", "--env", "--state-file", state], args].concat()).await;
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_is_played_with_roles_of_its_own() {
    let clouds = Clouds::start(&["--stage", "dev"]).await;
    let run =
        clouds.shell("\"$CARNET\" token --exchange && \"$CARNET\" ls azure://carnettest/assets").await.ok();
    assert!(run.text().contains("role/carnet-dev-eu-west-1-operator"), "{}", run.text());
    assert!(run.text().contains("a.txt"), "{}", run.text());
    clouds.end("TERM").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_local_is_not_given_rightly_it_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("a plain path").to_owned();
    let (config, state) = (path("carnet.toml"), path("state.json"));
    let none = carnet_with(&Vars::new(), &["local", "--env", "--state-file", &state]).await;
    assert_eq!(none.code, 3);
    assert!(none.stderr.contains("no `carnet local` is running"), "{}", none.stderr);
    let run = |args: Vec<String>| async move {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        carnet_with(&Vars::new(), &args).await
    };
    let serve = |more: &[&str]| {
        let args = ["local", "--config", &config, "--state-file", &state];
        [&args[..], more].concat().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(run(serve(&[])).await.code, 3, "no configuration");
    std::fs::write(&config, "[aws]\naccount = \"1\"\n").expect("a file");
    let wrong = run(serve(&[])).await;
    assert_eq!(wrong.code, 3);
    assert!(wrong.stderr.contains("line 2") && wrong.stderr.contains("aws.account"), "{}", wrong.stderr);
    assert_eq!(run(vec!["local".into(), "--state-file".into(), state.clone()]).await.code, 2, "no --config");
    std::fs::write(&config, configuration()).expect("a file");
    std::fs::create_dir(folder.path().join("blobs")).expect("a folder");
    let stage = run(serve(&["--stage", "test"])).await;
    assert_eq!(stage.code, 2);
    assert!(stage.stderr.contains("there are dev"), "{}", stage.stderr);
    let fault = run(serve(&["--fault", "aws.sts=explode"])).await;
    assert_eq!(fault.code, 2);
    assert!(fault.stderr.contains("explode"), "{}", fault.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_goes_as_told() {
    let functions = functions_together();
    let functions = functions.path().to_str().expect("a path");
    let run = carnet_with(&Vars::new(), &["demo", "--functions", functions]).await.ok();
    let text = run.text();
    for part in [
        "Azure. The trust is right",
        "subject",
        "jti",
        "status 200",
        "ATA CARNET",
        "`i` to `l`",
        "status 502",
        "AADSTS700213",
        "field at fault: subject",
        "set the federated credential's subject",
        "Google Cloud. The trust is right",
        "assertion.sub ==",
        "unauthorized_client",
        "field at fault: attribute condition",
        "All acts went as told",
        " s.",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains('\u{1b}'), "no colours where there is no terminal");
    let args = ["demo", "--format", "json", "--functions", functions];
    let summary = carnet_with(&Vars::new(), &args).await.ok().json();
    let statuses: Vec<_> =
        summary["acts"].as_array().expect("acts").iter().map(|act| &act["answer"]["status"]).collect();
    assert_eq!(statuses, [200, 502, 200, 200, 502, 200]);
    assert_eq!(summary["acts"][1]["operator_sees"]["field"], "subject");
    assert_eq!(summary["acts"][4]["operator_sees"]["field"], "attribute condition");
}

/// The functions under test may lie in different folders; the demo wants them in one.
fn functions_together() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["blob-api", "gcs-api"] {
        std::os::unix::fs::symlink(binary(name), folder.path().join(name)).expect("a link");
    }
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_that_goes_otherwise_is_a_failure() {
    let missing = carnet_with(&Vars::new(), &["demo", "--functions", "/nonexistent"]).await;
    assert_eq!(missing.code, 1);
    assert!(missing.stderr.contains("cargo build -p blob-api"), "{}", missing.stderr);
    // Programs that are no functions: they never ask for an event.
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["blob-api", "gcs-api"] {
        std::os::unix::fs::symlink("/bin/true", folder.path().join(name)).expect("a link");
    }
    let folder = folder.path().to_str().expect("a path");
    let other = carnet_with(&Vars::new(), &["demo", "--functions", folder]).await;
    assert_eq!(other.code, 1, "{other:?}");
    assert!(!other.text().contains("as told"));
}

#[tokio::test(flavor = "multi_thread")]
async fn help_version_and_completions_are_there() {
    let none = Vars::new();
    let help = carnet_with(&none, &["--help"]).await.ok().text();
    for part in ["Exit codes:", "AZURE_TENANT_ID", "CARNET_GOOGLE_AUDIENCE", "token", "local", "demo"] {
        assert!(help.contains(part), "{part} in {help}");
    }
    for command in ["token", "ls", "cat", "local", "demo", "completions"] {
        let help = carnet_with(&none, &[command, "--help"]).await.ok().text();
        assert!(help.contains("Example"), "{command}: {help}");
    }
    assert!(carnet_with(&none, &["--version"]).await.ok().text().starts_with("carnet "));
    for shell in ["bash", "zsh", "fish"] {
        assert!(carnet_with(&none, &["completions", shell]).await.ok().text().contains("page-size"));
    }
}
