//! The sink against other people's S3: a second opinion on what we send and what we understand. Each
//! of them lacks something, which is named.

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use carnet_federation::config::Env;
use carnet_federation::http::Http;
use carnet_federation::mint::AwsSession;
use carnet_objects::conformance::sink::{SinkAbility, run};
use carnet_objects::s3::{S3Bucket, S3Settings};
use carnet_tests::tool::{Server, tool};
use std::sync::Arc;

const BUCKET: &str = "carnet-conformance";
const ID: &str = "AKIACONFORMANCE";
const SECRET: &str = "of-no-use-elsewhere";

/// moto 5.2 compares no checksum, and tells none of a put; of an object in parts it tells that of the
/// parts' checksums for the whole object's. It completes whatever the condition says, answers 500
/// for an upload that is over, and its list of parts has a root that the official client does not read.
const MOTO_LACKS: &[SinkAbility] = &[
    SinkAbility::VerifiesChecksums,
    SinkAbility::KeepsChecksums,
    SinkAbility::VerifiesWholeObject,
    SinkAbility::KeepsWholeObjectChecksum,
    SinkAbility::ConditionalCompletion,
    SinkAbility::TellsEndedUploads,
    SinkAbility::ListsParts,
];

/// rclone 1.75 knows neither checksums nor conditions; the official client does not read its answer to
/// the beginning of an upload; and its objects are files, which narrows their names.
const RCLONE_LACKS: &[SinkAbility] = &[
    SinkAbility::VerifiesChecksums,
    SinkAbility::KeepsChecksums,
    SinkAbility::IfAbsent,
    SinkAbility::IfUnchanged,
    SinkAbility::ConditionalDelete,
    SinkAbility::Uploads,
    SinkAbility::AnyName,
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "cargo xtask test runs it: it needs moto"]
async fn the_sink_conforms_on_moto() {
    let mut command = tool("CARNET_MOTO_SERVER", "moto");
    command.args(["--host", "127.0.0.1", "--port", "0"]);
    let server = Server::start(command, "Running on ").await;
    let created = Http::from_env(&Env::default())
        .unwrap()
        .client()
        .put(format!("{}/{BUCKET}", server.url))
        .send()
        .await
        .unwrap();
    assert!(created.status().is_success(), "{created:?}");
    run(Arc::new(bucket(&server).await), MOTO_LACKS).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "cargo xtask test runs it: it needs rclone"]
async fn the_sink_conforms_on_rclone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
    let mut command = tool("CARNET_RCLONE", "rclone");
    command
        .args(["serve", "s3", "--addr", "127.0.0.1:0", "--auth-key", &format!("{ID},{SECRET}")])
        .arg("--config=/dev/null")
        .arg(folder.path());
    let server = Server::start(command, "Starting s3 server on [").await;
    run(Arc::new(bucket(&server).await), RCLONE_LACKS).await;
}

async fn bucket(server: &Server) -> S3Bucket {
    let http = Http::from_env(&Env::default()).unwrap();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http.aws_token_services())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(ID, SECRET, None, None, "test"))
        .load()
        .await;
    let session = AwsSession::from_config(config).unwrap();
    let endpoint = Some(server.url.parse().unwrap());
    let settings = S3Settings { endpoint, ..S3Settings::default() };
    S3Bucket::new(&http, &session, &settings, BUCKET).unwrap()
}
