//! The functions of the world, started with what they need to find the stand-ins.

use super::{Handle, Options};
use crate::lambda::{self, Function, FunctionSpec, GatewayOptions};
use crate::world;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// What the API of `template.yaml` has. A test holds the two together.
pub const RESOURCES: [&str; 6] = [
    "/azure/{place}",
    "/azure/{place}/{key+}",
    "/gcs/{place}",
    "/gcs/{place}/{key+}",
    "/events/azure",
    "/events/google",
];

pub(super) async fn start(
    handle: &Handle,
    options: &Options,
    ca_file: &Path,
) -> io::Result<BTreeMap<String, Function>> {
    let mut running = BTreeMap::new();
    for (name, function) in chosen(handle, options)? {
        let Some(binary) = &function.binary else { continue };
        let mut spec = FunctionSpec::new(&name, binary, &function.role);
        spec.deployed_name = function.deployed_name.clone();
        spec.access_key_id = Some(function.access_key_id.clone());
        spec.env = function.environment.clone();
        spec.env.extend(endpoints(handle, ca_file));
        spec.env.extend(options.function_env.clone());
        spec.log_sink = options.log_sink.clone();
        spec.concurrency = options.concurrency.unwrap_or(spec.concurrency);
        spec.timeout = options.timeout.unwrap_or(spec.timeout);
        let gateway = GatewayOptions {
            check_sigv4: options.check_callers,
            resources: RESOURCES.map(str::to_owned).to_vec(),
            ..GatewayOptions::default()
        };
        running.insert(name, lambda::start(handle.clone(), spec, gateway).await?);
    }
    Ok(running)
}

/// Those that were named, or all whose binary has been built.
fn chosen(handle: &Handle, options: &Options) -> io::Result<Vec<(String, world::Function)>> {
    let world = handle.world();
    let built = |function: &world::Function| function.binary.as_ref().is_some_and(|path| path.is_file());
    let Some(names) = &options.functions else {
        let functions = world.functions.iter().filter(|(_, function)| built(function));
        return Ok(functions.map(|(name, function)| (name.clone(), function.clone())).collect());
    };
    let mut functions = Vec::new();
    for name in names {
        match world.functions.get(name).filter(|function| built(function)) {
            Some(function) => functions.push((name.clone(), function.clone())),
            None => {
                let what =
                    format!("no binary for the function {name}: build it, or correct [local.functions]");
                return Err(io::Error::new(io::ErrorKind::NotFound, what));
            }
        }
    }
    Ok(functions)
}

/// The variables that lead to the listeners.
fn endpoints(handle: &Handle, ca_file: &Path) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::from([("SSL_CERT_FILE".to_owned(), ca_file.display().to_string())]);
    if let Some(endpoints) = handle.endpoints.get() {
        let blob = format!("{}/{{account}}", endpoints.azure_blob);
        let vaults = format!("{}/{{vault}}", endpoints.key_vault);
        for (name, value) in [
            // Any other service of AWS that is called is asked for here, and unknown: nothing leaves.
            ("AWS_ENDPOINT_URL", &endpoints.aws_sts),
            ("AWS_ENDPOINT_URL_STS", &endpoints.aws_sts),
            ("AWS_ENDPOINT_URL_S3", &endpoints.aws_s3),
            ("AZURE_AUTHORITY_HOST", &endpoints.entra_authority),
            ("CARNET_AZURE_BLOB_ENDPOINT", &blob),
            ("CARNET_GOOGLE_STS_ENDPOINT", &endpoints.google_sts),
            ("CARNET_GOOGLE_IAM_CREDENTIALS_ENDPOINT", &endpoints.google_iam_credentials),
            ("CARNET_GOOGLE_STORAGE_ENDPOINT", &endpoints.google_storage),
            ("CARNET_AZURE_KEY_VAULT_ENDPOINT", &vaults),
            ("CARNET_GOOGLE_SECRET_MANAGER_ENDPOINT", &endpoints.secret_manager),
        ] {
            variables.insert(name.to_owned(), value.clone());
        }
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::RESOURCES;

    #[test]
    fn the_api_is_that_of_the_template() {
        let template = include_str!("../../../../template.yaml");
        let paths = template.lines().filter_map(|line| line.trim().strip_suffix(':'));
        let paths: Vec<&str> = paths.filter(|path| path.starts_with('/')).collect();
        assert_eq!(paths, RESOURCES);
    }
}
