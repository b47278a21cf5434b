//! `carnet local` (release) as a process of its own, so that its work is not ours.

use crate::Result;
use crate::args::Settings;
use nix::unistd::Pid;
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

pub const ACCOUNT: &str = "carnetbench";
pub const CONTAINER: &str = "assets";
pub const BUCKET: &str = "carnet-bench";
/// Of S3: where copies go. Empty at first.
pub const COPIES: &str = "carnet-bench-copies";
/// What copies are made of, both as containers and, behind [`BUCKET`] and a dash, as buckets: one big
/// object, and many small ones.
pub const ONE: &str = "one";
pub const MANY: &str = "many";
pub const MANY_COUNT: usize = 5000;
/// What the functions are asked for; `events/*.get.json` name it.
pub const SMALL: &str = "hello.txt";
pub const SMALL_SIZE: usize = 4096;
pub const BIG: &str = "big.bin";
pub const BIG_SIZE: u64 = 1 << 30;

const CONFIG: &str = r#"
[aws]
account = "123456789012"
region = "eu-central-1"
stack = "carnet"

[azure]
tenant_id = "11111111-2222-4333-8444-555555555555"
cloud = "public"

[azure.identities.reader]
client_id = "aaaaaaaa-1111-4222-8333-444444444444"
object_id = "bbbbbbbb-1111-4222-8333-444444444444"

[google]
project_number = "210987654321"
pool = "bench"

[google.providers.aws-tokens]
type = "oidc"

[places.assets]
url = "azure://carnetbench/assets"

[places.archive]
url = "gs://carnet-bench"

[places.one]
url = "azure://carnetbench/one"

[places.one-archive]
url = "gs://carnet-bench-one"

[places.many]
url = "azure://carnetbench/many"

[places.many-archive]
url = "gs://carnet-bench-many"

[instances.operator]
reads = ["assets", "archive", "one", "one-archive", "many", "many-archive"]
azure_identity = "reader"
google_provider = "aws-tokens"

[local]
s3_buckets = ["carnet-bench-copies"]

# One folder for both: the same bytes wherever they are read.
[local.containers]
"carnetbench/assets" = "blobs"
"carnetbench/one" = "one"
"carnetbench/many" = "many"

[local.buckets]
carnet-bench = "blobs"
carnet-bench-one = "one"
carnet-bench-many = "many"
"#;

pub struct Clouds {
    child: Running,
    state: Value,
    pub http: reqwest::Client,
    pub small: Vec<u8>,
}

/// Ends with whoever started it.
struct Running(Child);

/// How often the token services were asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    pub mints: u64,
    pub exchanges: u64,
}

impl Clouds {
    pub async fn start(settings: &Settings) -> Result<Self> {
        let folder = settings.output.join("world");
        let blobs = folder.join("blobs");
        fs::create_dir_all(&blobs)?;
        fs::write(folder.join("carnet.toml"), CONFIG)?;
        let small: Vec<u8> = noise(1).take(SMALL_SIZE).collect();
        fs::write(blobs.join(SMALL), &small)?;
        make_big(&blobs.join(BIG))?;
        make_one(&blobs.join(BIG), &folder.join(ONE))?;
        make_many(&folder.join(MANY))?;

        let state_file = folder.join("state.json");
        let _ = fs::remove_file(&state_file);
        let child = Command::new(settings.binary("carnet"))
            .args(["local", "--quiet"])
            .arg("--config")
            .arg(folder.join("carnet.toml"))
            .arg("--state-file")
            .arg(&state_file)
            .spawn()?;
        let mut child = Running(child);
        let state = ready(&mut child.0, &state_file).await?;
        let ca_file = state.pointer("/ca_file").and_then(Value::as_str).map(Path::new);
        let tls = limit::tls::config(ca_file)?;
        let http = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build()?;
        Ok(Self { child, state, http, small })
    }

    /// Of all stand-ins together.
    pub fn pid(&self) -> Result<Pid> {
        Ok(Pid::from_raw(i32::try_from(self.child.0.id())?))
    }

    pub fn text(&self, pointer: &str) -> Result<&str> {
        let text = self.state.pointer(pointer).and_then(Value::as_str);
        text.ok_or_else(|| format!("the state file has no {pointer}").into())
    }

    /// The whole environment of whoever is measured: the same for all.
    pub fn env(&self) -> Result<Vec<(String, String)>> {
        let blob = self.text(&format!("/azure/blob/{ACCOUNT}"))?.replace(ACCOUNT, "{account}");
        let places = format!("{CONTAINER}=azure://{ACCOUNT}/{CONTAINER}");
        let home = self.home()?;
        Ok([
            ("AWS_ENDPOINT_URL_STS", self.text("/aws/sts")?),
            ("AWS_REGION", self.text("/aws/region")?),
            ("AWS_DEFAULT_REGION", self.text("/aws/region")?),
            ("AWS_ACCESS_KEY_ID", self.text("/aws/access_key_id")?),
            ("AWS_SECRET_ACCESS_KEY", self.text("/aws/secret_access_key")?),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("SSL_CERT_FILE", self.text("/ca_file")?),
            ("AZURE_AUTHORITY_HOST", self.text("/entra/authority")?),
            ("AZURE_TENANT_ID", self.text("/entra/tenant_id")?),
            ("AZURE_CLIENT_ID", self.text("/entra/client_id")?),
            ("CARNET_AZURE_BLOB_ENDPOINT", &blob),
            ("CARNET_PLACES", &places),
            ("CARNET_GOOGLE_STS_ENDPOINT", self.text("/google/sts")?),
            ("CARNET_GOOGLE_IAM_CREDENTIALS_ENDPOINT", self.text("/google/iam_credentials")?),
            ("CARNET_GOOGLE_STORAGE_ENDPOINT", self.text("/google/storage")?),
            ("CARNET_GOOGLE_AUDIENCE", self.text("/google/audience")?),
            // An empty one: no profile of the person who runs this.
            ("HOME", &home),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into())
    }

    /// The same for those who read from Cloud Storage.
    pub fn google_env(&self) -> Result<Vec<(String, String)>> {
        let mut env = self.env()?;
        env.retain(|(name, _)| name != "CARNET_PLACES");
        env.push(("CARNET_PLACES".to_owned(), format!("archive=gs://{BUCKET}")));
        Ok(env)
    }

    fn home(&self) -> Result<String> {
        let folder: PathBuf = Path::new(self.text("/ca_file")?).with_file_name("home");
        fs::create_dir_all(&folder)?;
        Ok(folder.display().to_string())
    }

    /// The same for those who write to S3.
    pub fn sync_env(&self) -> Result<Vec<(String, String)>> {
        let mut env = self.env()?;
        env.push(("AWS_ENDPOINT_URL_S3".to_owned(), self.text("/aws/s3/endpoint")?.to_owned()));
        Ok(env)
    }

    /// What the stand-ins have counted so far.
    pub async fn asked(&self) -> Result<Asked> {
        let url = format!("{}/requests", self.text("/control")?);
        let answer = self.http.get(url).send().await?.error_for_status()?.bytes().await?;
        let counts: Value = serde_json::from_slice(&answer)?;
        let of = |hop: &str| {
            let paths = counts.get(hop).and_then(Value::as_object).ok_or(format!("no count of {hop}"))?;
            Ok::<u64, String>(paths.values().filter_map(Value::as_u64).sum())
        };
        Ok(Asked { mints: of("aws.sts")?, exchanges: of("entra.token")? })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The state file, when it is there.
async fn ready(child: &mut Child, state_file: &Path) -> Result<Value> {
    const PATIENCE: Duration = Duration::from_secs(60);
    let start = Instant::now();
    loop {
        if let Ok(text) = fs::read(state_file)
            && let Ok(state) = serde_json::from_slice(&text)
        {
            return Ok(state);
        }
        if let Some(status) = child.try_wait()? {
            return Err(format!("carnet local ended with {status} before it was ready").into());
        }
        if start.elapsed() > PATIENCE {
            return Err("carnet local was not ready in time".into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// 1 GiB that does not compress, written once.
fn make_big(path: &Path) -> Result {
    if fs::metadata(path).is_ok_and(|file| file.len() == BIG_SIZE) {
        return Ok(());
    }
    let block: Vec<u8> = noise(2).take(1 << 20).collect();
    let mut file = BufWriter::new(File::create(path)?);
    for _ in 0..BIG_SIZE >> 20 {
        file.write_all(&block)?;
    }
    Ok(file.flush()?)
}

/// The same object, alone in a folder.
fn make_one(big: &Path, folder: &Path) -> Result {
    fs::create_dir_all(folder)?;
    let one = folder.join(BIG);
    match fs::hard_link(big, &one) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(()),
    }
}

fn make_many(folder: &Path) -> Result {
    for number in 0..MANY_COUNT {
        let file = folder.join(format!("{:02}/{number:05}.bin", number / 100));
        if fs::metadata(&file).is_ok_and(|file| file.len() == SMALL_SIZE as u64) {
            continue;
        }
        fs::create_dir_all(folder.join(format!("{:02}", number / 100)))?;
        fs::write(file, noise(100 + number as u64).take(SMALL_SIZE).collect::<Vec<u8>>())?;
    }
    Ok(())
}

/// Bytes without a pattern (xorshift).
fn noise(seed: u64) -> impl Iterator<Item = u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
}
