//! Workloads of every cloud, and the trust that lets them in at Entra and Google. Their roles at AWS are in
//! `workload_roles`.
//!
//! One application of Entra's is both ends of it: workloads of other clouds sign in to it by federated
//! credentials, Azure's own workloads ask for tokens for its App ID URI, and it can sign in by a secret of
//! its own. At Google each issuer gets a provider of its own in the configured pool. They read what the
//! operator reads. None of it touches the identities and providers of the configuration.

use super::{WorldError, secret};
use crate::names::{GITHUB, GOOGLE};
use crate::workloads::cognito;
use crate::world::workloads::{
    AppService, AzureHost, Cluster, Developer, GitHubJob, GoogleVm, IdentityPool, PoolIdentity,
};
use crate::world::{Application, ClientSecret, Provider, World};
use carnet_trust::aws::{Effect, OneOrMany, Policy, Statement};
use carnet_trust::config::Config;
use carnet_trust::entra::FederatedCredential;
use carnet_trust::google::{self, ProviderKind};
use std::collections::BTreeMap;
use std::time::Duration;

/// The application that is both ends.
const CLIENT_ID: &str = "cccccccc-1111-4222-8333-555555555555";
const OBJECT_ID: &str = "dddddddd-1111-4222-8333-555555555555";
const SUBSCRIPTION: &str = "/subscriptions/00000000-0000-4000-8000-000000000000/resourcegroups/carnet";
const POOL_GUID: &str = "11111111-aaaa-4bbb-8ccc-666666666666";
const IDENTITY_GUID: &str = "22222222-aaaa-4bbb-8ccc-666666666666";
const PROVIDER: &str = "login.carnet.example";
const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3600);

pub(super) fn add(world: &mut World, config: &Config) -> Result<(), WorldError> {
    add_github(world)?;
    add_cognito(world);
    add_google_vm(world);
    if let Some(azure) = &config.azure {
        add_azure(world)?;
        add_clusters(world, config);
        trust_at_entra(world, azure.cloud.exchange_audience());
    } else {
        add_clusters(world, config);
    }
    trust_at_google(world, config);
    Ok(())
}

fn add_github(world: &mut World) -> Result<(), WorldError> {
    world.workloads.github = GitHubJob {
        request_token: secret()?,
        repository: "carnet-demo/assets".to_owned(),
        reference: "refs/heads/main".to_owned(),
        environment: None,
        event: "push".to_owned(),
        claims: serde_json::Map::new(),
    };
    Ok(())
}

/// A pool with one login that the operator's backend vouches for.
fn add_cognito(world: &mut World) {
    let region = world.aws.region.clone();
    let (pool_id, identity_id) = (format!("{region}:{POOL_GUID}"), format!("{region}:{IDENTITY_GUID}"));
    let logins = BTreeMap::from([(PROVIDER.to_owned(), "operator".to_owned())]);
    let pool = IdentityPool {
        allows_unauthenticated: true,
        developer_provider: Some(PROVIDER.to_owned()),
        identities: BTreeMap::from([(identity_id.clone(), PoolIdentity { logins })]),
    };
    let arn = format!("arn:aws:cognito-identity:{region}:{}:identitypool/{pool_id}", world.aws.account);
    let operator = world.aws.access_keys.get(&world.operator).map(|key| key.role.clone());
    if let Some(role) = operator.and_then(|role| world.aws.roles.get_mut(&role)) {
        role.policies.push(Policy::new(vec![Statement {
            sid: Some("VouchForLogins".to_owned()),
            effect: Effect::Allow,
            action: OneOrMany(vec!["cognito-identity:GetOpenIdTokenForDeveloperIdentity".to_owned()]),
            not_action: OneOrMany::default(),
            resource: OneOrMany(vec![arn]),
            condition: BTreeMap::new(),
        }]));
    }
    world.workloads.identity_pools.insert(pool_id.clone(), pool);
    world.workloads.developer = Developer {
        identity_pool_id: pool_id,
        identity_id,
        provider: PROVIDER.to_owned(),
        user: "operator".to_owned(),
    };
}

/// Its account is the operator's, else the first.
fn add_google_vm(world: &mut World) {
    let first = world.google.service_accounts.keys().next();
    let service_account = world.operator_service_account.as_ref().or(first).cloned();
    let project = world.google.pools.keys().next().and_then(|pool| pool.split('/').nth(1)?.parse().ok());
    world.workloads.google_vm = GoogleVm {
        service_account,
        project_id: "carnet-demo".to_owned(),
        project_number: project.unwrap_or_default(),
        zone: "europe-west3-a".to_owned(),
        instance_id: "4422113300557799881".to_owned(),
        instance_name: "carnet-vm".to_owned(),
        created: 1_760_000_000,
    };
}

/// The application, and the operator's identity, else the first, on a machine and an app.
fn add_azure(world: &mut World) -> Result<(), WorldError> {
    let first = world.entra.applications.keys().next();
    let assigned = world.operator_client_id.as_ref().or(first).cloned();
    let host = |resource: &str, world: &World| {
        let identity = |name: &str| {
            format!("{SUBSCRIPTION}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}")
        };
        let known = world.entra.applications.iter().filter(|(id, _)| assigned.as_ref() == Some(id));
        AzureHost {
            resource_id: format!("{SUBSCRIPTION}/providers/{resource}"),
            system_assigned: None,
            user_assigned: known.map(|(client_id, it)| (identity(&it.name), client_id.clone())).collect(),
        }
    };
    world.workloads.azure_vm = host("Microsoft.Compute/virtualMachines/carnet-vm", world);
    world.workloads.app_service =
        AppService { host: host("Microsoft.Web/sites/carnet-app", world), identity_header: secret()? };
    let app_id_uri = format!("api://{CLIENT_ID}");
    let application = Application {
        name: "carnet-local".to_owned(),
        object_id: OBJECT_ID.to_owned(),
        client_secrets: vec![ClientSecret { value: secret()?, expires_at: None }],
        app_id_uri: Some(app_id_uri.clone()),
        token_version: 1,
        ..Application::default()
    };
    world.entra.applications.insert(CLIENT_ID.to_owned(), application);
    world.workloads.azure_app = Some(CLIENT_ID.to_owned());
    world.workloads.app_id_uri = Some(app_id_uri);
    Ok(())
}

fn add_clusters(world: &mut World, config: &Config) {
    let tenant = match world.entra.tenant_id.as_str() {
        "" => "00000000-0000-4000-8000-000000000000",
        known => known,
    };
    let project = &world.workloads.google_vm.project_id;
    let issuers = [
        (
            "eks",
            format!(
                "https://oidc.eks.{}.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF",
                world.aws.region
            ),
            DAY,
        ),
        (
            "aks",
            format!(
                "https://westeurope.oic.prod-aks.azure.com/{tenant}/33333333-aaaa-4bbb-8ccc-666666666666/"
            ),
            HOUR,
        ),
        (
            "gke",
            format!(
                "https://container.googleapis.com/v1/projects/{project}/locations/europe-west3/clusters/carnet"
            ),
            HOUR,
        ),
    ];
    let pool = world.google.pools.keys().next().cloned();
    let clusters = issuers.map(|(name, issuer, lifetime)| {
        let mut audiences = BTreeMap::from([("aws".to_owned(), "sts.amazonaws.com".to_owned())]);
        if let Some(azure) = &config.azure {
            audiences.insert("azure".to_owned(), azure.cloud.exchange_audience().to_owned());
        }
        if let Some(pool) = &pool {
            let provider = format!("{pool}/providers/{}", provider_id(name));
            audiences.insert("google".to_owned(), format!("https:{}", google::full_resource_name(&provider)));
        }
        let cluster = Cluster {
            issuer,
            namespace: "default".to_owned(),
            service_account: "carnet".to_owned(),
            pod: "carnet-0".to_owned(),
            lifetime,
            line_break: false,
            audiences,
        };
        (name.to_owned(), cluster)
    });
    world.workloads.clusters = BTreeMap::from(clusters);
}

/// Issuer and subject of every workload that is not Azure's by managed identity, with its name.
pub(super) fn foreigners(world: &World) -> Vec<(String, String, String)> {
    let workloads = &world.workloads;
    let mut all = vec![("github".to_owned(), GITHUB.to_owned(), workloads.github.subject())];
    let clusters = workloads.clusters.iter();
    all.extend(clusters.map(|(name, it)| (name.clone(), it.issuer.clone(), it.subject())));
    let vm = workloads.google_vm.service_account.as_ref();
    if let Some(account) = vm.and_then(|email| world.google.service_accounts.get(email)) {
        all.push(("google-vm".to_owned(), GOOGLE.to_owned(), account.unique_id.clone()));
    }
    all
}

fn trust_at_entra(world: &mut World, audience: &str) {
    let mut credentials: Vec<FederatedCredential> = foreigners(world)
        .into_iter()
        .map(|(name, issuer, subject)| FederatedCredential {
            name,
            issuer,
            subject,
            audiences: vec![audience.to_owned()],
        })
        .collect();
    let developer = &world.workloads.developer;
    // Cognito chooses its tokens' audience itself.
    credentials.push(FederatedCredential {
        name: "cognito".to_owned(),
        issuer: cognito::ISSUER.to_owned(),
        subject: developer.identity_id.clone(),
        audiences: vec![developer.identity_pool_id.clone()],
    });
    if let Some(application) = world.entra.applications.get_mut(CLIENT_ID) {
        application.federated_credentials = credentials;
    }
    let operator = world.operator_client_id.as_ref().and_then(|id| world.entra.applications.get(id));
    let Some(reads_as) = operator.map(|application| application.object_id.clone()) else { return };
    let containers = world.azure.accounts.values_mut().flat_map(|account| account.containers.values_mut());
    for container in containers.filter(|container| container.readers.contains(&reads_as)) {
        container.readers.insert(OBJECT_ID.to_owned());
    }
}

/// Providers' ids have four characters at least.
pub(crate) fn provider_id(workload: &str) -> String {
    format!("{workload}-tokens")
}

fn trust_at_google(world: &mut World, config: &Config) {
    let Some(pool_name) = world.google.pools.keys().next().cloned() else { return };
    let mut believed: BTreeMap<String, (String, Vec<String>, Vec<String>)> = BTreeMap::new();
    for (name, issuer, subject) in foreigners(world) {
        // Google's own tokens need no provider.
        if issuer != GOOGLE {
            believed.insert(provider_id(&name), (issuer, Vec::new(), vec![subject]));
        }
    }
    if let Some(app_id_uri) = world.workloads.app_id_uri.clone() {
        let issuer = format!("https://sts.windows.net/{}/", world.entra.tenant_id);
        let subjects = world.entra.applications.values().map(|it| it.object_id.clone()).collect();
        believed.insert(provider_id("azure"), (issuer, vec![app_id_uri], subjects));
    }
    let mut members = Vec::new();
    for (id, (issuer, allowed_audiences, subjects)) in believed {
        let listed = subjects.iter().map(|subject| format!("'{subject}'")).collect::<Vec<_>>().join(", ");
        let trust = google::Provider {
            name: format!("{pool_name}/providers/{id}"),
            kind: ProviderKind::Oidc { issuer, allowed_audiences },
            mapping: BTreeMap::from([("google.subject".to_owned(), "assertion.sub".to_owned())]),
            condition: Some(format!("assertion.sub in [{listed}]")),
        };
        let Some(pool) = world.google.pools.get_mut(&pool_name) else { return };
        // What the configuration calls so stays what it is.
        pool.providers.entry(id).or_insert(Provider { disabled: false, trust });
        members.extend(
            subjects
                .into_iter()
                .map(|subject| format!("principal://iam.googleapis.com/{pool_name}/subject/{subject}")),
        );
    }
    grant_at_google(world, config, &members);
}

/// They act as the operator's service account and read its buckets.
fn grant_at_google(world: &mut World, config: &Config, members: &[String]) {
    let operator = world.operator_service_account.clone();
    if let Some(account) = operator.and_then(|email| world.google.service_accounts.get_mut(&email)) {
        account.users.extend(members.iter().cloned());
    }
    let key = world.aws.access_keys.get(&world.operator);
    let name = key.map(|key| key.session_name.clone()).unwrap_or_default();
    let Some(operator) = config.instances.get(&name) else { return };
    for bucket in config.buckets_of(operator) {
        if let Some(bucket) = world.google.buckets.get_mut(bucket) {
            bucket.readers.extend(members.iter().cloned());
        }
    }
}
