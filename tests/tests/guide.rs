//! The README's ten steps, executed: every block that can be copied is run, for every kind of reader.
//!
//! | module | what is there |
//! |---|---|
//! | `page` | the steps, and whom each block is for |
//! | `machine` | the reader's machine: the clouds' command lines record how they are called |
//! | `grants` | what the clouds were told, and what they are to be told |
//! | `clouds` | what the last steps ask, asked of the stand-ins for the clouds |
//! | `commands` | every command and option of the clouds' command lines, as their references list them |
//! | `documents` | parameters, variables and links that the documents name |

mod guide {
    pub mod clouds;
    pub mod commands;
    pub mod documents;
    pub mod grants;
    pub mod machine;
    pub mod page;
}

use carnet_tests::repository;
use carnet_tests::template::{Target, Template};
use guide::clouds::Clouds;
use guide::commands::strangers;
use guide::documents::{self, PAGES, page, quoted, rows};
use guide::grants::{derived, recorded, roles};
use guide::machine::{Machine, option};
use guide::page::blocks;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const SECTION: &str = "## In your own accounts";
const EVERYTHING: [&str; 4] = ["Azure", "Google", "OIDC", "Lambda"];

/// All blocks for a reader, in order, as one script that says where it is.
fn steps(page: &str, section: &str, reader: &[&str]) -> String {
    let blocks = blocks(page, section);
    let mut script = String::new();
    for block in blocks.iter().filter(|block| block.is_for(reader)) {
        script.push_str(&format!("echo 'at: {}' >&2\n{}\n", block.heading, block.text));
    }
    script
}

/// What the scripts' heads promise: they may be run again.
const AGAIN: &str = "\
issuers=$(sh infra/commands/aws-grant.sh) && eval \"$issuers\"
for again in infra/commands/*-grant.sh; do sh \"$again\" >/dev/null; done
carnet trust render --check
";

/// Another day: the command is built, and the names of step 2 are given once more.
fn new_shell(reader: &[&str]) -> String {
    let blocks = blocks(&page("README.md"), SECTION);
    let second = blocks.iter().filter(|block| block.heading.starts_with("2.") && block.is_for(reader));
    let names: Vec<&str> = second.map(|block| block.text.as_str()).collect();
    format!("export PATH=\"$PWD/target/release:$PATH\"\n{}\n", names.join("\n"))
}

async fn leads(reader: &[&str]) {
    let machine = Machine::new();
    let script = steps(&page("README.md"), SECTION, reader);
    machine.run(&script).unwrap_or_else(|error| panic!("{reader:?}: {error}"));

    let derived = derived(&machine);
    assert_eq!(recorded(&machine), derived, "{reader:?}");
    assert!(!machine.checkout().join("infra/left-over.tf").exists());
    let trust: Value = serde_json::from_str(&machine.read("infra/trust.json")).expect("JSON");
    let made_by = if reader.contains(&"Lambda") { "template" } else { "documents" };
    for (name, role) in roles(&trust) {
        assert!(name.starts_with("carnet-dev-eu-central-1-"), "{name}");
        assert_eq!(role["made_by"], made_by, "{name}: nothing is let in that the reader did not ask for");
    }

    if reader.contains(&"Lambda") {
        deploys(&machine, &trust);
    }

    machine.run(&format!("{}{AGAIN}", new_shell(reader))).expect("again");
    assert_eq!(recorded(&machine), derived, "{reader:?}, again");

    let clouds = Clouds::of(&machine).await;
    assert!(
        clouds.replay(&machine).await >= 2,
        "{reader:?}: the function or the way was asked, and something read"
    );
}

/// That `sam deploy --config-env dev` finds its parameters, and the template makes of them the roles that
/// are let in.
fn deploys(machine: &Machine, trust: &Value) {
    let stages: toml::Table = machine.read("samconfig.toml").parse().expect("TOML");
    let stage = &stages["dev"]["deploy"]["parameters"];
    let given = stage["parameter_overrides"].as_array().expect("a list");
    let [file] = given.as_slice() else { panic!("{given:?}") };
    let text = machine.read(file.as_str().and_then(|url| url.strip_prefix("file://")).expect("a file"));
    let given: Vec<(&str, String)> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once(": ").expect("a parameter"))
        .map(|(name, value)| (name, serde_json::from_str(value).expect("text in quotes")))
        .collect();
    let given: Vec<(&str, &str)> = given.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let stack = stage["stack_name"].as_str().expect("a name");
    let target = Target { stack, region: "eu-central-1", account: "123456789012", parameters: &given };
    let deployed = Template::load().deploy(&target);
    assert_eq!(deployed.refusals, Vec::<String>::new());
    let made = deployed.of_type("AWS::IAM::Role").map(|(_, role)| role["RoleName"].as_str().expect("a name"));
    assert_eq!(made.collect::<BTreeSet<_>>(), roles(trust).map(|(name, _)| name.as_str()).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_from_lambda() {
    leads(&["Azure", "Lambda"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_from_ec2() {
    leads(&["Azure", "EC2"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn google_by_oidc_from_lambda() {
    leads(&["Google", "OIDC", "Lambda"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn google_by_oidc_from_ec2() {
    leads(&["Google", "OIDC", "EC2"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn google_by_the_aws_provider_from_lambda() {
    leads(&["Google", "AWS provider", "Lambda"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn google_by_the_aws_provider_from_ec2() {
    leads(&["Google", "AWS provider", "EC2"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_clouds_from_lambda() {
    leads(&["Azure", "Google", "OIDC", "Lambda"]).await;
}

#[test]
fn there_are_ten_steps() {
    let page = page("README.md");
    let blocks = blocks(&page, SECTION);
    let mut headings: Vec<&str> = blocks.iter().map(|block| block.heading.as_str()).collect();
    headings.dedup();
    let numbers: Vec<_> =
        headings.iter().map(|heading| heading.split_once(". ").expect("a number").0).collect();
    assert_eq!(numbers, ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]);
}

#[test]
fn a_step_that_is_broken_is_noticed() {
    // What is there, what is made of it, what is then said.
    let breaks = [
        ("\nexport RESOURCE_GROUP=my-group ", "\nexport RESOURCE_GRUOP=my-group ", "RESOURCE_GROUP: "),
        (
            "issuers=$(sh infra/commands/aws-grant.sh) && eval \"$issuers\"",
            "sh infra/commands/aws-grant.sh",
            "ISSUER_123456789012: ",
        ),
        ("carnet trust render --prune\n```\n\n### 5", "```\n\n### 5", "infra/commands/azure-grant.sh"),
        ("google_provider = \"$PROVIDER\"", "google_provider = \"$PROVDER\"", "PROVDER: "),
        (
            "azure_identity = \"asset-reader\"",
            "azure_identity = \"reader\"",
            "functions.blob-api.azure_identity",
        ),
        ("sam build\n", "", "nothing is built"),
        ("--stack-name carnet-dev", "--stack-name carnet", "aws: not known here"),
        ("iam attach-role-policy", "iam attach-role-polcy", "aws: not known here"),
    ];
    let whole = page("README.md");
    for (right, wrong, said) in breaks {
        let broken = whole.replacen(right, wrong, 1);
        assert!(broken != whole, "{right:?} is in the README");
        let run = Machine::new().run(&steps(&broken, SECTION, &EVERYTHING));
        let error = run.expect_err("somebody notices");
        assert!(error.contains(said), "{wrong:?}: {error}");
    }

    // One that every command goes along with: the zeros stay, and the grants are not those that were derived.
    let machine = Machine::new();
    let broken = whole.replacen("ask principalId", "ask clientId", 1);
    machine.run(&steps(&broken, SECTION, &EVERYTHING)).expect("nothing fails");
    assert_ne!(recorded(&machine), derived(&machine));
}

#[test]
fn what_was_granted_is_taken_back() {
    let machine = Machine::new();
    machine.run(&steps(&page("README.md"), SECTION, &EVERYTHING)).expect("the steps");
    let down = steps(&page("docs/deploying.md"), "## Take it down", &EVERYTHING);
    machine.run(&format!("{}{down}", new_shell(&EVERYTHING))).expect("taken down");
    let all = |beginning: &str, options: &[&str]| -> BTreeSet<Vec<String>> {
        let calls = machine.calls_of(beginning);
        calls.iter().map(|call| options.iter().map(|name| option(call, name).to_owned()).collect()).collect()
    };
    for (given, taken, options) in [
        (
            "az identity federated-credential create",
            "az identity federated-credential delete",
            ["--name", "--identity-name"].as_slice(),
        ),
        ("az role assignment create", "az role assignment delete", &["--role", "--scope"]),
        (
            "gcloud storage buckets add-iam-policy-binding",
            "gcloud storage buckets remove-iam-policy-binding",
            &["--member", "--role"],
        ),
        (
            "gcloud iam workload-identity-pools providers create-oidc",
            "gcloud iam workload-identity-pools providers update-oidc",
            &["--workload-identity-pool"],
        ),
    ] {
        assert!(!all(given, options).is_empty(), "{given}");
        assert_eq!(all(given, options), all(taken, options), "{taken}");
    }
    let calls = machine.calls();
    let place = |words: &[&str]| {
        calls.iter().position(|call| call.iter().take(words.len()).eq(words.iter().copied()))
    };
    let revoked = place(&["az", "identity", "federated-credential", "delete"]).expect("revoked");
    assert!(revoked < place(&["sam", "delete"]).expect("deleted"), "grants go before the roles they are to");
}

#[test]
fn an_instance_s_role_is_taken_down() {
    let reader = ["Azure", "EC2"];
    let machine = Machine::new();
    machine.run(&steps(&page("README.md"), SECTION, &reader)).expect("the steps");
    let down = steps(&page("docs/deploying.md"), "## Take it down", &reader);
    machine.run(&format!("{}{down}", new_shell(&reader))).expect("taken down");
    assert_eq!(machine.calls_of("aws iam delete-role --role-name carnet-dev-eu-central-1-operator").len(), 1);
}

#[test]
fn terraform_is_told_every_variable() {
    let deploying = page("docs/deploying.md");
    for reader in [EVERYTHING.as_slice(), &["Azure", "Lambda"], &["Google", "OIDC", "EC2"]] {
        let machine = Machine::new();
        let blocks = blocks(&page("README.md"), SECTION);
        let first = blocks
            .iter()
            .filter(|block| block.is_for(reader))
            .take_while(|block| !block.heading.starts_with("5."));
        let first: Vec<&str> = first.map(|block| block.text.as_str()).collect();
        let apply = steps(&deploying, "## With Terraform", reader);
        let run = machine.run(&format!("{}\n{apply}", first.join("\n")));
        run.unwrap_or_else(|error| panic!("{reader:?}: {error}"));
        let forgotten = apply.replace("export TF_VAR", "OTHER");
        assert!(Machine::new().run(&format!("{}\n{forgotten}", first.join("\n"))).is_err(), "{reader:?}");
    }
}

#[test]
fn every_command_and_option_is_in_its_tool_s_reference() {
    let mut named = BTreeSet::new();
    let mut look = |file: &str, script: &str| {
        let (strangers, found) = strangers(script);
        assert_eq!(strangers, Vec::<String>::new(), "{file}");
        named.extend(found);
    };
    for file in ["README.md", "docs/deploying.md"] {
        let text = page(file);
        // Between fences and beside them, in turn.
        for (index, part) in text.split("```").enumerate() {
            match part.strip_prefix("sh\n") {
                Some(script) => look(file, script),
                None if index % 2 == 1 => {}
                None => quoted(&part.replace('\n', " ")).into_iter().for_each(|command| look(file, command)),
            }
        }
    }
    for cloud in ["aws", "azure", "google"] {
        for verb in ["grant", "revoke"] {
            let file = format!("infra/commands/{cloud}-{verb}.sh");
            look(&file, &page(&file));
        }
    }
    assert!(named.len() > 40, "the documents are read: {named:?}");
    let (strangers, _) =
        strangers("x=$(az identity create --nmae 'x' \\\n  --location here) && gcloud storage mv a b");
    assert_eq!(strangers, ["az identity create --nmae", "gcloud storage mv a b"]);
}

#[test]
fn parameters_that_are_named_exist_with_these_defaults() {
    let template = Template::load();
    let declared: BTreeMap<&str, String> = template.document()["Parameters"]
        .as_object()
        .expect("parameters")
        .iter()
        .map(|(name, it)| (name.as_str(), it["Default"].to_string().trim_matches('"').to_owned()))
        .collect();
    let mut named = BTreeSet::new();
    for row in rows(&page("docs/deploying.md"), "## Parameters") {
        let names = quoted(&row[0]);
        assert!(names.iter().all(|name| declared.contains_key(*name)), "{names:?}");
        if let [_, defaults, _] = row.as_slice() {
            for (name, default) in names.iter().zip(quoted(defaults)) {
                assert_eq!(declared[*name], default, "{name}");
            }
            if quoted(defaults).is_empty() {
                assert!(names.iter().all(|name| declared[*name].is_empty()), "{names:?} have defaults");
            }
        }
        named.extend(names.into_iter().map(str::to_owned));
    }
    assert!(declared.keys().all(|name| named.contains(*name)), "not in the tables: {declared:?}");
    for file in PAGES {
        let text = page(file);
        let given = quoted(&text).into_iter().filter_map(|code| code.split_once('='));
        let parameters = given.filter(|(name, _)| name.starts_with(|c: char| c.is_ascii_uppercase()));
        for (name, _) in parameters.filter(|(name, _)| name.chars().any(|c| c.is_ascii_lowercase())) {
            assert!(
                name.chars().any(|c| !c.is_ascii_alphanumeric()) || declared.contains_key(name),
                "{file}: {name}"
            );
        }
    }
}

#[test]
fn variables_that_are_named_are_read_and_those_of_ours_that_are_read_are_named() {
    let is_variable = |text: &&str| {
        text.len() > 2 && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    };
    let configuration = page("docs/configuration.md");
    let sections = [
        "## Places (functions)",
        "## Sync and events (functions)",
        "## The way into AWS",
        "## The way to Azure",
        "## The way to Google",
        "## Secrets",
        "## Buckets of S3",
        "## The network",
        "## Logs",
    ];
    let mut named = BTreeSet::new();
    for section in sections {
        let rows = rows(&configuration, section);
        assert!(!rows.is_empty(), "{section}");
        named.extend(
            rows.iter()
                .flat_map(|row| quoted(&row[0]))
                .filter(is_variable)
                .map(str::to_owned)
                .collect::<Vec<_>>(),
        );
    }
    // There each mint names its own, behind what it is.
    let rows = rows(&configuration, "## Where proofs come from");
    named.extend(rows.iter().flatten().flat_map(|cell| quoted(cell)).filter(is_variable).map(str::to_owned));
    let sources = documents::sources();
    let read = |name: &str| sources.values().any(|text| text.contains(&format!("\"{name}\"")));
    for name in &named {
        // Read by a library: reqwest's proxies, anstream's colours, an endpoint of AWS's client.
        let by_others =
            ["HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "NO_COLOR", "AWS_ENDPOINT_URL_SECRETS_MANAGER"];
        let by_others = by_others.contains(&name.as_str());
        assert!(by_others || read(name), "{name} is read nowhere");
    }
    for (path, text) in &sources {
        for name in text.split('"').filter(is_variable).filter(|name| name.starts_with("CARNET_")) {
            assert!(named.contains(name), "{name} of {} is not documented", path.display());
        }
    }
}

#[test]
fn links_lead_somewhere() {
    for file in PAGES {
        let text = page(file);
        let folder = repository().join(file);
        let folder = folder.parent().expect("a folder");
        for link in documents::links(&text) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { repository().join(file) } else { folder.join(path) };
            assert!(target.exists(), "{file}: {link}");
            if !anchor.is_empty() {
                let there = std::fs::read_to_string(&target).expect("a page");
                assert!(documents::anchors(&there).contains(anchor), "{file}: {link}");
            }
        }
    }
}
