//! What whoever is no `carnet` signs in with: an assertion minted by AWS, as `carnet token` shows it.

use super::Cloud;
use crate::args::Settings;
use crate::clouds::Clouds;
use crate::{Error, Result};
use serde_json::Value;
use std::process::Command;

/// Lives for five minutes.
pub fn assertion(settings: &Settings, clouds: &Clouds, cloud: Cloud) -> Result<String> {
    let name = match cloud {
        Cloud::Azure => "azure",
        Cloud::Google => "google",
    };
    let output = Command::new(settings.binary("carnet"))
        .args(["token", "--cloud", name, "--show-token", "--quiet"])
        .env_clear()
        .envs(clouds.sync_env()?)
        .output()?;
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout)?.trim().to_owned()),
        false => Err(format!("carnet token: {}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}

/// A token that opens the source, for the pipe, which only carries bytes.
pub async fn bearer(settings: &Settings, clouds: &Clouds, cloud: Cloud) -> Result<String> {
    let assertion = assertion(settings, clouds, cloud)?;
    let request = match cloud {
        Cloud::Azure => {
            let (authority, tenant) = (clouds.text("/entra/authority")?, clouds.text("/entra/tenant_id")?);
            clouds.http.post(format!("{authority}/{tenant}/oauth2/v2.0/token")).body(form(&[
                ("grant_type", "client_credentials"),
                ("client_id", clouds.text("/entra/client_id")?),
                ("scope", "https://storage.azure.com/.default"),
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                ("client_assertion", &assertion),
            ]))
        }
        Cloud::Google => clouds.http.post(format!("{}/v1/token", clouds.text("/google/sts")?)).body(form(&[
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("audience", clouds.text("/google/audience")?),
            ("scope", "https://www.googleapis.com/auth/devstorage.read_only"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
            ("subject_token", &assertion),
        ])),
    };
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = request.send().await?.error_for_status()?.bytes().await?;
    let answer: Value = serde_json::from_slice(&answer)?;
    let token = answer.get("access_token").and_then(Value::as_str).map(str::to_owned);
    token.ok_or_else(|| Error::from("the exchange gave no token"))
}

fn form(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}
