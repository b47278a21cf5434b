//! Hops, faults, rules, and the text they are written in.
//!
//! ```text
//! HOP[/PATH]=FAULT[:ARGUMENT]...[*TIMES][+SKIP]
//!
//! entra.token=status:429:retry-after=60*2     twice, then no more
//! azure.blob/assets/big.bin=cut:1048576+1     from the second request of that path on
//! aws.sts=clock-skew:-600
//! entra.token=redirect:https://elsewhere.example/token
//! ```
//!
//! | fault | what happens |
//! |---|---|
//! | `hang` | no answer, ever |
//! | `status:CODE[:HEADER=VALUE]...[:body=TEXT]` | that answer in place of the true one |
//! | `html200` | a page of HTML with status 200 |
//! | `malformed-json` | JSON that ends in the middle, with status 200 |
//! | `absurd-expiry`, `expired-token` | the tokens given out live for ages, or are over already |
//! | `oversize` | a body of 1 GiB, streamed |
//! | `gzip-bomb` | 1 GiB of zeros, gzipped, with `Content-Encoding: gzip` |
//! | `drip` | the true body, one byte a second |
//! | `redirect:URL` | 307 to that URL |
//! | `clock-skew:SECONDS` | `Date` and every decision about time are off by so many seconds |
//! | `cut:BYTES` | after so many bytes of the body the connection is dropped |
//! | `short` | half the body, with a `Content-Length` that agrees |
//! | `short-unannounced` | half the body, without `Content-Length` |
//! | `long` | bytes after the end of the body, with a `Content-Length` that agrees |
//! | `no-length` | the true body without `Content-Length` |
//! | `corrupt` | one bit in the middle of the body is flipped |
//! | `reset` | the connection is reset before any answer |
//! | `delay:MILLISECONDS` | so long nothing happens, then the true answer |
//! | `corrupt-request` | one bit in the middle of the request's body is flipped on its way |
//! | `cut-request:BYTES` | after so many bytes of the request's body the connection is reset |

use std::fmt;
use std::str::FromStr;

/// Where a rule applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hop {
    Sts,
    Iam,
    Issuer,
    S3,
    EntraToken,
    EntraDiscovery,
    Blob,
    KeyVault,
    GoogleSts,
    GoogleIamCredentials,
    /// Discovery and keys of `accounts.google.com`.
    GoogleAccounts,
    /// Listings and what is known of an object.
    GoogleStorage,
    /// The bytes of objects.
    GoogleMedia,
    SecretManager,
    /// Discovery and keys of issuers under their real names.
    Issuers,
    /// A virtual machine's metadata service at Azure.
    AzureImds,
    AzureAppService,
    /// An instance's metadata server at Google.
    GoogleMetadata,
    /// Where a job of GitHub Actions asks for its token.
    GitHub,
    Cognito,
}

impl Hop {
    pub const ALL: [Hop; 20] = [
        Hop::Sts,
        Hop::Iam,
        Hop::Issuer,
        Hop::S3,
        Hop::EntraToken,
        Hop::EntraDiscovery,
        Hop::Blob,
        Hop::KeyVault,
        Hop::GoogleSts,
        Hop::GoogleIamCredentials,
        Hop::GoogleAccounts,
        Hop::GoogleStorage,
        Hop::GoogleMedia,
        Hop::SecretManager,
        Hop::Issuers,
        Hop::AzureImds,
        Hop::AzureAppService,
        Hop::GoogleMetadata,
        Hop::GitHub,
        Hop::Cognito,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Hop::Sts => "aws.sts",
            Hop::Iam => "aws.iam",
            Hop::Issuer => "aws.issuer",
            Hop::S3 => "aws.s3",
            Hop::EntraToken => "entra.token",
            Hop::EntraDiscovery => "entra.discovery",
            Hop::Blob => "azure.blob",
            Hop::KeyVault => "azure.key_vault",
            Hop::GoogleSts => "google.sts",
            Hop::GoogleIamCredentials => "google.iam_credentials",
            Hop::GoogleAccounts => "google.accounts",
            Hop::GoogleStorage => "google.storage",
            Hop::GoogleMedia => "google.media",
            Hop::SecretManager => "google.secret_manager",
            Hop::Issuers => "issuers",
            Hop::AzureImds => "azure.imds",
            Hop::AzureAppService => "azure.app_service",
            Hop::GoogleMetadata => "google.metadata",
            Hop::GitHub => "github.token",
            Hop::Cognito => "aws.cognito",
        }
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Hop {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let names = || Hop::ALL.map(Hop::name).join(", ");
        Hop::ALL
            .into_iter()
            .find(|hop| hop.name() == text)
            .ok_or_else(|| RuleError(format!("`{text}` is no hop; the hops are {}", names())))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    Hang,
    Status { status: u16, headers: Vec<(String, String)>, body: String },
    Html200,
    MalformedJson,
    AbsurdExpiry,
    ExpiredToken,
    Oversize,
    GzipBomb,
    Drip,
    Redirect { to: String },
    ClockSkew { seconds: i64 },
    CutBody { after: u64 },
    ShortBody { announce: bool },
    LongBody,
    NoLength,
    CorruptBody,
    ResetBefore,
    Delay { milliseconds: u64 },
    CorruptRequest,
    CutRequest { after: u64 },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub hop: Hop,
    pub fault: Fault,
    /// Applies to so many requests, then no more.
    pub times: Option<u64>,
    /// Lets so many requests pass first.
    pub skip: u64,
    /// Only requests whose path contains this.
    pub path: Option<String>,
}

impl Rule {
    /// For every request of a hop.
    pub fn always(hop: Hop, fault: Fault) -> Self {
        Self { hop, fault, times: None, skip: 0, path: None }
    }

    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    pub fn skip(mut self, skip: u64) -> Self {
        self.skip = skip;
        self
    }

    pub fn path(mut self, part: impl Into<String>) -> Self {
        self.path = Some(part.into());
        self
    }
}

/// A rule that cannot be read, and what could be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleError(String);

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RuleError {}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let (place, fault) = text.split_once('=').ok_or_else(|| {
            RuleError(format!("`{text}` is no rule; write HOP[/PATH]=FAULT[*TIMES][+SKIP]"))
        })?;
        let (hop, path) = match place.find('/') {
            Some(slash) => (&place[..slash], Some(place[slash..].to_owned())),
            None => (place, None),
        };
        let (fault, skip) = count_after(fault, '+');
        let (fault, times) = count_after(fault, '*');
        Ok(Self { hop: hop.parse()?, fault: fault.parse()?, times, skip: skip.unwrap_or(0), path })
    }
}

/// `text*3` into `text` and 3.
fn count_after(text: &str, mark: char) -> (&str, Option<u64>) {
    match text.rsplit_once(mark) {
        Some((rest, count)) if !count.is_empty() => match count.parse() {
            Ok(count) => (rest, Some(count)),
            Err(_) => (text, None),
        },
        _ => (text, None),
    }
}

impl FromStr for Fault {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let (name, argument) = text.split_once(':').unwrap_or((text, ""));
        let number = || RuleError(format!("`{name}` needs a whole number, as in `{name}:600`"));
        let plain = |fault| {
            if argument.is_empty() {
                Ok(fault)
            } else {
                Err(RuleError(format!("`{name}` takes no argument")))
            }
        };
        match name {
            "hang" => plain(Fault::Hang),
            "status" => status(argument),
            "html200" => plain(Fault::Html200),
            "malformed-json" => plain(Fault::MalformedJson),
            "absurd-expiry" => plain(Fault::AbsurdExpiry),
            "expired-token" => plain(Fault::ExpiredToken),
            "oversize" => plain(Fault::Oversize),
            "gzip-bomb" => plain(Fault::GzipBomb),
            "drip" => plain(Fault::Drip),
            "redirect" if argument.is_empty() => Err(RuleError("`redirect` needs a URL".to_owned())),
            "redirect" => Ok(Fault::Redirect { to: argument.to_owned() }),
            "clock-skew" => Ok(Fault::ClockSkew { seconds: argument.parse().map_err(|_| number())? }),
            "cut" => Ok(Fault::CutBody { after: argument.parse().map_err(|_| number())? }),
            "short" => plain(Fault::ShortBody { announce: true }),
            "short-unannounced" => plain(Fault::ShortBody { announce: false }),
            "long" => plain(Fault::LongBody),
            "no-length" => plain(Fault::NoLength),
            "corrupt" => plain(Fault::CorruptBody),
            "reset" => plain(Fault::ResetBefore),
            "delay" => Ok(Fault::Delay { milliseconds: argument.parse().map_err(|_| number())? }),
            "corrupt-request" => plain(Fault::CorruptRequest),
            "cut-request" => Ok(Fault::CutRequest { after: argument.parse().map_err(|_| number())? }),
            _ => Err(RuleError(format!("`{name}` is no fault"))),
        }
    }
}

fn status(argument: &str) -> Result<Fault, RuleError> {
    let mut parts = argument.split(':');
    let code = parts.next().unwrap_or("");
    let status: u16 = code
        .parse()
        .ok()
        .filter(|code| (200..=599).contains(code))
        .ok_or_else(|| RuleError(format!("`{code}` is no status; give one from 200 to 599")))?;
    let (mut headers, mut body) = (Vec::new(), String::new());
    while let Some(part) = parts.next() {
        let (name, value) = part
            .split_once('=')
            .ok_or_else(|| RuleError(format!("`{part}` is neither HEADER=VALUE nor body=TEXT")))?;
        if name == "body" {
            // The text may hold colons of its own: it runs to the end.
            body = std::iter::once(value).chain(parts.by_ref()).collect::<Vec<_>>().join(":");
        } else {
            headers.push((name.to_owned(), value.to_owned()));
        }
    }
    Ok(Fault::Status { status, headers, body })
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}={}", self.hop, self.path.as_deref().unwrap_or(""), self.fault)?;
        if let Some(times) = self.times {
            write!(f, "*{times}")?;
        }
        if self.skip > 0 { write!(f, "+{}", self.skip) } else { Ok(()) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Hang => f.write_str("hang"),
            Fault::Status { status, headers, body } => {
                write!(f, "status:{status}")?;
                for (name, value) in headers {
                    write!(f, ":{name}={value}")?;
                }
                if body.is_empty() { Ok(()) } else { write!(f, ":body={body}") }
            }
            Fault::Html200 => f.write_str("html200"),
            Fault::MalformedJson => f.write_str("malformed-json"),
            Fault::AbsurdExpiry => f.write_str("absurd-expiry"),
            Fault::ExpiredToken => f.write_str("expired-token"),
            Fault::Oversize => f.write_str("oversize"),
            Fault::GzipBomb => f.write_str("gzip-bomb"),
            Fault::Drip => f.write_str("drip"),
            Fault::Redirect { to } => write!(f, "redirect:{to}"),
            Fault::ClockSkew { seconds } => write!(f, "clock-skew:{seconds}"),
            Fault::CutBody { after } => write!(f, "cut:{after}"),
            Fault::ShortBody { announce: true } => f.write_str("short"),
            Fault::ShortBody { announce: false } => f.write_str("short-unannounced"),
            Fault::LongBody => f.write_str("long"),
            Fault::NoLength => f.write_str("no-length"),
            Fault::CorruptBody => f.write_str("corrupt"),
            Fault::ResetBefore => f.write_str("reset"),
            Fault::Delay { milliseconds } => write!(f, "delay:{milliseconds}"),
            Fault::CorruptRequest => f.write_str("corrupt-request"),
            Fault::CutRequest { after } => write!(f, "cut-request:{after}"),
        }
    }
}
