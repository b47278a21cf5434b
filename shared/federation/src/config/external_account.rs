//! `GOOGLE_APPLICATION_CREDENTIALS`, type `external_account`: what `gcloud iam
//! workload-identity-pools create-cred-config` writes for Google's own libraries. It holds no secret.
//!
//! Read for where to go and as whom. `credential_source` is never used: it names the addresses or
//! programs the proof would come from (an instance's metadata service, which a Lambda function does
//! not have), and proofs are minted here from the AWS session of this process.

use super::google::{LIFETIMES, is_service_account};
use super::{Faults, endpoint};
use crate::assertion::Proof;
use reqwest::Url;
use serde::Deserialize;
use std::time::Duration;

pub(super) const FILE: &str = "GOOGLE_APPLICATION_CREDENTIALS";
/// A file of this kind has some 2 KB.
const LONGEST: u64 = 64 * 1024;

/// What the file says, already checked. All empty without a file.
#[derive(Default)]
pub(super) struct ExternalAccount {
    pub audience: Option<String>,
    pub proof: Option<Proof>,
    pub sts_endpoint: Option<Url>,
    pub service_account: Option<String>,
    pub iam_credentials_endpoint: Option<Url>,
    pub token_lifetime: Option<Duration>,
    pub universe_domain: Option<String>,
}

#[derive(Deserialize)]
struct Document {
    audience: Option<String>,
    subject_token_type: Option<String>,
    token_url: Option<String>,
    service_account_impersonation_url: Option<String>,
    service_account_impersonation: Option<Impersonation>,
    universe_domain: Option<String>,
}

#[derive(Deserialize)]
struct Impersonation {
    token_lifetime_seconds: Option<u64>,
}

/// How a fault names one field of the file.
pub(super) fn field(name: &str) -> String {
    format!("{FILE}, field {name}")
}

/// The file's parts, or faults that name its fields.
pub(super) fn read(path: &str, faults: &mut Faults) -> Option<ExternalAccount> {
    let text = match load(path) {
        Ok(text) => text,
        Err(why) => {
            faults.add(FILE, &format!("{path}: {why}"));
            return None;
        }
    };
    parse(&text, faults)
}

fn load(path: &str) -> Result<Vec<u8>, String> {
    let about = std::fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?;
    if !about.is_file() || about.len() > LONGEST {
        return Err("is no credential configuration file".to_owned());
    }
    std::fs::read(path).map_err(|error| format!("cannot be read: {error}"))
}

fn parse(text: &[u8], faults: &mut Faults) -> Option<ExternalAccount> {
    let before = faults.len();
    // What it is comes first: of a file that holds a key, nothing more is looked at, and nothing quoted.
    let Ok(document) = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(text) else {
        faults.add(
            FILE,
            "is no JSON document; it is written by gcloud iam workload-identity-pools create-cred-config",
        );
        return None;
    };
    if let Err(why) = check_type(document.get("type").and_then(serde_json::Value::as_str)) {
        faults.add(&field("type"), why);
        return None;
    }
    let document: Document = match serde_json::from_value(document.into()) {
        Ok(document) => document,
        Err(_) => {
            faults.add(FILE, "has a field of the wrong kind; write it anew with gcloud");
            return None;
        }
    };
    let account = document.checked(faults);
    (faults.len() == before).then_some(account)
}

fn check_type(kind: Option<&str>) -> Result<(), &'static str> {
    match kind {
        Some("external_account") => Ok(()),
        Some("service_account") => {
            Err("is service_account: a stored key of a service account, which Carnet never uses; \
                 external_account is needed, which holds no secret")
        }
        Some("authorized_user" | "gdch_service_account" | "external_account_authorized_user") => {
            Err("is a kind that holds a stored secret, which Carnet never uses; external_account is needed")
        }
        Some("impersonated_service_account") => {
            Err("is impersonated_service_account, which starts from another credential; \
                 use an external_account file with service_account_impersonation_url")
        }
        Some(_) => Err("is not external_account"),
        None => Err("is missing; it must be external_account"),
    }
}

impl Document {
    fn checked(self, faults: &mut Faults) -> ExternalAccount {
        let proof = proof(self.subject_token_type.as_deref(), faults);
        let sts_endpoint = sts_endpoint(self.token_url.as_deref(), faults);
        let impersonated =
            self.service_account_impersonation_url.as_deref().and_then(|url| impersonated(url, faults));
        let (iam_credentials_endpoint, service_account) = impersonated.unzip();
        let token_lifetime = self
            .service_account_impersonation
            .and_then(|options| options.token_lifetime_seconds)
            .and_then(|seconds| lifetime(seconds, faults));
        if self.audience.is_none() {
            faults.add(&field("audience"), "is missing");
        }
        ExternalAccount {
            audience: self.audience,
            proof,
            sts_endpoint,
            service_account,
            iam_credentials_endpoint,
            token_lifetime,
            universe_domain: self.universe_domain,
        }
    }
}

fn proof(subject_token_type: Option<&str>, faults: &mut Faults) -> Option<Proof> {
    match subject_token_type {
        Some("urn:ietf:params:oauth:token-type:jwt" | "urn:ietf:params:oauth:token-type:id_token") => {
            return Some(Proof::Jwt);
        }
        Some("urn:ietf:params:aws:token-type:aws4_request") => return Some(Proof::SignedAwsRequest),
        Some(_) => faults.add(
            &field("subject_token_type"),
            "is neither urn:ietf:params:oauth:token-type:jwt nor urn:ietf:params:aws:token-type:aws4_request",
        ),
        None => faults.add(&field("subject_token_type"), "is missing"),
    }
    None
}

/// Only where the service is: which of its methods to call is known here.
fn sts_endpoint(token_url: Option<&str>, faults: &mut Faults) -> Option<Url> {
    let Some(text) = token_url else {
        faults.add(&field("token_url"), "is missing");
        return None;
    };
    let url = endpoint(text).filter(|url| matches!(url.path(), "/v1/token" | "/v1beta/token"));
    if url.is_none() {
        faults.add(&field("token_url"), "is not an https URL such as https://sts.googleapis.com/v1/token");
    }
    url.as_ref().and_then(base)
}

/// Where IAM credentials is, and whom to act as.
fn impersonated(text: &str, faults: &mut Faults) -> Option<(Url, String)> {
    let found = endpoint(text).and_then(|url| {
        let name = url.path().strip_prefix("/v1/projects/-/serviceAccounts/")?;
        let name = name.strip_suffix(":generateAccessToken")?.replace("%40", "@");
        is_service_account(&name).then_some((base(&url)?, name))
    });
    if found.is_none() {
        faults.add(
            &field("service_account_impersonation_url"),
            "is not https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/EMAIL:generateAccessToken",
        );
    }
    found
}

fn lifetime(seconds: u64, faults: &mut Faults) -> Option<Duration> {
    if LIFETIMES.contains(&seconds) {
        return Some(Duration::from_secs(seconds));
    }
    faults.add(
        &field("service_account_impersonation.token_lifetime_seconds"),
        "is not a number of seconds from 600 to 43200",
    );
    None
}

fn base(url: &Url) -> Option<Url> {
    url.join("/").ok()
}
