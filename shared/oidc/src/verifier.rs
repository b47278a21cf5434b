//! Who is let in.
//!
//! Each refusal says in its `field` what was wrong, for the log. A caller is told nothing of it:
//! [`Kind::Refused`] and [`Kind::Unauthenticated`] are 401 to it, [`Kind::Forbidden`] is 403, and
//! what may go well another time ([`Kind::Unavailable`], [`Kind::Deadline`]) is 5xx.

use crate::issuer::{Issuer, printable};
use crate::token::{Token, TokenFault};
use carnet_federation::hints::{self, Hint};
use carnet_federation::{Error, Hop, Kind, Result};
use std::time::{Duration, SystemTime};

/// By how much clocks may differ.
const LEEWAY: Duration = Duration::from_secs(60);

/// Which claims say who a token was given to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// "Access token claims reference": the application in `appid` (version 1.0) or `azp` (2.0), its
    /// service principal in `oid`. A person's token has `scp`, and is refused.
    Entra,
    /// "Authentication for push subscriptions": the service account's `email`, if `email_verified`,
    /// and its number in `sub`.
    Google,
}

/// A token that was believed, as the log may show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub issuer: String,
    /// The entry of the list that let it in.
    pub subject: String,
}

pub struct Verifier {
    issuers: Vec<Issuer>,
    audiences: Vec<String>,
    subjects: Vec<String>,
    identity: Identity,
}

impl Verifier {
    /// Whoever of `subjects` presents a token of one of `issuers` for one of `audiences`. An empty list
    /// lets nobody in.
    pub fn new(
        issuers: Vec<Issuer>,
        audiences: Vec<String>,
        subjects: Vec<String>,
        identity: Identity,
    ) -> Self {
        Self { issuers, audiences, subjects, identity }
    }

    pub fn issuers(&self) -> &[Issuer] {
        &self.issuers
    }

    /// The value of an `Authorization` header.
    pub async fn verify(&self, authorization: Option<&str>) -> Result<Verified> {
        let Some(text) = authorization.and_then(bearer) else {
            let message = "there is no bearer token";
            return Err(Error::new(Hop::Receive, Kind::Unauthenticated, "caller", message)
                .with_field("token")
                .with_hint(&hints::TOKEN_MISSING));
        };
        let token = Token::parse(text).map_err(unusable)?;
        let issuer = self.issuer(&token)?;
        let key = issuer.key(token.key_id()).await?;
        token.check(&key).map_err(unusable)?;
        self.time(issuer, &token, SystemTime::now())?;
        self.audience(issuer, &token)?;
        let subject = self.subject(issuer, &token)?;
        Ok(Verified { issuer: issuer.name().to_owned(), subject: subject.to_owned() })
    }

    fn issuer(&self, token: &Token) -> Result<&Issuer> {
        let name = token.text("iss").unwrap_or_default();
        self.issuers.iter().find(|issuer| issuer.name() == name).ok_or_else(|| {
            let message = "the token is of an issuer that is not trusted here";
            Error::new(Hop::Receive, Kind::Refused, "caller", message)
                .with_presented(printable(name))
                .with_hint(&hints::TOKEN_ISSUER)
        })
    }

    fn time(&self, issuer: &Issuer, token: &Token, now: SystemTime) -> Result<()> {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs() as i64;
        let leeway = LEEWAY.as_secs() as i64;
        let seconds = |claim| token.seconds(claim);
        let (message, presented) = match (seconds("exp"), seconds("nbf"), seconds("iat")) {
            (None, ..) => ("the token does not say when it ends", "no exp".to_owned()),
            (Some(exp), ..) if exp.saturating_add(leeway) <= now => {
                ("the token has ended", format!("exp {exp}, now {now}"))
            }
            (_, Some(nbf), _) if nbf.saturating_sub(leeway) > now => {
                ("the token is not valid yet", format!("nbf {nbf}, now {now}"))
            }
            (.., Some(iat)) if iat.saturating_sub(leeway) > now => {
                ("the token is of the future", format!("iat {iat}, now {now}"))
            }
            _ => return Ok(()),
        };
        Err(refused(issuer, Kind::Refused, message, &presented, &hints::TOKEN_TIME))
    }

    /// One audience and no list: a token for us and for somebody else is one that the other may use.
    fn audience(&self, issuer: &Issuer, token: &Token) -> Result<()> {
        let audience = token.text("aud").unwrap_or_default();
        if !audience.is_empty() && self.audiences.iter().any(|known| known == audience) {
            return Ok(());
        }
        let message = "the token is for somebody else";
        Err(refused(issuer, Kind::Refused, message, audience, &hints::TOKEN_AUDIENCE))
    }

    fn subject(&self, issuer: &Issuer, token: &Token) -> Result<&str> {
        let claimed = self.identity.claimed(token);
        // GUIDs and host names ignore letter case; so do the entries.
        let listed = |subject: &&String| claimed.iter().any(|one| one.eq_ignore_ascii_case(subject));
        if let Some(subject) = self.subjects.iter().find(listed) {
            return Ok(subject);
        }
        let message = "the token was given to somebody who is not on the list";
        let presented = if claimed.is_empty() { "nobody".to_owned() } else { claimed.join(", ") };
        Err(refused(issuer, Kind::Forbidden, message, &presented, &hints::TOKEN_SUBJECT))
    }
}

impl Identity {
    fn claimed(self, token: &Token) -> Vec<&str> {
        let texts = |claims: &[&str]| claims.iter().filter_map(|claim| token.text(claim)).collect();
        match self {
            Identity::Entra if token.has("scp") => Vec::new(),
            Identity::Entra => texts(&["appid", "azp", "oid"]),
            Identity::Google if token.is_true("email_verified") => texts(&["email", "sub"]),
            Identity::Google => texts(&["sub"]),
        }
    }
}

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

fn unusable(fault: TokenFault) -> Error {
    let hint = match fault {
        TokenFault::Signature | TokenFault::NoKey => &hints::TOKEN_KEY,
        _ => &hints::TOKEN_MISSING,
    };
    Error::new(Hop::Receive, Kind::Refused, "caller", fault.as_str()).with_hint(hint)
}

fn refused(issuer: &Issuer, kind: Kind, message: &str, presented: &str, hint: &'static Hint) -> Error {
    Error::new(Hop::Receive, kind, issuer.name(), message)
        .with_presented(printable(presented))
        .with_hint(hint)
}
