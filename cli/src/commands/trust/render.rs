//! `carnet trust render`

use super::files::{self, Compared, State};
use crate::args::{Format, Global};
use crate::configuration;
use crate::console;
use crate::failure::Failure;
use carnet_trust::render::{Document, Kind, render};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  carnet trust render                              carnet.toml to infra/, all of it
  carnet trust render --check                      whether infra/ is what carnet.toml says, e.g. in CI
  carnet trust render --stage prod --to infra/prod one of several stages
  carnet trust render --prune                      and remove what a cloud or stage that is gone left
  carnet trust render --only commands              only the scripts for aws, az and gcloud
  carnet trust render --only json --to /tmp/trust  what there is to grant, for other programs

Written are, below the folder:
  versions.tf variables.tf aws.tf azure.tf google.tf    for `terraform plan`; files beside them are left alone
  commands/CLOUD-grant.sh commands/CLOUD-revoke.sh      the same with each cloud's own command line
  trust.json                                            the same for programs
  roles.tf roles.yaml                                   the roles into AWS, for Terraform or CloudFormation
  parameters/STAGE.yaml                                 what the SAM template is told, for `sam deploy`

Each file begins with the rights and organisation policies that its use needs.";

/// Write what carnet.toml states as documents that grant it (Terraform, or commands to grant and to
/// revoke), and as the parameters of the SAM template
///
/// The same configuration gives the same bytes. Each file is written whole or not at all, and only
/// if it differs. What is known only once it is created (client ids, the issuer) is a reference or
/// a variable in them.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The configuration: accounts, stages, places, who may go where
    #[arg(long, value_name = "FILE", default_value = "carnet.toml")]
    config: PathBuf,
    /// The folder they are written to
    #[arg(long, value_name = "FOLDER", default_value = "infra")]
    to: PathBuf,
    /// Only this kind of document; may be given several times
    #[arg(long, value_enum, value_name = "KIND")]
    only: Vec<Only>,
    /// Only this stage of [stages]
    #[arg(long, value_name = "NAME")]
    stage: Option<String>,
    /// Remove files of ours in the folder that are not rendered any more
    #[arg(long, conflicts_with_all = ["check", "only"])]
    prune: bool,
    /// Write nothing; exit with 1 and say what differs, if anything does
    #[arg(long)]
    check: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Only {
    Terraform,
    Commands,
    Json,
    #[value(name = "cloudformation")]
    CloudFormation,
    Parameters,
}

impl From<Only> for Kind {
    fn from(only: Only) -> Kind {
        match only {
            Only::Terraform => Kind::Terraform,
            Only::Commands => Kind::Commands,
            Only::Json => Kind::Json,
            Only::CloudFormation => Kind::CloudFormation,
            Only::Parameters => Kind::Parameters,
        }
    }
}

pub fn run(args: &Args, global: &Global) -> Result<(), Failure> {
    let config = configuration::with_stage(configuration::read(&args.config)?, args.stage.as_deref())?;
    let every = [Only::Terraform, Only::Commands, Only::Json, Only::CloudFormation, Only::Parameters];
    let mut all = Vec::new();
    let mut wanted = Vec::new();
    for kind in every {
        let documents = render(&config, kind.into()).map_err(|error| Failure::because(&error))?;
        if args.only.is_empty() || args.only.contains(&kind) {
            wanted.extend(documents.iter().cloned());
        }
        all.extend(documents);
    }
    let mut compared = files::compare(&args.to, &wanted).map_err(|error| unread(&args.to, error))?;
    if args.only.is_empty() {
        compared.extend(files::stale(&args.to, &all).map_err(|error| unread(&args.to, error))?);
    }
    if !args.check {
        write(&args.to, &wanted, &compared)?;
    }
    if args.prune {
        prune(&mut compared).map_err(|error| unread(&args.to, error))?;
    }
    show(args, global, &compared).map_err(Failure::stdout)?;
    let off = compared.iter().filter(|file| file.state != State::Same).count();
    match args.check && off > 0 {
        true => Err(Failure::Other(format!(
            "{off} of {} files are not what {} says: run `carnet trust render`",
            compared.len(),
            args.config.display()
        ))),
        false => Ok(()),
    }
}

fn unread(folder: &Path, error: io::Error) -> Failure {
    Failure::file(folder, error)
}

fn write(folder: &Path, documents: &[Document], compared: &[Compared]) -> Result<(), Failure> {
    let off = documents.iter().zip(compared).filter(|(_, file)| file.state != State::Same);
    for (document, _) in off {
        files::write(folder, document).map_err(|error| unread(folder, error))?;
    }
    Ok(())
}

fn prune(compared: &mut [Compared]) -> io::Result<()> {
    for file in compared.iter_mut().filter(|file| file.state == State::Stale) {
        files::remove(&file.path)?;
        file.state = State::Removed;
    }
    Ok(())
}

fn show(args: &Args, global: &Global, compared: &[Compared]) -> io::Result<()> {
    if global.quiet && !args.check {
        return Ok(());
    }
    let mut out = console::stdout()?;
    match global.format {
        Format::Json => {
            serde_json::to_writer(&mut out, compared)?;
            writeln!(out)?;
        }
        Format::Text => {
            for file in compared {
                let shown = if args.check { checked(file.state) } else { written(file.state) };
                let Some(shown) = shown else { continue };
                writeln!(out, "{shown:9}  {}", file.path.display())?;
                for line in file.lines.iter().filter(|_| args.check) {
                    writeln!(out, "           {line}")?;
                }
            }
        }
    }
    out.flush()
}

/// In a comparison only what is off is shown.
fn checked(state: State) -> Option<&'static str> {
    match state {
        State::Same => None,
        State::Differs => Some("differs"),
        State::Missing => Some("missing"),
        State::Stale => Some("stale"),
        State::Removed => Some("removed"),
    }
}

fn written(state: State) -> Option<&'static str> {
    Some(match state {
        State::Same => "unchanged",
        State::Differs | State::Missing => "written",
        State::Stale => "stale",
        State::Removed => "removed",
    })
}
