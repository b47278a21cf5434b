//! The documents of a configuration: what is in the repository, what they read back as, what they run.

use carnet_trust::aws::{Effect, OneOrMany, Operator, Policy, Statement, Values};
use carnet_trust::config::{Config, Sync};
use carnet_trust::render::{Document, Kind, render};
use hcl::eval::{Context, Evaluate as _};
use hcl::{Block, Body, Expression, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const EXAMPLE: &str = include_str!("../../../carnet.toml");
const KINDS: [Kind; 5] =
    [Kind::Terraform, Kind::Commands, Kind::Json, Kind::CloudFormation, Kind::Parameters];

fn parsed(text: &str) -> Config {
    Config::parse(text).unwrap_or_else(|faults| panic!("{faults:?}\n{text}"))
}

/// Three stages in two accounts; one of them in two regions.
fn two_accounts() -> Config {
    parsed(&EXAMPLE.replace("# account = \"210987654321\"", "account = \"210987654321\""))
}

fn documents(config: &Config) -> Vec<Document> {
    KINDS.iter().flat_map(|kind| render(config, *kind).expect("written")).collect()
}

fn text(config: &Config, path: &str) -> String {
    let documents = documents(config);
    documents.into_iter().find(|document| document.path == path).expect(path).text
}

fn terraform(config: &Config, path: &str) -> Body {
    hcl::parse(&text(config, path)).expect("HCL")
}

fn blocks<'a>(body: &'a Body, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Block)> {
    let of_kind = move |block: &&Block| block.labels().first().is_some_and(|label| label.as_str() == kind);
    body.blocks().filter(of_kind).map(|block| (block.labels()[1].as_str(), block))
}

fn attribute<'a>(block: &'a Block, name: &str) -> &'a Expression {
    let found = block.body().attributes().find(|attribute| attribute.key() == name);
    found.unwrap_or_else(|| panic!("no {name} in {block:?}")).expr()
}

fn string(block: &Block, name: &str) -> String {
    match attribute(block, name) {
        Expression::String(text) => text.clone(),
        other => panic!("{name} is {other}"),
    }
}

fn strings(block: &Block, name: &str) -> Vec<String> {
    let Expression::Array(values) = attribute(block, name) else { panic!("{name} is no list") };
    values.iter().map(|value| value.to_string().trim_matches('"').to_owned()).collect()
}

#[test]
fn infra_is_what_the_example_renders() {
    let infra = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra");
    let mut expected = BTreeSet::new();
    for document in documents(&parsed(EXAMPLE)) {
        let path = infra.join(&*document.path);
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(found, document.text, "{}: run `carnet trust render`", path.display());
        let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o111 != 0, document.executable, "{}", path.display());
        expected.insert(path);
    }
    let found =
        [infra.clone(), infra.join("commands"), infra.join("parameters")].into_iter().flat_map(|folder| {
            let entries = std::fs::read_dir(folder).expect("a folder");
            entries
                .map(|entry| entry.expect("an entry").path())
                .filter(|path| path.is_file())
                .collect::<Vec<_>>()
        });
    let found: BTreeSet<PathBuf> = found.collect();
    assert_eq!(found, expected);
}

#[test]
fn the_credentials_in_terraform_are_those_that_entra_needs() {
    let config = two_accounts();
    let body = terraform(&config, "azure.tf");
    let mut meant = BTreeMap::new();
    for deployment in config.deployments() {
        let account = &deployment.config.aws.account;
        for (identity, credentials) in deployment.config.federated_credentials("https://issuer.example") {
            for credential in credentials {
                let of = format!("azurerm_user_assigned_identity.{identity}.id");
                meant.insert(
                    credential.name.clone(),
                    (of, credential.subject.clone(), credential.audiences.clone(), account.clone()),
                );
            }
        }
    }
    let written: BTreeMap<_, _> = blocks(&body, "azurerm_federated_identity_credential")
        .map(|(_, block)| {
            let of = attribute(block, "user_assigned_identity_id").to_string();
            let issuer = attribute(block, "issuer").to_string();
            let account = issuer.strip_prefix("aws_iam_outbound_web_identity_federation.account_");
            let account = account.and_then(|rest| rest.strip_suffix(".issuer_identifier")).expect(&issuer);
            (
                string(block, "name"),
                (of, string(block, "subject"), strings(block, "audience"), account.to_owned()),
            )
        })
        .collect();
    assert_eq!(written.len(), 12, "three principals, once in dev and staging, and twice in prod");
    assert_eq!(written, meant);
    let role = |block: &Block| string(block, "role_definition_name");
    let mut assignments = blocks(&body, "azurerm_role_assignment").map(|(_, block)| block);
    let assignment =
        assignments.find(|block| role(block) == "Storage Blob Data Reader").expect("a role assignment");
    let scope = attribute(assignment, "scope").to_string();
    assert!(scope.contains("azure_storage_account_ids[\"carnetdemo\"]"), "{scope}");
    assert!(scope.contains("/blobServices/default/containers/assets"), "{scope}");
}

/// A document's statements as a policy.
fn policy(document: &Block) -> Policy {
    let statements = document.body().blocks().map(|statement| {
        let mut condition: BTreeMap<Operator, BTreeMap<String, Values>> = BTreeMap::new();
        for test in statement.body().blocks() {
            let operator: Operator = string(test, "test").parse().expect("an operator");
            let values = Values::of(strings(test, "values"));
            condition.entry(operator).or_default().insert(string(test, "variable"), values);
        }
        Statement {
            sid: Some(string(statement, "sid")),
            effect: if string(statement, "effect") == "Allow" { Effect::Allow } else { Effect::Deny },
            action: OneOrMany(strings(statement, "actions")),
            not_action: OneOrMany::default(),
            resource: OneOrMany(strings(statement, "resources")),
            condition,
        }
    });
    Policy::new(statements.collect())
}

#[test]
fn the_mint_policies_in_terraform_are_those_of_the_configuration() {
    let config = two_accounts();
    let body = terraform(&config, "aws.tf");
    let written: BTreeMap<&str, Policy> = blocks(&body, "aws_iam_policy_document")
        .filter(|(name, _)| *name != "ec2_amazonaws_com")
        .map(|(name, document)| (name, policy(document)))
        .collect();
    let deployments = config.deployments();
    assert_eq!(written.len(), deployments.len(), "one instance in each");
    for deployment in deployments {
        let config = deployment.config;
        let meant = config.mint_policy(&config.instances["operator"]).expect("it mints");
        assert_eq!(written[config.role_name("operator").as_str()], meant);
    }
    let roles: BTreeSet<&str> = blocks(&body, "aws_iam_role").map(|(name, _)| name).collect();
    assert!(!roles.iter().any(|role| role.ends_with("-api")), "the template makes the functions' roles");
    let aliased = blocks(&body, "aws_iam_role")
        .filter(|(_, block)| block.body().attributes().any(|attribute| attribute.key() == "provider"));
    assert_eq!(aliased.count(), 2, "prod is in another account than the provider without an alias");
}

#[test]
fn the_grants_in_terraform_are_those_of_the_configuration() {
    let config = two_accounts();
    let body = terraform(&config, "google.tf");
    let pool = config.google.as_ref().unwrap().pool_name();
    let mut context = Context::new();
    let named = |name: &str, of: Value| Value::from_iter([(name.to_owned(), of)]);
    context.declare_var(
        "google_iam_workload_identity_pool",
        named("carnet", named("name", Value::from(pool.clone()))),
    );
    let account = "archive-reader@carnet-demo.iam.gserviceaccount.com";
    let reader = named("member", Value::from(format!("serviceAccount:{account}")));
    context.declare_var("google_service_account", named("archive-reader", reader));
    let member = |block: &Block| match attribute(block, "member").evaluate(&context).expect("evaluates") {
        Value::String(member) => member,
        other => panic!("{other}"),
    };
    let written = |kind| blocks(&body, kind).map(|(_, block)| member(block)).collect::<BTreeSet<_>>();
    let (mut readers, mut users) = (BTreeSet::new(), BTreeSet::new());
    for deployment in config.deployments() {
        let grants = deployment.google_grants();
        readers.extend(grants.buckets["carnet-demo-archive"].clone());
        users.extend(grants.service_accounts[account].clone());
    }
    assert_eq!(written("google_storage_bucket_iam_member"), readers);
    assert_eq!(written("google_service_account_iam_member"), users);
    // Five functions in four deployments, and the service account.
    assert_eq!((readers.len(), users.len()), (21, 4));
    let providers: Vec<&str> =
        blocks(&body, "google_iam_workload_identity_pool_provider").map(|(id, _)| id).collect();
    assert_eq!(providers, ["aws-roles", "aws-roles-210987654321", "aws-tokens", "aws-tokens-210987654321"]);
}

#[test]
fn whatever_is_in_a_text_stays_text() {
    let awkward =
        "assertion.sub == 'a' || assertion.sub != \\\"${x}\\\" && assertion.sub != '%{y}, \\\\\\\\z'";
    let text_of = EXAMPLE.replace(
        "type = \"oidc\"",
        &format!("type = \"oidc\"\ncondition = \"{awkward}\"\nmapping = {{ \"google.subject\" = \"[assertion.sub, 'b'][0]\" }}"),
    );
    let config = parsed(&text_of);
    let provider = &config.google.as_ref().unwrap().providers["aws-tokens"];
    let body = terraform(&config, "google.tf");
    let (_, block) = blocks(&body, "google_iam_workload_identity_pool_provider")
        .find(|(id, _)| *id == "aws-tokens")
        .unwrap();
    // Terraform shows `$${` and `%%{` for what is meant literally.
    let written =
        attribute(block, "attribute_condition").evaluate(&Context::new()).expect("no reference in it");
    assert_eq!(written, Value::from(provider.condition.clone().unwrap()));
    let ran = run_with_recorder(&config, "google-grant.sh", "gcloud", GCLOUD);
    let options: BTreeSet<&str> = ran.iter().flatten().map(String::as_str).collect();
    assert!(
        options.contains(format!("--attribute-condition={}", provider.condition.as_ref().unwrap()).as_str())
    );
    assert!(options.contains("--attribute-mapping=^;^google.subject=[assertion.sub, 'b'][0]"), "{options:?}");
}

/// Everything is there, and the project has the number it should have.
const GCLOUD: &str = "case \"$*\" in *projectNumber*) echo 210987654321;; esac";

/// Runs a script with `tool` replaced: it writes down what it is called with. Each call's words.
fn run_with_recorder(config: &Config, script: &str, tool: &str, answer: &str) -> Vec<Vec<String>> {
    record(config, script, tool, answer).unwrap_or_else(|said| panic!("{script}: {said}"))
}

/// `Err` with what it said, if the script fails.
fn record(config: &Config, script: &str, tool: &str, answer: &str) -> Result<Vec<Vec<String>>, String> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{script}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(script);
    std::fs::write(&path, text(config, &format!("commands/{script}"))).expect("the script");
    let calls = folder.join("calls");
    let recorder =
        format!("#!/bin/sh\nprintf '%s\\0' \"$@\" >> \"$CALLS\"; printf '\\1' >> \"$CALLS\"\n{answer}\n");
    std::fs::write(folder.join(tool), recorder).expect("the recorder");
    std::fs::set_permissions(folder.join(tool), std::fs::Permissions::from_mode(0o755)).expect("it may run");
    let mut command = Command::new("sh");
    command
        .arg(&path)
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", folder.display()))
        .env("CALLS", &calls);
    command.env("RESOURCE_GROUP", "a group").env("LOCATION", "westeurope").env("PROJECT", "carnet-demo");
    command
        .env("ISSUER_123456789012", "https://one.example")
        .env("ISSUER_210987654321", "https://two.example");
    let output = command.output().expect("sh runs");
    let calls = std::fs::read_to_string(calls).expect("calls");
    std::fs::remove_dir_all(&folder).expect("removed");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let words = |call: &str| call.split_terminator('\0').map(str::to_owned).collect();
    Ok(calls.split_terminator('\u{1}').map(words).collect())
}

#[test]
fn audiences_that_a_provider_should_not_allow_are_found() {
    let answer = format!("{GCLOUD}; case \"$*\" in *allowedAudiences*) echo https://old.example;; esac");
    let said = record(&parsed(EXAMPLE), "google-grant.sh", "gcloud", &answer).expect_err("it ends");
    assert!(said.contains("google.providers.aws-tokens allows the audiences https://old.example"), "{said}");
}

#[test]
fn a_role_that_mints_no_more_loses_its_policy() {
    let text = EXAMPLE.replace(
        "google_provider = \"aws-tokens\"\ngoogle_service",
        "google_provider = \"aws-roles\"\ngoogle_service",
    );
    let config = parsed(&text.replacen(
        "reads = [\"assets\", \"archive\"]\nazure_identity = \"asset-reader\"\n",
        "reads = [\"archive\"]\n",
        1,
    ));
    assert_eq!(config.mint_policy(&config.instances["operator"]), None);
    let answer = "case \"$*\" in *Account*) echo 123456789012;; esac";
    for script in ["aws-grant.sh", "aws-revoke.sh"] {
        let calls = run_with_recorder(&config, script, "aws", answer);
        let deleted = calls.iter().filter(|call| call[1] == "delete-role-policy").count();
        assert_eq!(deleted, 4, "{script}");
    }
}

#[test]
fn the_scripts_say_to_azure_what_the_configuration_says() {
    let config = two_accounts();
    let answer = "case \"$*\" in *'cloud show'*) echo AzureCloud;; *'account show --query'*) echo 11111111-2222-4333-8444-555555555555;; *) echo an-id;; esac";
    let calls = run_with_recorder(&config, "azure-grant.sh", "az", answer);
    let option = |call: &[String], name: &str| {
        call.iter().position(|word| word == name).map(|at| call[at + 1].clone()).unwrap_or_default()
    };
    let made: BTreeMap<String, (String, String, String)> = calls
        .iter()
        .filter(|call| call.starts_with(&["identity".into(), "federated-credential".into(), "create".into()]))
        .map(|call| {
            assert_eq!(option(call, "--resource-group"), "a group");
            let it = (option(call, "--issuer"), option(call, "--subject"), option(call, "--audiences"));
            (option(call, "--name"), it)
        })
        .collect();
    let mut meant = BTreeMap::new();
    for deployment in config.deployments() {
        let issuer = match deployment.config.aws.account.as_str() {
            "123456789012" => "https://one.example",
            _ => "https://two.example",
        };
        for credential in deployment.config.federated_credentials(issuer).values().flatten() {
            let it = (credential.issuer.clone(), credential.subject.clone(), credential.audiences[0].clone());
            meant.insert(credential.name.clone(), it);
        }
    }
    assert_eq!(made, meant);
    let scopes: Vec<String> =
        calls.iter().filter(|call| call[0] == "role").map(|call| option(call, "--scope")).collect();
    assert_eq!(scopes, ["an-id/blobServices/default/containers/assets", "an-id/secrets/db-password"]);
    let revoked = run_with_recorder(&config, "azure-revoke.sh", "az", answer);
    let deleted = revoked.iter().filter(|call| call.contains(&"delete".to_owned())).count();
    assert_eq!(deleted, meant.len() + 2, "every credential and both role assignments");
}

#[test]
fn the_script_for_aws_acts_in_a_known_account_only() {
    let config = parsed(EXAMPLE);
    let answer = "case \"$*\" in *get-caller-identity*) echo 123456789012;; *get-outbound*) exit 254;; *enable-outbound*) echo https://one.example;; *get-role*|*get-instance-profile*) exit 254;; esac";
    let calls =
        run_with_recorder(&config, "aws-grant.sh", "aws", &answer.replace("|*get-instance-profile*", ""));
    assert!(calls.iter().any(|call| call[1] == "enable-outbound-web-identity-federation"));
    let put = calls.iter().filter(|call| call[1] == "put-role-policy");
    let policies =
        put.map(|call| serde_json::from_str::<Policy>(&call[7]).expect("a policy")).collect::<Vec<_>>();
    assert_eq!(policies.len(), 4, "an instance in dev and staging, and in two regions of prod");
    assert!(
        policies
            .iter()
            .all(|policy| Some(policy) == config.mint_policy(&config.instances["operator"]).as_ref())
    );
}

#[test]
fn bash_reads_every_script() {
    for document in render(&two_accounts(), Kind::Commands).unwrap() {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("read-{}.sh", std::process::id()));
        std::fs::write(&path, &document.text).expect("written");
        let output = Command::new("bash").arg("-n").arg(&path).output().expect("bash runs");
        assert!(output.status.success(), "{}: {}", document.path, String::from_utf8_lossy(&output.stderr));
        assert!(
            document.text.contains("\nset -eu\n") && document.text.contains("Rights: "),
            "{}",
            document.path
        );
        std::fs::remove_file(path).expect("removed");
    }
}

#[test]
fn a_stage_s_parameters_are_those_of_its_account() {
    let config = two_accounts();
    let prod = text(&config, "parameters/prod.yaml");
    assert!(
        prod.lines().any(|line| line.starts_with("GoogleAudience: ") && line.contains("-210987654321\""))
    );
    assert!(prod.lines().any(|line| line == "Places: \"assets=azure://carnetdemo/assets\""), "{prod}");
    let dev = text(&config, "parameters/dev.yaml");
    assert!(dev.lines().any(|line| line.starts_with("GoogleAudience: ") && line.ends_with("/aws-tokens\"")));
}

#[test]
fn without_stages_the_parameters_are_named_like_the_stack_and_only_of_what_is_read() {
    let start = EXAMPLE.find("[stages.dev]").expect("stages");
    let end = EXAMPLE.find("[azure]").expect("azure");
    let text_of = |text: String| {
        let binaries = Sync::FUNCTIONS.map(|name| format!("{name} = \"target/debug/{name}\"\n"));
        let text = binaries.iter().fold(text.replace(&sync_of(EXAMPLE), ""), |text, it| text.replace(it, ""));
        let secrets = &EXAMPLE[EXAMPLE.find("[local.vaults]").expect("vaults")..];
        let secrets = &secrets[..secrets.find("[local.functions]").expect("functions")];
        let text = text.replace(secrets, "").replace("secret-sync = \"target/debug/secret-sync\"\n", "");
        text.replace("reads = [\"archive\"]", "reads = []")
    };
    let config = parsed(&text_of(format!("{}{}", &EXAMPLE[..start], &EXAMPLE[end..])));
    let parameters = text(&config, "parameters/carnet.yaml");
    assert!(parameters.contains("\nPlaces: ") && !parameters.contains("Google"), "{parameters}");
}

/// Its section, and what is said of the next one.
fn sync_of(text: &str) -> String {
    let (start, end) = (text.find("[sync]").expect("a sync"), text.find("[instances.").expect("instances"));
    text[start..end].to_owned()
}

#[test]
fn the_sync_s_parameters_are_its_own_and_what_is_of_a_cloud_is_said_once() {
    let parameters = text(&two_accounts(), "parameters/prod.yaml");
    let has = |line: &str| parameters.lines().any(|it| it == line);
    assert!(
        has("SyncSource: \"gs://carnet-demo-archive\"") && has("SyncPrefix: \"archive\""),
        "{parameters}"
    );
    let of_prod = |line: &str| line.starts_with("SyncGoogleAudience: ") && line.contains("-210987654321\"");
    assert!(parameters.lines().any(of_prod), "{parameters}");
    assert!(!parameters.contains("none of the template's"), "{parameters}");

    let from_azure = EXAMPLE.replace(
        "from = \"archive\"\nto = \"archive\"\ngoogle_provider = \"aws-tokens\"",
        "from = \"assets\"\nazure_identity = \"other-reader\"",
    );
    let other = "[azure.identities.other-reader]\nclient_id = \"cccccccc-1111-4222-8333-444444444444\"\nobject_id = \"dddddddd-1111-4222-8333-444444444444\"\n\n[google]";
    let config = parsed(&from_azure.replacen("[google]", other, 1));
    let parameters = text(&config, "parameters/dev.yaml");
    let lines = |name: &str| parameters.lines().filter(|line| line.starts_with(&format!("{name}: "))).count();
    for name in ["TenantId", "AzureCloud", "ExchangeAudience", "ClientId", "SyncClientId", "SyncSource"] {
        assert_eq!(lines(name), 1, "{name}: {parameters}");
    }
    assert!(parameters.contains("\nSyncClientId: \"cccccccc"), "{parameters}");
    assert_eq!(lines("SyncGoogleAudience"), 0, "{parameters}");
}

#[test]
fn a_function_that_the_template_does_not_deploy_is_said() {
    let config = parsed(&EXAMPLE.replace(
        "[functions.gcs-api]",
        "[functions.reports]\nreads = [\"assets\"]\nazure_identity = \"asset-reader\"\n\n[functions.gcs-api]",
    ));
    assert!(text(&config, "parameters/dev.yaml").contains("\n# functions.reports is none of the template's"));
}

#[test]
fn a_cloud_that_is_not_configured_has_no_documents() {
    let aws_only = "[aws]\naccount = \"123456789012\"\nregion = \"eu-central-1\"\nstack = \"carnet\"\n";
    let documents = documents(&parsed(aws_only));
    let paths: Vec<&str> = documents.iter().map(|document| &*document.path).collect();
    assert_eq!(
        paths,
        [
            "versions.tf",
            "variables.tf",
            "aws.tf",
            "commands/aws-grant.sh",
            "commands/aws-revoke.sh",
            "trust.json"
        ]
    );
}
