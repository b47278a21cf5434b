//! What the end-to-end tests share: the stage they play on.
//!
//! Everything is real but the clouds: real sockets, real signatures, the real function binaries.
//! The clouds are `carnet-localclouds`, in this process, so that a test can change one letter of a
//! trust and count the requests that were made.

pub mod api;
pub mod deployment;
pub mod events;
pub mod machine;
pub mod refusal;
pub mod relay;
pub mod secrecy;
pub mod secrets;
pub mod template;
pub mod tool;
pub mod trap;

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use carnet_federation::adapter::azure::AzureCredential;
use carnet_federation::adapter::google::GoogleCredential;
use carnet_federation::config::{AzureSettings, Env, Faults, GoogleSettings};
use carnet_federation::exchange::{Entra, Google};
use carnet_federation::http::Http;
use carnet_federation::mint::{self, AwsSession, Outbound};
use carnet_federation::{Credential, Result, Scope};
use carnet_localclouds::faults::Hop;
use carnet_localclouds::lambda::Function;
use carnet_localclouds::server::{self, Listening, Transport};
use carnet_localclouds::{Local, Options, World, google_storage};
use carnet_objects::azure::{AzureBlobs, AzureLocation};
use carnet_objects::google::{Bucket, CloudStorage, SCOPE};
use carnet_objects::s3::{S3Bucket, S3Settings};
use carnet_trust::config::Config;
use secrets::{API_KEY, DB_PASSWORD};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use tempfile::TempDir;

/// Each test once for each side it is about: `each!(AZURE as azure, GOOGLE as google: (one, another))`
/// makes `azure::one` of `one(AZURE)`, and so on.
#[macro_export]
macro_rules! each {
    ($($side:ident as $name:ident),+ : $tests:tt) => {
        $(mod $name { $crate::each!(@ $side $tests); })+
    };
    (@ $side:ident ($($test:ident),+ $(,)?)) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            super::$test(super::$side).await;
        })+
    };
}

pub const ACCOUNT: &str = "carnettest";
pub const CONTAINER: &str = "assets";
pub const TENANT: &str = "11111111-2222-4333-8444-555555555555";
pub const CLIENT: &str = "aaaaaaaa-1111-4222-8333-444444444444";
pub const OBJECT: &str = "bbbbbbbb-1111-4222-8333-444444444444";
pub const VAULT: &str = "carnet-test";
/// The project's id, as URLs of secrets name it.
pub const SECRETS_PROJECT: &str = "carnet-test";
pub const BUCKET: &str = "carnet-test-bucket";
/// The bucket of S3, empty at first.
pub const S3_BUCKET: &str = "carnet-test-copies";
pub const PROJECT: &str = "210987654321";
pub const SERVICE_ACCOUNT: &str = "reader@carnet-test.iam.gserviceaccount.com";

/// The stand-ins with one container and one bucket, which share one folder of the test's own: what is
/// put there is in both clouds.
pub struct Stage {
    pub local: Local,
    folder: TempDir,
    /// Cloud Storage once more, without TLS: Google's client takes its roots from this process's
    /// environment, where no test can put its own.
    plain_storage: Listening,
}

impl Stage {
    /// Without functions: for tests that call the crates, or the command.
    pub async fn new() -> Self {
        Self::with(Options { functions: Some(Vec::new()), ..Options::default() }).await
    }

    /// With a function's real binary behind an API.
    pub async fn serving(function: &str) -> Self {
        Self::serving_with(function, &[]).await
    }

    /// The same, with more in its environment.
    pub async fn serving_with(function: &str, environment: &[(&str, &str)]) -> Self {
        let own = [("CARNET_SPREADING_WINDOW_SECONDS", "0")];
        let function_env =
            own.iter().chain(environment).map(|(name, value)| (name.to_string(), value.to_string()));
        Self::with(Options {
            functions: Some(vec![function.into()]),
            function_env: function_env.collect(),
            ..Options::default()
        })
        .await
    }

    pub async fn with(options: Options) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("blobs")).expect("a folder for blobs");
        let text = config(options.functions.as_deref().unwrap_or_default());
        let config =
            Config::parse(&text).unwrap_or_else(|faults| panic!("the test's configuration: {faults:?}"));
        std::fs::write(folder.path().join("carnet.toml"), text).expect("its file");
        let world = World::from_config(&config, folder.path()).expect("a world");
        let options = Options { folder: folder.path().to_owned(), ..options };
        let local = Local::start(world, options).await.expect("the stand-ins start");
        let router = google_storage::router(local.shared.clone());
        let router = local.shared.faults.wrap_by(google_storage::hop_of, router);
        let plain_storage = server::serve(router, Transport::Plain).await.expect("a listener");
        Self { local, folder, plain_storage }
    }

    /// What the stand-ins play, as a file.
    pub fn config_file(&self) -> PathBuf {
        self.folder.path().join("carnet.toml")
    }

    /// Where blobs and objects are files.
    pub fn blobs(&self) -> PathBuf {
        self.folder.path().join("blobs")
    }

    pub fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.blobs().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        // As in a store: whoever reads the old version goes on reading it, and the new one is whole.
        let upload = tempfile::NamedTempFile::new_in(self.folder.path()).expect("room for an upload");
        std::fs::write(upload.path(), bytes).expect("an upload");
        upload.persist(path).expect("a blob");
    }

    /// The environment of a process that reads from the stand-ins.
    pub fn env(&self) -> Vec<(String, String)> {
        let state = self.local.state();
        let blob = state.azure.blob[ACCOUNT].replace(ACCOUNT, "{account}");
        [
            ("AWS_ENDPOINT_URL_STS", state.aws.sts),
            ("AWS_ENDPOINT_URL_LAMBDA", state.aws.lambda),
            ("AWS_ENDPOINT_URL_S3", state.aws.s3.endpoint),
            ("AWS_REGION", state.aws.region),
            ("AWS_ACCESS_KEY_ID", state.aws.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", state.aws.secret_access_key),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
            ("SSL_CERT_FILE", state.ca_file.display().to_string()),
            ("AZURE_AUTHORITY_HOST", state.entra.authority),
            ("AZURE_TENANT_ID", state.entra.tenant_id),
            ("AZURE_CLIENT_ID", state.entra.client_id),
            ("CARNET_AZURE_BLOB_ENDPOINT", blob),
            ("CARNET_GOOGLE_STS_ENDPOINT", state.google.sts),
            ("CARNET_GOOGLE_IAM_CREDENTIALS_ENDPOINT", state.google.iam_credentials),
            ("CARNET_GOOGLE_STORAGE_ENDPOINT", state.google.storage),
            ("CARNET_AZURE_KEY_VAULT_ENDPOINT", format!("{}/{{vault}}", state.azure.key_vault)),
            ("CARNET_GOOGLE_SECRET_MANAGER_ENDPOINT", state.google.secret_manager),
            ("CARNET_GOOGLE_AUDIENCE", state.google.audience),
            ("CARNET_GOOGLE_SUBJECT_TOKEN_TYPE", state.google.subject_token_type),
            ("CARNET_SPREADING_WINDOW_SECONDS", "0".into()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// A client that trusts the stand-ins' CA.
    pub fn http(&self) -> Http {
        Http::from_env(&self.env().into_iter().collect::<Env>()).expect("an HTTP client")
    }

    /// A caller of the function's API.
    pub fn client(&self) -> reqwest::Client {
        self.http().client()
    }

    /// The base URL of a function's API.
    pub fn api(&self, function: &str) -> String {
        self.local.state().functions[function].clone()
    }

    /// The running function: its logs, its processes, direct invocations.
    pub fn function(&self, name: &str) -> &Function {
        &self.local.functions[name]
    }

    /// Requests that reached a hop so far.
    pub fn count(&self, hop: Hop) -> usize {
        self.local.shared.faults.seen(hop).len()
    }

    /// From now on, a fault as `carnet local --fault` writes it.
    pub fn fault(&self, rule: &str) {
        self.local.shared.faults.add(rule.parse().expect("a fault rule"));
    }

    /// The way to Azure, in this process, with `change` made to its settings.
    pub async fn credential(&self, change: impl FnOnce(&mut AzureSettings)) -> Result<Credential<Entra>> {
        let http = self.http();
        let mint = self.mint(&http, self.access_key(None)).await?;
        Ok(Credential::new(Arc::new(mint), self.entra(&http, change)?))
    }

    /// The operator's access key, as a session that is known to end then.
    pub fn access_key(&self, ends: Option<SystemTime>) -> Credentials {
        let state = self.local.state().aws;
        Credentials::new(state.access_key_id, state.secret_access_key, None, ends, "stage")
    }

    pub async fn mint(&self, http: &Http, credentials: Credentials) -> Result<Outbound> {
        Outbound::new(self.session(http, credentials).await?, http.clone())
    }

    pub async fn session(&self, http: &Http, credentials: Credentials) -> Result<AwsSession> {
        let state = self.local.state().aws;
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http.aws_token_services())
            .region(Region::new(state.region))
            .endpoint_url(state.sts)
            .credentials_provider(credentials)
            .load()
            .await;
        AwsSession::from_config(config)
    }

    pub fn entra(&self, http: &Http, change: impl FnOnce(&mut AzureSettings)) -> Result<Entra> {
        let mut faults = Faults::default();
        let env: Env = self.env().into_iter().collect();
        let mut settings = AzureSettings::read(&env, &mut faults).expect("settings");
        change(&mut settings);
        Entra::new(http.clone(), &settings)
    }

    /// The way to Google Cloud, in this process, with `change` made to its settings.
    pub async fn google(&self, change: impl FnOnce(&mut GoogleSettings)) -> Result<Credential<Google>> {
        let http = self.http();
        let settings = self.google_settings(change);
        let session = self.session(&http, self.access_key(None)).await?;
        Ok(Credential::new(
            mint::from_aws(settings.proof, session, http.clone())?,
            Google::new(http, &settings)?,
        ))
    }

    pub fn google_settings(&self, change: impl FnOnce(&mut GoogleSettings)) -> GoogleSettings {
        let mut faults = Faults::default();
        let env: Env = self.env().into_iter().collect();
        let mut settings = GoogleSettings::read(&env, &mut faults).expect("settings");
        change(&mut settings);
        settings
    }

    /// The audience of a provider of [`config`].
    pub fn provider(&self, id: &str) -> String {
        self.local.state().google.providers[id].clone()
    }

    /// The bucket, through the official client.
    pub async fn bucket(&self) -> Result<Arc<Bucket>> {
        self.bucket_named(BUCKET, self.google(|_| {}).await?)
    }

    pub fn bucket_named(&self, name: &str, credential: Credential<Google>) -> Result<Arc<Bucket>> {
        let credential = GoogleCredential::new(credential, Scope::new(SCOPE));
        let endpoint = self.plain_storage.base_url.parse().expect("a listener's URL");
        Ok(Arc::new(CloudStorage::new(&self.http(), credential, &endpoint)?.bucket(name)?))
    }

    /// The bucket of S3, through the official client, as the operator.
    pub async fn s3(&self) -> Result<Arc<S3Bucket>> {
        self.s3_as(self.access_key(None), S3_BUCKET).await
    }

    pub async fn s3_as(&self, credentials: Credentials, bucket: &str) -> Result<Arc<S3Bucket>> {
        let http = self.http();
        let env: Env = self.env().into_iter().collect();
        let settings = S3Settings::read(&env, &mut Faults::default()).expect("settings");
        let session = self.session(&http, credentials).await?;
        Ok(Arc::new(S3Bucket::new(&http, &session, &settings, bucket)?))
    }

    /// The container, through the official client.
    pub async fn source(&self) -> Result<Arc<AzureBlobs>> {
        self.source_in(CONTAINER).await
    }

    pub async fn source_in(&self, container: &str) -> Result<Arc<AzureBlobs>> {
        let credential = AzureCredential::new(self.credential(|_| {}).await?);
        let template = self
            .env()
            .into_iter()
            .find(|(name, _)| name == "CARNET_AZURE_BLOB_ENDPOINT")
            .expect("set above")
            .1;
        let location = AzureLocation::new(&template, ACCOUNT, container).expect("a location");
        Ok(Arc::new(AzureBlobs::new(&self.http(), credential, &location)?))
    }
}

/// The repository's folder.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository")
}

/// A binary that `cargo xtask test` has built: the one a variable names, else the one beside this
/// test's own build.
pub fn binary(name: &str) -> PathBuf {
    let variable = format!("CARNET_BIN_{}", name.replace('-', "_").to_uppercase());
    if let Some(path) = std::env::var_os(&variable) {
        return PathBuf::from(path);
    }
    let test = std::env::current_exe().expect("this test's own path");
    let folder = test.parent().and_then(Path::parent).expect("target/<profile>/deps/<test>");
    let path = folder.join(name);
    let package = if name == "carnet" { "carnet-cli" } else { name };
    assert!(
        path.exists(),
        "{} is missing: run `cargo build -p {package}`, or set {variable}",
        path.display()
    );
    path
}

/// The binary of a function of [`config`].
pub fn program_of(function: &str) -> &str {
    if function.starts_with("gcs-api") { "gcs-api" } else { function }
}

fn config(functions: &[String]) -> String {
    let mut text = format!(
        r#"
[aws]
account = "123456789012"
region = "eu-central-1"
stack = "carnet"

[azure]
tenant_id = "{TENANT}"
cloud = "public"

[azure.identities.reader]
client_id = "{CLIENT}"
object_id = "{OBJECT}"

[google]
project_number = "{PROJECT}"
pool = "carnet"

[google.providers.aws-tokens]
type = "oidc"

[google.providers.aws-roles]
type = "aws"

# The same google.subject as an outbound token gives: whoever is let in by one is let in by both.
[google.providers.aws-names]
type = "aws"
mapping = {{ "google.subject" = "'arn:aws:iam::' + assertion.account + ':role/' + assertion.arn.extract('assumed-role/{{role}}/')" }}

[google.service_accounts.reader]
email = "{SERVICE_ACCOUNT}"

[places.assets]
url = "azure://{ACCOUNT}/{CONTAINER}"

[places.archive]
url = "gs://{BUCKET}"

[instances.operator]
reads = ["assets", "archive"]
azure_identity = "reader"
google_provider = "aws-tokens"
google_service_account = "reader"

[functions.blob-api]
reads = ["assets"]
azure_identity = "reader"

[sync]
from = "archive"
to = "copies"
google_provider = "aws-tokens"

[secrets]
azure_identity = "reader"
google_provider = "aws-tokens"

[secrets.copies]
"app/db-password" = "keyvault://{VAULT}/db-password"
"app/api-key" = "secretmanager://{SECRETS_PROJECT}/api-key"

# One binary, three ways: its role let in as itself, as a service account, by its signed request.
[functions.gcs-api]
reads = ["archive"]
google_provider = "aws-tokens"

[functions.gcs-api-as-account]
reads = ["archive"]
google_provider = "aws-tokens"
google_service_account = "reader"

[functions.gcs-api-by-role]
reads = ["archive"]
google_provider = "aws-roles"

[local]
s3_buckets = ["{S3_BUCKET}"]

[local.containers]
"{ACCOUNT}/{CONTAINER}" = "blobs"

[local.buckets]
{BUCKET} = "blobs"

[local.vaults]
"{VAULT}/db-password" = "{DB_PASSWORD}"

[local.secrets]
"{SECRETS_PROJECT}/api-key" = "{API_KEY}"
"#
    );
    if !functions.is_empty() {
        text.push_str("\n[local.functions]\n");
        for function in functions {
            text.push_str(&format!("{function} = {:?}\n", binary(program_of(function))));
        }
    }
    text
}
