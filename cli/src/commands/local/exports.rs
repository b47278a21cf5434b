//! The variables of a process that talks to the stand-ins.

use carnet_localclouds::State;
use carnet_localclouds::workloads::{Missing, To, Workload, variables};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// What an old session may have left, and would be sent along with the new keys.
const UNSET: &str = "AWS_SESSION_TOKEN AWS_PROFILE SSL_CERT_DIR";

pub fn of(state: &State) -> BTreeMap<&'static str, String> {
    let ca = state.ca_file.display().to_string();
    let mut exports = BTreeMap::from([
        ("AWS_ENDPOINT_URL_STS", state.aws.sts.clone()),
        ("AWS_ENDPOINT_URL_IAM", state.aws.iam.clone()),
        ("AWS_ENDPOINT_URL_LAMBDA", state.aws.lambda.clone()),
        ("AWS_ENDPOINT_URL_S3", state.aws.s3.endpoint.clone()),
        ("AWS_REGION", state.aws.region.clone()),
        ("AWS_DEFAULT_REGION", state.aws.region.clone()),
        ("AWS_ACCESS_KEY_ID", state.aws.access_key_id.clone()),
        ("AWS_SECRET_ACCESS_KEY", state.aws.secret_access_key.clone()),
        ("AZURE_AUTHORITY_HOST", state.entra.authority.clone()),
        ("AZURE_TENANT_ID", state.entra.tenant_id.clone()),
        ("AZURE_CLIENT_ID", state.entra.client_id.clone()),
        ("CARNET_GOOGLE_STS_ENDPOINT", state.google.sts.clone()),
        ("CARNET_GOOGLE_IAM_CREDENTIALS_ENDPOINT", state.google.iam_credentials.clone()),
        ("CARNET_GOOGLE_STORAGE_ENDPOINT", state.google.storage.clone()),
        ("CARNET_AZURE_KEY_VAULT_ENDPOINT", format!("{}/{{vault}}", state.azure.key_vault)),
        ("CARNET_GOOGLE_SECRET_MANAGER_ENDPOINT", state.google.secret_manager.clone()),
        ("CARNET_GOOGLE_AUDIENCE", state.google.audience.clone()),
        ("CARNET_GOOGLE_SUBJECT_TOKEN_TYPE", state.google.subject_token_type.clone()),
        ("CARNET_GOOGLE_SERVICE_ACCOUNT", state.google.service_account.clone()),
        // One file, and each world's own name for it: rustls and OpenSSL, boto3, Python's requests.
        ("SSL_CERT_FILE", ca.clone()),
        ("AWS_CA_BUNDLE", ca.clone()),
        ("REQUESTS_CA_BUNDLE", ca),
    ]);
    if let Some(template) = blob_endpoint(state) {
        exports.insert("CARNET_AZURE_BLOB_ENDPOINT", template);
    }
    exports.retain(|_, value| !value.is_empty());
    exports
}

/// The shell of a workload: it has none of the operator's keys, unless it is one that signs with them.
pub fn of_workload(
    state: &State,
    workload: Workload,
    to: Option<To>,
) -> Result<BTreeMap<&'static str, String>, Missing> {
    let mut exports = of(state);
    for name in variables::ALL_NAMES {
        exports.remove(name);
    }
    exports.extend(variables::variables(state, workload, to)?);
    Ok(exports)
}

/// All accounts are served at one place, each under its name.
fn blob_endpoint(state: &State) -> Option<String> {
    let (account, url) = state.azure.blob.iter().next()?;
    Some(format!("{}/{{account}}", url.strip_suffix(&format!("/{account}"))?))
}

pub fn write_shell(out: &mut impl Write, exports: &BTreeMap<&str, String>) -> io::Result<()> {
    // What another workload's shell was told.
    let others = variables::ALL_NAMES.into_iter().filter(|name| !exports.contains_key(name));
    let unset: Vec<&str> = UNSET.split(' ').chain(others).collect();
    writeln!(out, "unset {};", unset.join(" "))?;
    exports.iter().try_for_each(|(name, value)| writeln!(out, "export {name}={};", quoted(value)))
}

/// For any POSIX shell: between single quotes nothing is special but the single quote.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn nothing_leaves_its_quotes() {
        assert_eq!(quoted("/tmp/a b"), "'/tmp/a b'");
        assert_eq!(quoted("$(x) `y` \"z\" \\"), "'$(x) `y` \"z\" \\'");
        assert_eq!(quoted("it's; rm"), r"'it'\''s; rm'");
    }
}
