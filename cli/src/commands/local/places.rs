//! Where everything is, for the person who started it.

use super::exports::quoted;
use crate::console::{HEADING, QUIET, write_fields};
use carnet_localclouds::State;
use carnet_localclouds::workloads::Workload;
use carnet_trust::config::Sync;
use std::io::{self, Write};
use std::path::Path;

pub fn write(out: &mut impl Write, state: &State, state_file: &Path) -> io::Result<()> {
    writeln!(out, "{HEADING}The local clouds answer.{HEADING:#} {QUIET}Ctrl-C stops them.{QUIET:#}\n")?;
    let ca = state.ca_file.display().to_string();
    let tenant = format!("{}  {QUIET}tenant {}{QUIET:#}", state.entra.authority, state.entra.tenant_id);
    let accounts: Vec<_> = state.azure.blob.iter().map(|(name, url)| (format!("Blob {name}"), url)).collect();
    let buckets = state.google.buckets.join(", ");
    let storage = format!("{}  {QUIET}{buckets}{QUIET:#}", state.google.storage);
    // The sync's functions answer no caller over HTTP.
    let apis = || state.functions.iter().filter(|(name, _)| !Sync::FUNCTIONS.contains(&name.as_str()));
    let functions: Vec<_> = apis().map(|(name, url)| (format!("API {name}"), url)).collect();
    let fixed = [
        ("AWS STS", state.aws.sts.as_str()),
        ("AWS IAM", &state.aws.iam),
        ("AWS issuer", &state.aws.issuer),
        ("AWS Lambda", &state.aws.lambda),
        ("Entra", &tenant),
    ];
    let google = [
        ("Google STS", state.google.sts.as_str()),
        ("Google IAM", &state.google.iam_credentials),
        ("Google storage", &storage),
    ];
    let google = google.into_iter().filter(|_| !state.google.providers.is_empty());
    let named = accounts.iter().chain(&functions).map(|(name, url)| (name.as_str(), url.as_str()));
    let last = [("control", state.control.as_str()), ("CA", &ca)];
    write_fields(out, fixed.into_iter().chain(google).chain(named).chain(last))?;
    writeln!(out, "\nIn another shell:")?;
    let state_file = std::path::absolute(state_file).unwrap_or_else(|_| state_file.to_owned());
    writeln!(out, "  eval \"$(carnet local --env --state-file {})\"", quoted(&state_file.to_string_lossy()))?;
    let known = Workload::ALL.map(Workload::name).join(", ");
    writeln!(out, "  {QUIET}... --workload NAME makes it a shell of {known}{QUIET:#}")?;
    if let Some(account) = state.azure.blob.keys().next() {
        writeln!(out, "  carnet ls azure://{account}/CONTAINER")?;
    }
    if let Some(bucket) = state.google.buckets.first() {
        writeln!(out, "  carnet ls gs://{bucket}")?;
    }
    if let Some((name, url)) = apis().next() {
        let route = if name == "gcs-api" { "gcs" } else { "azure" };
        let tls = if url.starts_with("https") { format!(" --cacert {}", quoted(&ca)) } else { String::new() };
        writeln!(out, "  curl{tls} {url}/{route}/PLACE")?;
    }
    writeln!(out)
}

/// The same without the secret: that is in the state file, for those who may read it.
pub fn json(state: &State) -> serde_json::Value {
    let mut state = state.clone();
    state.workloads = state.workloads.without_secrets();
    let mut value = serde_json::to_value(state).unwrap_or_default();
    if let Some(aws) = value.get_mut("aws").and_then(|aws| aws.as_object_mut()) {
        aws.remove("secret_access_key");
    }
    value
}
