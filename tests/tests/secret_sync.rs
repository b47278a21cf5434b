//! Secrets copied by the real function into Secrets Manager, which is moto's: once, never twice, and without
//! a value anywhere else.

use carnet_localclouds::faults::Hop;
use carnet_localclouds::lambda::Function;
use carnet_localclouds::world::VersionState;
use carnet_tests::events::{answer, invoke, log, sample};
use carnet_tests::secrets::{API_KEY, DB_PASSWORD, Kept, PROJECT_PAIR, VAULT_PAIR};
use carnet_tests::template::{Target, Template};
use carnet_tests::{CLIENT, Stage, TENANT, binary, secrecy};
use carnet_trust::aws::{Decision, Request, evaluate};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Stdio;

const DB: &str = "app/db-password";
const KEY: &str = "app/api-key";
const CREATE: (&str, &str) = ("CARNET_SECRETS_CREATE", "true");
/// What a value is replaced by in these tests.
const NEXT: &str = "stand-in-next-value-1234";
const VALUES: [&str; 3] = [DB_PASSWORD, API_KEY, NEXT];

/// No value, token or signature in what the function wrote or answered.
fn assert_kept_secret(function: &Function, answers: &[&str]) {
    let lines = function.logs().lines();
    for text in lines.iter().map(String::as_str).chain(answers.iter().copied()) {
        for secret in secrecy::SECRETS.iter().chain(&VALUES) {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

/// Outcomes by destination.
fn outcomes(answer: &Value) -> Vec<(&str, &str)> {
    let rows = answer["secrets"].as_array().unwrap_or_else(|| panic!("no rows: {answer}"));
    rows.iter().map(|row| (row["to"].as_str().unwrap(), row["outcome"].as_str().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto: cargo xtask test --only secret_sync"]
async fn a_secret_is_copied_once_and_the_version_before_is_kept() {
    let stage = Stage::new().await;
    let kept = Kept::start(&stage).await;
    stage.with_vault(|vault| {
        let version = &mut vault.secrets.get_mut("db-password").unwrap()[0];
        version.content_type = Some("text/plain; charset=utf-8".to_owned());
    });
    let function = stage.secret_sync(&kept, &[VAULT_PAIR, PROJECT_PAIR], &[CREATE]).await;
    let schedule = sample("secret-sync.schedule");
    let both =
        |outcome| [("secretsmanager://app/db-password", outcome), ("secretsmanager://app/api-key", outcome)];

    let dry = invoke(&function, &sample("secret-sync.dry-run")).await;
    assert_eq!(outcomes(&dry), both("created"), "{dry}");
    assert!(kept.call("DescribeSecret", json!({ "SecretId": DB })).await.is_err(), "nothing was written");

    let first = invoke(&function, &schedule).await;
    assert_eq!(outcomes(&first), both("created"), "{first}");
    assert_eq!(kept.value(DB, "AWSCURRENT").await.as_deref(), Some(DB_PASSWORD));
    assert_eq!(kept.value(KEY, "AWSCURRENT").await.as_deref(), Some(API_KEY));
    assert_eq!(kept.tag(DB, "carnet:source").await.as_deref(), Some("keyvault://carnet-test/db-password"));
    assert_eq!(kept.tag(DB, "carnet:content-type").await.as_deref(), Some("text/plain_ charset=utf-8"));
    assert_eq!(kept.tag(KEY, "carnet:source-version").await.as_deref(), Some("1"));

    // Nothing changed: no value is read, no version made.
    stage.local.shared.faults.forget_seen();
    let same = invoke(&function, &schedule).await;
    assert_eq!(outcomes(&same), both("unchanged"), "{same}");
    for hop in [Hop::KeyVault, Hop::SecretManager] {
        let seen = stage.local.shared.faults.seen(hop);
        assert!(!seen.is_empty());
        assert!(
            seen.iter().all(|it| it.path.contains("/versions") && !it.path.contains(":access")),
            "{seen:?}"
        );
    }
    assert_eq!(kept.describe(DB).await["VersionIdsToStages"].as_object().unwrap().len(), 1);

    // A new version at one source.
    let version = stage.with_vault(|vault| vault.put("db-password", NEXT));
    let changed = invoke(&function, &schedule).await;
    assert_eq!(outcomes(&changed)[0].1, "copied", "{changed}");
    assert_eq!(outcomes(&changed)[1].1, "unchanged", "{changed}");
    assert_eq!(kept.value(DB, "AWSCURRENT").await.as_deref(), Some(NEXT));
    assert_eq!(kept.value(DB, "AWSPREVIOUS").await.as_deref(), Some(DB_PASSWORD));
    assert_eq!(kept.tag(DB, "carnet:source-version").await, Some(version));
    assert_eq!(kept.tag(DB, "carnet:content-type").await.as_deref(), Some(""), "the new version has none");
    let current = changed["secrets"][0]["version_id"].as_str().unwrap().to_owned();
    assert_eq!(kept.tag(DB, "carnet:version-id").await, Some(current));

    let answers = [dry, first, same, changed].map(|answer| answer.to_string());
    assert_kept_secret(&function, &answers.each_ref().map(String::as_str));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto: cargo xtask test --only secret_sync"]
async fn one_that_fails_stops_no_other_and_fails_the_invocation() {
    let stage = Stage::new().await;
    let kept = Kept::start(&stage).await;
    for name in [DB, KEY, "app/denied"] {
        kept.call("CreateSecret", json!({ "Name": name })).await.unwrap();
    }
    let denied = "keyvault://carnet-test/denied=secretsmanager://app/denied";
    let missing = "secretmanager://carnet-test/api-key=secretsmanager://app/missing";
    stage.with_vault(|vault| vault.put("denied", NEXT));
    let function = stage.secret_sync(&kept, &[denied, missing, VAULT_PAIR, PROJECT_PAIR], &[]).await;
    let output = function.invoke(sample("secret-sync.schedule").to_string()).await;
    assert_eq!(output.function_error, Some("Unhandled"));
    let failure = answer(&output);
    assert_eq!(failure["errorType"], "Carnet.SecretsFailed");
    let message = failure["errorMessage"].as_str().unwrap();
    for part in
        ["2 of 4", "ForbiddenByRbac", "Key Vault Secrets User", "app/missing", "CARNET_SECRETS_CREATE"]
    {
        assert!(message.contains(part), "{part} in {message}");
    }
    // The other two were copied all the same.
    assert_eq!(kept.value(DB, "AWSCURRENT").await.as_deref(), Some(DB_PASSWORD));
    assert_eq!(kept.value(KEY, "AWSCURRENT").await.as_deref(), Some(API_KEY));
    let rows: Vec<Value> = log(&function).into_iter().filter(|line| line["outcome"].is_string()).collect();
    let count = |outcome: &str| rows.iter().filter(|row| row["outcome"] == outcome).count();
    assert_eq!((count("copied"), count("failed")), (2, 2), "{rows:?}");
    assert_kept_secret(&function, &[message]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto: cargo xtask test --only secret_sync"]
async fn what_a_person_did_stays_until_the_source_changes() {
    let stage = Stage::new().await;
    let kept = Kept::start(&stage).await;
    let function = stage.secret_sync(&kept, &[VAULT_PAIR], &[CREATE]).await;
    let schedule = sample("secret-sync.schedule");
    invoke(&function, &schedule).await;
    stage.with_vault(|vault| vault.put("db-password", NEXT));
    let copied = invoke(&function, &schedule).await;
    let new = copied["secrets"][0]["version_id"].clone();
    let stages = kept.describe(DB).await["VersionIdsToStages"].clone();
    let old =
        stages.as_object().unwrap().keys().find(|id| Some(id.as_str()) != new.as_str()).unwrap().clone();
    let back = json!({ "SecretId": DB, "VersionStage": "AWSCURRENT", "MoveToVersionId": old, "RemoveFromVersionId": new });
    kept.call("UpdateSecretVersionStage", back).await.unwrap();
    assert_eq!(kept.value(DB, "AWSCURRENT").await.as_deref(), Some(DB_PASSWORD));
    let held = invoke(&function, &schedule).await;
    assert_eq!((outcomes(&held)[0].1, &held["kept_back"]), ("kept_back", &json!(1)), "{held}");
    assert_eq!(kept.value(DB, "AWSCURRENT").await.as_deref(), Some(DB_PASSWORD), "the rollback stays");
    stage.with_vault(|vault| vault.put("db-password", API_KEY));
    let next = invoke(&function, &schedule).await;
    assert_eq!(outcomes(&next)[0].1, "copied");
    // By its id: after a stage was moved by hand, moto has AWSCURRENT at two versions.
    let asked = json!({ "SecretId": DB, "VersionId": next["secrets"][0]["version_id"] });
    let value = kept.call("GetSecretValue", asked).await.unwrap();
    assert_eq!(value["SecretString"], API_KEY);
    assert_kept_secret(&function, &[]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto: cargo xtask test --only secret_sync"]
async fn what_cannot_be_copied_is_told_by_its_own_words() {
    let stage = Stage::new().await;
    let kept = Kept::start(&stage).await;
    let function = stage.secret_sync(&kept, &[VAULT_PAIR, PROJECT_PAIR], &[CREATE]).await;
    let schedule = sample("secret-sync.schedule").to_string();
    invoke(&function, &sample("secret-sync.schedule")).await;
    // Deleted at the destination, disabled at the source.
    kept.call("DeleteSecret", json!({ "SecretId": DB, "RecoveryWindowInDays": 7 })).await.unwrap();
    stage.with_secret("api-key", |secret| {
        secret.put(NEXT.as_bytes());
        secret.versions[1].state = VersionState::Destroyed;
    });
    let message = answer(&function.invoke(schedule.clone()).await)["errorMessage"].to_string();
    for part in ["2 of 2", "#secrets-manager-deleted", "is destroyed", "#secret-not-usable"] {
        assert!(message.contains(part), "{part} in {message}");
    }
    kept.call("RestoreSecret", json!({ "SecretId": DB })).await.unwrap();
    // A secret that was deleted and made again counts from 1: it is another one.
    stage.with_secret("api-key", |secret| {
        secret.versions.clear();
        secret.put(NEXT.as_bytes());
    });
    let again = invoke(&function, &sample("secret-sync.schedule")).await;
    assert_eq!(
        outcomes(&again).iter().map(|row| row.1).collect::<Vec<_>>(),
        ["unchanged", "copied"],
        "{again}"
    );
    assert_eq!(kept.value(KEY, "AWSCURRENT").await.as_deref(), Some(NEXT));
    // Bytes that are no text.
    stage.with_secret("api-key", |secret| secret.put(&[0, 159, 146, 150]));
    invoke(&function, &sample("secret-sync.schedule")).await;
    let bytes = kept.call("GetSecretValue", json!({ "SecretId": KEY })).await.unwrap();
    assert_eq!(bytes["SecretBinary"], "AJ+Slg==");
    let bad = answer(&function.invoke(json!({ "carnet": "secrets" }).to_string()).await);
    assert_eq!(bad["errorType"], "Carnet.BadEvent");
    assert_kept_secret(&function, &[&message]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto: cargo xtask test --only secret_sync"]
async fn the_doctor_walks_both_ways_and_reads_no_value() {
    let stage = Stage::new().await;
    let kept = Kept::start(&stage).await;
    let function = stage.secret_sync(&kept, &[VAULT_PAIR, PROJECT_PAIR], &[]).await;
    let report = invoke(&function, &sample("secret-sync.doctor")).await;
    assert_eq!(report["ok"], true, "{report}");
    let hops: Vec<&str> =
        report["hops"].as_array().unwrap().iter().filter_map(|hop| hop["hop"].as_str()).collect();
    assert_eq!(hops, ["mint", "exchange", "mint", "exchange", "read", "write", "read", "write"]);
    let seen = stage.local.shared.faults.seen(Hop::SecretManager);
    assert!(seen.iter().all(|it| !it.path.contains(":access")), "{seen:?}");
    assert_kept_secret(&function, &[&report.to_string()]);
}

/// The template's role and the calls that are made: the same, and GetSecretValue is none of them.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto: cargo xtask test --only secret_sync"]
async fn its_role_grants_what_it_asks_and_no_more() {
    let stage = Stage::new().await;
    let kept = Kept::start(&stage).await;
    let parameters = [
        ("Secrets", VAULT_PAIR),
        ("SecretArns", "arn:aws:secretsmanager:*:123456789012:secret:app/db-password-??????"),
        ("TenantId", TENANT),
        ("SecretsClientId", CLIENT),
        ("SecretsCreate", "true"),
    ];
    let target =
        Target { stack: "carnet", region: "eu-central-1", account: "123456789012", parameters: &parameters };
    let policies = Template::load().deploy(&target).policies("SecretSyncRole");
    let statements = policies.iter().flat_map(|policy| &policy.statement.0);
    let granted: BTreeSet<String> = statements
        .flat_map(|statement| statement.action.0.clone())
        .filter(|action| !action.starts_with("logs:"))
        .collect();
    let trail = &stage.local.shared.trail;
    trail.clear();
    let function = stage.secret_sync(&kept, &[VAULT_PAIR], &[CREATE]).await;
    let schedule = sample("secret-sync.schedule");
    invoke(&function, &schedule).await;
    stage.with_vault(|vault| vault.put("db-password", NEXT));
    invoke(&function, &schedule).await;
    invoke(&function, &schedule).await;
    invoke(&function, &sample("secret-sync.doctor")).await;
    let mut asked = kept.asked();
    asked.extend(trail.calls().into_iter().map(|call| call.action));
    assert_eq!(asked, granted);
    // Under the template's own conditions, on the one secret.
    let secret =
        |name: &str| format!("arn:aws:secretsmanager:eu-central-1:123456789012:secret:{name}-a1B2c3");
    let may = |action: &str, name: &str, region: &str| {
        let request = Request::new(action, secret(name)).with("aws:RequestedRegion", [region]);
        evaluate(&policies, &request) == Decision::Allowed
    };
    assert!(may("secretsmanager:PutSecretValue", "app/db-password", "eu-central-1"));
    assert!(!may("secretsmanager:PutSecretValue", "app/db-password2", "eu-central-1"));
    assert!(!may("secretsmanager:PutSecretValue", "app/db-password", "us-east-1"));
    assert!(!may("secretsmanager:GetSecretValue", "app/db-password", "eu-central-1"));
}

/// `carnet secret`, as the operator.
async fn carnet(stage: &Stage, kept: &Kept, arguments: &[&str]) -> (i32, String, String) {
    let output = tokio::process::Command::new(binary("carnet"))
        .arg("secret")
        .args(arguments)
        .env_clear()
        .envs(stage.env())
        .env("AWS_ENDPOINT_URL_SECRETS_MANAGER", &kept.url)
        .stdin(Stdio::null())
        .output()
        .await
        .expect("carnet runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("an exit code"), text(output.stdout), text(output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto: cargo xtask test --only secret_sync"]
async fn a_person_sees_reads_and_copies() {
    let stage = Stage::new().await;
    let kept = Kept::start(&stage).await;
    let from = "keyvault://carnet-test/db-password";
    let to = "secretsmanager://app/db-password";
    let (code, shown, said) = carnet(&stage, &kept, &["show", from]).await;
    assert_eq!(code, 0, "{said}");
    assert!(shown.contains("enabled") && !shown.contains(DB_PASSWORD), "{shown}");
    let (code, value, said) = carnet(&stage, &kept, &["read", from]).await;
    assert_eq!((code, value.as_str(), said.as_str()), (0, DB_PASSWORD, ""));
    let (code, _, said) = carnet(&stage, &kept, &["copy", from, to]).await;
    assert_eq!(code, 6, "{said}");
    assert!(said.contains("secrets-manager-missing"), "{said}");
    let (code, told, _) = carnet(&stage, &kept, &["copy", from, to, "--create", "--dry-run"]).await;
    assert_eq!((code, told.starts_with("would be created")), (0, true), "{told}");
    let (code, told, said) = carnet(&stage, &kept, &["--format", "json", "copy", from, to, "--create"]).await;
    assert_eq!(code, 0, "{said}");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["outcome"], &told["dry_run"]), (&json!("created"), &json!(false)));
    let (code, told, _) = carnet(&stage, &kept, &["copy", from, to]).await;
    assert_eq!((code, told.starts_with("unchanged")), (0, true), "{told}");
    let (code, value, said) = carnet(&stage, &kept, &["read", to]).await;
    assert_eq!((code, value.as_str()), (0, DB_PASSWORD), "{said}");
    let (code, shown, _) = carnet(&stage, &kept, &["show", to, "--format", "json"]).await;
    assert_eq!((code, shown.contains(DB_PASSWORD)), (0, false), "{shown}");
    // An old version, by name: it was copied, and another one is current now.
    stage.with_vault(|vault| vault.put("db-password", NEXT));
    let old = stage.with_vault(|vault| vault.secrets["db-password"][0].id.clone());
    assert_eq!(carnet(&stage, &kept, &["copy", from, to]).await.0, 0);
    let (code, told, said) = carnet(&stage, &kept, &["copy", &format!("{from}/{old}"), to]).await;
    assert_eq!((code, told.starts_with("kept back")), (7, true), "{told} {said}");
    for (arguments, code) in [
        (vec!["show", "keyvault://x/y"], 2),
        (vec!["copy", from, from], 2),
        (vec!["copy", to, to], 2),
        (vec!["show", "secretmanager://carnet-test/none"], 5),
        (vec!["show", "secretsmanager://none"], 6),
        (vec!["show", "keyvault://carnet-test/none"], 5),
    ] {
        let (found, out, said) = carnet(&stage, &kept, &arguments).await;
        assert_eq!(found, code, "{arguments:?}: {out}{said}");
        for value in VALUES {
            assert!(!out.contains(value) && !said.contains(value), "{arguments:?}");
        }
    }
}
