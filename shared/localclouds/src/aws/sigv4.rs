//! Checks of Signature Version 4.
//!
//! AWS, "AWS Signature Version 4 for API requests" and "Troubleshoot Signature Version 4 signed
//! requests": the canonical request is built anew from what arrived and signed with the key we hold.

use crate::faults;
use crate::local::Handle;
use crate::world::AccessKey;
use http::StatusCode;
use http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use ring::{digest, hmac};
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

/// How far a request's clock may be from ours.
const SKEW: Duration = Duration::from_secs(5 * 60);
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// What RFC 3986 calls unreserved stays as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Who signed a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub access_key_id: String,
    /// The role's name.
    pub role: String,
    pub role_arn: String,
    /// `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`
    pub session_arn: String,
    /// `AROA...:SESSION`
    pub user_id: String,
}

impl Principal {
    /// The session's name.
    pub fn session(&self) -> &str {
        self.user_id.split_once(':').map_or("", |(_, session)| session)
    }
}

/// A refusal with AWS's own code and words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigV4Fault {
    pub code: &'static str,
    pub status: StatusCode,
    pub message: String,
}

impl SigV4Fault {
    fn new(code: &'static str, status: StatusCode, message: impl Into<String>) -> Self {
        Self { code, status, message: message.into() }
    }

    fn incomplete(message: impl Into<String>) -> Self {
        Self::new("IncompleteSignature", StatusCode::BAD_REQUEST, message)
    }

    fn mismatch(message: impl Into<String>) -> Self {
        Self::new("SignatureDoesNotMatch", StatusCode::FORBIDDEN, message)
    }

    fn unknown_token() -> Self {
        let message = "The security token included in the request is invalid.";
        Self::new("InvalidClientTokenId", StatusCode::FORBIDDEN, message)
    }
}

pub fn verify(
    handle: &Handle,
    parts: &Parts,
    body: &[u8],
    service: &str,
    region: &str,
) -> Result<Principal, SigV4Fault> {
    verify_in(handle, parts, body, service, &[region.to_owned()])
}

/// As [`verify`], for a service that may be signed for in more than one region.
pub fn verify_in(
    handle: &Handle,
    parts: &Parts,
    body: &[u8],
    service: &str,
    regions: &[String],
) -> Result<Principal, SigV4Fault> {
    let authorization = Authorization::of(parts)?;
    let world = handle.world();
    let id = authorization.access_key_id;
    let key = world.aws.access_keys.get(id).ok_or_else(SigV4Fault::unknown_token)?;
    check_session(parts, key)?;
    authorization.check_scope(service, regions)?;
    let timestamp = authorization.check_time(parts)?;
    check_signature(parts, body, &authorization, &timestamp, &key.secret)?;

    let role = world.aws.roles.get(&key.role).ok_or_else(SigV4Fault::unknown_token)?;
    let partition = role.arn.split(':').nth(1).unwrap_or("aws");
    let (account, name, session) = (&world.aws.account, &key.role, &key.session_name);
    Ok(Principal {
        access_key_id: id.to_owned(),
        role: name.clone(),
        role_arn: role.arn.clone(),
        session_arn: format!("arn:{partition}:sts::{account}:assumed-role/{name}/{session}"),
        user_id: format!("{}:{session}", role.id),
    })
}

fn header<'p>(parts: &'p Parts, name: &str) -> Option<&'p str> {
    parts.headers.get(name)?.to_str().ok()
}

fn check_session(parts: &Parts, key: &AccessKey) -> Result<(), SigV4Fault> {
    if header(parts, "x-amz-security-token") != key.session_token.as_deref() {
        return Err(SigV4Fault::unknown_token());
    }
    if key.expires_at.is_some_and(|end| end <= faults::now()) {
        let message = "The security token included in the request is expired";
        return Err(SigV4Fault::new("ExpiredToken", StatusCode::FORBIDDEN, message));
    }
    Ok(())
}

/// The `Authorization` header, taken apart.
struct Authorization<'p> {
    access_key_id: &'p str,
    date: &'p str,
    region: &'p str,
    service: &'p str,
    signed_headers: Vec<&'p str>,
    signature: &'p str,
}

impl<'p> Authorization<'p> {
    fn of(parts: &'p Parts) -> Result<Self, SigV4Fault> {
        let text = header(parts, "authorization").ok_or_else(|| {
            let message = "Request is missing Authentication Token";
            SigV4Fault::new("MissingAuthenticationToken", StatusCode::FORBIDDEN, message)
        })?;
        let fields = text.strip_prefix(ALGORITHM).filter(|rest| rest.starts_with(' ')).ok_or_else(|| {
            SigV4Fault::incomplete(format!(
                "Unsupported AWS 'algorithm': the header must begin with {ALGORITHM}."
            ))
        })?;
        let field = |name: &str| {
            let found = fields.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
            found.filter(|value| !value.is_empty()).ok_or_else(|| {
                SigV4Fault::incomplete(format!("Authorization header requires '{name}' parameter."))
            })
        };
        let credential: Vec<&str> = field("Credential")?.split('/').collect();
        let [access_key_id, date, region, service, "aws4_request"] = credential.as_slice() else {
            return Err(SigV4Fault::incomplete(
                "Credential must have exactly 5 slash-delimited elements, e.g. \
                 keyid/date/region/service/term, got a different number, or another term than 'aws4_request'.",
            ));
        };
        Ok(Self {
            access_key_id,
            date,
            region,
            service,
            signed_headers: field("SignedHeaders")?.split(';').collect(),
            signature: field("Signature")?,
        })
    }

    fn check_scope(&self, service: &str, regions: &[String]) -> Result<(), SigV4Fault> {
        if self.service != service {
            let message = format!("Credential should be scoped to correct service: '{service}'. ");
            return Err(SigV4Fault::mismatch(message));
        }
        if !regions.iter().any(|region| region == self.region) {
            return Err(SigV4Fault::mismatch("Credential should be scoped to a valid region. "));
        }
        for name in ["host", "x-amz-date"] {
            if !self.signed_headers.contains(&name) {
                let message = format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.");
                return Err(SigV4Fault::mismatch(message));
            }
        }
        Ok(())
    }

    /// `x-amz-date`, if it is near our own clock and agrees with the credential's date.
    fn check_time(&self, parts: &Parts) -> Result<String, SigV4Fault> {
        let text = header(parts, "x-amz-date").ok_or_else(|| {
            SigV4Fault::incomplete(
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
            )
        })?;
        let format = format_description!("[year][month][day]T[hour][minute][second]Z");
        let signed = PrimitiveDateTime::parse(text, format).map_err(|_| {
            SigV4Fault::incomplete(format!("Date must be in ISO-8601 'basic format'. Got '{text}'."))
        })?;
        let (signed, now): (SystemTime, _) = (signed.assume_utc().into(), faults::now());
        if signed + SKEW < now {
            let (limit, now) = (basic(now - SKEW), basic(now));
            let message = format!("Signature expired: {text} is now earlier than {limit} ({now} - 5 min.)");
            return Err(SigV4Fault::mismatch(message));
        }
        if now + SKEW < signed {
            let (limit, now) = (basic(now + SKEW), basic(now));
            let message =
                format!("Signature not yet current: {text} is still later than {limit} ({now} + 5 min.)");
            return Err(SigV4Fault::mismatch(message));
        }
        if !text.starts_with(self.date) || self.date.len() != 8 {
            let (day, date) = (&text[..8], self.date);
            let message = format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
                 '{date}' != '{day}', from '{text}'."
            );
            return Err(SigV4Fault::mismatch(message));
        }
        Ok(text.to_owned())
    }

    fn scope(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.date, self.region, self.service)
    }
}

fn basic(time: SystemTime) -> String {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    // These components exist in every date.
    OffsetDateTime::from(time).format(format).unwrap_or_default()
}

fn check_signature(
    parts: &Parts,
    body: &[u8],
    authorization: &Authorization,
    timestamp: &str,
    secret: &str,
) -> Result<(), SigV4Fault> {
    let canonical = canonical_request(parts, body, &authorization.signed_headers);
    let scope = authorization.scope();
    let to_sign = format!("{ALGORITHM}\n{timestamp}\n{scope}\n{}", hex(&sha256(canonical.as_bytes())));
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in [authorization.date, authorization.region, authorization.service, "aws4_request"] {
        key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), part.as_bytes()).as_ref().to_vec();
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let signature = unhex(authorization.signature).unwrap_or_default();
    hmac::verify(&key, to_sign.as_bytes(), &signature).map_err(|_| {
        SigV4Fault::mismatch(
            "The request signature we calculated does not match the signature you provided. Check your AWS \
             Secret Access Key and signing method. Consult the service documentation for details.",
        )
    })
}

fn canonical_request(parts: &Parts, body: &[u8], signed_headers: &[&str]) -> String {
    let mut headers = String::new();
    for name in signed_headers {
        let values: Vec<String> = parts
            .headers
            .get_all(*name)
            .iter()
            .map(|value| {
                String::from_utf8_lossy(value.as_bytes()).split_whitespace().collect::<Vec<_>>().join(" ")
            })
            .collect();
        // Writing into a String does not fail.
        let _ = writeln!(headers, "{name}:{}", values.join(","));
    }
    format!(
        "{}\n{}\n{}\n{headers}\n{}\n{}",
        parts.method,
        canonical_path(parts.uri.path()),
        canonical_query(parts.uri.query().unwrap_or("")),
        signed_headers.join(";"),
        hex(&sha256(body)),
    )
}

/// Dot segments and doubled slashes resolved, then encoded once more: every service but S3.
fn canonical_path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    let mut canonical = String::new();
    for segment in &segments {
        let _ = write!(canonical, "/{}", percent_encode(segment.as_bytes(), RESERVED));
    }
    if canonical.is_empty() || path.ends_with('/') {
        canonical.push('/');
    }
    canonical
}

fn canonical_query(query: &str) -> String {
    let encode = |text: &str| {
        let decoded: Vec<u8> = percent_decode_str(text).collect();
        percent_encode(&decoded, RESERVED).to_string()
    };
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (encode(name), encode(value))
        })
        .collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| Some(c.to_digit(16)? as u8)).collect();
    let digits = digits?;
    let pairs = digits.chunks(2);
    pairs.map(|pair| Some(pair[0] << 4 | *pair.get(1)?)).collect()
}
