//! rclone on the stand-ins. It signs in by workload identity too, with assertions that are minted for
//! it beforehand: to Azure as azidentity does, to Google as its own libraries do.

use super::{Cloud, proof};
use crate::args::Settings;
use crate::clouds::{ACCOUNT, Clouds};
use crate::{Error, Result};
use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// As many objects at once as `carnet sync` has by default; rclone's own default is 4, and slower.
const AT_ONCE: &str = "32";

pub struct Rclone<'b> {
    settings: &'b Settings,
    clouds: &'b Clouds,
    folder: PathBuf,
}

pub fn arguments<'a>(from: &'a str, to: &'a str) -> [&'a str; 9] {
    ["sync", from, to, "--transfers", AT_ONCE, "--checkers", AT_ONCE, "--retries", "1"]
}

impl<'b> Rclone<'b> {
    pub fn new(settings: &'b Settings, clouds: &'b Clouds) -> Result<Self> {
        let folder = settings.output.join("world/rclone");
        fs::create_dir_all(&folder)?;
        Ok(Self { settings, clouds, folder })
    }

    /// The environment of a run that reads from there.
    pub fn env(&self, cloud: Cloud) -> Result<Vec<(String, String)>> {
        let clouds = self.clouds;
        let token_file = self.folder.join("assertion.jwt");
        secret(&token_file, proof::assertion(self.settings, clouds, cloud)?.as_bytes())?;
        let mut env = clouds.sync_env()?;
        let mut set = |name: &str, value: &str| env.push((name.to_owned(), value.to_owned()));
        match cloud {
            Cloud::Azure => {
                set("AZURE_FEDERATED_TOKEN_FILE", &token_file.display().to_string());
                set("RCLONE_CONFIG_AZURE_TYPE", "azureblob");
                set("RCLONE_CONFIG_AZURE_ACCOUNT", ACCOUNT);
                set("RCLONE_CONFIG_AZURE_ENDPOINT", clouds.text(&format!("/azure/blob/{ACCOUNT}"))?);
                set("RCLONE_CONFIG_AZURE_ENV_AUTH", "true");
                set("RCLONE_CONFIG_AZURE_DISABLE_INSTANCE_DISCOVERY", "true");
            }
            Cloud::Google => {
                let file = self.folder.join("google.json");
                fs::write(&file, self.external_account(&token_file)?)?;
                set("GOOGLE_APPLICATION_CREDENTIALS", &file.display().to_string());
                set("RCLONE_CONFIG_GOOGLE_TYPE", "google cloud storage");
                let endpoint = format!("{}/storage/v1/", clouds.text("/google/storage")?);
                set("RCLONE_CONFIG_GOOGLE_ENDPOINT", &endpoint);
                set("RCLONE_CONFIG_GOOGLE_ENV_AUTH", "true");
                set("RCLONE_CONFIG_GOOGLE_BUCKET_POLICY_ONLY", "true");
            }
        }
        env.extend(self.copies()?);
        Ok(env)
    }

    fn external_account(&self, token_file: &Path) -> Result<Vec<u8>> {
        Ok(serde_json::to_vec(&json!({
            "type": "external_account",
            "audience": self.clouds.text("/google/audience")?,
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": format!("{}/v1/token", self.clouds.text("/google/sts")?),
            "credential_source": { "file": token_file.display().to_string() },
        }))?)
    }

    /// The destination. The access key is in the environment, under AWS's own names.
    fn copies(&self) -> Result<Vec<(String, String)>> {
        let of = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Ok(vec![
            // No configuration of whoever runs this.
            of("RCLONE_CONFIG", "/dev/null"),
            of("RCLONE_CONFIG_COPIES_TYPE", "s3"),
            of("RCLONE_CONFIG_COPIES_PROVIDER", "AWS"),
            of("RCLONE_CONFIG_COPIES_ENV_AUTH", "true"),
            of("RCLONE_CONFIG_COPIES_REGION", self.clouds.text("/aws/region")?),
            of("RCLONE_CONFIG_COPIES_ENDPOINT", self.clouds.text("/aws/s3/endpoint")?),
            of("RCLONE_CONFIG_COPIES_FORCE_PATH_STYLE", "true"),
            // It is there, and nobody may make another.
            of("RCLONE_CONFIG_COPIES_NO_CHECK_BUCKET", "true"),
        ])
    }

    /// Objects and bytes at a destination, but for the state of `carnet sync`.
    pub fn size(&self, place: &str) -> Result<(u64, u64)> {
        let answer = self.run(&["size", "--json", "--exclude", ".carnet-sync/**", place])?;
        let answer: Value = serde_json::from_slice(&answer)?;
        let number = |name: &str| answer.get(name).and_then(Value::as_u64);
        match (number("count"), number("bytes")) {
            (Some(objects), Some(bytes)) => Ok((objects, bytes)),
            _ => Err(format!("rclone size said {answer}").into()),
        }
    }

    pub fn clear(&self, place: &str) -> Result {
        self.run(&["delete", place]).map(drop)
    }

    fn run(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        let output = Command::new(&self.settings.rclone)
            .args(arguments)
            .env_clear()
            .envs(self.clouds.sync_env()?)
            .envs(self.copies()?)
            .output()?;
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(Error::from(format!(
                "rclone {}: {}",
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr)
            ))),
        }
    }
}

/// For its owner's eyes: an assertion is a secret while it lives.
fn secret(path: &Path, content: &[u8]) -> Result {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    Ok(file.write_all(content)?)
}
