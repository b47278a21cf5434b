//! The running whole.

mod functions;
mod state;

pub use functions::RESOURCES;
pub use state::{AwsState, AzureState, EntraState, GoogleState, S3State, State};

use crate::aws::trail::Trail;
use crate::faults::{Faults, Hop, Rule, control};
use crate::google::bearer::Seal;
use crate::issuers::Issuers;
use crate::jwt::{KeyError, Keys};
use crate::lambda::{self, Function, LogSink};
use crate::names::{self, Certificates, Names};
use crate::server::{self, Bound, Listening, Transport};
use crate::tls::Authority;
use crate::workloads::{self, WorkloadsState};
use crate::world::World;
use crate::{aws, azure_blob, entra, google, google_storage, key_vault, s3, secret_manager};
use axum::Router;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, SystemTime};

/// What every stand-in shares. Routers are built from an `Arc<Shared>`.
pub struct Shared {
    pub world: RwLock<World>,
    pub faults: Faults,
    /// The calls that reached AWS.
    pub trail: Trail,
    /// Signs and checks the AWS issuer's tokens.
    pub aws_keys: Keys,
    /// Signs and checks Entra's access tokens.
    pub entra_keys: Keys,
    /// Seals and opens Google's access tokens.
    pub google_seal: Seal,
    /// Sign Google's ID tokens. Made when the first is asked for: few tests need them.
    google_keys: OnceLock<Keys>,
    /// Sign for every other issuer, GitHub's and Kubernetes' among them. Made when first asked for.
    other_keys: OnceLock<Keys>,
    /// Where the clouds' HTTP client finds other people's issuers.
    pub names: Names,
    /// Other people's issuers, as Entra knows them.
    pub issuers: Issuers,
    /// The same, as Google knows them.
    pub google_issuers: Issuers,
    /// The same, as STS knows them.
    pub aws_issuers: Issuers,
    pub authority: Authority,
    /// What is in the buckets.
    pub s3: s3::Store,
    /// Where the listeners ended up; filled before any of them answers.
    pub endpoints: OnceLock<Endpoints>,
}

/// Base URLs, without a slash at the end.
#[derive(Clone, Debug)]
pub struct Endpoints {
    pub aws_sts: String,
    pub aws_iam: String,
    /// The `iss` of AWS-issued tokens: its discovery document is below it.
    pub aws_issuer: String,
    /// The bucket's name follows as the first path segment.
    pub aws_s3: String,
    /// As `AZURE_AUTHORITY_HOST`.
    pub entra_authority: String,
    /// The account's name follows as the first path segment.
    pub azure_blob: String,
    /// `/v1/token` is below it.
    pub google_sts: String,
    /// `/v1/projects/-/serviceAccounts/` is below it.
    pub google_iam_credentials: String,
    /// The `iss` of ID tokens of Google's: its discovery document is below it.
    pub google_accounts: String,
    /// `/storage/v1/b/` is below it.
    pub google_storage: String,
    /// The vault's name follows as the first path segment.
    pub key_vault: String,
    /// `/v1/projects/` is below it.
    pub secret_manager: String,
    pub workloads: workloads::Endpoints,
}

pub type Handle = Arc<Shared>;

impl Shared {
    /// Everything but the listeners: fresh keys, a fresh CA, no endpoint yet.
    pub fn new(world: World) -> Result<Shared, LocalError> {
        let keys = |error: KeyError| LocalError::at("making signing keys", error);
        let authority = Authority::new().map_err(|e| LocalError::at("making the CA", e))?;
        // Entra and Google trust the issuers that the CA of these stand-ins vouches for, and no other.
        let tls = authority.client_config().map_err(|e| LocalError::at("trusting the CA", e))?;
        let names = Names::default();
        let client = reqwest::Client::builder()
            .dns_resolver(names.clone())
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|e| LocalError::at("making the clouds' HTTP client", e))?;
        Ok(Shared {
            world: RwLock::new(world),
            faults: Faults::default(),
            trail: Trail::default(),
            aws_keys: Keys::generate().map_err(keys)?,
            entra_keys: Keys::generate().map_err(keys)?,
            google_keys: OnceLock::new(),
            google_seal: Seal::generate().map_err(|e| LocalError::at("making signing keys", e))?,
            other_keys: OnceLock::new(),
            names,
            issuers: Issuers::new(client.clone()),
            google_issuers: Issuers::new(client.clone()),
            aws_issuers: Issuers::new(client),
            authority,
            s3: s3::Store::default(),
            endpoints: OnceLock::new(),
        })
    }

    pub fn google_keys(&self) -> Result<&Keys, KeyError> {
        made(&self.google_keys, Keys::generate)
    }

    pub fn other_keys(&self) -> Result<&Keys, KeyError> {
        made(&self.other_keys, Keys::generate_once)
    }

    /// Never held across an await.
    pub fn world(&self) -> RwLockReadGuard<'_, World> {
        self.world.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Never held across an await.
    pub fn world_mut(&self) -> RwLockWriteGuard<'_, World> {
        self.world.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn made(keys: &OnceLock<Keys>, make: fn() -> Result<Keys, KeyError>) -> Result<&Keys, KeyError> {
    match keys.get() {
        Some(keys) => Ok(keys),
        None => {
            let fresh = make()?;
            // Whoever was faster keeps theirs.
            Ok(keys.get_or_init(|| fresh))
        }
    }
}

#[derive(Clone, Default)]
pub struct Options {
    /// Where the CA's certificate is written, as `ca.pem`.
    pub folder: PathBuf,
    /// Where the state is written, if anywhere.
    pub state_file: Option<PathBuf>,
    /// The functions to run, each with a binary; `None` for all whose binary exists.
    pub functions: Option<Vec<String>>,
    /// For every function, stronger than what is set otherwise.
    pub function_env: BTreeMap<String, String>,
    /// Of every function.
    pub timeout: Option<Duration>,
    /// How many environments of each function may run side by side.
    pub concurrency: Option<usize>,
    /// Gets every line the functions write.
    pub log_sink: Option<LogSink>,
    /// Whether the API checks its callers' SigV4.
    pub check_callers: bool,
    /// How long the federated credentials take to spread.
    pub spreading: Duration,
    /// Whether the app registration gets a certificate, written as `azure-app.pem`. Its key takes its time.
    pub client_certificate: bool,
    pub faults: Vec<Rule>,
}

#[derive(Debug)]
pub struct LocalError {
    pub doing: &'static str,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl LocalError {
    fn at(doing: &'static str, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { doing, source: Box::new(source) }
    }
}

impl std::fmt::Display for LocalError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the local clouds could not start: {} failed", self.doing)
    }
}

impl std::error::Error for LocalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.source.as_ref())
    }
}

/// The stand-ins, listening.
pub struct Local {
    pub shared: Handle,
    /// The functions that run, by name.
    pub functions: BTreeMap<String, Function>,
    state: State,
    listeners: Vec<Listening>,
    /// Renews the token files while it lives.
    kubelet: Option<workloads::token_files::Kubelet>,
}

impl Local {
    /// Starts every listener, then the functions, then writes the state.
    pub async fn start(world: World, options: Options) -> Result<Local, LocalError> {
        let shared = tokio::task::spawn_blocking(move || Shared::new(world))
            .await
            .map_err(|e| LocalError::at("making keys", e))??;
        let handle: Handle = Arc::new(shared);
        handle.faults.set(options.faults.clone());
        handle.s3.keep_in(&options.folder);
        start_spreading(&handle, options.spreading);
        let ca_file = state::write_ca(&options.folder, &handle.authority.ca_pem())
            .map_err(|e| LocalError::at("writing the CA's certificate", e))?;

        let (mut listeners, control) = listen(&handle).await?;
        let functions = functions::start(&handle, &options, &ca_file)
            .await
            .map_err(|e| LocalError::at("starting a function", e))?;

        let tls =
            handle.authority.server_config(&[]).map_err(|e| LocalError::at("making a certificate", e))?;
        let invoke = lambda::service(&handle, functions.values(), options.check_callers);
        let invoke = bind(&Transport::Tls(tls)).await?.serve(invoke);
        let lambda = invoke.base_url.clone();
        listeners.push(invoke);

        let (of_workloads, kubelet) = start_workloads(&handle, &options)
            .await
            .map_err(|e| LocalError::at("writing what workloads find", e))?;
        let apis = functions.values().map(|f| (f.name().to_owned(), f.base_url().to_owned())).collect();
        let state = State::of(&handle, ca_file, control, lambda, apis, of_workloads);
        if let Some(path) = &options.state_file {
            state.write(path).map_err(|e| LocalError::at("writing the state file", e))?;
        }
        Ok(Local { shared: handle, functions, state, listeners, kubelet })
    }

    pub fn state(&self) -> State {
        self.state.clone()
    }

    pub async fn stop(self) {
        for function in self.functions.into_values() {
            function.stop().await;
        }
        for listener in self.listeners {
            listener.stop().await;
        }
        if let Some(kubelet) = self.kubelet {
            kubelet.stop().await;
        }
    }
}

fn start_spreading(handle: &Handle, spreading: Duration) {
    if spreading.is_zero() {
        return;
    }
    let until = SystemTime::now() + spreading;
    for application in handle.world_mut().entra.applications.values_mut() {
        application.spreading_until = Some(until);
    }
}

/// The files that workloads find, and what the state says of them all.
async fn start_workloads(
    handle: &Handle,
    options: &Options,
) -> io::Result<(WorkloadsState, Option<workloads::token_files::Kubelet>)> {
    let (shared, folder, wants) = (handle.clone(), options.folder.clone(), options.client_certificate);
    // Signing and making keys are work for a thread that may block.
    let written = tokio::task::spawn_blocking(move || {
        let files = workloads::token_files::write_all(&shared, &folder)?;
        let client_id = shared.world().workloads.azure_app.clone().filter(|_| wants);
        let certificate = match client_id {
            Some(client_id) => Some(state::write_certificate(
                &folder,
                &workloads::certificate::upload(&shared, &client_id)?,
            )?),
            None => None,
        };
        io::Result::Ok((files, certificate))
    });
    let (files, certificate) = written.await.map_err(io::Error::other)??;
    let kubelet = workloads::token_files::Kubelet::start(handle, &options.folder);
    Ok((WorkloadsState::of(handle, files, certificate), kubelet))
}

/// All ports are taken before any of them answers: each is named in some other's answers.
async fn listen(handle: &Handle) -> Result<(Vec<Listening>, String), LocalError> {
    let tls = handle.authority.server_config(&[]).map_err(|e| LocalError::at("making a certificate", e))?;
    let tls = Transport::Tls(tls);
    let (sts, iam, issuer) = (bind(&tls).await?, bind(&tls).await?, bind(&tls).await?);
    let (entra, blob) = (bind(&tls).await?, bind(&tls).await?);
    let (google_sts, iam_credentials) = (bind(&tls).await?, bind(&tls).await?);
    let accounts = bind(&tls).await?;
    let (storage, s3) = (bind(&tls).await?, bind(&tls).await?);
    let (vaults, secrets) = (bind(&tls).await?, bind(&tls).await?);
    let control = bind(&Transport::Plain).await?;
    let named = Authority::server_config_by(Arc::new(Certificates::new(handle)))
        .map_err(|e| LocalError::at("making a certificate", e))?;
    let named = bind(&Transport::Tls(named)).await?;
    handle.names.are_at(named.addr, handle);
    let plain = Transport::Plain;
    let (azure_vm, app_service) = (bind(&plain).await?, bind(&plain).await?);
    let (metadata, github, cognito) = (bind(&plain).await?, bind(&tls).await?, bind(&tls).await?);
    let endpoints = Endpoints {
        aws_sts: sts.base_url.clone(),
        aws_iam: iam.base_url.clone(),
        aws_issuer: issuer.base_url.clone(),
        aws_s3: s3.base_url.clone(),
        entra_authority: entra.base_url.clone(),
        azure_blob: blob.base_url.clone(),
        google_sts: google_sts.base_url.clone(),
        google_iam_credentials: iam_credentials.base_url.clone(),
        google_accounts: accounts.base_url.clone(),
        google_storage: storage.base_url.clone(),
        key_vault: vaults.base_url.clone(),
        secret_manager: secrets.base_url.clone(),
        workloads: workloads::Endpoints {
            azure_vm: azure_vm.base_url.clone(),
            app_service: app_service.base_url.clone(),
            google_metadata: metadata.base_url.clone(),
            github: github.base_url.clone(),
            cognito: cognito.base_url.clone(),
        },
    };
    handle.world_mut().move_issuer(&endpoints.aws_issuer);
    // Set once, here.
    let _ = handle.endpoints.set(endpoints);

    let faults = &handle.faults;
    let wrapped = |hop: Hop, router: fn(Handle) -> Router| faults.wrap(hop, router(handle.clone()));
    let control_url = control.base_url.clone();
    let listeners = vec![
        sts.serve(wrapped(Hop::Sts, aws::sts::router)),
        iam.serve(wrapped(Hop::Iam, aws::iam::router)),
        issuer.serve(wrapped(Hop::Issuer, aws::issuer::router)),
        s3.serve(wrapped(Hop::S3, s3::router)),
        entra.serve(entra::router(handle.clone())),
        blob.serve(wrapped(Hop::Blob, azure_blob::router)),
        google_sts.serve(wrapped(Hop::GoogleSts, google::sts::router)),
        iam_credentials.serve(wrapped(Hop::GoogleIamCredentials, google::iam_credentials::router)),
        accounts.serve(wrapped(Hop::GoogleAccounts, google::accounts::router)),
        storage.serve(faults.wrap_by(google_storage::hop_of, google_storage::router(handle.clone()))),
        vaults.serve(wrapped(Hop::KeyVault, key_vault::router)),
        secrets.serve(wrapped(Hop::SecretManager, secret_manager::router)),
        named.serve(wrapped(Hop::Issuers, names::router)),
        azure_vm.serve(wrapped(Hop::AzureImds, workloads::azure_vm::router)),
        app_service.serve(wrapped(Hop::AzureAppService, workloads::app_service::router)),
        metadata.serve(wrapped(Hop::GoogleMetadata, workloads::google_metadata::router)),
        github.serve(wrapped(Hop::GitHub, workloads::github::router)),
        cognito.serve(wrapped(Hop::Cognito, workloads::cognito::router)),
        control.serve(control::router(faults.clone())),
    ];
    Ok((listeners, control_url))
}

async fn bind(transport: &Transport) -> Result<Bound, LocalError> {
    server::bind(transport.clone()).await.map_err(|e| LocalError::at("taking a port", e))
}
