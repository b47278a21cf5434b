//! `[roles]`: who may come into AWS. Each kind of source has fields of its own.

use super::super::check::{self, Check};
use super::super::inbound::{InboundRole, Job, S3Prefix, Source};
use super::super::table::{At, Faults, Table};
use super::super::{Azure, Config};
use super::{check_name, is_s3_bucket};
use crate::aws::role_trust::check_creation;
use std::collections::BTreeMap;

/// GitHub's action for AWS, EKS and most others ask for this one.
const STS: &str = "sts.amazonaws.com";
/// HashiCorp, "Use dynamic credentials with the AWS provider".
const TERRAFORM: &str = "aws.workload.identity";
/// AWS, "IAM and AWS STS quotas", and "TagRole": what IAM takes.
const MAX_TAGS: usize = 50;
const MAX_TAG_KEY: usize = 128;
const MAX_TAG_VALUE: usize = 256;

pub struct NamedRole {
    pub name: At<String>,
    pub role: InboundRole,
}

pub fn roles(table: Option<Table>, azure: Option<&Azure>, faults: &mut Faults) -> Vec<NamedRole> {
    let Some(mut section) = table else { return Vec::new() };
    let mut roles = Vec::new();
    for (name, mut table) in section.named_tables(faults) {
        check_name(&name, faults);
        let role = InboundRole {
            from: source(&mut table, azure, faults),
            reads: reads(&name, &mut table, faults),
            permissions_boundary: table.optional("permissions_boundary", boundary, faults),
            tags: tags(&mut table, faults),
            max_session_seconds: table
                .number("max_session_seconds", 3600..=43_200, faults)
                .unwrap_or(InboundRole::MAX_SESSION_SECONDS),
        };
        table.finish(faults);
        roles.push(NamedRole { name, role });
    }
    roles
}

/// What is derived is what AWS would be given: whatever it would refuse is a fault here.
pub fn would_be_created(config: &Config, named: &[NamedRole], faults: &mut Faults) {
    for NamedRole { name, role } in named {
        for fault in check_creation(&role.from.trust(&config.aws.account, config.partition())) {
            faults.add(
                name.at.clone(),
                &name.field,
                format!("{}: {}", fault.field, fault.problem),
                fault.fix,
            );
        }
    }
}

fn source(table: &mut Table, azure: Option<&Azure>, faults: &mut Faults) -> Source {
    match table.required("from", kind, faults).as_str() {
        "azure" => Source::Azure {
            tenant_id: tenant(table, azure, faults),
            app_id_uri: table.required("app_id_uri", value, faults),
            subject: table.required("subject", check::guid, faults),
        },
        "google" => Source::Google {
            unique_id: table.required("unique_id", check::digits, faults),
            audience: table.required("audience", value, faults),
        },
        "github" => github(table, faults),
        "terraform" => Source::Terraform {
            organization: table.required("organization", segment, faults),
            project: table.required("project", segment, faults),
            workspace: table.required("workspace", segment, faults),
            run_phase: table.optional("run_phase", run_phase, faults),
            audience: table.optional("audience", value, faults).unwrap_or_else(|| TERRAFORM.to_owned()),
        },
        "cognito" => Source::Cognito {
            identity_pool: table.required("identity_pool", identity_pool, faults),
            authenticated: table
                .optional("login", login, faults)
                .is_none_or(|login| login == "authenticated"),
        },
        "amazon" => Source::Amazon {
            app_id: table.required("app_id", value, faults),
            user_id: table.optional("user_id", value, faults),
        },
        "facebook" => Source::Facebook {
            app_id: table.required("app_id", value, faults),
            user_id: table.optional("user_id", value, faults),
        },
        // Whatever else it says is a fault already, and so are fields that no other kind has.
        _ => Source::Oidc {
            issuer: table.required("issuer", issuer, faults),
            audience: table.required("audience", value, faults),
            subject: table.required("subject", value, faults),
        },
    }
}

fn tenant(table: &mut Table, azure: Option<&Azure>, faults: &mut Faults) -> String {
    match azure {
        Some(azure) if !table.contains("tenant_id") => azure.tenant_id.clone(),
        _ => table.required("tenant_id", check::guid, faults),
    }
}

fn github(table: &mut Table, faults: &mut Faults) -> Source {
    let (at, field) = table.place();
    let organization = table.required("organization", segment, faults);
    let repository = table.required("repository", segment, faults);
    let ids = (
        table.optional("organization_id", check::digits, faults),
        table.optional("repository_id", check::digits, faults),
    );
    let ids = match ids {
        (Some(organization), Some(repository)) => Some((organization, repository)),
        (None, None) => None,
        _ => {
            let fix = "give both, or neither";
            faults.add(at.clone(), format!("{field}.repository_id"), "one id without the other", fix);
            None
        }
    };
    let job = match (table.optional("ref", git_ref, faults), table.optional("environment", segment, faults)) {
        (Some(reference), None) => Job::Ref(reference),
        (None, Some(environment)) => Job::Environment(environment),
        (both, _) => {
            let problem = if both.is_some() { "given beside `environment`" } else { "missing" };
            let fix = "add either `ref = \"refs/heads/main\"` or `environment = \"production\"`: GitHub's \
                       subjects name one of them";
            faults.add(at, format!("{field}.ref"), problem, fix);
            Job::Ref(String::new())
        }
    };
    let audience = table.optional("audience", value, faults).unwrap_or_else(|| STS.to_owned());
    Source::Github { organization, repository, ids, job, audience }
}

fn reads(name: &At<String>, table: &mut Table, faults: &mut Faults) -> Vec<S3Prefix> {
    let given = table.list("reads", faults);
    if given.is_empty() {
        let fix = "add `reads = [\"s3://BUCKET/PREFIX\"]`";
        faults.add(name.at.clone(), format!("{}.reads", name.field), "it reads nothing", fix);
    }
    let mut reads = Vec::new();
    for url in given {
        match prefix(&url.value) {
            Ok(prefix) => reads.push(prefix),
            Err((problem, fix)) => faults.add(url.at, &url.field, format!("`{}` {problem}", url.value), fix),
        }
    }
    reads
}

fn prefix(url: &str) -> Result<S3Prefix, (String, String)> {
    let wrong = |problem: &str| {
        Err((
            problem.to_owned(),
            "give s3://BUCKET or s3://BUCKET/PREFIX, without `*`, `?` and `$`".to_owned(),
        ))
    };
    let Some(rest) = url.strip_prefix("s3://") else { return wrong("is no place in S3") };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if !is_s3_bucket(bucket) {
        return wrong("names no bucket");
    }
    let prefix = prefix.trim_end_matches('/');
    // In a policy these are wildcards and variables.
    if prefix.chars().any(|c| matches!(c, '*' | '?' | '$') || c.is_control()) || prefix.starts_with('/') {
        return wrong("has a prefix that no policy can name exactly");
    }
    Ok(S3Prefix { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
}

fn tags(table: &mut Table, faults: &mut Faults) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    let Some(mut section) = table.table("tags", faults) else { return tags };
    let plain = |c: char| c.is_alphanumeric() || " _.:/=+-@".contains(c);
    for (key, value) in section.named_texts(faults) {
        let long = key.value.chars().count() > MAX_TAG_KEY || value.value.chars().count() > MAX_TAG_VALUE;
        let own = key.value.to_lowercase().starts_with("aws:") || key.value.starts_with("carnet:");
        if long
            || own
            || !key.value.chars().all(plain)
            || !value.value.chars().all(plain)
            || key.value.is_empty()
        {
            let fix =
                "use letters, digits, spaces and `_.:/=+-@`; 128 and 256 characters; not `aws:` or `carnet:`";
            faults.add(key.at, &key.field, "not a tag that IAM takes here", fix);
            continue;
        }
        if tags.len() == MAX_TAGS - 2 {
            let fix = "leave some out: two more are of ours";
            faults.add(key.at, &key.field, format!("more tags than the {MAX_TAGS} IAM takes"), fix);
            break;
        }
        tags.insert(key.value, value.value);
    }
    tags
}

fn wrong(problem: &str, fix: &str) -> Check {
    Err((problem.to_owned(), fix.to_owned()))
}

fn kind(text: &str) -> Check {
    let known = ["azure", "google", "github", "terraform", "cognito", "amazon", "facebook", "oidc"];
    if known.contains(&text) {
        return Ok(());
    }
    wrong("nobody known", &format!("give one of \"{}\"", known.join("\", \"")))
}

/// What is compared exactly: in a policy `*`, `?` and `${` would be taken for what they are not.
fn value(text: &str) -> Check {
    let awkward = |c: char| matches!(c, '*' | '?' | '$' | '"' | '\\') || c.is_control() || c.is_whitespace();
    if !text.is_empty() && !text.chars().any(awkward) {
        return Ok(());
    }
    wrong("not an exact value", "give it as the token has it; wildcards and white space match nothing here")
}

/// A part of a subject, between two colons.
fn segment(text: &str) -> Check {
    let awkward = |c: char| matches!(c, '*' | '?' | '$' | ':' | '/' | '"' | '\\') || c.is_control();
    if !text.is_empty() && text.trim() == text && !text.chars().any(awkward) {
        return Ok(());
    }
    wrong("not an exact name", "give one name, without `*`, `?`, `:` and `/`")
}

fn git_ref(text: &str) -> Check {
    let rest = text.strip_prefix("refs/heads/").or_else(|| text.strip_prefix("refs/tags/"));
    if rest.is_some_and(|name| value(name).is_ok()) {
        return Ok(());
    }
    wrong("not a branch or tag in full", "give one such as \"refs/heads/main\" or \"refs/tags/v1\"")
}

fn run_phase(text: &str) -> Check {
    if matches!(text, "plan" | "apply") {
        return Ok(());
    }
    wrong("no phase of a run", "give \"plan\" or \"apply\", or leave it out for both")
}

fn login(text: &str) -> Check {
    if matches!(text, "authenticated" | "unauthenticated") {
        return Ok(());
    }
    wrong("no kind of login", "give \"authenticated\" or \"unauthenticated\"")
}

fn identity_pool(text: &str) -> Check {
    match text.split_once(':') {
        Some((region, id)) if check::region(region).is_ok() && check::guid(id).is_ok() => Ok(()),
        _ => wrong("not an identity pool's id", "give it as REGION:00000000-0000-0000-0000-000000000000"),
    }
}

/// AWS, "CreateOpenIDConnectProvider", `Url`: https, no port, no query, at most 255 characters.
fn issuer(text: &str) -> Check {
    let rest = text.strip_prefix("https://").unwrap_or("");
    let host = rest.split('/').next().unwrap_or("");
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
    if host.contains('.') && text.len() <= 255 && rest.chars().all(plain) {
        return Ok(());
    }
    wrong(
        "not an issuer that IAM takes",
        "give the token's `iss`: https, without port and query, with the slash at its end if it has one",
    )
}

fn boundary(text: &str) -> Check {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    if let ["arn", partition, "iam", "", account, policy] = parts.as_slice()
        && partition.starts_with("aws")
        && (*account == "aws" || check::account(account).is_ok())
        && policy.strip_prefix("policy/").is_some_and(|name| value(name).is_ok())
    {
        return Ok(());
    }
    wrong("not the ARN of a policy", "give one such as \"arn:aws:iam::123456789012:policy/boundary\"")
}
