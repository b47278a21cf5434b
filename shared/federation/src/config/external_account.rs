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

#[cfg(test)]
mod tests {
    use super::*;

    /// As `gcloud iam workload-identity-pools create-cred-config --aws --enable-imdsv2` writes it.
    const FOR_AWS: &str = r#"{
        "universe_domain": "googleapis.com",
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/aws-pool/providers/aws-one",
        "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {
            "environment_id": "aws1",
            "region_url": "http://169.254.169.254/latest/meta-data/placement/availability-zone",
            "url": "http://169.254.169.254/latest/meta-data/iam/security-credentials",
            "regional_cred_verification_url": "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15",
            "imdsv2_session_token_url": "http://169.254.169.254/latest/api/token"
        },
        "service_account_impersonation_url": "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/reader@my-project.iam.gserviceaccount.com:generateAccessToken",
        "service_account_impersonation": {"token_lifetime_seconds": 900}
    }"#;

    /// What is wrong with the file that has `from` replaced by `to`.
    fn faults(from: &str, to: &str) -> String {
        assert!(FOR_AWS.contains(from), "{from}");
        said_of(&FOR_AWS.replace(from, to))
    }

    fn said_of(text: &str) -> String {
        let mut faults = Faults::default();
        assert!(parse(text.as_bytes(), &mut faults).is_none(), "{text}");
        faults.into_result().unwrap_err().message().to_owned()
    }

    #[test]
    fn gclouds_own_file_is_read() {
        let mut faults = Faults::default();
        let file = parse(FOR_AWS.as_bytes(), &mut faults).unwrap();
        faults.into_result().unwrap();
        assert_eq!(file.proof, Some(Proof::SignedAwsRequest));
        assert_eq!(file.sts_endpoint.unwrap().as_str(), "https://sts.googleapis.com/");
        assert_eq!(file.service_account.as_deref(), Some("reader@my-project.iam.gserviceaccount.com"));
        assert_eq!(file.iam_credentials_endpoint.unwrap().as_str(), "https://iamcredentials.googleapis.com/");
        assert_eq!(file.token_lifetime, Some(Duration::from_secs(900)));
    }

    #[test]
    fn a_file_for_an_oidc_provider_gives_a_jwt_and_no_service_account() {
        for kind in ["jwt", "id_token"] {
            let text = format!(
                r#"{{"type":"external_account","audience":"//a","token_url":"https://sts.googleapis.com/v1/token",
                    "subject_token_type":"urn:ietf:params:oauth:token-type:{kind}"}}"#
            );
            let file = parse(text.as_bytes(), &mut Faults::default()).unwrap();
            assert_eq!((file.proof, file.service_account), (Some(Proof::Jwt), None));
        }
    }

    #[test]
    fn stored_keys_are_refused_for_what_they_are_and_never_quoted() {
        let key = r#"{"type":"service_account","private_key":"-----BEGIN PRIVATE KEY-----x"}"#;
        let said = said_of(key);
        assert!(said.contains("field type: is service_account: a stored key"), "{said}");
        assert!(!said.contains("BEGIN"), "{said}");
        let said = said_of(r#"{"type":"authorized_user","refresh_token":"1//secret"}"#);
        assert!(said.contains("a stored secret") && !said.contains("1//"), "{said}");
        assert!(said_of(r#"{"type":"magic"}"#).contains("is not external_account"));
        assert!(said_of(r#"{}"#).contains("field type: is missing"));
    }

    #[test]
    fn each_fault_names_its_field() {
        assert!(said_of("type=external_account").contains("is no JSON document"));
        assert!(faults("\"audience\"", "\"x\"").contains("field audience: is missing"));
        assert!(faults("aws4_request", "saml2").contains("field subject_token_type: is neither"));
        assert!(faults("\"subject_token_type\"", "\"x\"").contains("field subject_token_type: is missing"));
        assert!(faults("\"token_url\"", "\"x\"").contains("field token_url: is missing"));
        assert!(
            faults("https://sts.googleapis.com/v1/token", "http://sts.googleapis.com/v1/token")
                .contains("token_url")
        );
        assert!(
            faults("https://sts.googleapis.com/v1/token", "https://sts.googleapis.com/v1/introspect")
                .contains("token_url")
        );
        assert!(faults(":generateAccessToken", ":signJwt").contains("service_account_impersonation_url"));
        assert!(faults("reader@", "../reader@").contains("service_account_impersonation_url"));
        assert!(faults("900", "59").contains("token_lifetime_seconds"));
        assert!(faults("900", "\"x\"").contains("a field of the wrong kind"));
    }

    #[test]
    fn an_unreadable_file_is_named() {
        let mut faults = Faults::default();
        assert!(read("/nowhere/credentials.json", &mut faults).is_none());
        let said = faults.into_result().unwrap_err().to_string();
        assert!(
            said.contains("GOOGLE_APPLICATION_CREDENTIALS: /nowhere/credentials.json: cannot be read"),
            "{said}"
        );
        let mut faults = Faults::default();
        assert!(read("/", &mut faults).is_none());
    }
}
