//! Every row of README's "From where to where": the real command makes the proof where the row says, trades
//! it and uses what it is given. Then one letter of the trust is changed, and the same command is refused.

mod cli_support;

use aws_credential_types::Credentials;
use bytes::Bytes;
use carnet_localclouds::Options;
use carnet_localclouds::workloads::{To, Workload, variables};
use carnet_localclouds::world::workloads::PoolIdentity;
use carnet_localclouds::world::{OidcProvider, Role, VaultVersion};
use carnet_objects::sink::{Crc32c, Got, PutRequest, WriteOutcome};
use carnet_objects::{Key, ObjectSink as _};
use carnet_tests::{
    ACCOUNT, BUCKET, CLIENT, CONTAINER, OBJECT, S3_BUCKET, SERVICE_ACCOUNT, Stage, VAULT, repository,
};
use carnet_trust::aws::role_trust::ACTION;
use carnet_trust::entra::FederatedCredential;
use cli_support::{Vars, carnet_with};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

const TEXT: &str = "from the other cloud";
const ROLE_ARN: &str = "arn:aws:iam::123456789012:role/visitor";
/// Whom proofs for AWS are for, unless an issuer of its own has them say otherwise.
const AUDIENCE: &str = "sts.amazonaws.com";

/// Exit codes: no trust; nothing was asked of a cloud; known, and not let in.
const REFUSED: i32 = 4;
const NOT_CONFIGURED: i32 = 3;
const FORBIDDEN_THERE: i32 = 5;

/// Each row's test: its name, who comes, where to, and what is special about it.
macro_rules! rows {
    ($($name:ident: $who:expr => $to:ident $(, $variant:expr)?;)+) => {
        const ROWS: &[&str] = &[$(stringify!($name)),+];
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            let variant = [$($variant,)? Variant::Usual][0];
            Pair { who: $who, to: To::$to, variant }.holds().await;
        })+
    };
}

rows! {
    aws_to_azure: None => Azure;
    cognito_to_azure: Some(Workload::Cognito) => Azure, Variant::WithoutDeveloper;
    cognito_developer_to_azure: Some(Workload::Cognito) => Azure;
    eks_to_azure: Some(Workload::Eks) => Azure;
    google_vm_to_azure: Some(Workload::GoogleVm) => Azure;
    gke_to_azure: Some(Workload::Gke) => Azure;
    github_to_azure: Some(Workload::GitHub) => Azure;

    aws_to_google: None => Google;
    aws_request_to_google: None => Google, Variant::SignedRequest;
    eks_to_google: Some(Workload::Eks) => Google;
    azure_vm_to_google: Some(Workload::AzureVm) => Google;
    app_service_to_google: Some(Workload::AppService) => Google;
    azure_app_to_google: Some(Workload::AzureApp) => Google;
    azure_app_by_certificate_to_google: Some(Workload::AzureApp) => Google, Variant::Certificate;
    aks_to_google: Some(Workload::Aks) => Google;
    github_to_google: Some(Workload::GitHub) => Google;

    azure_vm_to_aws: Some(Workload::AzureVm) => Aws;
    app_service_to_aws: Some(Workload::AppService) => Aws;
    azure_app_to_aws: Some(Workload::AzureApp) => Aws;
    azure_app_by_certificate_to_aws: Some(Workload::AzureApp) => Aws, Variant::Certificate;
    aks_to_aws: Some(Workload::Aks) => Aws;
    google_vm_to_aws: Some(Workload::GoogleVm) => Aws;
    gke_to_aws: Some(Workload::Gke) => Aws;
    github_to_aws: Some(Workload::GitHub) => Aws;
    eks_to_aws: Some(Workload::Eks) => Aws;
}

/// What clouds forbid has a row and a test too.
const FORBIDDEN: &[&str] =
    &["aws_to_aws_is_refused", "azure_vm_to_azure_is_refused", "cognito_to_google_is_refused"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Variant {
    Usual,
    /// A pool's own identity instead of one that a backend vouches for.
    WithoutDeveloper,
    /// A signed `GetCallerIdentity` instead of an outbound token.
    SignedRequest,
    /// A certificate instead of a secret.
    Certificate,
}

#[derive(Clone, Copy)]
struct Pair {
    /// `None`: a role of AWS, by the default mint.
    who: Option<Workload>,
    to: To,
    variant: Variant,
}

impl Pair {
    async fn holds(self) {
        let options = Options {
            functions: Some(Vec::new()),
            client_certificate: self.variant == Variant::Certificate,
            ..Options::default()
        };
        let stage = Stage::with(options).await;
        stage.put("a.txt", TEXT);
        let vars = self.variables(&stage);
        match self.to {
            To::Aws => self.takes_a_role(&stage, &vars).await,
            To::Azure => self.reads(&stage, &vars, &format!("azure://{ACCOUNT}/{CONTAINER}/a.txt")).await,
            To::Google => self.reads(&stage, &vars, &format!("gs://{BUCKET}/a.txt")).await,
        }
    }

    /// What the row says, and where the stand-ins are.
    fn variables(self, stage: &Stage) -> Vars {
        let Some(workload) = self.who else {
            let provider = stage.provider("aws-names");
            let signed =
                [("CARNET_GOOGLE_SUBJECT_TOKEN_TYPE", "aws4_request"), ("CARNET_GOOGLE_AUDIENCE", &provider)];
            let more = if self.variant == Variant::SignedRequest { &signed[..] } else { &[] };
            return cli_support::changed(stage, more);
        };
        let state = stage.local.state();
        let of_workload = variables::variables(&state, workload, Some(self.to)).expect("a workload");
        // A workload of another cloud has no AWS keys.
        let mut vars = stage.env();
        vars.retain(|(name, _)| !variables::ALL_NAMES.contains(&name.as_str()));
        vars.extend(of_workload.into_iter().map(|(name, value)| (name.to_owned(), value)));
        match self.variant {
            Variant::WithoutDeveloper => {
                vars.retain(|(name, _)| !name.starts_with("CARNET_COGNITO_DEVELOPER"))
            }
            Variant::Certificate => {
                let certificate = state.workloads.azure_app.and_then(|app| app.certificate);
                let path = certificate.expect("a certificate").display().to_string();
                vars.retain(|(name, _)| name != "AZURE_CLIENT_SECRET");
                vars.push(("AZURE_CLIENT_CERTIFICATE_PATH".to_owned(), path));
            }
            Variant::Usual | Variant::SignedRequest => {}
        }
        if self.to == To::Aws {
            vars.push(("AWS_ROLE_ARN".to_owned(), ROLE_ARN.to_owned()));
        }
        vars
    }

    async fn reads(self, stage: &Stage, vars: &Vars, object: &str) {
        if self.variant == Variant::WithoutDeveloper {
            nobody_vouches(stage);
        }
        assert_eq!(carnet_with(vars, &["cat", object]).await.ok().text(), TEXT);
        match self.to {
            To::Azure => {
                trust_another_subject(stage);
                let refused = refused(vars, &["cat", object]).await;
                assert_eq!(
                    (&refused["code"], &refused["field"]),
                    (&json!("AADSTS700213"), &json!("subject"))
                );
            }
            _ => {
                let_nobody_in(stage);
                let refused = refused(vars, &["cat", object]).await;
                let expected = (&json!("unauthorized_client"), &json!("attribute condition"));
                assert_eq!((&refused["code"], &refused["field"]), expected, "{refused}");
            }
        }
    }

    async fn takes_a_role(self, stage: &Stage, vars: &Vars) {
        put_object(stage).await;
        trust(stage, &self.conditions(stage));
        let credentials = ["aws-credentials"];
        let given = carnet_with(vars, &credentials).await.ok().json();
        assert_eq!(given["Version"], 1);
        let text = |name: &str| given[name].as_str().unwrap_or_default().to_owned();
        let credentials_of_role = Credentials::new(
            text("AccessKeyId"),
            text("SecretAccessKey"),
            Some(text("SessionToken")),
            None,
            "credential_process",
        );
        let bucket = stage.s3_as(credentials_of_role, S3_BUCKET).await.expect("the bucket");
        let got = bucket.get(&Key::parse("reports/a.txt").expect("a key"), None, usize::MAX).await;
        let Got::Object { body, .. } = got.expect("the role reads") else { panic!("there is an object") };
        assert_eq!(&body[..], TEXT.as_bytes());
        // CloudTrail shows who came, and where from.
        let taken = stage.local.shared.trail.calls();
        let taken = taken.iter().find(|call| call.action == ACTION).expect("the role was taken");
        assert!(taken.session.starts_with(self.comes_from()), "{}", taken.session);

        let mut conditions = self.conditions(stage);
        let subject = conditions.subject.1.clone();
        conditions.subject.1 = format!("{subject}x");
        trust(stage, &conditions);
        let refused = refused(vars, &credentials).await;
        assert_eq!(refused["code"], "AccessDenied");
        assert!(refused["presented"].as_str().is_some_and(|shown| shown.contains(&subject)), "{refused}");
    }

    /// What the row says that the role's trust compares.
    fn conditions(self, stage: &Stage) -> Conditions {
        let world = stage.local.shared.world();
        let issued_by = |issuer: &str, audience: &str, subject: &str| Conditions {
            provider: issuer.trim_start_matches("https://").to_owned(),
            audience: ("aud", audience.to_owned()),
            subject: ("sub", subject.to_owned()),
            more: None,
        };
        let entra = format!("https://sts.windows.net/{}/", world.entra.tenant_id);
        let app_id_uri = world.workloads.app_id_uri.clone().unwrap_or_default();
        match self.who {
            Some(Workload::AzureVm | Workload::AppService) => issued_by(&entra, &app_id_uri, OBJECT),
            Some(Workload::AzureApp) => {
                let app = world.workloads.azure_app.as_ref().expect("an app registration");
                issued_by(&entra, &app_id_uri, &world.entra.applications[app].object_id)
            }
            Some(Workload::GoogleVm) => {
                let id = &world.google.service_accounts[SERVICE_ACCOUNT].unique_id;
                Conditions {
                    // To AWS a token's azp is its aud, and the aud is the oaud.
                    audience: ("oaud", AUDIENCE.to_owned()),
                    more: Some(("aud", id.clone())),
                    ..issued_by("accounts.google.com", AUDIENCE, id)
                }
            }
            Some(Workload::GitHub) => {
                let subject = world.workloads.github.subject();
                issued_by("https://token.actions.githubusercontent.com", AUDIENCE, &subject)
            }
            Some(cluster) => {
                let cluster = &world.workloads.clusters[cluster.name()];
                issued_by(&cluster.issuer, AUDIENCE, &cluster.subject())
            }
            None => unreachable!("AWS takes none of its own tokens"),
        }
    }

    /// How its session's name begins.
    fn comes_from(self) -> &'static str {
        match self.who.map(Workload::mint) {
            Some("azure-identity" | "azure-app") => "azure-11111111-",
            Some("google-metadata") => "google-",
            Some("github") => "github-carnet-demo-assets-",
            _ => "kubernetes-default-carnet",
        }
    }
}

/// A token that AWS gave for other clouds, in a file.
#[tokio::test(flavor = "multi_thread")]
async fn aws_to_aws_is_refused() {
    let stage = Stage::new().await;
    let vars = cli_support::changed(&stage, &[("AWS_ROLE_ARN", ROLE_ARN)]);
    // The command does not even ask.
    let run = carnet_with(&vars, &["aws-credentials", "--format", "json"]).await;
    assert_eq!(run.code, NOT_CONFIGURED);
    assert!(run.error()["message"].as_str().is_some_and(|said| said.contains("sts:AssumeRole")), "{run:?}");

    // Nor does STS take it.
    let proof = carnet_with(&vars, &["token", "--show-token"]).await.ok().text();
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), proof).expect("the proof");
    let path = file.path().display().to_string();
    let from_file = [("CARNET_MINT", "token-file"), ("CARNET_TOKEN_FILE", &path), ("AWS_ROLE_ARN", ROLE_ARN)];
    let vars = cli_support::changed(&stage, &from_file);
    let asked = ["aws-credentials", "--audience", "api://AzureADTokenExchange"];
    assert_eq!(refused(&vars, &asked).await["code"], "InvalidIdentityToken");
}

/// A federated credential for Entra's own issuer is of no use.
#[tokio::test(flavor = "multi_thread")]
async fn azure_vm_to_azure_is_refused() {
    let stage = Stage::new().await;
    stage.put("a.txt", TEXT);
    {
        let mut world = stage.local.shared.world_mut();
        let audience = world.workloads.app_id_uri.clone().expect("an App ID URI");
        let issuer = format!("https://sts.windows.net/{}/", world.entra.tenant_id);
        let identity = world.application_mut(CLIENT).expect("the identity");
        identity.federated_credentials.push(FederatedCredential {
            name: "itself".to_owned(),
            issuer,
            subject: OBJECT.to_owned(),
            audiences: vec![audience],
        });
    }
    let pair = Pair { who: Some(Workload::AzureVm), to: To::Azure, variant: Variant::Usual };
    let mut vars = pair.variables(&stage);
    let audience = stage.local.state().workloads.app_id_uri.expect("an App ID URI");
    vars.push(("CARNET_AZURE_AUDIENCE".to_owned(), audience));
    let object = format!("azure://{ACCOUNT}/{CONTAINER}/a.txt");
    assert_eq!(refused(&vars, &["cat", &object]).await["code"], "AADSTS700222");
}

/// Google takes RS256 and ES256 only, and Cognito signs with RS512.
#[tokio::test(flavor = "multi_thread")]
async fn cognito_to_google_is_refused() {
    let stage = Stage::new().await;
    let pair = Pair { who: Some(Workload::Cognito), to: To::Google, variant: Variant::Usual };
    let refused = refused(&pair.variables(&stage), &["cat", &format!("gs://{BUCKET}/a.txt")]).await;
    assert_eq!(
        (&refused["field"], &refused["presented"]),
        (&json!("algorithm"), &json!("RS512")),
        "{refused}"
    );
}

/// The rows of an app registration, with its client secret in a vault: read by an AWS role, or by the machine
/// that it runs on.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_secret_may_lie_in_a_vault() {
    let stage = Stage::new().await;
    stage.put("a.txt", TEXT);
    let state = stage.local.state();
    let secret = state.workloads.azure_app.expect("an app registration").client_secret;
    stage.with_vault(|vault| {
        let version = VaultVersion {
            id: "0".repeat(32),
            value: secret.into(),
            created: SystemTime::now(),
            content_type: None,
            enabled: true,
            not_before: None,
            expires: None,
        };
        vault.secrets.insert("app".to_owned(), vec![version]);
        vault.users.insert(OBJECT.to_owned());
    });
    let app = Pair { who: Some(Workload::AzureApp), to: To::Google, variant: Variant::Usual };
    let machine = Pair { who: Some(Workload::AzureVm), to: To::Google, variant: Variant::Usual };
    let imds =
        machine.variables(&stage).into_iter().find(|(name, _)| name == "AZURE_POD_IDENTITY_AUTHORITY_HOST");
    let by_aws = [
        ("AZURE_CLIENT_ID", CLIENT),
        ("AWS_ACCESS_KEY_ID", &state.aws.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", &state.aws.secret_access_key),
    ];
    let by_machine = [
        ("CARNET_AZURE_CLIENT_SECRET_READER", "azure-identity"),
        ("CARNET_AZURE_IDENTITY_CLIENT_ID", CLIENT),
        ("AZURE_POD_IDENTITY_AUTHORITY_HOST", &imds.expect("a metadata service").1),
    ];
    let stored = format!("keyvault://{VAULT}/app");
    let object = format!("gs://{BUCKET}/a.txt");
    for reader in [by_aws, by_machine] {
        let set = [("CARNET_AZURE_CLIENT_SECRET_FROM", &*stored)].into_iter().chain(reader);
        let set: Vec<(String, String)> =
            set.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let mut vars = app.variables(&stage);
        vars.retain(|(name, _)| name != "AZURE_CLIENT_SECRET" && set.iter().all(|(other, _)| name != other));
        vars.extend(set);
        assert_eq!(carnet_with(&vars, &["cat", &object]).await.ok().text(), TEXT);
        // The vault is asked, and turns away whom it does not know.
        stage.with_vault(|vault| vault.users.remove(OBJECT));
        let run = carnet_with(&vars, &["cat", &object, "--format", "json"]).await;
        assert_eq!(
            (run.code, run.error()["target"].as_str()),
            (FORBIDDEN_THERE, Some("secret app of key vault carnet-test"))
        );
        stage.with_vault(|vault| vault.users.insert(OBJECT.to_owned()));
    }
}

/// README's rows, by the tests that they name: all of them, once, and no other.
#[test]
fn every_row_has_its_test_and_every_test_its_row() {
    let readme = std::fs::read_to_string(repository().join("README.md")).expect("README.md");
    let section = readme.split("## From where to where").nth(1).expect("the section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let named = section.lines().filter_map(|line| line.strip_suffix("` |")?.rsplit('`').next());
    let mut named: Vec<&str> = named.collect();
    named.sort_unstable();
    let mut tested = [ROWS, FORBIDDEN].concat();
    tested.sort_unstable();
    assert_eq!(named, tested);
}

/// A run that trust does not let through.
async fn refused(vars: &Vars, args: &[&str]) -> Value {
    let run = carnet_with(vars, &[args, &["--format", "json"]].concat()).await;
    assert_eq!(run.code, REFUSED, "{run:?}");
    run.error()
}

/// The pool lets those in whom no backend vouches for, as one identity of its own.
fn nobody_vouches(stage: &Stage) {
    let mut world = stage.local.shared.world_mut();
    let id = world.workloads.developer.identity_id.clone();
    for pool in world.workloads.identity_pools.values_mut() {
        pool.identities.insert(id.clone(), PoolIdentity::default());
    }
}

fn trust_another_subject(stage: &Stage) {
    let mut world = stage.local.shared.world_mut();
    let applications = world.entra.applications.values_mut();
    for credential in applications.flat_map(|application| &mut application.federated_credentials) {
        credential.subject.push('x');
    }
}

fn let_nobody_in(stage: &Stage) {
    let mut world = stage.local.shared.world_mut();
    let pools = world.google.pools.values_mut();
    for provider in pools.flat_map(|pool| pool.providers.values_mut()) {
        provider.trust.condition = Some("google.subject == 'somebody else'".to_owned());
    }
}

/// Condition keys, without the issuer before them, and their values.
struct Conditions {
    /// An issuer's URL, without its scheme.
    provider: String,
    audience: (&'static str, String),
    subject: (&'static str, String),
    more: Option<(&'static str, String)>,
}

/// The role that those take who come into AWS: it reads one folder.
fn trust(stage: &Stage, conditions: &Conditions) {
    let Conditions { provider, audience, subject, more } = conditions;
    let built_in = provider == "accounts.google.com";
    let principal = if built_in {
        provider.clone()
    } else {
        format!("arn:aws:iam::123456789012:oidc-provider/{provider}")
    };
    let keys = [Some(audience), Some(subject), more.as_ref()].into_iter().flatten();
    let keys: Map<String, Value> =
        keys.map(|(claim, value)| (format!("{provider}:{claim}"), json!(value))).collect();
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Federated": principal },
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": { "StringEquals": keys },
        }],
    });
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": format!("arn:aws:s3:::{S3_BUCKET}/reports/*"),
        }],
    });
    let role = Role {
        arn: ROLE_ARN.to_owned(),
        id: "AROAVISITORVISITORVIS".to_owned(),
        policies: vec![serde_json::from_value(policy).expect("a policy")],
        tags: BTreeMap::new(),
        trust: Some(serde_json::from_value(trust).expect("a trust policy")),
        max_session: Role::MAX_SESSION,
    };
    let mut world = stage.local.shared.world_mut();
    if !built_in {
        let client_ids = BTreeSet::from([audience.1.clone()]);
        world.aws.oidc_providers.insert(provider.clone(), OidcProvider { client_ids });
    }
    world.aws.roles.insert("visitor".to_owned(), role);
}

async fn put_object(stage: &Stage) {
    let bucket = stage.s3().await.expect("the bucket");
    let key = Key::parse("reports/a.txt").expect("a key");
    let body = Bytes::from_static(TEXT.as_bytes());
    let request = PutRequest::new(Crc32c::of(&body));
    let written = bucket.put(&key, body, &request).await.expect("an object");
    assert!(matches!(written, WriteOutcome::Written(_)));
}
