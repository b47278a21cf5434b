//! `carnet local`

pub mod exports;
mod places;

use crate::args::{Format, Global};
use crate::configuration;
use crate::console;
use crate::failure::Failure;
use carnet_localclouds::faults::Rule;
use carnet_localclouds::workloads::{Missing, To, Workload};
use carnet_localclouds::{Local, Options, State, World};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  carnet local --config carnet.toml --state-file /tmp/clouds.json      until Ctrl-C
  eval \"$(carnet local --env --state-file /tmp/clouds.json)\"           in another shell, then:
  carnet ls azure://carnetdemo/assets
  carnet ls gs://carnet-demo-archive
  eval \"$(carnet local --env --state-file /tmp/clouds.json --workload azure-vm)\"
      this shell is now a machine at Azure: what carnet does in it, it does with that identity
  eval \"$(carnet local --env --state-file /tmp/clouds.json --workload eks --to azure)\"
  carnet local --config carnet.toml --state-file /tmp/clouds.json \\
      --fault 'entra.token=status:429:retry-after=60*2'                two refusals to begin with

A workload is where a proof comes from:
  azure-vm      a virtual machine with a managed identity: Azure's metadata service
  app-service   App Service or Functions: IDENTITY_ENDPOINT
  azure-app     an app registration with a client secret; its certificate lies beside the CA's
  google-vm     an instance with a service account: Google's metadata server
  github        a job of GitHub Actions: its request URL and token
  eks aks gke   a pod with a token in a file, one for each cloud it may go to: --to
  cognito       a login that the operator vouches for at Cognito

A fault is HOP[/PATH]=FAULT[:ARGUMENT]...[*TIMES][+SKIP].
  hops:   aws.sts aws.iam aws.issuer aws.s3 entra.token entra.discovery azure.blob
          google.sts google.iam_credentials google.accounts google.storage google.media
          issuers azure.imds azure.app_service google.metadata github.token aws.cognito
  faults: hang status:CODE html200 malformed-json absurd-expiry expired-token oversize gzip-bomb drip
          redirect:URL clock-skew:SECONDS cut:BYTES short short-unannounced long no-length corrupt reset
          delay:MILLISECONDS corrupt-request cut-request:BYTES";

/// Run the clouds' stand-ins on loopback: AWS, Azure, Google Cloud, Lambda behind API Gateway
///
/// They decide as the clouds decide, by the trust that the configuration states: real signatures,
/// real token checks, the clouds' own error bodies. RUST_LOG=info shows each request and
/// what the functions log. When all of
/// them answer, the state file is written: where everything is, in JSON. It is removed at the end.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The configuration: accounts, places, who may go where
    #[arg(long, value_name = "FILE", required_unless_present = "env")]
    config: Option<PathBuf>,
    /// The stage of [stages] to play, in the first of its regions; without it, [aws]
    #[arg(long, value_name = "NAME")]
    stage: Option<String>,
    /// Where to write, or with --env to read, where everything is
    #[arg(long, value_name = "FILE")]
    state_file: PathBuf,
    /// Print the exports of a shell that talks to the running stand-ins, and end
    #[arg(long, conflicts_with_all = ["config", "stage", "fault", "check_callers", "spreading"])]
    env: bool,
    /// With --env: as a shell of this workload, which proves itself elsewhere by what it finds there
    #[arg(long, value_name = "NAME", requires = "env", value_parser = workload)]
    workload: Option<Workload>,
    /// With --workload eks, aks or gke: the cloud whose token file is named, aws, azure or google
    #[arg(long, value_name = "CLOUD", requires = "workload", value_parser = target)]
    to: Option<To>,
    /// Switch on a fault from the start; may be given several times
    #[arg(long, value_name = "SPEC")]
    fault: Vec<String>,
    /// Demand that callers of the API sign, as the AWS_IAM authorizer does
    #[arg(long)]
    check_callers: bool,
    /// Let federated credentials take so long to spread through Entra
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    spreading: u64,
}

fn workload(text: &str) -> Result<Workload, String> {
    text.parse().map_err(|error: Missing| error.to_string())
}

fn target(text: &str) -> Result<To, String> {
    text.parse().map_err(|error: Missing| error.to_string())
}

pub async fn run(args: &Args, global: &Global) -> Result<(), Failure> {
    match &args.config {
        Some(config) if !args.env => serve(args, config, global).await,
        _ => print_exports(args, global.format),
    }
}

async fn serve(args: &Args, config: &Path, global: &Global) -> Result<(), Failure> {
    let mut stop = super::Stop::listen();
    let world = world(config, args.stage.as_deref())?;
    let faults = rules(&args.fault)?;
    // What an earlier run left there would tell a script that these are up.
    remove(&args.state_file)?;
    let folder = Folder::beside(&args.state_file)?;
    let options = Options {
        folder: folder.0.clone(),
        state_file: Some(args.state_file.clone()),
        check_callers: args.check_callers,
        spreading: Duration::from_secs(args.spreading),
        faults,
        client_certificate: true,
        // What a function writes is read where everything else is.
        log_sink: Some(Arc::new(|line| tracing::info!(target: "carnet_localclouds::function", "{line}"))),
        ..Options::default()
    };
    let local = Local::start(world, options).await.map_err(|error| Failure::because(&error))?;
    let shown = match global.format {
        _ if global.quiet => Ok(()),
        Format::Json => writeln!(io::stdout(), "{}", places::json(&local.state())),
        Format::Text => places::write(&mut anstream::stdout(), &local.state(), &args.state_file),
    };
    stop.asked_for().await;
    local.stop().await;
    remove(&args.state_file)?;
    shown.map_err(Failure::stdout)
}

/// What `carnet.toml` states of `[aws]`, or of a stage in the first of its regions. Its folders are
/// relative to it.
fn world(path: &Path, stage: Option<&str>) -> Result<World, Failure> {
    let mut config = configuration::with_stage(configuration::read(path)?, stage)?;
    if let (Some(_), Some(deployment)) = (stage, config.deployments().into_iter().next()) {
        config = deployment.config;
    }
    let base = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    World::from_config(&config, base)
        .map_err(|error| Failure::Configuration(format!("{}: {error}", path.display())))
}

fn rules(specs: &[String]) -> Result<Vec<Rule>, Failure> {
    specs
        .iter()
        .map(|spec| spec.parse().map_err(|error| Failure::Usage(format!("--fault {spec:?}: {error}"))))
        .collect()
}

fn print_exports(args: &Args, format: Format) -> Result<(), Failure> {
    let state_file = &args.state_file;
    let fault = |what: String| Failure::Configuration(format!("{}: {what}", state_file.display()));
    let text = std::fs::read_to_string(state_file).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => fault("no such file: no `carnet local` is running with it".to_owned()),
        _ => fault(error.to_string()),
    })?;
    let state: State = serde_json::from_str(&text)
        .map_err(|error| fault(format!("is no state file of `carnet local`: {error}")))?;
    let exports = match args.workload {
        None => exports::of(&state),
        Some(workload) => exports::of_workload(&state, workload, args.to)
            .map_err(|missing| Failure::Configuration(missing.to_string()))?,
    };
    let mut out = console::stdout().map_err(Failure::stdout)?;
    let written = match format {
        Format::Text => exports::write_shell(&mut out, &exports),
        Format::Json => serde_json::to_writer_pretty(&mut out, &exports).map_err(io::Error::from),
    };
    written.and_then(|()| out.flush()).map_err(Failure::stdout)
}

fn remove(file: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Failure::file(file, error)),
        _ => Ok(()),
    }
}

/// What the stand-ins wrote there besides.
const TOKENS: &str = carnet_localclouds::workloads::token_files::FOLDER;

/// Where the CA's certificate lies while the stand-ins run.
struct Folder(PathBuf);

impl Folder {
    fn beside(state_file: &Path) -> Result<Self, Failure> {
        let mut name = state_file.as_os_str().to_owned();
        name.push(".d");
        let folder = PathBuf::from(name);
        std::fs::create_dir_all(&folder).map_err(|error| Failure::file(&folder, error))?;
        let folder = std::path::absolute(&folder).map_err(|error| Failure::file(&folder, error))?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Only what is ours: a folder that holds more than the certificate stays.
        let _ = std::fs::remove_file(self.0.join("ca.pem"));
        let _ = std::fs::remove_file(self.0.join("azure-app.pem"));
        let _ = std::fs::remove_dir_all(self.0.join(TOKENS));
        let _ = std::fs::remove_dir(&self.0);
    }
}
