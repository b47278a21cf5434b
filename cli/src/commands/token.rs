//! `carnet token`
//!
//! | module | what happens there |
//! |---|---|
//! | `azure`, `google`, `aws` | whom the proof is for, what it must fit there, the trade |
//! | `report` | what a person or a program reads of it |

mod aws;
mod azure;
mod google;
mod report;

use crate::args::{Format, Global};
use crate::console;
use crate::failure::Failure;
use carnet_federation::config::Env;
use carnet_federation::http::Http;
use carnet_federation::{Assertion, Audience, Exchange, Expiring, Mint, Mints, Proof};
use report::{Fits, Report, Traded};
use std::io::Write as _;
use std::sync::Arc;
use std::time::SystemTime;

const EXAMPLES: &str = "\
Examples:
  carnet token                       what would be presented to Entra, and what Entra must know
  carnet token --cloud google        what would be presented to Google, and what its provider must know
  carnet token --cloud aws           what would be presented to AWS, and what the role's trust must say
  carnet token --exchange            and whether it is taken
  carnet token --audience api://x    for another audience
  carnet token --show-token | ...    the token alone on stdout, the claims on stderr";

/// Mint a proof of who this process is and show what it says
///
/// With the AWS credentials at hand, or by what CARNET_MINT names. The proof is a secret while it lives (5
/// minutes where AWS makes it, up to a day elsewhere): it is only written on --show-token.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The cloud it is for
    #[arg(long, value_enum, default_value_t = Cloud::Azure)]
    cloud: Cloud,
    /// Whom the proof is for [default: Entra's exchange audience, Google's configured provider, or
    /// sts.amazonaws.com]
    #[arg(long)]
    audience: Option<String>,
    /// Write the proof itself to stdout (what it says moves to stderr)
    #[arg(long)]
    show_token: bool,
    /// Also trade it, for a token to read objects with or for the role's credentials, and say how long those
    /// would live
    #[arg(long)]
    exchange: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Cloud {
    Azure,
    Google,
    Aws,
}

pub async fn run(args: &Args, global: &Global, env: &Env) -> Result<(), Failure> {
    match args.cloud {
        Cloud::Azure => azure::run(args, global, env).await,
        Cloud::Google => google::run(args, global, env).await,
        Cloud::Aws => aws::run(args, global, env).await,
    }
}

/// What all clouds' proofs have in common.
struct Minted {
    mint: Arc<dyn Mint>,
    proof: Assertion,
}

async fn minted(http: &Http, mints: &Mints, kind: Proof, audience: &Audience) -> Result<Minted, Failure> {
    let mint = mints.open(http, kind).await?;
    let proof = mint.mint(audience).await?;
    Ok(Minted { mint, proof })
}

fn show(
    args: &Args,
    global: &Global,
    minted: &Minted,
    fits: Fits,
    exchange: Option<Traded>,
) -> Result<(), Failure> {
    let report = Report::of(minted, fits, exchange, args.show_token);
    if args.show_token && console::stdout_is_terminal() && !global.quiet {
        // Without a stderr there is nobody to warn.
        let _ = writeln!(
            std::io::stderr(),
            "warning: this token is a secret until it expires; mind the scrollback"
        );
    }
    match global.format {
        Format::Json => report.write_json(),
        Format::Text => report.write_text(global.quiet),
    }
    .map_err(Failure::stdout)
}

/// The audience asked for, else the exchange's own.
fn audience(args: &Args, exchange: &impl Exchange) -> Audience {
    args.audience.as_ref().map_or_else(|| exchange.audience().clone(), Audience::new)
}

fn left(until: SystemTime) -> u64 {
    until.duration_since(SystemTime::now()).unwrap_or_default().as_secs_f64().round() as u64
}

fn expires_in(given: &impl Expiring) -> u64 {
    left(given.expires_at())
}
