//! What follows for roles into AWS: their trust, what they may, the providers they need.

use crate::aws::condition::{SetOperator, Test};
use crate::aws::role_trust::principal::principal_of;
use crate::aws::role_trust::{BUILT_IN, RoleTrust, issuer_host};
use crate::aws::{Effect, OneOrMany, Operator, Policy, Statement, Values};
use crate::config::{Config, InboundRole, Job, S3Prefix, Source};
use std::collections::{BTreeMap, BTreeSet};

/// A condition of a trust: its operator, the claim that the key ends with, the values.
pub type Condition = (Operator, &'static str, Vec<String>);

/// The providers of an account, by URL without `https://`, each with the audiences it takes.
pub type Providers = BTreeMap<String, BTreeSet<String>>;

impl Source {
    /// As it is written in the configuration.
    pub fn kind(&self) -> &'static str {
        match self {
            Source::Azure { .. } => "azure",
            Source::Google { .. } => "google",
            Source::Github { .. } => "github",
            Source::Terraform { .. } => "terraform",
            Source::Cognito { .. } => "cognito",
            Source::Amazon { .. } => "amazon",
            Source::Facebook { .. } => "facebook",
            Source::Oidc { .. } => "oidc",
        }
    }

    /// The `iss` of its tokens. Entra's ends with a slash, and so do the provider's URL and the keys.
    pub fn issuer(&self) -> String {
        match self {
            Source::Azure { tenant_id, .. } => format!("https://sts.windows.net/{tenant_id}/"),
            Source::Google { .. } => "https://accounts.google.com".to_owned(),
            Source::Github { .. } => "https://token.actions.githubusercontent.com".to_owned(),
            Source::Terraform { .. } => "https://app.terraform.io".to_owned(),
            Source::Cognito { .. } => "https://cognito-identity.amazonaws.com".to_owned(),
            Source::Amazon { .. } => "https://www.amazon.com".to_owned(),
            Source::Facebook { .. } => "https://graph.facebook.com".to_owned(),
            Source::Oidc { issuer, .. } => issuer.clone(),
        }
    }

    /// The audience that the provider must take; `None` for those that every account has.
    pub fn client_id(&self) -> Option<&str> {
        match self {
            Source::Azure { app_id_uri, .. } => Some(app_id_uri),
            Source::Github { audience, .. }
            | Source::Terraform { audience, .. }
            | Source::Oidc { audience, .. } => Some(audience),
            Source::Google { .. }
            | Source::Cognito { .. }
            | Source::Amazon { .. }
            | Source::Facebook { .. } => None,
        }
    }

    /// Exact values only.
    pub fn conditions(&self) -> Vec<Condition> {
        let equals =
            |claim, value: &String| (Operator::plain(Test::StringEquals), claim, vec![value.clone()]);
        match self {
            Source::Azure { app_id_uri, subject, .. } => {
                vec![equals("aud", app_id_uri), equals("sub", subject)]
            }
            // `aud` is the token's `azp`, the account itself; the audience is `oaud`.
            Source::Google { unique_id, audience } => {
                vec![equals("aud", unique_id), equals("oaud", audience), equals("sub", unique_id)]
            }
            Source::Github { organization, repository, ids, job, audience } => {
                let subject = github_subject(organization, repository, ids.as_ref(), job);
                vec![equals("aud", audience), equals("sub", &subject)]
            }
            Source::Terraform { organization, project, workspace, run_phase, audience } => {
                let phases = run_phase.as_deref().map_or(vec!["plan", "apply"], |phase| vec![phase]);
                let subject = |phase: &str| {
                    format!(
                        "organization:{organization}:project:{project}:workspace:{workspace}:run_phase:{phase}"
                    )
                };
                let subjects = phases.into_iter().map(subject).collect();
                vec![equals("aud", audience), (Operator::plain(Test::StringEquals), "sub", subjects)]
            }
            Source::Cognito { identity_pool, authenticated } => {
                let login = if *authenticated { "authenticated" } else { "unauthenticated" };
                // Several: how somebody signed in, and with what.
                let any = Operator {
                    set: Some(SetOperator::ForAnyValue),
                    test: Test::StringEquals,
                    if_exists: false,
                };
                vec![equals("aud", identity_pool), (any, "amr", vec![login.to_owned()])]
            }
            Source::Amazon { app_id, user_id } => {
                let user = user_id.iter().map(|user| equals("user_id", user));
                [equals("app_id", app_id)].into_iter().chain(user).collect()
            }
            Source::Facebook { app_id, user_id } => {
                let user = user_id.iter().map(|user| equals("id", user));
                [equals("app_id", app_id)].into_iter().chain(user).collect()
            }
            Source::Oidc { audience, subject, .. } => vec![equals("aud", audience), equals("sub", subject)],
        }
    }

    /// The trust of a role for it, in that account.
    pub fn trust(&self, account: &str, partition: &str) -> RoleTrust {
        let issuer = self.issuer();
        let host = issuer_host(&issuer);
        let mut condition: BTreeMap<Operator, BTreeMap<String, Values>> = BTreeMap::new();
        for (operator, claim, values) in self.conditions() {
            condition.entry(operator).or_default().insert(format!("{host}:{claim}"), Values::of(values));
        }
        RoleTrust::federated(&principal_of(&issuer, account, partition), condition)
    }
}

/// GitHub, "OpenID Connect reference", example subject claims; with ids, the immutable form.
fn github_subject(organization: &str, repository: &str, ids: Option<&(String, String)>, job: &Job) -> String {
    let repository = match ids {
        Some((owner, id)) => format!("{organization}@{owner}/{repository}@{id}"),
        None => format!("{organization}/{repository}"),
    };
    match job {
        Job::Ref(reference) => format!("repo:{repository}:ref:{reference}"),
        Job::Environment(environment) => format!("repo:{repository}:environment:{environment}"),
    }
}

impl InboundRole {
    /// The least that lists and reads what it reads. Amazon, "Actions, resources, and condition keys for
    /// Amazon S3": a bucket is listed, within a prefix by condition; objects are read by their own ARNs.
    pub fn read_policy(&self, partition: &str) -> Policy {
        let allow = |action: &str, resource: String, condition| Statement {
            sid: None,
            effect: Effect::Allow,
            action: OneOrMany(vec![action.to_owned()]),
            not_action: OneOrMany::default(),
            resource: OneOrMany(vec![resource]),
            condition,
        };
        let mut statements = Vec::new();
        let reads: BTreeSet<&S3Prefix> = self.reads.iter().collect();
        for S3Prefix { bucket, prefix } in reads {
            let arn = format!("arn:{partition}:s3:::{bucket}");
            let below = if prefix.is_empty() { "*".to_owned() } else { format!("{prefix}/*") };
            let within = match prefix.is_empty() {
                true => BTreeMap::new(),
                false => BTreeMap::from([(
                    Operator::plain(Test::StringLike),
                    BTreeMap::from([("s3:prefix".to_owned(), Values::one(&*below))]),
                )]),
            };
            statements.push(allow("s3:ListBucket", arn.clone(), within));
            statements.push(allow("s3:GetObject", format!("{arn}/{below}"), BTreeMap::new()));
        }
        Policy::new(statements)
    }
}

impl Config {
    /// The providers that its roles need: one an issuer, however many roles trust it.
    pub fn oidc_providers(&self) -> Providers {
        let mut providers = Providers::new();
        for role in self.roles.values() {
            let issuer = role.from.issuer();
            let host = issuer_host(&issuer);
            if !BUILT_IN.contains(&host) {
                let client_ids = providers.entry(host.to_owned()).or_default();
                client_ids.extend(role.from.client_id().map(str::to_owned));
            }
        }
        providers
    }
}
