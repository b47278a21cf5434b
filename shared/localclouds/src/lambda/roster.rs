//! The functions of a world, with the variables that lead them to the stand-ins.

use super::{Function, FunctionSpec, GatewayOptions, start};
use crate::local::{Endpoints, Handle};
use crate::server::Transport;
use crate::world;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// What a person may set for every function from outside, as a template would.
const PASSED_ON: [&str; 3] = ["RUST_LOG", "AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_LEVEL"];

#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Names of `World::functions` to start; those without a binary are skipped.
    pub functions: Vec<String>,
    /// Whether a caller of the API must sign, as API Gateway's `AWS_IAM` authorizer demands.
    pub check_callers: bool,
    /// What the functions must trust: their `SSL_CERT_FILE`.
    pub ca_file: Option<PathBuf>,
}

/// The running functions.
#[derive(Default)]
pub struct Running {
    /// Function name to the base URL of its API.
    pub apis: BTreeMap<String, String>,
    pub functions: BTreeMap<String, Function>,
}

impl Running {
    pub async fn stop(self) {
        for function in self.functions.into_values() {
            function.stop().await;
        }
    }
}

/// Called when every other listener answers: `handle.endpoints` is filled.
pub async fn start_all(handle: &Handle, options: &Options) -> io::Result<Running> {
    let endpoints = handle.endpoints.get().cloned().ok_or_else(|| io::Error::other("no endpoints yet"))?;
    let tls = handle.authority.server_config(&[]).map_err(io::Error::other)?;
    let mut running = Running::default();
    for name in &options.functions {
        let Some(spec) = spec(handle, name, &endpoints, options)? else { continue };
        let gateway = GatewayOptions {
            transport: Transport::Tls(Arc::clone(&tls)),
            check_sigv4: options.check_callers,
            ..GatewayOptions::default()
        };
        let function = start(Arc::clone(handle), spec, gateway).await?;
        running.apis.insert(name.clone(), function.base_url().to_owned());
        running.functions.insert(name.clone(), function);
    }
    Ok(running)
}

fn spec(
    handle: &Handle,
    name: &str,
    endpoints: &Endpoints,
    options: &Options,
) -> io::Result<Option<FunctionSpec>> {
    let world = handle.world();
    let function = world.functions.get(name).ok_or_else(|| {
        io::Error::new(io::ErrorKind::NotFound, format!("the world has no function {name:?}"))
    })?;
    let Some(binary) = &function.binary else { return Ok(None) };
    let mut env = variables(function, endpoints, &world.entra.tenant_id);
    if let Some(file) = &options.ca_file {
        env.insert("SSL_CERT_FILE".to_owned(), file.to_string_lossy().into_owned());
    }
    let deployed = function.arn.rsplit(':').next().unwrap_or(name);
    let own = name.to_owned();
    Ok(Some(FunctionSpec {
        arn: Some(function.arn.clone()),
        access_key_id: Some(function.access_key_id.clone()),
        env,
        log_sink: Some(Arc::new(move |line: &str| tracing::info!(function = own, "{line}"))),
        ..FunctionSpec::new(deployed, binary, &function.role)
    }))
}

/// As the function's own documentation names them.
fn variables(function: &world::Function, endpoints: &Endpoints, tenant: &str) -> BTreeMap<String, String> {
    let places: Vec<String> = function.places.iter().map(|(name, url)| format!("{name}={url}")).collect();
    let mut env = BTreeMap::from([
        ("AWS_ENDPOINT_URL_STS".to_owned(), endpoints.aws_sts.clone()),
        ("AZURE_AUTHORITY_HOST".to_owned(), endpoints.entra_authority.clone()),
        ("AZURE_TENANT_ID".to_owned(), tenant.to_owned()),
        ("CARNET_AZURE_BLOB_ENDPOINT".to_owned(), format!("{}/{{account}}", endpoints.azure_blob)),
        ("CARNET_PLACES".to_owned(), places.join(",")),
    ]);
    env.extend(function.client_id.iter().map(|id| ("AZURE_CLIENT_ID".to_owned(), id.clone())));
    for name in PASSED_ON {
        env.extend(std::env::var(name).ok().map(|value| (name.to_owned(), value)));
    }
    env
}
