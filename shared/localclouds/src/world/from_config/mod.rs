//! The world a configuration describes. Google's part of it is in `google`, roles into AWS are in `inbound`,
//! secrets in `secrets`.

mod google;
mod inbound;
mod secrets;
mod workload_roles;
mod workloads;

pub(crate) use workload_roles::role_name as workload_role;
pub(crate) use workloads::provider_id;

use super::{AccessKey, Application, Aws, Azure, Container, Entra, Function, Role, StorageAccount, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use carnet_trust::aws::{Effect, OneOrMany, Policy, Statement};
use carnet_trust::config::{Config, Principal, Sync};
use ring::rand::{SecureRandom as _, SystemRandom};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Until the listeners run and the issuer has its URL.
const NO_ISSUER_YET: &str = "https://issuer.invalid";
/// AWS gives a function's session hours; the figure is ours.
const SESSION: Duration = Duration::from_secs(12 * 3600);
/// What Entra answers as `expires_in` to an application.
const TOKEN_LIFETIME: Duration = Duration::from_secs(3599);

/// Something that only the stand-ins need and the configuration leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorldError {
    /// `section` is `containers` or `buckets`.
    NoFolder {
        section: &'static str,
        store: String,
    },
    NotAFolder {
        section: &'static str,
        store: String,
        folder: String,
    },
    NoRandomness,
    NoBase {
        base: String,
    },
}

impl std::fmt::Display for WorldError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            WorldError::NoFolder { section, store } => {
                write!(f, "no folder stands in for {store}: add \"{store}\" to [local.{section}]")
            }
            WorldError::NotAFolder { section, store, folder } => {
                write!(f, "local.{section}.\"{store}\" names {folder}, which is no folder")
            }
            WorldError::NoBase { base } => write!(f, "{base} is no path that could be made absolute"),
            WorldError::NoRandomness => f.write_str("the system gave no random bytes for an access key"),
        }
    }
}

impl std::error::Error for WorldError {}

impl World {
    /// Everything the configuration names, with fresh access keys, and workloads of every cloud that are
    /// let in elsewhere. Folders and binaries are relative to `base`, where the configuration lies.
    pub fn from_config(config: &Config, base: &Path) -> Result<World, WorldError> {
        let mut world = Self::stated(config, base)?;
        let (config, _) = with_operator(config);
        workloads::add(&mut world, &config)?;
        workload_roles::add(&mut world, &config)?;
        Ok(world)
    }

    /// What the configuration names and nothing else: no trust but the one it states.
    pub fn stated(config: &Config, base: &Path) -> Result<World, WorldError> {
        let base = &std::path::absolute(base)
            .map_err(|_| WorldError::NoBase { base: base.display().to_string() })?;
        let issuer = config.aws.issuer.clone().unwrap_or_else(|| NO_ISSUER_YET.to_owned());
        let (config, operator_name) = &with_operator(config);
        let operator = &config.instances[operator_name];
        let mut aws = Aws {
            account: config.aws.account.clone(),
            region: config.aws.region.clone(),
            org_id: config.aws.org_id.clone(),
            issuer: issuer.clone(),
            outbound_federation: true,
            roles: roles(config, operator_name)?.into_iter().chain(inbound::roles(config)?).collect(),
            access_keys: BTreeMap::new(),
            session_policies: BTreeMap::new(),
            oidc_providers: inbound::providers(config),
            s3_buckets: inbound::buckets(config).chain(config.local.s3_buckets.iter().cloned()).collect(),
        };
        let functions = functions(config, base, &mut aws)?;
        // The state that is written for people has no session token, so this key needs none.
        let operator_key = AccessKey {
            secret: secret()?,
            session_token: None,
            role: config.role_name(operator_name),
            session_name: operator_name.clone(),
            expires_at: None,
            function_arn: None,
            instance_arn: None,
        };
        let operator_id = identifier("AKIA")?;
        aws.access_keys.insert(operator_id.clone(), operator_key);
        Ok(World {
            aws,
            entra: entra(config, &issuer),
            azure: Azure { accounts: accounts(config, base)?, vaults: secrets::vaults(config, operator) },
            google: google::google(config, base, &issuer, (operator_name, operator))?,
            workloads: super::Workloads::default(),
            issuers: std::collections::BTreeSet::new(),
            functions,
            operator: operator_id,
            operator_client_id: config.client_id(operator).map(str::to_owned),
            operator_provider: config.google_audience(operator),
            operator_service_account: config.google_service_account(operator).map(str::to_owned),
        })
    }
}

/// People act as the role of the instance called `operator`, else of the first by name. Where there is
/// none they have one that may go nowhere.
fn with_operator(config: &Config) -> (Config, String) {
    let mut config = config.clone();
    if config.instances.is_empty() {
        config.instances.insert("operator".to_owned(), Principal::default());
    }
    let first = config.instances.keys().find(|name| *name == "operator").or(config.instances.keys().next());
    let name = first.cloned().unwrap_or_default();
    (config, name)
}

fn roles(config: &Config, operator: &str) -> Result<BTreeMap<String, Role>, WorldError> {
    let mut roles = BTreeMap::new();
    for (name, principal) in config.principals() {
        let mut policies: Vec<Policy> = config.mint_policy(principal).into_iter().collect();
        let of_the_sync = config.sync.is_some() && Sync::FUNCTIONS.contains(&name.as_str());
        if name == operator {
            policies.push(switch_policy());
        }
        if name == operator || of_the_sync {
            policies.extend(bucket_policy(&config.local.s3_buckets));
        }
        let role = Role {
            arn: config.role_arn(name),
            id: identifier("AROA")?,
            policies,
            tags: BTreeMap::new(),
            trust: None,
            max_session: Role::MAX_SESSION,
        };
        roles.insert(config.role_name(name), role);
    }
    Ok(roles)
}

/// An account's administrator switches outbound federation on; here the operator stands for one.
fn switch_policy() -> Policy {
    Policy::new(vec![Statement {
        sid: Some("SwitchOutboundFederation".to_owned()),
        effect: Effect::Allow,
        action: OneOrMany(vec![
            "iam:EnableOutboundWebIdentityFederation".to_owned(),
            "iam:DisableOutboundWebIdentityFederation".to_owned(),
            "iam:GetOutboundWebIdentityFederationInfo".to_owned(),
        ]),
        not_action: OneOrMany::default(),
        resource: OneOrMany(vec!["*".to_owned()]),
        condition: BTreeMap::new(),
    }])
}

/// Reading, writing and deleting in these buckets, as a person who copies into them may.
fn bucket_policy(buckets: &[String]) -> Option<Policy> {
    let arns = |rest: &str| buckets.iter().map(|name| format!("arn:aws:s3:::{name}{rest}")).collect();
    let allow = |sid: &str, actions: &[&str], resources| Statement {
        sid: Some(sid.to_owned()),
        effect: Effect::Allow,
        action: OneOrMany(actions.iter().map(|action| format!("s3:{action}")).collect()),
        not_action: OneOrMany::default(),
        resource: OneOrMany(resources),
        condition: BTreeMap::new(),
    };
    let objects = [
        "GetObject",
        "PutObject",
        "PutObjectTagging",
        "DeleteObject",
        "AbortMultipartUpload",
        "ListMultipartUploadParts",
    ];
    let whole = ["ListBucket", "ListBucketMultipartUploads", "GetBucketLocation"];
    let statements = vec![allow("Objects", &objects, arns("/*")), allow("Buckets", &whole, arns(""))];
    (!buckets.is_empty()).then(|| Policy::new(statements))
}

fn functions(config: &Config, base: &Path, aws: &mut Aws) -> Result<BTreeMap<String, Function>, WorldError> {
    let mut functions = BTreeMap::new();
    // It stands in for the one that the stack makes.
    let bucket = config.local.s3_buckets.first().map(String::as_str);
    for name in config.functions.keys() {
        let access_key_id = identifier("ASIA")?;
        let key = AccessKey {
            secret: secret()?,
            session_token: Some(session_token()?),
            role: config.role_name(name),
            session_name: name.clone(),
            expires_at: Some(SystemTime::now() + SESSION),
            function_arn: Some(config.function_arn(name)),
            instance_arn: None,
        };
        aws.access_keys.insert(access_key_id.clone(), key);
        let function = Function {
            deployed_name: config.function_name(name),
            role: config.role_name(name),
            access_key_id,
            arn: config.function_arn(name),
            environment: config.function_environment(name, bucket),
            binary: config.local.functions.get(name).map(|path| base.join(path)),
        };
        functions.insert(name.clone(), function);
    }
    Ok(functions)
}

fn entra(config: &Config, issuer: &str) -> Entra {
    let mut credentials = config.federated_credentials(issuer);
    let identities = config.azure.iter().flat_map(|azure| &azure.identities);
    let applications = identities.map(|(name, identity)| {
        let application = Application {
            name: name.clone(),
            object_id: identity.object_id.clone(),
            federated_credentials: credentials.remove(name).unwrap_or_default(),
            token_version: 1,
            ..Application::default()
        };
        (identity.client_id.clone(), application)
    });
    let applications = applications.collect();
    let tenant_id = config.azure.as_ref().map(|azure| azure.tenant_id.clone()).unwrap_or_default();
    Entra { tenant_id, applications, token_lifetime: TOKEN_LIFETIME }
}

fn accounts(config: &Config, base: &Path) -> Result<BTreeMap<String, StorageAccount>, WorldError> {
    let mut accounts: BTreeMap<String, StorageAccount> = BTreeMap::new();
    for ((account, container), identities) in config.readers() {
        let path = format!("{account}/{container}");
        let folder = folder("containers", &config.local.containers, &path, base)?;
        let known = config.azure.iter().flat_map(|azure| &azure.identities);
        let readers = known.filter(|(name, _)| identities.contains(*name)).map(|(_, identity)| identity);
        let container_entry =
            Container { folder, readers: readers.map(|identity| identity.object_id.clone()).collect() };
        accounts.entry(account).or_default().containers.insert(container, container_entry);
    }
    Ok(accounts)
}

/// The folder that stands in for a container or bucket.
fn folder(
    section: &'static str,
    folders: &BTreeMap<String, String>,
    store: &str,
    base: &Path,
) -> Result<PathBuf, WorldError> {
    let Some(folder) = folders.get(store) else {
        return Err(WorldError::NoFolder { section, store: store.to_owned() });
    };
    let path = base.join(folder);
    if path.is_dir() {
        Ok(path)
    } else {
        Err(WorldError::NotAFolder { section, store: store.to_owned(), folder: folder.clone() })
    }
}

fn random<const N: usize>() -> Result<[u8; N], WorldError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| WorldError::NoRandomness)?;
    Ok(bytes)
}

/// AWS's unique ids: a prefix for the kind, then 16 characters of base 32.
pub(crate) fn identifier(prefix: &str) -> Result<String, WorldError> {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bytes = random::<16>()?;
    let letters = bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    Ok(prefix.chars().chain(letters).collect())
}

pub(crate) fn secret() -> Result<String, WorldError> {
    Ok(STANDARD.encode(random::<30>()?))
}

pub(crate) fn session_token() -> Result<String, WorldError> {
    Ok(STANDARD.encode(random::<120>()?))
}
