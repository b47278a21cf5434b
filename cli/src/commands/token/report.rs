//! What a person or a program reads of a proof.

use super::{Minted, left};
use crate::console::{self, HEADING, QUIET, write_fields};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use carnet_federation::{Assertion, Claims};
use serde::Serialize;
use serde_json::{Map, Value};
use std::io::{self, Write};
use std::time::{Duration, SystemTime};

/// Under it AWS says what it knows of the bearer beside the role ("Token claims", AWS STS).
const NESTED: &str = "https://sts.amazonaws.com/";

#[derive(Serialize)]
pub struct Report<'a> {
    minted_by: &'a str,
    claims: &'a Claims,
    /// The claims under [`NESTED`].
    #[serde(skip_serializing_if = "Map::is_empty")]
    aws: Map<String, Value>,
    /// Seconds.
    expires_in: u64,
    #[serde(flatten)]
    fits: Fits<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exchange: Option<Traded>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
}

/// What the far side compares, in the words of its own API.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fits<'a> {
    FederatedCredential { issuer: &'a str, subject: &'a str, audiences: &'a [String] },
    OidcProvider { issuer: &'a str, allowed_audiences: &'a [String], subject: &'a str },
    AwsProvider { account: &'a str, arn: &'a str },
    RoleTrust { principal: String, conditions: Vec<Condition> },
}

/// One line of a role's trust: `StringEquals`, by the key that AWS makes of a claim.
#[derive(Serialize)]
pub struct Condition {
    pub key: String,
    pub equals: String,
}

#[derive(Serialize)]
pub struct Traded {
    #[serde(skip)]
    pub by: &'static str,
    pub at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account: Option<String>,
    /// The session of a role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<&'static str>,
    /// Seconds.
    pub expires_in: u64,
}

impl Traded {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "\n{HEADING}Taken by {} at {}{HEADING:#}", self.by, self.at)?;
        let life = console::span(Duration::from_secs(self.expires_in));
        let fields = [
            ("client id", self.client_id.as_deref()),
            ("acts as", self.service_account.as_deref()),
            ("becomes", self.role.as_deref()),
            ("scope", self.scope),
            ("expires in", Some(life.as_str())),
        ];
        write_fields(out, fields.into_iter().filter_map(|(name, value)| Some((name, value?))))
    }
}

fn title(out: &mut impl Write, what: &str, note: &str) -> io::Result<()> {
    writeln!(out, "\n{HEADING}Fits {what}{HEADING:#} {QUIET}({note}){QUIET:#}")
}

impl Fits<'_> {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Fits::FederatedCredential { issuer, subject, audiences } => {
                title(out, "the federated credential", "all compared exactly, letter case included")?;
                let audience = audiences.join(", ");
                write_fields(out, [("issuer", *issuer), ("subject", subject), ("audience", &audience)])
            }
            Fits::OidcProvider { issuer, allowed_audiences, subject } => {
                title(out, "the OIDC provider", "its mapping makes google.subject of the assertion")?;
                let audience = allowed_audiences.join(", ");
                let fields =
                    [("issuer", *issuer), ("allowed audience", &audience), ("assertion.sub", subject)];
                write_fields(out, fields)
            }
            Fits::AwsProvider { account, arn } => {
                title(out, "the AWS provider", "its mapping makes google.subject of the assertion")?;
                write_fields(out, [("account", *account), ("assertion.arn", arn)])
            }
            Fits::RoleTrust { principal, conditions } => {
                title(out, "the role's trust", "StringEquals; values letter by letter")?;
                let conditions = conditions.iter().map(|one| (one.key.as_str(), one.equals.as_str()));
                write_fields(out, [("Federated", principal.as_str())].into_iter().chain(conditions))
            }
        }
    }
}

impl<'a> Report<'a> {
    pub(super) fn of(minted: &'a Minted, fits: Fits<'a>, exchange: Option<Traded>, with_token: bool) -> Self {
        let proof = &minted.proof;
        Self {
            minted_by: minted.mint.target(),
            claims: &proof.claims,
            aws: nested(proof),
            expires_in: left(proof.expires_at),
            fits,
            exchange,
            token: with_token.then(|| proof.secret.expose()),
        }
    }

    pub fn write_json(&self) -> io::Result<()> {
        let mut out = console::stdout()?;
        serde_json::to_writer_pretty(&mut out, self)?;
        writeln!(out)?;
        out.flush()
    }

    pub fn write_text(&self, quiet: bool) -> io::Result<()> {
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
            // A signed request says nothing of its signer: AWS does, when it is sent there.
            ("subject", Some(claims.subject.as_str()).filter(|subject| !subject.is_empty())),
            ("audience", Some(audience.as_str())),
            ("azp", claims.authorized_party.as_deref()),
            ("jti", claims.jti.as_deref()),
            ("algorithm", claims.algorithm.as_deref()),
            ("key id", claims.key_id.as_deref()),
            ("issued", issued.as_deref()),
            ("expires", expires.as_deref()),
        ];
        write_fields(out, fields.into_iter().filter_map(|(name, value)| Some((name, value?))))?;
        self.write_nested(out)?;
        if let Some(traded) = &self.exchange {
            traded.write(out)?;
        }
        self.fits.write(out)
    }

    fn write_nested(&self, out: &mut impl Write) -> io::Result<()> {
        if self.aws.is_empty() {
            return Ok(());
        }
        let note = "Entra cannot match these; a mapping of Google's can";
        writeln!(out, "\n{HEADING}AWS adds{HEADING:#} {QUIET}({note}){QUIET:#}")?;
        let fields: Vec<_> = self.aws.iter().map(|(name, value)| (name.as_str(), words(value))).collect();
        write_fields(out, fields.iter().map(|(name, value)| (*name, value.as_str())))
    }
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

fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
