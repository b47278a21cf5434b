//! The live checks, against the stand-ins: the program that runs in a person's accounts, with endpoints
//! and credentials as plain configuration.

mod cli_support;

use carnet_localclouds::Options;
use carnet_localclouds::faults::Hop;
use carnet_tests::{CLIENT, SERVICE_ACCOUNT, Stage, binary, secrecy};
use cli_support::{Run, Vars, carnet_with, changed};
use serde_json::Value;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// All that the stage's configuration has: four behind the API, of which three are one binary, let in by
/// three ways; and the sync's four.
const FUNCTIONS: [&str; 8] = [
    "blob-api",
    "gcs-api",
    "gcs-api-as-account",
    "gcs-api-by-role",
    "sync-plan",
    "sync-copy",
    "sync-commit",
    "ingest-object",
];
const CONTENTS: &[u8] = b"what no report may show\n";

/// Everything deployed, with callers' signatures checked.
async fn deployed() -> Stage {
    deployed_but(&FUNCTIONS).await
}

async fn deployed_but(functions: &[&str]) -> Stage {
    let stage = Stage::with(Options {
        functions: Some(functions.iter().map(|name| name.to_string()).collect()),
        function_env: [("CARNET_SPREADING_WINDOW_SECONDS".to_owned(), "0".to_owned())].into(),
        check_callers: true,
        ..Options::default()
    })
    .await;
    without_secrets(&stage);
    stage.put("reports/2026/größer.csv", vec![b'x'; 100_000]);
    stage.put("reports/small file.txt", CONTENTS);
    stage.put("empty", b"");
    stage
}

/// `secret-sync` examines Secrets Manager too, which no stand-in here plays: its own tests do, with moto.
fn without_secrets(stage: &Stage) {
    let text = std::fs::read_to_string(stage.config_file()).expect("the stage's configuration");
    // Section by section, each with its heading.
    let kept: Vec<&str> = text
        .split_inclusive("\n\n")
        .filter(|section| !section.contains("[secrets") && !section.contains("[local.vaults]"))
        .filter(|section| !section.contains("[local.secrets]"))
        .collect();
    std::fs::write(stage.config_file(), kept.concat()).expect("written");
}

fn apis(stage: &Stage) -> Vec<String> {
    let functions = stage.local.functions.keys();
    functions.flat_map(|name| ["--api".to_owned(), format!("{name}={}/", stage.api(name))]).collect()
}

async fn live_with(vars: &Vars, stage: &Stage, more: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_carnet-live"));
    command.env_clear().env("HOME", "/nonexistent").envs(vars.iter().cloned());
    command.env("CARNET_BIN_CARNET", binary("carnet")).arg("--config").arg(stage.config_file());
    command.args(more).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.expect("the checks run");
    let run = Run {
        code: output.status.code().expect("an exit code, not a signal"),
        stdout: output.stdout,
        stderr: String::from_utf8(output.stderr).expect("text on stderr"),
    };
    let shown = format!("{}{}", run.text(), run.stderr);
    let key = stage.local.state().aws.secret_access_key;
    let contents = String::from_utf8_lossy(CONTENTS);
    for secret in secrecy::SECRETS.iter().chain(&[key.as_str(), contents.trim()]) {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    run
}

/// Every check, with a report as a program reads it.
async fn live(stage: &Stage, more: &[&str]) -> Run {
    let apis = apis(stage);
    let apis: Vec<&str> = apis.iter().map(String::as_str).collect();
    live_with(&stage.env(), stage, &[&apis[..], &["--format", "json"], more].concat()).await
}

/// The outcomes of one kind, as `subject check`.
fn those(report: &Value, outcome: &str) -> Vec<String> {
    let checks = report["checks"].as_array().expect("checks").iter();
    let those = checks.filter(|check| check["outcome"] == outcome);
    those.map(|check| format!("{} {}", text(&check["subject"]), text(&check["check"]))).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

/// What a check that failed says.
#[track_caller]
fn error_of<'r>(report: &'r Value, subject: &str, check: &str) -> &'r Value {
    let checks = report["checks"].as_array().expect("checks");
    let found = checks.iter().find(|one| one["subject"] == subject && one["check"] == check);
    let found = found.unwrap_or_else(|| panic!("no check {check} of {subject}: {report:#}"));
    assert_eq!(found["outcome"], "failed", "{found:#}");
    &found["error"]
}

fn assert_every_check_passed(run: &Run) {
    let report = run.json();
    assert_eq!(
        (run.code, those(&report, "failed"), those(&report, "not_run")),
        (0, vec![], vec![]),
        "{report:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_check_passes_where_everything_is_right() {
    let stage = deployed().await;
    let run = live(&stage, &[]).await;
    assert_every_check_passed(&run);
    let passed = those(&run.json(), "passed");
    // The identity; two of each function; eight of each place behind the API; of the operator two tokens,
    // that no other is to be had, and of each of its two places three.
    assert_eq!(passed.len(), 1 + 8 * 2 + 4 * 8 + 3 + 2 * 3, "{passed:#?}");
    for check in ["blob-api doctor", "gcs-api-by-role as-stated", "gcs-api archive whole", "operator narrow"]
    {
        assert!(passed.iter().any(|passed| passed == check), "{check} in {passed:#?}");
    }
    // The smallest object that has bytes is the one that is read, and no other.
    for hop in [Hop::Blob, Hop::GoogleMedia, Hop::GoogleStorage] {
        let seen = stage.local.shared.faults.seen(hop);
        let named = |part: &str| seen.iter().any(|request| format!("{request:?}").contains(part));
        assert!(named("small") && !named(".csv"), "{hop:?}: {seen:?}");
    }
}

/// As a person tries it: `carnet local` in one shell, its exports in another.
#[tokio::test(flavor = "multi_thread")]
async fn every_check_passes_against_carnet_local() {
    let stage = deployed().await;
    let state = stage.config_file().with_file_name("state.json");
    let state_file = state.to_str().expect("a plain path");
    let config = stage.config_file();
    let config = config.to_str().expect("a plain path");
    let serve = ["local", "--quiet", "--check-callers", "--config", config, "--state-file", state_file];
    let mut local = cli_support::command(&Vars::new(), &serve).spawn().expect("carnet runs");
    let up = async {
        while !state.exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), up).await.expect("it answers");
    let exports = ["local", "--env", "--format", "json", "--state-file", state_file];
    let exports = carnet_with(&Vars::new(), &exports).await.ok().json();
    let exports = exports.as_object().expect("variables").iter();
    let vars: Vars = exports.map(|(name, value)| (name.clone(), text(value).to_owned())).collect();
    let everything: Value = serde_json::from_slice(&std::fs::read(&state).expect("a state")).expect("JSON");
    let apis = everything["functions"].as_object().expect("functions").iter();
    let apis: Vec<String> = apis.map(|(name, url)| format!("{name}={}", text(url))).collect();
    let apis = apis.iter().flat_map(|api| ["--api", api.as_str()]);
    let arguments: Vec<&str> = apis.chain(["--format", "json"]).collect();
    let run = live_with(&vars, &stage, &arguments).await;
    assert_every_check_passed(&run);
    local.kill().await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_named_is_the_one_that_is_read() {
    let stage = deployed_but(&["blob-api"]).await;
    stage.put("reports/big.bin", vec![7; 1_500_000]);
    let asked = ["--only", "api,machine", "--object", "assets/reports/big.bin"];
    let run = live(&stage, &[&asked[..], &["--object", "archive/reports/2026/größer.csv"]].concat()).await;
    let report = run.json();
    assert_eq!(run.code, 3, "three functions have no API: {report:#}");
    let passed = those(&report, "passed");
    for check in ["blob-api assets whole", "operator assets same", "operator archive cat"] {
        assert!(passed.iter().any(|passed| passed == check), "{check} in {report:#}");
    }
    assert!(those(&report, "not_run").iter().any(|open| open == "operator archive same"), "{report:#}");

    // Without being named it is too big to be read whole.
    std::fs::remove_file(stage.blobs().join("reports/small file.txt")).expect("it was there");
    std::fs::remove_file(stage.blobs().join("reports/2026/größer.csv")).expect("it was there");
    let report = live(&stage, &["--only", "api"]).await.json();
    assert!(those(&report, "not_run").iter().any(|open| open == "blob-api assets whole"), "{report:#}");
    assert!(those(&report, "passed").iter().any(|passed| passed == "blob-api assets range"), "{report:#}");
    let missing = live(&stage, &["--only", "api", "--object", "assets/reports/none"]).await.json();
    assert_eq!(error_of(&missing, "blob-api assets", "list")["presented"], "reports/none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trust_that_is_broken_is_named_with_its_field() {
    let stage = deployed().await;
    {
        let mut world = stage.local.shared.world_mut();
        let application = world.application_mut(CLIENT).expect("the identity");
        for credential in &mut application.federated_credentials {
            credential.subject = credential.subject.replace("blob-api", "blob-apl");
        }
    }
    let run = live(&stage, &["--only", "functions,machine"]).await;
    let report = run.json();
    assert_eq!(run.code, 1, "{report:#}");
    assert_eq!(those(&report, "failed"), ["blob-api doctor"], "{report:#}");
    let error = error_of(&report, "blob-api", "doctor");
    for (name, part) in [
        ("hop", "exchange"),
        ("kind", "refused"),
        ("code", "AADSTS700213"),
        ("field", "subject"),
        ("presented", "role/carnet-eu-central-1-blob-api"),
        ("change", "federated credential"),
        ("help", "docs/troubleshooting.md#aadsts700213"),
    ] {
        assert!(text(&error[name]).contains(part), "{name}: {error:#}");
    }
    // A person reads the same.
    let shown = live_with(&stage.env(), &stage, &["--only", "functions"]).await;
    let shown = shown.text();
    for part in ["FAILED   blob-api", "field       subject", "AADSTS700213", "1 failed; 1 NOT RUN"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_is_missing_is_named_and_no_api_is_no_pass() {
    let stage = deployed_but(&["gcs-api"]).await;
    let run = live_with(&stage.env(), &stage, &["--only", "functions,api", "--format", "json"]).await;
    let report = run.json();
    assert_eq!(run.code, 1, "{report:#}");
    let error = error_of(&report, "blob-api", "doctor");
    assert_eq!(
        (text(&error["hop"]), text(&error["kind"]), text(&error["field"]), text(&error["presented"])),
        ("invoke", "not_found", "function", "carnet-blob-api")
    );
    assert!(text(&error["change"]).contains("sam deploy"), "{error:#}");
    let open = those(&report, "not_run");
    assert!(open.iter().any(|open| open == "gcs-api archive unsigned"), "{report:#}");
    assert!(those(&report, "passed").iter().any(|passed| passed == "gcs-api doctor"), "{report:#}");

    // Nothing failed, and yet it is not green.
    let api = live_with(&stage.env(), &stage, &["--only", "api"]).await;
    assert_eq!(api.code, 3, "{api:?}");
    let shown = api.text();
    assert!(shown.contains("NOT RUN") && shown.contains("no --api URL"), "{shown}");
    assert!(shown.contains("33 asked for, 1 ran: 1 passed, 0 failed; 32 NOT RUN"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_credentials_nothing_is_run_and_it_is_said() {
    let stage = deployed_but(&[]).await;
    let none = changed(&stage, &[("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")]);
    let run = live_with(&none, &stage, &["--format", "json"]).await;
    let report = run.json();
    assert_eq!(run.code, 1, "{report:#}");
    assert!(those(&report, "passed").is_empty());
    assert_eq!(report["summary"]["not_run"], 8 * 2 + 4 * 8 + 6);
    let error = error_of(&report, "this machine", "identity");
    assert_eq!((text(&error["hop"]), text(&error["kind"])), ("mint", "not_configured"));
    assert!(text(&error["help"]).ends_with("#no-aws-credentials"), "{error:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_mint_anything_does_not_pass_for_narrow() {
    let stage = deployed_but(&[]).await;
    {
        let mut world = stage.local.shared.world_mut();
        let role = world.aws.roles.get_mut("carnet-eu-central-1-operator").expect("the operator's role");
        for statement in role.policies.iter_mut().flat_map(|policy| &mut policy.statement.0) {
            statement.condition.clear();
        }
    }
    let run = live(&stage, &["--only", "machine"]).await;
    let report = run.json();
    assert_eq!((run.code, those(&report, "failed")), (1, vec!["operator narrow".to_owned()]), "{report:#}");
    assert_eq!(error_of(&report, "operator", "narrow")["field"], "sts:IdentityTokenAudience");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_asks_nobody_for_a_signature_is_a_failure() {
    let stage = Stage::serving("blob-api").await;
    stage.put("a.txt", CONTENTS);
    let report = live(&stage, &["--only", "api"]).await.json();
    assert_eq!(those(&report, "failed"), ["blob-api assets unsigned"], "{report:#}");
    assert_eq!(error_of(&report, "blob-api assets", "unsigned")["field"], "authorization");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deployed_otherwise_than_stated_is_named() {
    let stage = deployed_but(&["blob-api"]).await;
    let file = stage.config_file();
    let stated = std::fs::read_to_string(&file).expect("the configuration");
    std::fs::write(&file, stated.replace(CLIENT, "cccccccc-1111-4222-8333-444444444444")).expect("written");
    let report = live(&stage, &["--only", "functions"]).await.json();
    let error = error_of(&report, "blob-api", "as-stated");
    assert_eq!((text(&error["field"]), text(&error["presented"])), ("client id", CLIENT));

    let stage = deployed_but(&["gcs-api-as-account"]).await;
    let file = stage.config_file();
    let stated = std::fs::read_to_string(&file).expect("the configuration");
    let account = "[functions.gcs-api-as-account]\nreads = [\"archive\"]\ngoogle_provider = \"aws-tokens\"\ngoogle_service_account = \"reader\"\n";
    assert!(stated.contains(account));
    let without = account.replace("google_service_account = \"reader\"\n", "");
    std::fs::write(&file, stated.replace(account, &without)).expect("written");
    let report = live(&stage, &["--only", "functions"]).await.json();
    let error = error_of(&report, "gcs-api-as-account", "as-stated");
    assert_eq!((text(&error["field"]), text(&error["presented"])), ("service account", SERVICE_ACCOUNT));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_that_is_no_instance_is_not_taken_for_one() {
    let stage = deployed_but(&[]).await;
    let file = stage.config_file();
    let stated = std::fs::read_to_string(&file).expect("the configuration");
    std::fs::write(&file, stated.replace("[instances.operator]", "[instances.batch]")).expect("written");
    let run = live(&stage, &["--only", "machine"]).await;
    assert_eq!((run.code, those(&run.json(), "not_run").len()), (3, 6), "{run:?}");
    // Its trust is that of the role it has, so by its settings everything still goes.
    let run = live(&stage, &["--only", "machine", "--as", "batch"]).await;
    assert_every_check_passed(&run);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_asked_rightly_is_said_before_anything_is_called() {
    let stage = deployed_but(&[]).await;
    let none: &[(&[&str], &str)] = &[
        (&["--stage", "prod"], "there is no such stage"),
        (&["--region", "us-east-1"], "--region eu-central-1"),
        (&["--only", "everything"], "functions, api, machine"),
        (&["--as", "nobody"], "operator"),
        (&["--api", "blob-apl=https://x.example"], "blob-api"),
        (&["--object", "asset/x"], "archive, assets"),
        (&["--config", "/nonexistent/carnet.toml"], "/nonexistent/carnet.toml"),
    ];
    for (arguments, part) in none {
        let run = live_with(&stage.env(), &stage, arguments).await;
        assert_eq!((run.code, run.text().as_str()), (2, ""), "{run:?}");
        assert!(run.stderr.contains(part) && run.stderr.contains("Nothing was asked"), "{run:?}");
    }
    let file = stage.config_file();
    let text = std::fs::read_to_string(&file).expect("the configuration");
    let stages = "\n[stages.dev]\nstack = \"carnet-dev\"\n[stages.prod]\nstack = \"carnet-prod\"\nregions = [\"eu-central-1\", \"eu-west-1\"]\n";
    std::fs::write(&file, text + stages).expect("written");
    let run = live_with(&stage.env(), &stage, &["--stage", "prod"]).await;
    assert!(run.code == 2 && run.stderr.contains("--stage prod --region eu-west-1"), "{run:?}");
    assert_eq!(stage.count(Hop::Sts), 0);
    // The account is the same, but nothing is deployed under that stage's names.
    let run = live_with(&stage.env(), &stage, &["--stage", "dev", "--only", "functions"]).await;
    assert!(run.code == 1 && run.text().contains("carnet-dev-blob-api"), "{run:?}");
}
