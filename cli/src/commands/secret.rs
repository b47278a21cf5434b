//! `carnet secret`

use crate::args::{Format, Global};
use crate::console::{self, printable, write_fields};
use crate::failure::Failure;
use carnet_federation::config::Env;
use carnet_federation::{Error, Hop, Kind};
use carnet_secrets::{Copier, Outcome, Pair, Row, SecretUrl, Secrets, State, Value, Version};
use serde_json::json;
use std::io::{self, Write as _};

const EXAMPLES: &str = "\
Examples:
  carnet secret show keyvault://vault/db-password                version, state, content type
  carnet secret read secretmanager://project/api-key > key.txt   the value, into a file
  carnet secret copy keyvault://vault/db-password secretsmanager://app/db-password --dry-run
  carnet secret copy --create secretmanager://project/api-key secretsmanager://app/api-key

Where secrets are:
  keyvault://VAULT/SECRET[/VERSION]          Azure Key Vault
  secretmanager://PROJECT/SECRET[/VERSION]   Google Secret Manager
  secretsmanager://NAME                      AWS Secrets Manager";

/// Read secrets of Azure and Google Cloud, and copy them into AWS Secrets Manager
///
/// A value is written by `secret read` and nowhere else.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Show(Show),
    Read(Read),
    Copy(Copy),
}

/// Show what is known of a secret: never its value
#[derive(clap::Args)]
struct Show {
    /// The current version, unless the URL names one
    url: SecretUrl,
}

/// Write a secret's value to stdout, byte for byte
///
/// To a file or a pipe. A terminal keeps what it shows: there it takes --show-value.
#[derive(clap::Args)]
struct Read {
    /// The current version, unless the URL names one
    url: SecretUrl,
    /// Write it though stdout is a terminal
    #[arg(long)]
    show_value: bool,
}

/// Copy a secret into AWS Secrets Manager, if that version is not there yet
///
/// What is current there becomes AWSPREVIOUS. A version that was copied before is left as it is, even if
/// somebody has made another one current since.
#[derive(clap::Args)]
struct Copy {
    /// keyvault://VAULT/SECRET[/VERSION] or secretmanager://PROJECT/SECRET[/VERSION]
    from: SecretUrl,
    /// secretsmanager://NAME
    to: SecretUrl,
    /// Say what would be done, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Make the secret if it is missing
    #[arg(long)]
    create: bool,
    /// The key of a secret that is made [default: AWS's own]
    #[arg(long, requires = "create", value_name = "KEY")]
    kms_key_id: Option<String>,
}

pub async fn run(args: &Args, global: &Global, env: &Env) -> Result<(), Failure> {
    match &args.command {
        Command::Show(show) => self::show(show, global, env).await,
        Command::Read(read) => self::read(read, global, env).await,
        Command::Copy(copy) => self::copy(copy, global, env).await,
    }
}

async fn show(Show { url }: &Show, global: &Global, env: &Env) -> Result<(), Failure> {
    let secrets = Secrets::open(env, [url]).await?;
    let version = secrets.describe(url).await?;
    match global.format {
        Format::Json => write_json(url, &version),
        Format::Text => write_text(url, &version),
    }
    .map_err(Failure::stdout)
}

fn write_json(url: &SecretUrl, version: &Version) -> io::Result<()> {
    let moment = match version.state {
        State::NotYet(at) | State::Expired(at) => console::rfc3339(at),
        _ => None,
    };
    let shown = json!({
        "url": url.to_string(),
        "version": version.id,
        "created": version.created.and_then(console::rfc3339),
        "content_type": version.content_type,
        "state": version.state.as_str(),
        "since_or_from": moment,
    });
    writeln!(io::stdout(), "{shown}")
}

fn write_text(url: &SecretUrl, version: &Version) -> io::Result<()> {
    let created = version.created.map(console::moment);
    let content_type = version.content_type.as_deref().map(printable);
    let state = match version.state {
        State::NotYet(at) => format!("not yet valid, from {}", console::moment(at)),
        State::Expired(at) => format!("expired {}", console::moment(at)),
        state => state.as_str().to_owned(),
    };
    let url = url.to_string();
    let fields = [
        ("secret", Some(url.as_str())),
        ("version", Some(version.id.as_str())),
        ("created", created.as_deref()),
        ("content type", content_type.as_deref()),
        ("state", Some(state.as_str())),
    ];
    let known = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
    write_fields(&mut anstream::stdout().lock(), known)
}

async fn read(Read { url, show_value }: &Read, global: &Global, env: &Env) -> Result<(), Failure> {
    if console::stdout_is_terminal() {
        if !show_value {
            let why = "stdout is a terminal: redirect it, or say --show-value";
            return Err(Failure::Usage(why.to_owned()));
        }
        warn(global, "this value is a secret; mind the scrollback");
    }
    let secrets = Secrets::open(env, [url]).await?;
    let reading = secrets.read(url).await?;
    match reading.version.state {
        State::Expired(at) => warn(global, &format!("this version expired {}", console::moment(at))),
        State::NotYet(at) => warn(global, &format!("this version is good from {}", console::moment(at))),
        _ => {}
    }
    write_value(&reading.value).map_err(Failure::stdout)
}

/// Past every buffer that would keep it.
fn write_value(value: &Value) -> io::Result<()> {
    let mut out = console::stdout()?;
    out.get_mut().write_all(value.expose())?;
    out.flush()
}

fn warn(global: &Global, what: &str) {
    if !global.quiet {
        // Without a stderr there is nobody to warn.
        let _ = writeln!(io::stderr(), "warning: {what}");
    }
}

async fn copy(args: &Copy, global: &Global, env: &Env) -> Result<(), Failure> {
    let pair = pair(args)?;
    let secrets = Secrets::open(env, [&args.from, &args.to]).await?;
    let kms_key = args.kms_key_id.as_deref();
    let copier = Copier { secrets: &secrets, create: args.create, kms_key, dry_run: args.dry_run };
    let mut row = copier.copy(&pair).await;
    if let Some(error) = row.error.take() {
        return Err(error.into());
    }
    match global.format {
        Format::Json => {
            let mut shown = serde_json::to_value(&row).unwrap_or_default();
            shown["dry_run"] = args.dry_run.into();
            writeln!(io::stdout(), "{shown}")
        }
        Format::Text => writeln!(io::stdout(), "{}", told(&row, args.dry_run)),
    }
    .map_err(Failure::stdout)?;
    match row.outcome {
        Outcome::KeptBack => {
            let why = "this version was copied before, and somebody has made another one current since";
            Err(Error::new(Hop::Write, Kind::Changed, &row.to, why).into())
        }
        _ => Ok(()),
    }
}

fn pair(args: &Copy) -> Result<Pair, Failure> {
    let usage = |why: &str| Failure::Usage(why.to_owned());
    let SecretUrl::SecretsManager(to) = &args.to else {
        return Err(usage("secrets are copied to secretsmanager://NAME"));
    };
    if matches!(args.from, SecretUrl::SecretsManager(_)) {
        return Err(usage(
            "secrets are copied from keyvault://VAULT/SECRET or secretmanager://PROJECT/SECRET",
        ));
    }
    Ok(Pair { from: args.from.clone(), to: to.clone() })
}

fn told(row: &Row, dry_run: bool) -> String {
    let would = if dry_run { "would be " } else { "" };
    let did = match row.outcome {
        Outcome::Created => format!("{would}created"),
        Outcome::Copied => format!("{would}copied"),
        Outcome::Unchanged => "unchanged".to_owned(),
        Outcome::KeptBack => "kept back".to_owned(),
        Outcome::Failed => "failed".to_owned(),
    };
    format!("{did}  {} version {} to {}", row.from, row.version.as_deref().unwrap_or("-"), row.to)
}
