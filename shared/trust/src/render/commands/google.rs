//! `gcloud`: the pool, its providers, service accounts and grants.

use super::shell::{Script, option, quoted};
use super::{issuer_variable, need_issuers};
use crate::config::ProviderKind;
use crate::render::plan::{Google, Plan, Provider};
use crate::render::{ACT_AS, Document, OBJECT_READER, SECRET_ROLES};
use std::collections::BTreeSet;

pub fn scripts(plan: &Plan, google: &Google) -> Vec<Document> {
    vec![grant(plan, google), revoke(google)]
}

const GRANT: &str = "\
Makes the pool, its providers and service accounts, and grants what is read. May be run again.

  PROJECT=... sh commands/google-grant.sh

Rights: roles/iam.workloadIdentityPoolAdmin, roles/iam.serviceAccountAdmin and
roles/serviceusage.serviceUsageAdmin on the project, roles/storage.admin on the buckets,
roles/secretmanager.admin on the secrets. Organisation policies that may have to allow it:
constraints/iam.workloadIdentityPoolProviders (the issuer of an OIDC provider) and
constraints/iam.workloadIdentityPoolAwsAccounts (the account of an AWS provider).

The buckets need uniform bucket-level access. A pool or provider that was deleted less than 30 days
ago must be brought back with `undelete` first: its id cannot be used again.";

fn grant(plan: &Plan, google: &Google) -> Document {
    let mut script = Script::new("commands/google-grant.sh", GRANT);
    let oidc = |id: &str| {
        google
            .providers
            .values()
            .any(|provider| provider.kind == ProviderKind::Oidc && provider.account == id)
    };
    script.line("");
    script.need("PROJECT", &format!("the id of project {}", google.project_number));
    need_issuers(&mut script, plan, |id, _| oidc(id));
    same_project(&mut script, google);
    script.section("The services it goes through");
    let mut services = vec!["iam", "sts", "iamcredentials", "storage"];
    services.extend((!google.secrets.is_empty()).then_some("secretmanager"));
    let services: Vec<String> = services.iter().map(|name| format!("{name}.googleapis.com")).collect();
    script.command(0, "gcloud services enable", &[services.join(" "), "--project=\"$PROJECT\"".to_owned()]);
    script.section("google.pool");
    let pool = quoted(&google.pool);
    let place = "--location=global --project=\"$PROJECT\"";
    script.line(format!("gcloud iam workload-identity-pools describe {pool} {place} >/dev/null 2>&1 ||"));
    script.line(format!("  gcloud iam workload-identity-pools create {pool} {place}"));
    for (id, provider) in &google.providers {
        grant_provider(&mut script, google, id, provider);
    }
    service_accounts(&mut script, google);
    for (bucket, readers) in &google.buckets {
        script.section(&format!("Reading gs://{bucket}"));
        for reader in readers {
            script.command(0, &bucket_command("add", bucket), &binding(reader, OBJECT_READER));
        }
    }
    for (secret, readers) in &google.secrets {
        script.section(&format!("Reading {secret}"));
        for (reader, role) in each_role(readers) {
            script.command(0, &secret_command("add", secret), &binding(reader, role));
        }
    }
    script.document()
}

fn same_project(script: &mut Script, google: &Google) {
    script.line("");
    let number = "gcloud projects describe \"$PROJECT\" --format='value(projectNumber)'";
    script.must_be(number, &google.project_number, "the number of $PROJECT");
}

fn of_pool(google: &Google) -> String {
    format!("--workload-identity-pool={} --location=global --project=\"$PROJECT\"", quoted(&google.pool))
}

fn grant_provider(script: &mut Script, google: &Google, id: &str, provider: &Provider) {
    const PROVIDERS: &str = "gcloud iam workload-identity-pools providers";
    // gcloud names the kinds as carnet.toml does.
    let (name, kind, pool) = (quoted(id), provider.kind.name(), of_pool(google));
    let mapping = provider.mapping.iter().map(|(target, expression)| format!("{target}={expression}"));
    let mut options = vec![format!("--attribute-mapping={}", quoted(&listed(mapping.collect())))];
    // Empty takes one away that was there.
    let condition = provider.condition.as_deref().unwrap_or_default();
    options.push(format!("--attribute-condition={}", quoted(condition)));
    match provider.kind {
        ProviderKind::Oidc => {
            options.push(format!("--issuer-uri=\"${}\"", issuer_variable(&provider.account)));
            let audiences = listed(provider.allowed_audiences.clone());
            if !provider.allowed_audiences.is_empty() {
                options.push(format!("--allowed-audiences={}", quoted(&audiences)));
            }
        }
        ProviderKind::Aws => options.push(format!("--account-id={}", quoted(&provider.account))),
    }
    options.push(pool.clone());
    script.section(&format!("google.providers.{id}"));
    script.line(format!("if {PROVIDERS} describe {name} \\"));
    script.line(format!("  {pool} >/dev/null 2>&1; then"));
    let enabled = options.iter().cloned().chain(["--no-disabled".to_owned()]).collect::<Vec<_>>();
    script.command(2, &format!("{PROVIDERS} update-{kind} {name}"), &enabled);
    if provider.kind == ProviderKind::Oidc && provider.allowed_audiences.is_empty() {
        // No document says how gcloud takes a list away, so one that is left over is only found.
        script.line(format!("  found=$({PROVIDERS} describe {name} \\"));
        script.line(format!("    {pool} --format='value(oidc.allowedAudiences)')"));
        script.line("  if [ -n \"$found\" ]; then");
        let left = format!(
            "google.providers.{id} allows the audiences $found, and only its own name in carnet.toml"
        );
        script.line(format!("    echo \"{left}: take them away\" >&2"));
        script.line("    exit 1");
        script.line("  fi");
    }
    script.line("else");
    script.command(2, &format!("{PROVIDERS} create-{kind} {name}"), &options);
    script.line("fi");
}

/// A list for gcloud, between delimiters that are in none of the values: `gcloud topic escaping`.
fn listed(values: Vec<String>) -> String {
    let used = |delimiter: &str| values.iter().any(|value| value.contains(delimiter));
    if !used(",") {
        return values.join(",");
    }
    let delimiter =
        (1..).map(|length| ";".repeat(length)).find(|delimiter| !used(delimiter)).unwrap_or_default();
    format!("^{delimiter}^{}", values.join(&delimiter))
}

fn service_accounts(script: &mut Script, google: &Google) {
    for (email, account) in &google.service_accounts {
        script.section(&format!("google.service_accounts.{}", account.name));
        if let Some((id, project)) = &account.created {
            let project = format!("--project={}", quoted(project));
            let email = quoted(email);
            script.line(format!("gcloud iam service-accounts describe {email} {project} >/dev/null 2>&1 ||"));
            script.line(format!("  gcloud iam service-accounts create {} {project}", quoted(id)));
        }
        for user in &account.users {
            script.command(
                0,
                &account_command("add", email),
                &account_binding(account.created.as_ref(), user),
            );
        }
    }
}

fn account_command(verb: &str, email: &str) -> String {
    format!("gcloud iam service-accounts {verb}-iam-policy-binding {}", quoted(email))
}

fn account_binding(created: Option<&(String, String)>, user: &str) -> Vec<String> {
    let project = created.map(|(_, project)| format!("--project={}", quoted(project)));
    binding(user, ACT_AS).into_iter().chain(project).collect()
}

fn bucket_command(verb: &str, bucket: &str) -> String {
    format!("gcloud storage buckets {verb}-iam-policy-binding {}", quoted(&format!("gs://{bucket}")))
}

/// `secret` is `projects/PROJECT/secrets/NAME`.
fn secret_command(verb: &str, secret: &str) -> String {
    let (project, name) =
        secret.trim_start_matches("projects/").split_once("/secrets/").unwrap_or(("", secret));
    format!("gcloud secrets {verb}-iam-policy-binding {} --project={}", quoted(name), quoted(project))
}

fn each_role(readers: &BTreeSet<String>) -> impl Iterator<Item = (&String, &'static str)> {
    readers.iter().flat_map(|reader| SECRET_ROLES.map(|role| (reader, role)))
}

fn binding(member: &str, role: &str) -> Vec<String> {
    let options = [option("member", member), option("role", role), "--condition=None".to_owned()];
    options.into_iter().collect()
}

const REVOKE: &str = "\
Takes the grants away and disables the providers. Pool, providers and service accounts stay: deleted,
their ids could not be used again for 30 days. Tokens that were given live on, for about an hour.

  PROJECT=... sh commands/google-revoke.sh

Rights: as for google-grant.sh.";

fn revoke(google: &Google) -> Document {
    let mut script = Script::new("commands/google-revoke.sh", REVOKE);
    script.line("");
    script.need("PROJECT", &format!("the id of project {}", google.project_number));
    script.keep_going();
    same_project(&mut script, google);
    for (secret, readers) in &google.secrets {
        script.section(&format!("Reading {secret}"));
        for (reader, role) in each_role(readers) {
            let command = format!("attempt {}", secret_command("remove", secret));
            script.command(0, &command, &binding(reader, role));
        }
    }
    for (bucket, readers) in &google.buckets {
        script.section(&format!("Reading gs://{bucket}"));
        for reader in readers {
            let command = format!("attempt {}", bucket_command("remove", bucket));
            script.command(0, &command, &binding(reader, OBJECT_READER));
        }
    }
    for (email, account) in &google.service_accounts {
        script.section(&format!("google.service_accounts.{}", account.name));
        for user in &account.users {
            let command = format!("attempt {}", account_command("remove", email));
            script.command(0, &command, &account_binding(account.created.as_ref(), user));
        }
    }
    for (id, provider) in &google.providers {
        script.section(&format!("google.providers.{id}"));
        let command = format!(
            "attempt gcloud iam workload-identity-pools providers update-{} {}",
            provider.kind.name(),
            quoted(id)
        );
        script.command(0, &command, &[of_pool(google), "--disabled".to_owned()]);
    }
    script.end_of_attempts();
    script.document()
}
