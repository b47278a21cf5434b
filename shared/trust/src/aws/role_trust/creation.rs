//! What IAM refuses when a role is created or its trust changed.
//!
//! AWS, "Identity-provider controls for shared OIDC providers": where one issuer serves everybody's
//! tenants, the claim that tells them apart must be asked for. The document does not say which operators
//! count as asking; here those do that a token without the claim fails: positive ones, without
//! `IfExists` and `ForAllValues`.

use super::principal::{BUILT_IN, Kind, host_of, issuer_host};
use super::{Principals, RoleTrust, TrustStatement};
use crate::aws::condition::{SetOperator, Test};
use crate::aws::{Effect, Operator};

/// An issuer that many share, and what tells its tenants apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shared {
    /// Without `https://` and without a slash at its end.
    pub host: &'static str,
    /// The condition key, whole where it does not begin with the host.
    pub control: &'static str,
    /// A value of nothing but wildcards does not count: documented for GitHub.
    pub no_bare_wildcard: bool,
    /// Refused when the role is taken, too: documented for HCP Terraform.
    pub at_sts: bool,
}

const fn by(host: &'static str, control: &'static str) -> Shared {
    Shared { host, control, no_bare_wildcard: false, at_sts: false }
}

/// AWS, "Identity-provider controls for shared OIDC providers", its table.
pub const SHARED: [Shared; 17] = [
    Shared { no_bare_wildcard: true, ..by("token.actions.githubusercontent.com", "sub") },
    by("gitlab.com", "sub"),
    Shared { at_sts: true, ..by("app.terraform.io", "sub") },
    by("agent.buildkite.com", "sub"),
    by("vstoken.actions.githubusercontent.com", "sub"),
    by("oidc-configuration.audit-log.githubusercontent.com", "sub"),
    by("oidc.codefresh.io", "sub"),
    by("studio.datachain.ai/api", "sub"),
    by("scalr.io", "sub"),
    by("tokens.cloud.shisho.dev", "sub"),
    by("proidc.upbound.io", "sub"),
    by("oidc.op1.openshiftapps.com/2f785sojlpb85i7402pk3qogugim5nfb", "sub"),
    by("oidc.vercel.com", "aud"),
    by("api.pulumi.com/oidc", "aud"),
    by("sandboxes.cloud", "aud"),
    by("cognito-identity.amazonaws.com", "aud"),
    // Microsoft Sentinel's own tenant.
    by("sts.windows.net/33e01921-4d64-4f8c-a055-5bdaffd5e33d", "sts:RoleSessionName"),
];

/// Something for which IAM would not take the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// By its sid, else by its place.
    pub statement: String,
    /// `principal`, `action`, or a condition key.
    pub field: String,
    pub problem: String,
    pub fix: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}: {}; {}", self.statement, self.field, self.problem, self.fix)
    }
}

/// Everything at once.
pub fn check_creation(trust: &RoleTrust) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (index, statement) in trust.statement.0.iter().enumerate() {
        let mut fault = |(field, problem, fix): (String, String, String)| {
            faults.push(Fault { statement: statement.name(index), field, problem, fix });
        };
        shape(statement).into_iter().for_each(&mut fault);
        principals(statement).into_iter().for_each(&mut fault);
        controls(statement).into_iter().for_each(&mut fault);
    }
    faults
}

type Found = (String, String, String);

fn found(field: &str, problem: impl Into<String>, fix: impl Into<String>) -> Found {
    (field.to_owned(), problem.into(), fix.into())
}

/// AWS, "IAM JSON policy elements: NotPrincipal", "Action" and "Principal".
fn shape(statement: &TrustStatement) -> Vec<Found> {
    let mut faults = Vec::new();
    if statement.not_principal.is_some() {
        let problem = "a role's trust policy takes no NotPrincipal";
        faults.push(found("principal", problem, "name whom it is for with Principal"));
    } else if statement.principal.is_none() {
        faults.push(found("principal", "missing", "name whom it is for with Principal"));
    }
    if statement.action.is_empty() && statement.not_action.is_empty() {
        faults.push(found("action", "missing", "add `\"Action\": \"sts:AssumeRoleWithWebIdentity\"`"));
    }
    let foreign = statement.action.0.iter().find(|action| {
        let action = action.to_lowercase();
        action != "*" && !action.starts_with("sts:")
    });
    if let Some(action) = foreign {
        let problem = format!("`{action}` is no action of STS");
        faults.push(found("action", problem, "a trust policy names actions of STS only"));
    }
    faults
}

fn principals(statement: &TrustStatement) -> Vec<Found> {
    let Some(Principals::Named(kinds)) = &statement.principal else { return Vec::new() };
    let federated = kinds.get(&Kind::Federated).into_iter().flat_map(|names| &names.0);
    // A SAML provider is none of this module's business.
    let unknown =
        federated.filter(|name| host_of(name).is_none() && !name.contains(":saml-provider/") && *name != "*");
    let unknown = unknown.map(|name| {
        found(
            "principal",
            format!("`{name}` is neither a provider's ARN nor a built-in provider"),
            format!("give arn:aws:iam::ACCOUNT:oidc-provider/HOST, or one of {}", BUILT_IN.join(", ")),
        )
    });
    unknown.collect()
}

/// The claims that shared issuers need.
fn controls(statement: &TrustStatement) -> Vec<Found> {
    if statement.effect == Effect::Deny {
        return Vec::new();
    }
    let principals = statement.principal.as_ref().map(Principals::providers).unwrap_or_default();
    let hosts = principals.into_iter().filter_map(host_of);
    hosts.filter_map(|host| missing_control(statement, host)).collect()
}

/// The row for an issuer, if many share it.
pub fn shared(host: &str) -> Option<&'static Shared> {
    let host = issuer_host(host).trim_end_matches('/');
    SHARED.iter().find(|shared| shared.host.eq_ignore_ascii_case(host))
}

fn missing_control(statement: &TrustStatement, host: &str) -> Option<Found> {
    let shared = shared(host)?;
    let key = match shared.control.contains(':') {
        true => shared.control.to_owned(),
        false => format!("{host}:{}", shared.control),
    };
    let fix = format!("add `\"StringEquals\": {{ \"{key}\": \"...\" }}`, the exact value");
    let asked: Vec<&String> = statement
        .condition
        .iter()
        .filter(|(operator, _)| asks(operator))
        .flat_map(|(_, keys)| keys)
        .filter(|(name, _)| name.eq_ignore_ascii_case(&key))
        .flat_map(|(_, values)| &values.0)
        .collect();
    if asked.is_empty() {
        let problem = "the issuer serves many organisations, and nothing says which of them is meant";
        return Some((key, problem.to_owned(), fix));
    }
    let bare = |value: &&String| value.chars().all(|c| matches!(c, '*' | '?'));
    if shared.no_bare_wildcard && asked.iter().any(bare) {
        return Some((key, "nothing but wildcards: every organisation is let in".to_owned(), fix));
    }
    None
}

/// Whether a token without the key would fail it.
fn asks(operator: &Operator) -> bool {
    let positive =
        matches!(operator.test, Test::StringEquals | Test::StringEqualsIgnoreCase | Test::StringLike);
    positive && !operator.if_exists && operator.set != Some(SetOperator::ForAllValues)
}

/// What STS itself insists on when the role is taken.
pub(super) fn required_at_sts(statement: &TrustStatement, issuer: &str) -> Option<(String, String)> {
    shared(issuer).filter(|shared| shared.at_sts)?;
    let (key, problem, _) = missing_control(statement, issuer_host(issuer))?;
    Some((key, problem))
}
