//! What there is to grant, over all stages: what every renderer writes from.

use super::{Document, Unwritable};
use crate::aws::Policy;
use crate::aws::role_trust::{BUILT_IN, RoleTrust, issuer_host};
use crate::config::{AzureCloud, Config, InboundRole, ProviderKind};
use crate::derive::roles::Providers;
use crate::derive::{self, Deployment};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// AWS accounts by id.
    pub accounts: BTreeMap<String, Account>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub azure: Option<Azure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub google: Option<Google>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Account {
    /// If the configuration knows it.
    pub issuer: Option<String>,
    /// Where commands go: IAM itself has no region.
    pub region: String,
    /// Whether someone in it mints, so that outbound federation must be on.
    pub mints: bool,
    /// By name.
    pub roles: BTreeMap<String, Role>,
    /// Whose tokens may take roles here.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub oidc_providers: Providers,
    /// The roles they take, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub inbound: BTreeMap<String, Inbound>,
}

/// A role into AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inbound {
    pub arn: String,
    pub stage: Option<String>,
    pub region: String,
    /// Its name in the configuration.
    pub principal: String,
    /// Who comes in with it.
    pub from: &'static str,
    /// The issuer, without `https://`.
    pub host: String,
    /// The provider of the account that it needs; none for a built-in one.
    pub provider: Option<String>,
    pub trust: RoleTrust,
    pub read_policy: Policy,
    pub permissions_boundary: Option<String>,
    pub tags: BTreeMap<String, String>,
    pub max_session_seconds: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MadeBy {
    /// A function's: the SAM template makes it, with its policy.
    Template,
    /// An instance's: the documents make it.
    Documents,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Role {
    pub arn: String,
    pub stage: Option<String>,
    pub region: String,
    /// Its name in the configuration.
    pub principal: String,
    pub made_by: MadeBy,
    /// Whom it mints for.
    pub audiences: Vec<String>,
    pub mint_policy: Option<Policy>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Azure {
    pub tenant_id: String,
    #[serde(serialize_with = "cloud_name")]
    pub cloud: AzureCloud,
    pub audience: &'static str,
    /// By name.
    pub identities: BTreeMap<String, Identity>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Identity {
    pub client_id: String,
    pub object_id: String,
    pub credentials: Vec<Credential>,
    pub containers: BTreeSet<Container>,
    /// Secrets of vaults that it reads.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub secrets: BTreeSet<VaultSecret>,
}

/// A federated credential. Its issuer is that of the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Credential {
    pub name: String,
    pub account: String,
    pub subject: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Container {
    pub account: String,
    pub container: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct VaultSecret {
    pub vault: String,
    pub secret: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Google {
    pub project_number: String,
    pub pool: String,
    /// `projects/NUMBER/locations/global/workloadIdentityPools/POOL`
    pub pool_name: String,
    /// By id.
    pub providers: BTreeMap<String, Provider>,
    /// By e-mail address.
    pub service_accounts: BTreeMap<String, ServiceAccount>,
    /// Who reads a bucket, as members of its policy.
    pub buckets: BTreeMap<String, BTreeSet<String>>,
    /// Who reads a secret, `projects/PROJECT/secrets/NAME`, as members of its policy.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Provider {
    /// The AWS account whose proofs it takes.
    pub account: String,
    #[serde(serialize_with = "kind_name")]
    pub kind: ProviderKind,
    pub mapping: BTreeMap<String, String>,
    pub condition: Option<String>,
    pub allowed_audiences: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceAccount {
    /// Its name in the configuration.
    pub name: String,
    /// Id and project, where it is one that can be created.
    pub created: Option<(String, String)>,
    /// Who acts as it, as members of its policy.
    pub users: BTreeSet<String>,
}

fn cloud_name<S: serde::Serializer>(cloud: &AzureCloud, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(cloud.name())
}

fn kind_name<S: serde::Serializer>(kind: &ProviderKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.name())
}

impl Plan {
    pub fn of(config: &Config) -> Plan {
        let deployments = config.deployments();
        Plan {
            accounts: accounts(&deployments),
            azure: azure(config, &deployments),
            google: google(config, &deployments),
        }
    }

    pub(super) fn document(&self) -> Result<Document, Unwritable> {
        const PATH: &str = "trust.json";
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| Unwritable { path: PATH, problem: error.to_string() })?;
        Ok(Document { path: PATH.into(), text: text + "\n", executable: false })
    }

    /// The roles that the documents make, with their accounts.
    pub fn own_roles(&self) -> impl Iterator<Item = (&String, &String, &Role)> {
        self.accounts.iter().flat_map(|(account, it)| {
            let own = it.roles.iter().filter(|(_, role)| role.made_by == MadeBy::Documents);
            own.map(move |(name, role)| (account, name, role))
        })
    }
}

impl Account {
    /// The roles that the template makes.
    pub fn template_roles(&self) -> impl Iterator<Item = (&String, &Role)> {
        self.roles.iter().filter(|(_, role)| role.made_by == MadeBy::Template)
    }
}

impl Role {
    pub fn description(&self) -> String {
        format!("{} presents itself to other clouds with it", self.principal)
    }

    /// Who takes an instance's role.
    ///
    /// AWS, "IAM roles for Amazon EC2": the service's name is another one in China.
    pub fn ec2_service(&self) -> &'static str {
        match derive::partition(&self.region) {
            "aws-cn" => "ec2.amazonaws.com.cn",
            _ => "ec2.amazonaws.com",
        }
    }

    /// The trust of an instance's role.
    pub fn ec2_trust(&self) -> serde_json::Value {
        serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "Service": self.ec2_service() },
                "Action": "sts:AssumeRole",
            }],
        })
    }

    pub fn tags(&self) -> Vec<(&'static str, String)> {
        let stage = self.stage.iter().map(|stage| ("carnet:stage", stage.clone()));
        [("carnet:principal", self.principal.clone())].into_iter().chain(stage).collect()
    }
}

fn accounts(deployments: &[Deployment]) -> BTreeMap<String, Account> {
    let mut accounts: BTreeMap<String, Account> = BTreeMap::new();
    for Deployment { stage, config } in deployments {
        let account = accounts.entry(config.aws.account.clone()).or_insert_with(|| Account {
            issuer: None,
            region: config.aws.region.clone(),
            mints: false,
            roles: BTreeMap::new(),
            oidc_providers: Providers::new(),
            inbound: BTreeMap::new(),
        });
        account.issuer = account.issuer.take().or_else(|| config.aws.issuer.clone());
        for (name, principal) in config.principals() {
            let mint_policy = config.mint_policy(principal);
            account.mints |= mint_policy.is_some();
            let made_by = match config.functions.contains_key(name) {
                true => MadeBy::Template,
                false => MadeBy::Documents,
            };
            let role = Role {
                arn: config.role_arn(name),
                stage: stage.clone(),
                region: config.aws.region.clone(),
                principal: name.clone(),
                made_by,
                audiences: config.proof_audiences(principal),
                mint_policy,
            };
            account.roles.insert(config.role_name(name), role);
        }
        for (host, client_ids) in config.oidc_providers() {
            account.oidc_providers.entry(host).or_default().extend(client_ids);
        }
        for (name, role) in &config.roles {
            let inbound = inbound(config, stage.as_deref(), name, role);
            account.inbound.insert(config.role_name(name), inbound);
        }
    }
    accounts
}

fn inbound(config: &Config, stage: Option<&str>, name: &str, role: &InboundRole) -> Inbound {
    let issuer = role.from.issuer();
    let host = issuer_host(&issuer);
    let ours = [("carnet:principal".to_owned(), name.to_owned())];
    let stage_tag = stage.map(|stage| ("carnet:stage".to_owned(), stage.to_owned()));
    Inbound {
        arn: config.role_arn(name),
        stage: stage.map(str::to_owned),
        region: config.aws.region.clone(),
        principal: name.to_owned(),
        from: role.from.kind(),
        host: host.to_owned(),
        provider: (!BUILT_IN.contains(&host)).then(|| host.to_owned()),
        trust: role.from.trust(&config.aws.account, config.partition()),
        read_policy: role.read_policy(config.partition()),
        permissions_boundary: role.permissions_boundary.clone(),
        tags: ours.into_iter().chain(stage_tag).chain(role.tags.clone()).collect(),
        max_session_seconds: role.max_session_seconds,
    }
}

impl Inbound {
    pub fn description(&self) -> String {
        description(&self.principal, self.from)
    }
}

fn description(name: &str, from: &str) -> String {
    format!("{name} comes in with it, from {from}")
}

impl InboundRole {
    pub fn description(&self, name: &str) -> String {
        description(name, self.from.kind())
    }
}

fn azure(config: &Config, deployments: &[Deployment]) -> Option<Azure> {
    let stated = config.azure.as_ref()?;
    let mut identities: BTreeMap<String, Identity> = BTreeMap::new();
    for (name, identity) in &stated.identities {
        let reads = |container: &(_, BTreeSet<String>)| container.1.contains(name);
        let containers = config.readers().into_iter().filter(reads);
        let secrets = config.vault_readers().into_iter().filter(reads);
        let identity = Identity {
            client_id: identity.client_id.clone(),
            object_id: identity.object_id.clone(),
            credentials: credentials(name, deployments),
            containers: containers
                .map(|((account, container), _)| Container { account, container })
                .collect(),
            secrets: secrets.map(|((vault, secret), _)| VaultSecret { vault, secret }).collect(),
        };
        identities.insert(name.clone(), identity);
    }
    Some(Azure {
        tenant_id: stated.tenant_id.clone(),
        cloud: stated.cloud,
        audience: stated.cloud.exchange_audience(),
        identities,
    })
}

fn credentials(identity: &str, deployments: &[Deployment]) -> Vec<Credential> {
    let mut credentials = Vec::new();
    for Deployment { config, .. } in deployments {
        // The issuer is the account's, known or not: it is left to who writes the credential.
        let of_identity = config.federated_credentials("").remove(identity).unwrap_or_default();
        credentials.extend(of_identity.into_iter().map(|credential| Credential {
            name: credential.name,
            account: config.aws.account.clone(),
            subject: credential.subject,
        }));
    }
    credentials
}

fn google(config: &Config, deployments: &[Deployment]) -> Option<Google> {
    let stated = config.google.as_ref()?;
    let mut google = Google {
        project_number: stated.project_number.clone(),
        pool: stated.pool.clone(),
        pool_name: stated.pool_name(),
        providers: BTreeMap::new(),
        service_accounts: BTreeMap::new(),
        buckets: BTreeMap::new(),
        secrets: BTreeMap::new(),
    };
    for (name, account) in &stated.service_accounts {
        let created = creatable(&account.email);
        let account_entry = ServiceAccount { name: name.clone(), created, users: BTreeSet::new() };
        google.service_accounts.insert(account.email.clone(), account_entry);
    }
    for deployment in deployments {
        let aws = &deployment.config.aws;
        for (id, provider) in deployment.config.google.iter().flat_map(|google| &google.providers) {
            // Its issuer is the account's, known or not.
            let full = provider.full(id, "", &aws.account);
            google.providers.entry(id.clone()).or_insert_with(|| Provider {
                account: aws.account.clone(),
                kind: provider.kind,
                mapping: full.mapping,
                condition: full.condition,
                allowed_audiences: provider.allowed_audiences.clone(),
            });
        }
        let grants = deployment.google_grants();
        for (email, users) in grants.service_accounts {
            if let Some(account) = google.service_accounts.get_mut(&email) {
                account.users.extend(users);
            }
        }
        for (bucket, readers) in grants.buckets {
            google.buckets.entry(bucket).or_default().extend(readers);
        }
        for ((project, secret), readers) in grants.secrets {
            let name = format!("projects/{project}/secrets/{secret}");
            google.secrets.entry(name).or_default().extend(readers);
        }
    }
    Some(google)
}

/// Google, "Create service accounts": ID@PROJECT.iam.gserviceaccount.com. Others are Google's own.
fn creatable(email: &str) -> Option<(String, String)> {
    let (id, domain) = email.split_once('@')?;
    let project = domain.strip_suffix(".iam.gserviceaccount.com")?;
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let fits = (6..=30).contains(&id.len()) && id.bytes().all(plain) && id.as_bytes()[0].is_ascii_lowercase();
    (fits && !id.ends_with('-') && !project.contains('.')).then(|| (id.to_owned(), project.to_owned()))
}
