//! What is wrong is said once, clearly: hop, field, what was presented, what to change, and an exit
//! code that means it. One case after the other, the real binary against the stand-ins.

mod cli_support;

use carnet_localclouds::faults::{Fault, Hop, Rule};
use carnet_localclouds::world::{Application, World};
use carnet_tests::{ACCOUNT, CLIENT, CONTAINER, Stage};
use cli_support::{Vars, carnet_with, changed};

const ROLE: &str = "arn:aws:iam::123456789012:role/carnet-eu-central-1-operator";
const OTHER: &str = "99999999-9999-4999-8999-999999999999";

/// What must be said of a case.
struct Said<'a> {
    exit: i32,
    hop: &'a str,
    field: &'a str,
    presented: &'a str,
    change: &'a str,
}

/// Reads a blob; checks what is said, in JSON and in words.
async fn refused(vars: &Vars, said: Said<'_>) {
    let key = format!("azure://{ACCOUNT}/{CONTAINER}/a.txt");
    let run = carnet_with(vars, &["cat", "--format", "json", &key]).await;
    let error = run.error();
    assert_eq!(run.code, said.exit, "{run:?}");
    assert!(run.stdout.is_empty());
    assert_eq!(error["hop"], said.hop, "{error}");
    assert_eq!(error["field"], said.field, "{error}");
    let has = |field: &str, text: &str| error[field].as_str().is_some_and(|value| value.contains(text));
    assert!(has("presented", said.presented), "{} in {error}", said.presented);
    assert!(has("change", said.change), "{} in {error}", said.change);
    assert!(has("help", "docs/troubleshooting.md#"), "{error}");

    let words = carnet_with(vars, &["cat", &key]).await;
    assert_eq!(words.code, said.exit);
    assert!(words.stderr.starts_with("error: "), "{}", words.stderr);
    for part in [said.hop, said.field, said.presented, said.change] {
        assert!(words.stderr.contains(part), "{part} in {}", words.stderr);
    }
}

async fn stage() -> Stage {
    let stage = Stage::new().await;
    stage.put("a.txt", "hello");
    stage
}

fn change(stage: &Stage, change: impl FnOnce(&mut World)) {
    change(&mut stage.local.shared.world_mut());
}

fn application(world: &mut World) -> &mut Application {
    world.entra.applications.get_mut(CLIENT).expect("the application")
}

/// Changes the federated credential that is for the operator.
fn credential(stage: &Stage, alter: impl Fn(&mut carnet_trust::entra::FederatedCredential)) {
    change(stage, |world| {
        let credentials = &mut application(world).federated_credentials;
        credentials.retain(|credential| credential.subject == ROLE);
        assert_eq!(credentials.len(), 1);
        alter(&mut credentials[0]);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn every_missing_or_malformed_variable_is_named_together() {
    let stage = stage().await;
    let ls = format!("azure://{ACCOUNT}/{CONTAINER}");
    let missing = changed(&stage, &[("AZURE_TENANT_ID", ""), ("AZURE_CLIENT_ID", "")]);
    let run = carnet_with(&missing, &["ls", &ls]).await;
    assert_eq!(run.code, 3);
    for name in ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "is not set", "config"] {
        assert!(run.stderr.contains(name), "{name} in {}", run.stderr);
    }
    let malformed = changed(
        &stage,
        &[
            ("AZURE_CLIENT_ID", "reader"),
            ("AZURE_AUTHORITY_HOST", "http://login.example.com"),
            ("CARNET_AZURE_BLOB_ENDPOINT", "https://blob.example.com"),
        ],
    );
    let run = carnet_with(&malformed, &["ls", &ls, "--format", "json"]).await;
    assert_eq!((run.code, &run.error()["kind"]), (3, &serde_json::json!("not_configured")));
    for name in ["AZURE_CLIENT_ID", "AZURE_AUTHORITY_HOST", "CARNET_AZURE_BLOB_ENDPOINT"] {
        assert!(run.stderr.contains(name), "{name} in {}", run.stderr);
    }
    for (name, value, said) in [
        ("AWS_REGION", "", "AWS_REGION"),
        ("SSL_CERT_FILE", "/nonexistent/ca.pem", "SSL_CERT_FILE"),
        ("LOG_SENSITIVE_BODIES", "true", "LOG_SENSITIVE_BODIES"),
        ("HTTPS_PROXY", "::", "HTTPS_PROXY"),
    ] {
        let run = carnet_with(&changed(&stage, &[(name, value)]), &["ls", &ls]).await;
        assert_eq!(run.code, 3, "{run:?}");
        assert!(run.stderr.contains(said), "{said} in {}", run.stderr);
    }
    let none = changed(&stage, &[("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")]);
    let run = carnet_with(&none, &["ls", &ls]).await;
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.stderr.contains("no AWS credentials") && run.stderr.contains("instance profile"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_place_is_a_usage_error() {
    let stage = stage().await;
    let vars = stage.env();
    for args in [
        ["ls", "s3://bucket/x"],
        ["ls", "azure://account"],
        ["ls", "azure://acct@evil/box"],
        ["cat", "azure://carnettest/assets"],
        ["cat", "azure://carnettest/assets/../other/a.txt"],
        ["cat", "azure://carnettest/assets/a\r\nb"],
        ["ls", "gs://"],
        ["ls", "gs://Bucket/x"],
        ["ls", "gs://bucket@evil/x"],
        ["cat", "gs://carnet-test-bucket"],
        ["cat", "gs://carnet-test-bucket/../other/a.txt"],
        ["cat", "gs://carnet-test-bucket/a\r\nb"],
    ] {
        let run = carnet_with(&vars, &args).await;
        assert_eq!(run.code, 2, "{args:?}: {run:?}");
    }
    let run = carnet_with(&vars, &["cat", "--range", "9-5", "azure://carnettest/assets/a.txt"]).await;
    assert_eq!(run.code, 2);
    assert!(stage.local.shared.faults.seen(Hop::Sts).is_empty(), "nothing was asked of anyone");
}

#[tokio::test(flavor = "multi_thread")]
async fn federation_switched_off() {
    let stage = stage().await;
    change(&stage, |world| world.aws.outbound_federation = false);
    let said = Said {
        exit: 4,
        hop: "mint",
        field: "outbound federation",
        presented: "audience api://AzureADTokenExchange",
        change: "aws iam enable-outbound-web-identity-federation",
    };
    refused(&stage.env(), said).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_tenant() {
    let stage = stage().await;
    let vars = changed(&stage, &[("AZURE_TENANT_ID", OTHER)]);
    let said =
        Said { exit: 4, hop: "exchange", field: "tenant id", presented: OTHER, change: "AZURE_TENANT_ID" };
    refused(&vars, said).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_client() {
    let stage = stage().await;
    let vars = changed(&stage, &[("AZURE_CLIENT_ID", OTHER)]);
    let said =
        Said { exit: 4, hop: "exchange", field: "client id", presented: OTHER, change: "AZURE_CLIENT_ID" };
    refused(&vars, said).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_issuer() {
    let stage = stage().await;
    credential(&stage, |credential| credential.issuer.push('/'));
    let issuer = stage.local.state().aws.issuer;
    let said =
        Said { exit: 4, hop: "exchange", field: "issuer", presented: &issuer, change: "issuer to the one" };
    refused(&stage.env(), said).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_subject() {
    let stage = stage().await;
    credential(&stage, |credential| credential.subject = ROLE.replace("operator", "operatar"));
    let said =
        Said { exit: 4, hop: "exchange", field: "subject", presented: ROLE, change: "subject to the one" };
    refused(&stage.env(), said).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_audience() {
    let stage = stage().await;
    credential(&stage, |credential| credential.audiences = vec!["api://AzureADTokenExchange2".into()]);
    let said = Said {
        exit: 4,
        hop: "exchange",
        field: "audience",
        presented: "api://AzureADTokenExchange",
        change: "audience to the one",
    };
    refused(&stage.env(), said).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_letter_case() {
    let stage = stage().await;
    credential(&stage, |credential| credential.subject = ROLE.replace("operator", "Operator"));
    let said = Said { exit: 4, hop: "exchange", field: "letter case", presented: ROLE, change: "case" };
    refused(&stage.env(), said).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_federated_credential() {
    let stage = stage().await;
    change(&stage, |world| application(world).federated_credentials.clear());
    let said = Said {
        exit: 4,
        hop: "exchange",
        field: "federated credential",
        presented: CLIENT,
        change: "add a federated credential",
    };
    refused(&stage.env(), said).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_algorithm_that_the_policy_does_not_allow() {
    let stage = stage().await;
    change(&stage, |world| {
        let role = world.aws.roles.get_mut("carnet-eu-central-1-operator").expect("the role");
        let text = serde_json::to_string(&role.policies).expect("policies");
        assert!(text.contains("RS256"), "{text}");
        role.policies = serde_json::from_str(&text.replace("RS256", "ES384")).expect("policies");
    });
    let said = Said {
        exit: 5,
        hop: "mint",
        field: "sts:GetWebIdentityToken",
        presented: "algorithm RS256",
        change: "audience, duration and algorithm",
    };
    refused(&stage.env(), said).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_ten_minutes_off_at_entra_says_clock() {
    for seconds in [600, -600] {
        let stage = stage().await;
        stage.local.shared.faults.set(vec![Rule::always(Hop::EntraToken, Fault::ClockSkew { seconds })]);
        let side = if seconds > 0 { "behind the service's" } else { "ahead of the service's" };
        let said = Said { exit: 4, hop: "exchange", field: "clock", presented: side, change: "clock" };
        refused(&stage.env(), said).await;
        let mints = stage.local.shared.faults.seen(Hop::Sts).len();
        assert_eq!(mints, 4, "two runs, each with one fresh mint after the first was called stale");
    }
}

/// All clouds agree and this machine is off: the SDK corrects its signatures from STS's `Date`, and
/// the proof's times are AWS's own.
#[tokio::test(flavor = "multi_thread")]
async fn a_machine_whose_clock_is_ten_minutes_off_still_reads() {
    for seconds in [600, -600] {
        let stage = stage().await;
        let skewed = |hop| Rule::always(hop, Fault::ClockSkew { seconds });
        let clouds = [Hop::Sts, Hop::Issuer, Hop::EntraToken, Hop::EntraDiscovery, Hop::Blob];
        stage.local.shared.faults.set(clouds.map(skewed).to_vec());
        let key = format!("azure://{ACCOUNT}/{CONTAINER}/a.txt");
        let run = carnet_with(&stage.env(), &["cat", &key]).await.ok();
        assert_eq!(run.text(), "hello");
        let vars = changed(&stage, &[("RUST_LOG", "warn")]);
        let run = carnet_with(&vars, &["cat", &key]).await.ok();
        assert!(run.stderr.contains("clock differs"), "{}", run.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_data_role() {
    let stage = stage().await;
    change(&stage, |world| {
        let account = world.azure.accounts.get_mut(ACCOUNT).expect("the account");
        account.containers.get_mut(CONTAINER).expect("the container").readers.clear();
    });
    let said = Said {
        exit: 5,
        hop: "read",
        field: "role assignment",
        presented: CLIENT,
        change: "Storage Blob Data Reader",
    };
    refused(&stage.env(), said).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn firewall() {
    let stage = stage().await;
    change(&stage, |world| world.azure.accounts.get_mut(ACCOUNT).expect("the account").firewalled = true);
    let said = Said { exit: 5, hop: "read", field: "network rules", presented: CLIENT, change: "firewall" };
    refused(&stage.env(), said).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_has_a_code_of_its_own() {
    let stage = stage().await;
    let vars = stage.env();
    let run = carnet_with(&vars, &["cat", "--format", "json", "azure://carnettest/assets/b.txt"]).await;
    assert_eq!((run.code, &run.error()["code"]), (6, &serde_json::json!("BlobNotFound")), "{run:?}");
    let run = carnet_with(&vars, &["ls", "--format", "json", "azure://carnettest/nothing"]).await;
    assert_eq!((run.code, &run.error()["code"]), (6, &serde_json::json!("ContainerNotFound")), "{run:?}");
    let run = carnet_with(&vars, &["cat", "--range", "99-", "azure://carnettest/assets/a.txt"]).await;
    assert_eq!(run.code, 7, "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_fails_is_unavailable_and_one_that_talks_nonsense_malformed() {
    let stage = stage().await;
    let (vars, faults) = (stage.env(), &stage.local.shared.faults);
    let status = |status| Fault::Status { status, headers: Vec::new(), body: String::new() };
    for (hop, fault, code) in [
        (Hop::EntraToken, status(503), 8),
        (Hop::EntraToken, Fault::MalformedJson, 9),
        (Hop::Sts, status(500), 8),
        (Hop::Blob, status(503), 8),
    ] {
        faults.set(vec![Rule::always(hop, fault.clone())]);
        let run = carnet_with(&vars, &["cat", "azure://carnettest/assets/a.txt"]).await;
        assert_eq!(run.code, code, "{hop:?} {fault:?}: {run:?}");
    }
}
