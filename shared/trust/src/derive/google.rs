//! What follows for Google Cloud.

use crate::config::{self, Config, Google, Place, Principal, ProviderKind, Secrets};
use crate::google::{self, Mapped, Presented, Refusal};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Stands for the account's issuer while that is not known: no mapping of ours looks at it.
const UNKNOWN_ISSUER: &str = "https://issuer.invalid";

/// Who may do what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Bucket to the members that read it: Storage Object Viewer.
    pub buckets: BTreeMap<String, BTreeSet<String>>,
    /// E-mail address to the members that act as it: Workload Identity User.
    pub service_accounts: BTreeMap<String, BTreeSet<String>>,
    /// Project and secret to the members that read it: Secret Accessor, and Viewer to see which version is
    /// current.
    pub secrets: BTreeMap<(String, String), BTreeSet<String>>,
}

impl ProviderKind {
    /// As it is written in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            ProviderKind::Oidc => "oidc",
            ProviderKind::Aws => "aws",
        }
    }
}

impl Google {
    /// `projects/NUMBER/locations/global/workloadIdentityPools/POOL`
    pub fn pool_name(&self) -> String {
        format!("projects/{}/locations/global/workloadIdentityPools/{}", self.project_number, self.pool)
    }

    pub fn provider_name(&self, provider: &str) -> String {
        format!("{}/providers/{provider}", self.pool_name())
    }

    /// What an exchange at this provider names as its audience.
    pub fn audience(&self, provider: &str) -> String {
        google::full_resource_name(&self.provider_name(provider))
    }
}

impl config::Provider {
    /// As Google holds it. `issuer` and `account` are AWS's.
    pub fn full(&self, name: &str, issuer: &str, account: &str) -> google::Provider {
        let kind = match self.kind {
            ProviderKind::Oidc => google::ProviderKind::Oidc {
                issuer: issuer.to_owned(),
                allowed_audiences: self.allowed_audiences.clone(),
            },
            ProviderKind::Aws => google::ProviderKind::Aws { account: account.to_owned() },
        };
        let mapping = if self.mapping.is_empty() { default_mapping(self.kind) } else { self.mapping.clone() };
        google::Provider { name: name.to_owned(), kind, mapping, condition: self.condition.clone() }
    }
}

/// Names the role and never the session, so that it keeps within Google's 127 bytes: a role's name
/// has 64 characters at most.
fn default_mapping(kind: ProviderKind) -> BTreeMap<String, String> {
    let subject = match kind {
        ProviderKind::Oidc => "assertion.sub",
        ProviderKind::Aws => "assertion.account + ':' + assertion.arn.extract('assumed-role/{role}/')",
    };
    BTreeMap::from([("google.subject".to_owned(), subject.to_owned())])
}

impl Config {
    /// A provider of the pool. `issuer` is the AWS account's: the configured one, or a stand-in's.
    pub fn google_provider(&self, id: &str, issuer: &str) -> Option<google::Provider> {
        let google = self.google.as_ref()?;
        Some(google.providers.get(id)?.full(&google.provider_name(id), issuer, &self.aws.account))
    }

    /// The audience a principal's outbound tokens for Google need; `None` if it presents none.
    pub(super) fn google_proof_audience(&self, principal: &Principal) -> Option<String> {
        let named = || self.google_token_audience(principal).or_else(|| self.google_audience(principal));
        named().filter(|_| self.provider(principal).is_some_and(|it| it.kind == ProviderKind::Oidc))
    }

    /// Whom a principal becomes at its provider; `None` if it has none.
    pub fn google_identity(&self, name: &str) -> Option<Result<Mapped, Refusal>> {
        self.google_identity_in(name, name)
    }

    /// The same in an AWS session of that name.
    pub(super) fn google_identity_in(&self, name: &str, session: &str) -> Option<Result<Mapped, Refusal>> {
        let (_, principal) = self.principals().find(|(known, _)| *known == name)?;
        let issuer = self.aws.issuer.as_deref().unwrap_or(UNKNOWN_ISSUER);
        let provider = self.google_provider(principal.google_provider.as_ref()?, issuer)?;
        let presented = match &provider.kind {
            google::ProviderKind::Oidc { .. } => {
                let audience = self.google_proof_audience(principal)?;
                let claims = [("iss", issuer.to_owned()), ("sub", self.role_arn(name)), ("aud", audience)];
                Presented::Oidc {
                    claims: claims
                        .map(|(k, v)| (k.to_owned(), Value::from(v)))
                        .into_iter()
                        .collect::<Map<_, _>>(),
                }
            }
            google::ProviderKind::Aws { account } => Presented::Aws {
                arn: self.session_arn(name, session),
                account: account.clone(),
                // AWS makes it; what a mapping takes from it cannot be known beforehand.
                userid: format!("AROA:{name}"),
            },
        };
        Some(google::evaluate(&provider, &presented))
    }

    /// `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`
    fn session_arn(&self, name: &str, session: &str) -> String {
        let (partition, account, role) = (self.partition(), &self.aws.account, self.role_name(name));
        format!("arn:{partition}:sts::{account}:assumed-role/{role}/{session}")
    }

    /// The member that a principal is in Google's policies: `principal://.../subject/..`.
    pub fn google_member(&self, name: &str) -> Option<String> {
        self.google_member_in(name, name)
    }

    fn google_member_in(&self, name: &str, session: &str) -> Option<String> {
        let identity = self.google_identity_in(name, session)?.ok()?;
        Some(google::principal(&self.google.as_ref()?.pool_name(), &identity.subject))
    }

    /// Every grant that lets principals read what they read: to the service account where one is
    /// acted as, else to the principal itself.
    pub fn google_grants(&self) -> Grants {
        self.google_grants_in(str::to_owned)
    }

    /// The same, for each principal in the AWS session that `session` names.
    pub(super) fn google_grants_in(&self, session: impl Fn(&str) -> String) -> Grants {
        let mut grants = Grants::default();
        let Some(google) = &self.google else { return grants };
        let accounts =
            google.service_accounts.values().map(|account| (account.email.clone(), BTreeSet::new()));
        grants.service_accounts = accounts.collect();
        let buckets = self.places.values().filter_map(bucket);
        grants.buckets = buckets.map(|bucket| (bucket.to_owned(), BTreeSet::new())).collect();
        grants.secrets = self.google_secrets().map(|secret| (secret, BTreeSet::new())).collect();
        for (name, principal) in self.principals() {
            let Some(member) = self.google_member_in(name, &session(name)) else { continue };
            let account = principal.google_service_account.as_ref();
            let reader = match account.and_then(|account| google.service_accounts.get(account)) {
                Some(account) => {
                    grants.service_accounts.entry(account.email.clone()).or_default().insert(member);
                    format!("serviceAccount:{}", account.email)
                }
                None => member,
            };
            if name == Secrets::FUNCTION {
                for readers in grants.secrets.values_mut() {
                    readers.insert(reader.clone());
                }
            }
            for bucket in self.buckets_of(principal) {
                grants.buckets.entry(bucket.to_owned()).or_default().insert(reader.clone());
            }
        }
        grants
    }

    /// The buckets that a principal reads.
    pub fn buckets_of<'a>(&'a self, principal: &'a Principal) -> impl Iterator<Item = &'a str> {
        principal.reads.iter().filter_map(|place| bucket(self.places.get(place)?))
    }
}

fn bucket(place: &Place) -> Option<&str> {
    match place {
        Place::Google { bucket, .. } => Some(bucket),
        Place::Azure { .. } => None,
    }
}
