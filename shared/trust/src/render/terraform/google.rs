//! `google.tf`

use super::hcl::{File, label, object, reference, text, texts};
use super::{issuer, must_be, resource};
use crate::config::ProviderKind;
use crate::render::plan::{Google, Provider, ServiceAccount};
use crate::render::{ACT_AS, OBJECT_READER, SECRET_ROLES};
use ::hcl::{Block, Expression};
use std::collections::BTreeSet;

const ABOUT: &str = "\
Google Cloud: whose proofs the pool takes, as whom, and what they read.

Rights: roles/iam.workloadIdentityPoolAdmin and roles/iam.serviceAccountAdmin on the project,
roles/storage.admin on the buckets, roles/secretmanager.admin on the secrets. Organisation policies
that may have to allow it:
constraints/iam.workloadIdentityPoolProviders (the issuer of an OIDC provider) and
constraints/iam.workloadIdentityPoolAwsAccounts (the account of an AWS provider).

The buckets need uniform bucket-level access: without it a federated identity cannot read. A pool or
provider that is deleted keeps its id for 30 days.";

pub fn file(google: &Google) -> File {
    let mut file = File::new("google.tf", ABOUT);
    file.add(PROJECT, project(google));
    file.add("google.pool. One an environment, as Google advises.", pool(google));
    for (id, provider) in &google.providers {
        file.add(about_provider(id, provider), provider_block(google, id, provider));
    }
    let mut labels = Labels::default();
    for (email, account) in &google.service_accounts {
        service_account(&mut file, &mut labels, google, (email, account));
    }
    for (bucket, readers) in &google.buckets {
        for reader in readers {
            let label = labels.of(bucket, grantee(google, reader));
            file.add("", bucket_grant(google, &label, bucket, reader));
        }
    }
    for (secret, readers) in &google.secrets {
        for reader in readers {
            for role in SECRET_ROLES {
                let what = format!("{}-{}", last(secret), role.rsplit('.').next().unwrap_or(role));
                let label = labels.of(&what, grantee(google, reader));
                file.add("", secret_grant(google, &label, secret, role, reader));
            }
        }
    }
    let audiences = google.providers.keys().map(|id| {
        let name = reference(&["google_iam_workload_identity_pool_provider", id, "name"]);
        (id.clone(), text("//iam.googleapis.com/", name, ""))
    });
    let output = Block::builder("output").add_label("google_audiences");
    let output = output
        .add_attribute((
            "description",
            "By provider: CARNET_GOOGLE_AUDIENCE, and the template's GoogleAudience",
        ))
        .add_attribute(("value", object(audiences)));
    if !google.providers.is_empty() {
        file.add("", output.build());
    }
    file
}

const PROJECT: &str = "The project whose number carnet.toml names, and no other.";

fn project(google: &Google) -> Block {
    let otherwise = "google_project_id is another project than google.project_number of carnet.toml.";
    let check = must_be("postcondition", "number", &google.project_number, otherwise);
    Block::builder("data")
        .add_label("google_project")
        .add_label(label(&google.pool))
        .add_attribute(("project_id", reference(&["var", "google_project_id"])))
        .add_block(Block::builder("lifecycle").add_block(check).build())
        .build()
}

fn project_id(google: &Google) -> Expression {
    reference(&["data", "google_project", &google.pool, "project_id"])
}

fn pool(google: &Google) -> Block {
    resource("google_iam_workload_identity_pool", &google.pool)
        .add_attribute(("project", project_id(google)))
        .add_attribute(("workload_identity_pool_id", google.pool.as_str()))
        .build()
}

fn about_provider(id: &str, provider: &Provider) -> String {
    let takes = match provider.kind {
        ProviderKind::Oidc => "outbound tokens",
        ProviderKind::Aws => "signed GetCallerIdentity requests",
    };
    let mut about = format!("google.providers.{id} takes the {takes} of AWS account {}.", provider.account);
    if provider.condition.is_none() {
        about.push_str("\nWithout a condition every role of the account may exchange; it reads only what its subject is granted.");
    }
    about
}

fn provider_block(google: &Google, id: &str, provider: &Provider) -> Block {
    let mapping = provider
        .mapping
        .iter()
        .map(|(target, expression)| (target.clone(), Expression::from(expression.as_str())));
    let pool = reference(&["google_iam_workload_identity_pool", &google.pool, "workload_identity_pool_id"]);
    let mut block = resource("google_iam_workload_identity_pool_provider", id)
        .add_attribute(("project", project_id(google)))
        .add_attribute(("workload_identity_pool_id", pool))
        .add_attribute(("workload_identity_pool_provider_id", id))
        .add_attribute(("attribute_mapping", object(mapping)));
    if let Some(condition) = &provider.condition {
        block = block.add_attribute(("attribute_condition", condition.as_str()));
    }
    let proof = match provider.kind {
        ProviderKind::Oidc => {
            let mut oidc = Block::builder("oidc").add_attribute(("issuer_uri", issuer(&provider.account)));
            if !provider.allowed_audiences.is_empty() {
                oidc = oidc.add_attribute(("allowed_audiences", texts(&provider.allowed_audiences)));
            }
            oidc.build()
        }
        ProviderKind::Aws => {
            Block::builder("aws").add_attribute(("account_id", provider.account.as_str())).build()
        }
    };
    block.add_block(proof).build()
}

fn service_account(
    file: &mut File,
    labels: &mut Labels,
    google: &Google,
    (email, account): (&str, &ServiceAccount),
) {
    if let Some((id, project)) = &account.created {
        let block = resource("google_service_account", &account.name)
            .add_attribute(("project", project.as_str()))
            .add_attribute(("account_id", id.as_str()))
            .add_attribute(("display_name", format!("carnet {}", account.name)));
        file.add(format!("google.service_accounts.{}", account.name), block.build());
    }
    let id = match &account.created {
        Some(_) => reference(&["google_service_account", &account.name, "name"]),
        None => Expression::from(format!("projects/-/serviceAccounts/{email}")),
    };
    for user in &account.users {
        let label = labels.of(&account.name, grantee(google, user));
        let block = resource("google_service_account_iam_member", &label)
            .add_attribute(("service_account_id", id.clone()))
            .add_attribute(("role", ACT_AS))
            .add_attribute(("member", member(google, user)));
        file.add("", block.build());
    }
}

fn bucket_grant(google: &Google, label: &str, bucket: &str, reader: &str) -> Block {
    resource("google_storage_bucket_iam_member", label)
        .add_attribute(("bucket", bucket))
        .add_attribute(("role", OBJECT_READER))
        .add_attribute(("member", member(google, reader)))
        .build()
}

fn secret_grant(google: &Google, label: &str, secret: &str, role: &str, reader: &str) -> Block {
    resource("google_secret_manager_secret_iam_member", label)
        .add_attribute(("secret_id", secret))
        .add_attribute(("role", role))
        .add_attribute(("member", member(google, reader)))
        .build()
}

/// The last piece of a resource's name.
fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Behind the pool of a principal: `/subject/..`.
fn within_pool<'a>(google: &Google, member: &'a str) -> Option<&'a str> {
    member.strip_prefix("principal://iam.googleapis.com/")?.strip_prefix(google.pool_name.as_str())
}

fn account_of<'a>(google: &'a Google, member: &str) -> Option<&'a ServiceAccount> {
    google.service_accounts.get(member.strip_prefix("serviceAccount:")?)
}

/// By reference, so that what it names is made before it.
fn member(google: &Google, member: &str) -> Expression {
    if let Some(within) = within_pool(google, member) {
        let pool = reference(&["google_iam_workload_identity_pool", &google.pool, "name"]);
        return text("principal://iam.googleapis.com/", pool, within);
    }
    match account_of(google, member).filter(|account| account.created.is_some()) {
        Some(account) => reference(&["google_service_account", &account.name, "member"]),
        None => Expression::from(member),
    }
}

/// Who is granted something, as part of a label: the role's or the account's name.
fn grantee<'a>(google: &'a Google, member: &'a str) -> &'a str {
    if let Some(account) = account_of(google, member) {
        return &account.name;
    }
    let subject = within_pool(google, member).map_or(member, |within| within.trim_start_matches("/subject/"));
    subject.rsplit_once("role/").map_or(subject, |(_, role)| role)
}

/// The labels of grants: nothing refers to them, they only have to differ.
#[derive(Default)]
struct Labels(BTreeSet<String>);

impl Labels {
    fn of(&mut self, what: &str, whom: &str) -> String {
        let plain = label(&format!("{what}-{whom}"));
        let numbered = (2..).map(|number| format!("{plain}-{number}"));
        let free = std::iter::once(plain.clone()).chain(numbered).find(|label| !self.0.contains(label));
        let label = free.unwrap_or(plain);
        self.0.insert(label.clone());
        label
    }
}
