//! The command's ways to Google: from every kind of AWS session, and by the file that `gcloud` writes.

mod cli_support;

use carnet_localclouds::faults::Hop;
use carnet_localclouds::imds;
use carnet_localclouds::world::AccessKey;
use carnet_tests::trap::Trap;
use carnet_tests::{BUCKET, SERVICE_ACCOUNT, Stage};
use cli_support::{Vars, carnet_with, changed};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

const ROLE: &str = "carnet-eu-central-1-operator";
const TEXT: &str = "from the other cloud";

async fn stage() -> Stage {
    let stage = Stage::new().await;
    stage.put("a.txt", TEXT);
    stage
}

/// A session of the operator's role, as AWS lends it to a workload.
struct Session {
    id: String,
    secret: String,
    token: String,
}

impl Session {
    fn of(stage: &Stage) -> Self {
        let session = Self {
            id: "ASIAWORKLOADOFTHETEST".to_owned(),
            secret: "the workload's secret key".to_owned(),
            token: "the workload's session token".to_owned(),
        };
        let key = AccessKey {
            secret: session.secret.clone(),
            session_token: Some(session.token.clone()),
            role: ROLE.to_owned(),
            session_name: "workload".to_owned(),
            expires_at: Some(SystemTime::now() + Duration::from_secs(3600)),
            function_arn: None,
            instance_arn: None,
        };
        stage.local.shared.world_mut().aws.access_keys.insert(session.id.clone(), key);
        session
    }
}

/// Both kinds of proof, by the operator's own environment changed.
fn proofs(stage: &Stage, changes: &[(&str, &str)]) -> [(Vars, [usize; 2]); 2] {
    let with = |more: &[(&str, &str)]| changed(stage, &[changes, more].concat());
    let provider = stage.provider("aws-names");
    let by_role =
        [("CARNET_GOOGLE_SUBJECT_TOKEN_TYPE", "aws4_request"), ("CARNET_GOOGLE_AUDIENCE", &*provider)];
    [(with(&[]), [1, 1]), (with(&by_role), [0, 1])]
}

/// Reads the object in each way, asking AWS and Google no more than that way needs.
async fn reads(stage: &Stage, changes: &[(&str, &str)]) {
    for (vars, asked) in proofs(stage, changes) {
        stage.local.shared.faults.forget_seen();
        let run = carnet_with(&vars, &["cat", &format!("gs://{BUCKET}/a.txt")]).await.ok();
        assert_eq!(run.text(), TEXT);
        assert_eq!([Hop::Sts, Hop::GoogleSts].map(|hop| stage.count(hop)), asked);
    }
}

/// No variables with keys, and nothing that keeps the command from asking the instance.
const NO_KEYS: [(&str, &str); 3] =
    [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", ""), ("AWS_EC2_METADATA_DISABLED", "")];

#[tokio::test(flavor = "multi_thread")]
async fn lambdas_environment_is_enough_and_no_instance_is_asked() {
    let stage = stage().await;
    let (session, instance) = (Session::of(&stage), Trap::set());
    let endpoint = format!("http://{}", instance.address());
    let environment = [
        ("AWS_ACCESS_KEY_ID", session.id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", &session.secret),
        ("AWS_SESSION_TOKEN", &session.token),
        ("AWS_EC2_METADATA_DISABLED", ""),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &endpoint),
        ("AWS_LAMBDA_FUNCTION_NAME", "a-function"),
    ];
    reads(&stage, &environment).await;
    assert!(instance.was_left_alone(), "the metadata service was asked");

    // The session's token is part of the proof.
    let environment = environment
        .map(|(name, value)| if name == "AWS_SESSION_TOKEN" { (name, "old") } else { (name, value) });
    for (vars, _) in proofs(&stage, &environment) {
        assert_eq!(carnet_with(&vars, &["cat", &format!("gs://{BUCKET}/a.txt")]).await.code, 4);
    }
    assert!(instance.was_left_alone(), "the metadata service was asked");
}

const AUTHORIZATION: &str = "what the container was told to say";

/// A container's credentials endpoint, as ECS and EKS have one: a session for who says the word.
async fn container_credentials(session: &Session) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/credentials", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let body = json!({
        "AccessKeyId": session.id,
        "SecretAccessKey": session.secret,
        "Token": session.token,
        "Expiration": "2099-12-31T23:59:59Z",
    });
    let counted = asked.clone();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(lend(socket, body.to_string(), counted.clone()));
        }
    });
    (url, asked)
}

async fn lend(socket: TcpStream, body: String, asked: Arc<AtomicUsize>) -> std::io::Result<()> {
    let mut socket = BufReader::new(socket);
    let (mut said, mut line) = (false, String::new());
    while socket.read_line(&mut line).await? > 2 {
        let header = line.trim_end().split_once(": ");
        said |= header.is_some_and(|(name, value)| {
            name.eq_ignore_ascii_case("authorization") && value == AUTHORIZATION
        });
        line.clear();
    }
    asked.fetch_add(1, Ordering::SeqCst);
    let (status, body) = if said { ("200 OK", body.as_str()) } else { ("403 Forbidden", "{}") };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    socket.write_all(format!("{head}{body}").as_bytes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_containers_credentials_are_enough_and_no_instance_is_asked() {
    let stage = stage().await;
    let (session, instance) = (Session::of(&stage), Trap::set());
    let endpoint = format!("http://{}", instance.address());
    let (url, asked) = container_credentials(&session).await;
    let mut environment = NO_KEYS.to_vec();
    environment.extend([
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", AUTHORIZATION),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &endpoint),
    ]);
    reads(&stage, &environment).await;
    assert_eq!(asked.load(Ordering::SeqCst), 2, "once for each run");
    assert!(instance.was_left_alone(), "the metadata service was asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_profile_is_enough() {
    let stage = stage().await;
    let imds = imds::serve(&stage.local.shared, ROLE, Duration::from_secs(6 * 3600)).await.unwrap();
    let mut environment = NO_KEYS.to_vec();
    // Where it is, the instance knows too.
    environment.extend([("AWS_REGION", ""), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", imds.endpoint())]);
    reads(&stage, &environment).await;
    let provider = stage.provider("aws-names");
    environment.extend([
        ("CARNET_GOOGLE_SUBJECT_TOKEN_TYPE", "aws4_request"),
        ("CARNET_GOOGLE_AUDIENCE", &provider),
    ]);
    let vars = changed(&stage, &environment);
    let args = ["token", "--cloud", "google", "--format", "json"];
    let document = carnet_with(&vars, &args).await.ok().json();
    let arn = document["aws_provider"]["arn"].as_str().expect("an ARN");
    assert!(arn.contains(&format!(":assumed-role/{ROLE}/i-")), "{arn}");
    imds.stop().await;
    let run = carnet_with(&vars, &["cat", &format!("gs://{BUCKET}/a.txt")]).await;
    assert_eq!(run.code, 3, "{run:?}");
}

/// A file as `gcloud iam workload-identity-pools create-cred-config` writes it, but for the hosts.
struct CredConfig {
    file: tempfile::NamedTempFile,
    /// Where its `credential_source` points.
    metadata: Trap,
}

impl CredConfig {
    fn write(stage: &Stage, provider: &str, service_account: Option<&str>) -> Self {
        let metadata = Trap::set();
        let google = stage.local.state().google;
        let mut document = json!({
            "universe_domain": "googleapis.com",
            "type": "external_account",
            "audience": stage.provider(provider),
            "token_url": format!("{}/v1/token", google.sts),
            "token_info_url": format!("{}/v1/introspect", google.sts),
        });
        let at = |path: &str| format!("http://{}/{path}", metadata.address());
        let (kind, source) = match provider {
            // --credential-source-file
            "aws-tokens" => (
                "urn:ietf:params:oauth:token-type:jwt",
                json!({ "file": "/nonexistent/token", "format": { "type": "text" } }),
            ),
            // --aws --enable-imdsv2
            _ => (
                "urn:ietf:params:aws:token-type:aws4_request",
                json!({
                    "environment_id": "aws1",
                    "region_url": at("latest/meta-data/placement/availability-zone"),
                    "url": at("latest/meta-data/iam/security-credentials"),
                    "regional_cred_verification_url":
                        "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
                    "imdsv2_session_token_url": at("latest/api/token"),
                }),
            ),
        };
        document["subject_token_type"] = json!(kind);
        document["credential_source"] = source;
        if let Some(email) = service_account {
            let path = format!("v1/projects/-/serviceAccounts/{email}:generateAccessToken");
            document["service_account_impersonation_url"] =
                json!(format!("{}/{path}", google.iam_credentials));
            document["service_account_impersonation"] = json!({ "token_lifetime_seconds": 900 });
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), document.to_string()).unwrap();
        Self { file, metadata }
    }

    /// The environment with the file in place of every variable that says the same.
    fn vars(&self, stage: &Stage) -> Vars {
        changed(
            stage,
            &[
                ("GOOGLE_APPLICATION_CREDENTIALS", self.file.path().to_str().unwrap()),
                ("CARNET_GOOGLE_AUDIENCE", ""),
                ("CARNET_GOOGLE_SUBJECT_TOKEN_TYPE", ""),
                ("CARNET_GOOGLE_SERVICE_ACCOUNT", ""),
                ("CARNET_GOOGLE_STS_ENDPOINT", ""),
                ("CARNET_GOOGLE_IAM_CREDENTIALS_ENDPOINT", ""),
            ],
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gclouds_own_files_lead_the_way_and_their_sources_are_never_used() {
    let stage = stage().await;
    for provider in ["aws-tokens", "aws-names"] {
        for (account, impersonated) in [(None, 0), (Some(SERVICE_ACCOUNT), 1)] {
            stage.local.shared.faults.forget_seen();
            let config = CredConfig::write(&stage, provider, account);
            let vars = config.vars(&stage);
            let run = carnet_with(&vars, &["cat", &format!("gs://{BUCKET}/a.txt")]).await.ok();
            assert_eq!(run.text(), TEXT);
            let signed = usize::from(provider == "aws-tokens");
            let asked = [Hop::Sts, Hop::GoogleSts, Hop::GoogleIamCredentials].map(|hop| stage.count(hop));
            assert_eq!(asked, [signed, 1, impersonated], "{provider} {account:?}");
            let args = ["token", "--cloud", "google", "--exchange", "--format", "json"];
            let exchange = &carnet_with(&vars, &args).await.ok().json()["exchange"];
            assert_eq!(exchange["service_account"].as_str(), account);
            let lives = exchange["expires_in"].as_u64().expect("seconds");
            let longest = if account.is_some() { 900 } else { 3600 };
            assert!((longest - 60..=longest).contains(&lives), "{provider} {account:?}: {lives}");
            assert!(config.metadata.was_left_alone(), "{provider}: its metadata URLs were called");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_wrong_is_named_with_its_field() {
    let stage = stage().await;
    let config = CredConfig::write(&stage, "aws-names", Some(SERVICE_ACCOUNT));
    let right: Value = serde_json::from_slice(&std::fs::read(config.file.path()).unwrap()).unwrap();
    for (field, value) in [
        ("audience", json!("//iam.googleapis.com/projects/my-project/providers/aws")),
        ("subject_token_type", json!("urn:ietf:params:oauth:token-type:saml2")),
        ("token_url", json!("https://sts.example.com/v2/token")),
        ("service_account_impersonation_url", json!("https://iamcredentials.googleapis.com/v1/x")),
        ("type", json!("authorized_user")),
    ] {
        let mut wrong = right.clone();
        wrong[field] = value;
        std::fs::write(config.file.path(), wrong.to_string()).unwrap();
        let run = carnet_with(&config.vars(&stage), &["cat", &format!("gs://{BUCKET}/a.txt")]).await;
        assert_eq!(run.code, 3, "{field}: {run:?}");
        let named = format!("GOOGLE_APPLICATION_CREDENTIALS, field {field}");
        assert!(run.stderr.contains(&named), "{named} in {}", run.stderr);
    }
    assert_eq!(stage.count(Hop::GoogleSts), 0, "nothing was asked of anyone");
}
