//! What is wrong on the way to Google is said as clearly as on the way to Azure: one case after the
//! other, the real binary against the stand-ins.

mod cli_support;

use carnet_localclouds::faults::{Fault, Hop, Rule};
use carnet_localclouds::world::World;
use carnet_tests::refusal::{map, providers};
use carnet_tests::{BUCKET, SERVICE_ACCOUNT, Stage};
use carnet_trust::google::ProviderKind;
use cli_support::{Vars, carnet_with, changed};
use serde_json::json;

const ROLE: &str = "arn:aws:iam::123456789012:role/carnet-eu-central-1-operator";
const AUDIENCE: &str = "workloadIdentityPools/carnet/providers/";

/// What is wrong, and what must be said of it.
struct Case {
    changes: &'static [(&'static str, &'static str)],
    /// Presents a signed request instead of a token.
    by_role: bool,
    change: fn(&mut World),
    exit: i32,
    hop: &'static str,
    field: &'static str,
    presented: &'static str,
    advice: &'static str,
}

const CASE: Case = Case {
    changes: &[],
    by_role: false,
    change: |_| {},
    exit: 4,
    hop: "exchange",
    field: "",
    presented: "",
    advice: "",
};

async fn stage() -> Stage {
    let stage = Stage::new().await;
    stage.put("a.txt", "hello");
    stage
}

fn key() -> String {
    format!("gs://{BUCKET}/a.txt")
}

fn vars(stage: &Stage, by_role: bool, changes: &[(&str, &str)]) -> Vars {
    let provider = stage.provider("aws-names");
    let own = [("CARNET_GOOGLE_SUBJECT_TOKEN_TYPE", "aws4_request"), ("CARNET_GOOGLE_AUDIENCE", &*provider)];
    changed(stage, &[if by_role { &own[..] } else { &[] }, changes].concat())
}

/// Reads the object; checks what is said, in JSON and in words.
async fn is_said(case: Case) {
    let stage = stage().await;
    let vars = vars(&stage, case.by_role, case.changes);
    (case.change)(&mut stage.local.shared.world_mut());
    let run = carnet_with(&vars, &["cat", "--format", "json", &key()]).await;
    let error = run.error();
    assert_eq!((run.code, error["hop"].as_str()), (case.exit, Some(case.hop)), "{run:?}");
    assert!(run.stdout.is_empty());
    assert_eq!(error["field"], case.field, "{error}");
    for (name, part) in
        [("presented", case.presented), ("change", case.advice), ("help", "docs/troubleshooting.md#")]
    {
        assert!(error[name].as_str().is_some_and(|text| text.contains(part)), "{part} in {error}");
    }
    let words = carnet_with(&vars, &["cat", &key()]).await;
    assert_eq!(words.code, case.exit);
    assert!(words.stderr.starts_with("error: "), "{}", words.stderr);
    for part in [case.hop, case.field, case.presented, case.advice] {
        assert!(words.stderr.contains(part), "{part} in {}", words.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_such_pool() {
    let change = |world: &mut World| world.google.pools.clear();
    let case = Case { change, field: "pool or provider", presented: AUDIENCE, ..CASE };
    is_said(Case { advice: "check project number, pool and provider", ..case }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audience_that_is_not_allowed() {
    let change = |world: &mut World| {
        providers(world, |provider| {
            if let ProviderKind::Oidc { allowed_audiences, .. } = &mut provider.trust.kind {
                *allowed_audiences = vec!["https://other.example".into()];
            }
        });
    };
    let case = Case { change, field: "audience", presented: AUDIENCE, ..CASE };
    is_said(Case { advice: "allowed audiences", ..case }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_issuer() {
    let change = |world: &mut World| {
        providers(world, |provider| {
            if let ProviderKind::Oidc { issuer, .. } = &mut provider.trust.kind {
                issuer.push('/');
            }
        });
    };
    let case = Case { change, field: "issuer", presented: "https://127.0.0.1:", ..CASE };
    is_said(Case { advice: "set the provider's issuer", ..case }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_that_refuses_either_proof() {
    let change = |world: &mut World| {
        providers(world, |provider| {
            provider.trust.condition = Some("google.subject == 'another'".into());
        });
    };
    let case = Case { change, field: "attribute condition", presented: ROLE, ..CASE };
    is_said(Case { advice: "compare the provider's condition", ..case }).await;
    let case = Case { change, field: "attribute condition", presented: "GetCallerIdentity", ..CASE };
    is_said(Case { by_role: true, advice: "compare the provider's condition", ..case }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_that_gives_nothing_or_too_much() {
    let case = Case { field: "attribute mapping", presented: ROLE, ..CASE };
    let change = |world: &mut World| map(world, "''");
    is_said(Case { change, advice: "map google.subject to a claim", ..case }).await;
    let change = |world: &mut World| map(world, "assertion.arn + assertion.arn");
    let case = Case { field: "attribute mapping", presented: "GetCallerIdentity", by_role: true, ..CASE };
    is_said(Case { change, advice: "map something shorter", ..case }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_without_the_grant() {
    const AS_ACCOUNT: &[(&str, &str)] = &[("CARNET_GOOGLE_SERVICE_ACCOUNT", SERVICE_ACCOUNT)];
    let change = |world: &mut World| {
        world.google.service_accounts.values_mut().for_each(|account| account.users.clear());
    };
    let case = Case { changes: AS_ACCOUNT, change, exit: 5, hop: "impersonate", ..CASE };
    let case = Case { field: "service account", presented: SERVICE_ACCOUNT, ..case };
    is_said(Case { advice: "roles/iam.workloadIdentityUser", ..case }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_without_the_grant() {
    let change =
        |world: &mut World| world.google.buckets.values_mut().for_each(|bucket| bucket.readers.clear());
    let case = Case { change, exit: 5, hop: "read", field: "bucket grant", presented: AUDIENCE, ..CASE };
    is_said(Case { advice: "roles/storage.objectViewer", ..case }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_takes_no_federated_tokens() {
    let change = |world: &mut World| {
        world.google.buckets.values_mut().for_each(|bucket| bucket.uniform_access = false);
    };
    let case = Case { change, hop: "read", field: "access token", presented: AUDIENCE, ..CASE };
    is_said(Case { advice: "name a service account", ..case }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn federation_switched_off() {
    let change = |world: &mut World| world.aws.outbound_federation = false;
    let case = Case { change, hop: "mint", field: "outbound federation", presented: AUDIENCE, ..CASE };
    is_said(Case { advice: "aws iam enable-outbound-web-identity-federation", ..case }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_missing_or_malformed_variable_is_named_together() {
    let stage = stage().await;
    let missing = vars(&stage, false, &[("CARNET_GOOGLE_AUDIENCE", "")]);
    for args in [&["ls", &key()][..], &["cat", &key()], &["token", "--cloud", "google"]] {
        let run = carnet_with(&missing, args).await;
        assert_eq!(run.code, 3, "{run:?}");
        for name in ["CARNET_GOOGLE_AUDIENCE: is not set", "GOOGLE_APPLICATION_CREDENTIALS", "config"] {
            assert!(run.stderr.contains(name), "{name} in {}", run.stderr);
        }
    }
    let malformed = [
        ("CARNET_GOOGLE_AUDIENCE", "api://AzureADTokenExchange"),
        ("CARNET_GOOGLE_SUBJECT_TOKEN_TYPE", "saml2"),
        ("CARNET_GOOGLE_SERVICE_ACCOUNT", "reader"),
        ("CARNET_GOOGLE_TOKEN_LIFETIME_SECONDS", "59"),
        ("CARNET_GOOGLE_STS_ENDPOINT", "http://sts.example.com"),
    ];
    let run = carnet_with(&vars(&stage, false, &malformed), &["ls", "--format", "json", &key()]).await;
    assert_eq!((run.code, &run.error()["kind"]), (3, &json!("not_configured")));
    for (name, _) in malformed {
        assert!(run.stderr.contains(name), "{name} in {}", run.stderr);
    }
    for by_role in [false, true] {
        let none = [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")];
        let run = carnet_with(&vars(&stage, by_role, &none), &["cat", &key()]).await;
        assert_eq!(run.code, 3, "{run:?}");
        assert!(run.stderr.contains("no AWS credentials"), "{}", run.stderr);
        let run = carnet_with(&vars(&stage, by_role, &[("AWS_REGION", "")]), &["cat", &key()]).await;
        assert_eq!(run.code, 3, "{run:?}");
        assert!(run.stderr.contains("AWS_REGION"), "{}", run.stderr);
    }
    assert_eq!(stage.count(Hop::GoogleSts), 0, "nothing was asked of anyone");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_has_a_code_of_its_own() {
    let stage = stage().await;
    let vars = stage.env();
    for args in [&["cat", "gs://carnet-test-bucket/b.txt"][..], &["ls", "gs://carnet-nothing"]] {
        let run = carnet_with(&vars, &[args, &["--format", "json"]].concat()).await;
        assert_eq!((run.code, &run.error()["kind"]), (6, &json!("not_found")), "{run:?}");
    }
    let run = carnet_with(&vars, &["cat", "--range", "99-", &key()]).await;
    assert_eq!(run.code, 7, "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_fails_is_unavailable_and_one_that_talks_nonsense_malformed() {
    let stage = stage().await;
    let vars = vars(&stage, false, &[("CARNET_GOOGLE_SERVICE_ACCOUNT", SERVICE_ACCOUNT)]);
    let status = |status| Fault::Status { status, headers: Vec::new(), body: String::new() };
    for (hop, fault, code) in [
        (Hop::GoogleSts, status(503), 8),
        (Hop::GoogleSts, Fault::MalformedJson, 9),
        (Hop::GoogleIamCredentials, status(503), 8),
        (Hop::GoogleIamCredentials, Fault::ExpiredToken, 9),
        (Hop::GoogleStorage, status(503), 8),
        (Hop::GoogleMedia, status(503), 8),
    ] {
        stage.local.shared.faults.set(vec![Rule::always(hop, fault.clone())]);
        let run = carnet_with(&vars, &["cat", &key()]).await;
        assert_eq!(run.code, code, "{hop:?} {fault:?}: {run:?}");
    }
}

/// All clouds agree and this machine is off. The end of the service account's token is told by
/// Google's clock.
#[tokio::test(flavor = "multi_thread")]
async fn a_machine_whose_clock_is_ten_minutes_off_still_reads() {
    let stage = stage().await;
    for seconds in [600, -600] {
        let skewed = |hop| Rule::always(hop, Fault::ClockSkew { seconds });
        stage.local.shared.faults.set(Hop::ALL.map(skewed).to_vec());
        let account = ("CARNET_GOOGLE_SERVICE_ACCOUNT", SERVICE_ACCOUNT);
        for by_role in [false, true] {
            let vars = vars(&stage, by_role, &[account, ("RUST_LOG", "warn")]);
            let run = carnet_with(&vars, &["cat", &key()]).await.ok();
            assert_eq!(run.text(), "hello");
            assert!(run.stderr.contains("clock differs"), "{}", run.stderr);
        }
    }
}
