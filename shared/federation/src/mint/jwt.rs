//! What the mints have in common that are given a JWT by somebody else.

use crate::assertion::{Assertion, Audience, Claims, Proof};
use crate::error::{Error, Hop, Kind};
use crate::hints;
use crate::http::skew::Skew;
use crate::telemetry;
use crate::token::Secret;
use std::time::{Duration, SystemTime};

/// Why a text is no proof.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    NoJwt,
    /// It does not say when it ends.
    Endless,
    /// It ends later than its maker's do.
    Absurd,
    /// Seconds ago.
    Ended(u64),
}

/// The JWT as a proof. Its end is by its issuer's clock, so what is known of that is used.
pub(super) fn read(token: Secret, skew: &Skew) -> Result<Assertion, Fault> {
    let claims = Claims::of_jwt(token.expose()).ok_or(Fault::NoJwt)?;
    let ends = claims.expiry().ok_or(Fault::Endless)?;
    let now = SystemTime::now();
    let left =
        ends.duration_since(skew.corrected(now)).map_err(|ended| Fault::Ended(ended.duration().as_secs()))?;
    telemetry::record_claims(&claims);
    Ok(Assertion { proof: Proof::Jwt, secret: token, claims, expires_at: now + left })
}

/// No service that is asked here gives tokens for longer: a managed identity's last a day, Entra's
/// others 28 hours at most.
const LONGEST: Duration = Duration::from_secs(28 * 3600);

/// The same, of a service that is asked for it: what is wrong with it is the service's.
pub(super) fn answered(token: Secret, skew: &Skew, target: &str) -> Result<Assertion, Error> {
    let is_bounded = |proof: &Assertion| {
        proof.expires_at.duration_since(SystemTime::now()).is_ok_and(|left| left <= LONGEST)
    };
    let proof = match read(token, skew) {
        Ok(proof) if !is_bounded(&proof) => Err(Fault::Absurd),
        outcome => outcome,
    };
    proof.map_err(|fault| {
        let (message, hint) = match fault {
            Fault::NoJwt => ("the token is no JWT".to_owned(), &hints::NOT_A_TOKEN_SERVICE),
            Fault::Endless => ("the token does not say when it ends".to_owned(), &hints::NOT_A_TOKEN_SERVICE),
            Fault::Absurd => (
                "the token's end (exp) cannot be right; it is not used".to_owned(),
                &hints::NOT_A_TOKEN_SERVICE,
            ),
            Fault::Ended(ago) => (format!("the token has ended {ago} s ago"), &hints::CLOCK),
        };
        Error::new(Hop::Mint, Kind::Malformed, target, message).with_hint(hint)
    })
}

/// Where a mint cannot choose whom its tokens are for, the far side must be told.
pub(super) fn check_audience(proof: &Assertion, asked: &Audience, target: &str) -> Result<(), Error> {
    if proof.claims.audience.iter().any(|presented| is_same(presented, asked.as_str())) {
        return Ok(());
    }
    Err(other_audience(&proof.claims.audience.join(" "), asked, target))
}

pub(super) fn other_audience(presented: &str, asked: &Audience, target: &str) -> Error {
    let message = format!("the token is for another audience than {asked}, and its maker chose it");
    Error::new(Hop::Mint, Kind::NotConfigured, target, message)
        .with_hint(&hints::PROOF_AUDIENCE)
        .with_presented(presented)
}

/// Google takes a provider's name "with or without the HTTPS prefix".
fn is_same(presented: &str, asked: &str) -> bool {
    presented == asked || (asked.starts_with("//") && presented.strip_prefix("https:") == Some(asked))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    /// An unsigned token: nobody here verifies one.
    pub fn token(payload: serde_json::Value) -> String {
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2ln", part(serde_json::json!({"alg": "RS256", "kid": "k"})), part(payload))
    }

    fn in_seconds(seconds: i64) -> i64 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        now as i64 + seconds
    }

    #[test]
    fn a_proof_ends_when_its_token_does() {
        let read = |payload| read(Secret::new(token(payload)), &Skew::default());
        let proof = read(serde_json::json!({"exp": in_seconds(600), "azp": "113"})).unwrap();
        let left = proof.expires_at.duration_since(SystemTime::now()).unwrap().as_secs();
        assert!((595..=600).contains(&left), "{left}");
        assert_eq!(proof.claims.authorized_party.as_deref(), Some("113"));
        assert!(matches!(
            read(serde_json::json!({"exp": in_seconds(-90)})).unwrap_err(),
            Fault::Ended(90..100)
        ));
        assert_eq!(read(serde_json::json!({})).unwrap_err(), Fault::Endless);
        let answered = |seconds| {
            let payload = serde_json::json!({"exp": in_seconds(seconds)});
            answered(Secret::new(token(payload)), &Skew::default(), "here").map(drop)
        };
        assert!(answered(24 * 3600).is_ok());
        let absurd = answered(200 * 365 * 86_400).unwrap_err();
        assert!(absurd.message().contains("cannot be right"), "{absurd}");
        assert!(answered(-5).unwrap_err().message().contains("has ended"));
        let none = super::read(Secret::new("a.b.c"), &Skew::default());
        assert_eq!(none.unwrap_err(), Fault::NoJwt);
    }

    #[test]
    fn an_audience_is_compared_exactly_but_for_googles_prefix() {
        let proof = |aud: &str| {
            let payload = serde_json::json!({"exp": in_seconds(600), "aud": aud});
            read(Secret::new(token(payload)), &Skew::default()).unwrap()
        };
        let fits =
            |aud: &str, asked: &str| check_audience(&proof(aud), &Audience::new(asked), "here").is_ok();
        assert!(fits("sts.amazonaws.com", "sts.amazonaws.com"));
        assert!(fits("https://iam.googleapis.com/p", "//iam.googleapis.com/p"));
        assert!(!fits("https://sts.amazonaws.com", "sts.amazonaws.com"));
        assert!(!fits("API://AzureADTokenExchange", "api://AzureADTokenExchange"));
        let error = check_audience(&proof("vault"), &Audience::new("api://x"), "here").unwrap_err();
        assert_eq!((error.field(), error.presented()), (Some("audience"), Some("vault")));
    }
}
