//! `carnet token`

use crate::args::{Format, Global};
use crate::console::{self, HEADING, QUIET, write_fields};
use crate::failure::Failure;
use crate::way;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use carnet_federation::config::{self, Env, Faults};
use carnet_federation::exchange::Entra;
use carnet_federation::http::Http;
use carnet_federation::{Assertion, Audience, Claims, Exchange as _, Expiring as _, Mint as _, Scope};
use carnet_objects::azure::SCOPE;
use serde::Serialize;
use serde_json::{Map, Value};
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

/// Under it AWS says what it knows of the bearer beside the role ("Token claims", AWS STS).
const NESTED: &str = "https://sts.amazonaws.com/";

const EXAMPLES: &str = "\
Examples:
  carnet token                       what would be presented to Entra, and what Entra must know
  carnet token --exchange            and whether Entra takes it
  carnet token --audience api://x    for another audience
  carnet token --show-token | ...    the token alone on stdout, the claims on stderr";

/// Mint a token with the AWS credentials at hand and show its claims
///
/// The token is a secret while it lives (5 minutes at most): it is only written on --show-token.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Whom the token is for [default: Entra's exchange audience in the chosen cloud]
    #[arg(long)]
    audience: Option<String>,
    /// Write the token itself to stdout (the claims move to stderr)
    #[arg(long)]
    show_token: bool,
    /// Also trade it at Entra for a storage token, and say how long that would live
    #[arg(long)]
    exchange: bool,
}

pub async fn run(args: &Args, global: &Global, env: &Env) -> Result<(), Failure> {
    let settings = args.exchange.then(|| way::azure_settings(env)).transpose()?;
    let audience = audience(args, env)?;
    let http = Http::from_env(env)?;
    let mint = way::mint(&http).await?;
    let proof = mint.mint(&audience).await?;
    let exchange = match &settings {
        Some(settings) => Some(trade(&Entra::new(http, settings)?, &proof).await?),
        None => None,
    };
    let report = Report {
        minted_by: mint.target(),
        claims: &proof.claims,
        aws: nested(&proof),
        expires_in: left(proof.expires_at),
        federated_credential: FederatedCredential::of(&proof.claims),
        exchange,
        token: args.show_token.then(|| proof.secret.expose()),
    };
    if args.show_token && console::stdout_is_terminal() && !global.quiet {
        // Without a stderr there is nobody to warn.
        let _ =
            writeln!(io::stderr(), "warning: this token is a secret until it expires; mind the scrollback");
    }
    match global.format {
        Format::Json => report.write_json(),
        Format::Text => report.write_text(global.quiet),
    }
    .map_err(Failure::stdout)
}

fn audience(args: &Args, env: &Env) -> Result<Audience, Failure> {
    if let Some(audience) = &args.audience {
        return Ok(Audience::new(audience));
    }
    let mut faults = Faults::default();
    let audience = config::exchange_audience(env, &mut faults);
    faults.into_result()?;
    Ok(audience)
}

async fn trade(entra: &Entra, proof: &Assertion) -> Result<Traded, Failure> {
    let token = entra.exchange(proof, &Scope::new(SCOPE)).await?;
    Ok(Traded {
        at: entra.target().to_owned(),
        client_id: entra.client_id().to_owned(),
        scope: SCOPE,
        expires_in: left(token.expires_at()),
    })
}

fn left(until: SystemTime) -> u64 {
    until.duration_since(SystemTime::now()).unwrap_or_default().as_secs_f64().round() as u64
}

/// The claims beside the standard ones: identifiers, no secrets.
fn nested(proof: &Assertion) -> Map<String, Value> {
    let payload = proof.secret.expose().split('.').nth(1);
    let payload = payload.and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let payload = payload.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    match payload.as_ref().and_then(|payload| payload.get(NESTED)) {
        Some(Value::Object(claims)) => claims.clone(),
        _ => Map::new(),
    }
}

#[derive(Serialize)]
struct Report<'a> {
    minted_by: &'a str,
    claims: &'a Claims,
    /// The claims under [`NESTED`].
    #[serde(skip_serializing_if = "Map::is_empty")]
    aws: Map<String, Value>,
    /// Seconds.
    expires_in: u64,
    federated_credential: FederatedCredential<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exchange: Option<Traded>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
}

/// What Entra compares, in the words of its own API.
#[derive(Serialize)]
struct FederatedCredential<'a> {
    issuer: &'a str,
    subject: &'a str,
    audiences: &'a [String],
}

#[derive(Serialize)]
struct Traded {
    at: String,
    client_id: String,
    scope: &'static str,
    /// Seconds.
    expires_in: u64,
}

impl<'a> FederatedCredential<'a> {
    fn of(claims: &'a Claims) -> Self {
        Self { issuer: &claims.issuer, subject: &claims.subject, audiences: &claims.audience }
    }
}

impl Report<'_> {
    fn write_json(&self) -> io::Result<()> {
        let mut out = console::stdout()?;
        serde_json::to_writer_pretty(&mut out, self)?;
        writeln!(out)?;
        out.flush()
    }

    fn write_text(&self, quiet: bool) -> io::Result<()> {
        let Some(token) = self.token else { return self.write_claims(&mut anstream::stdout().lock()) };
        if !quiet {
            self.write_claims(&mut anstream::stderr().lock())?;
        }
        let mut out = console::stdout()?;
        writeln!(out, "{token}")?;
        out.flush()
    }

    fn write_claims(&self, out: &mut impl Write) -> io::Result<()> {
        let claims = self.claims;
        writeln!(out, "{HEADING}Minted by {}{HEADING:#}", self.minted_by)?;
        let audience = claims.audience.join(", ");
        let at = |seconds: Option<u64>| {
            seconds.map(|seconds| console::moment(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)))
        };
        let (issued, expires) = (at(claims.issued_at), at(claims.expires_at));
        let fields = [
            ("issuer", Some(claims.issuer.as_str())),
            ("subject", Some(claims.subject.as_str())),
            ("audience", Some(audience.as_str())),
            ("jti", claims.jti.as_deref()),
            ("algorithm", claims.algorithm.as_deref()),
            ("key id", claims.key_id.as_deref()),
            ("issued", issued.as_deref()),
            ("expires", expires.as_deref()),
        ];
        write_fields(out, fields.into_iter().filter_map(|(name, value)| Some((name, value?))))?;
        self.write_nested(out)?;
        if let Some(traded) = &self.exchange {
            writeln!(out, "\n{HEADING}Taken by Entra at {}{HEADING:#}", traded.at)?;
            let life = console::span(Duration::from_secs(traded.expires_in));
            let fields =
                [("client id", traded.client_id.as_str()), ("scope", traded.scope), ("expires in", &life)];
            write_fields(out, fields)?;
        }
        let note = "all compared exactly, letter case included";
        writeln!(out, "\n{HEADING}Fits the federated credential{HEADING:#} {QUIET}({note}){QUIET:#}")?;
        let fits = &self.federated_credential;
        write_fields(out, [("issuer", fits.issuer), ("subject", fits.subject), ("audience", &audience)])
    }

    fn write_nested(&self, out: &mut impl Write) -> io::Result<()> {
        if self.aws.is_empty() {
            return Ok(());
        }
        let note = "Entra cannot match these";
        writeln!(out, "\n{HEADING}AWS adds{HEADING:#} {QUIET}({note}){QUIET:#}")?;
        let fields: Vec<_> = self.aws.iter().map(|(name, value)| (name.as_str(), words(value))).collect();
        write_fields(out, fields.iter().map(|(name, value)| (*name, value.as_str())))
    }
}

fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
