//! A token that somebody else keeps fresh in a file: Kubernetes' projected service account token (EKS,
//! AKS, GKE), or any other issuer's.
//!
//! Read again for every proof: the kubelet replaces the file when 80 % of its token's life is over ("Configure
//! service accounts for pods", Kubernetes documentation).

use super::jwt::{self, Fault};
use crate::assertion::{Assertion, Audience};
use crate::error::{Error, Hop, Kind, Result};
use crate::hints;
use crate::http::Http;
use crate::telemetry;
use crate::token::Secret;
use crate::{BoxFuture, Mint};
use std::path::PathBuf;
use zeroize::Zeroizing;

/// AWS takes tokens of at most 20,000 characters, the longest of the three clouds' limits.
const LONGEST: u64 = 20_000;

#[derive(Clone, Debug)]
pub struct TokenFileOptions {
    /// The variable that named the file, for errors.
    pub variable: &'static str,
    pub path: PathBuf,
}

pub struct TokenFile {
    options: TokenFileOptions,
    http: Http,
    target: String,
}

impl TokenFile {
    /// `http` is asked for nothing but how far this machine's clock is off.
    pub fn new(options: TokenFileOptions, http: Http) -> Self {
        let target = format!("{} {}", options.variable, options.path.display());
        Self { options, http, target }
    }

    fn read(&self, audience: &Audience) -> Result<Assertion> {
        let token = self.load()?;
        let proof = jwt::read(token, self.http.skew()).map_err(|fault| match fault {
            Fault::NoJwt => self.fault("holds no JWT (three parts of base64url, joined by dots)"),
            // A cluster may let a token live for a year.
            Fault::Endless | Fault::Absurd => {
                self.fault("holds a token that does not say when it ends (exp)")
            }
            Fault::Ended(ago) => self
                .fault(&format!("holds a token that has ended {ago} s ago"))
                .with_hint(&hints::TOKEN_FILE_EXPIRED),
        })?;
        jwt::check_audience(&proof, audience, &self.target)?;
        Ok(proof)
    }

    fn load(&self) -> Result<Secret> {
        let path = &self.options.path;
        let unreadable = |error: std::io::Error| self.fault("cannot be read").caused_by(error);
        // Asked first: reading a pipe or a device might never end.
        let about = std::fs::metadata(path).map_err(unreadable)?;
        if !about.is_file() {
            return Err(self.fault("is no file"));
        }
        if about.len() > LONGEST {
            return Err(self.fault(&format!("is longer than the {LONGEST} bytes that a token may have")));
        }
        let bytes = Zeroizing::new(std::fs::read(path).map_err(unreadable)?);
        let text = std::str::from_utf8(&bytes).map_err(|_| self.fault("is no text"))?.trim();
        if text.is_empty() {
            return Err(self.fault("is empty"));
        }
        Ok(Secret::new(text))
    }

    fn fault(&self, what: &str) -> Error {
        let TokenFileOptions { variable, path } = &self.options;
        let message = format!("{variable}: {} {what}", path.display());
        Error::new(Hop::Mint, Kind::NotConfigured, &self.target, message).with_hint(&hints::TOKEN_FILE)
    }
}

impl Mint for TokenFile {
    fn target(&self) -> &str {
        &self.target
    }

    fn mint<'a>(&'a self, audience: &'a Audience) -> BoxFuture<'a, Result<Assertion>> {
        Box::pin(telemetry::hop(Hop::Mint, &self.target, async move {
            telemetry::record("audience", Some(audience.as_str()));
            self.read(audience)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::jwt::tests::token;
    use super::*;
    use crate::config::Env;
    use std::time::{Duration, SystemTime};

    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("carnet-token-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }

        fn holding(&self, text: &[u8]) -> TokenFile {
            std::fs::write(self.0.join("token"), text).unwrap();
            self.file("token")
        }

        fn file(&self, name: &str) -> TokenFile {
            let options = TokenFileOptions { variable: "CARNET_TOKEN_FILE", path: self.0.join(name) };
            TokenFile::new(options, Http::from_env(&Env::default()).unwrap())
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn projected(aud: &str, from_now: i64) -> String {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let exp = now.as_secs() as i64 + from_now;
        token(serde_json::json!({
            "iss": "https://oidc.eks.eu-central-1.amazonaws.com/id/ABC",
            "sub": "system:serviceaccount:shop:reader", "aud": [aud], "exp": exp,
        }))
    }

    #[test]
    fn it_is_trimmed_and_read_again_for_every_proof() {
        let (place, audience) = (Place::new("again"), Audience::new("sts.amazonaws.com"));
        let first = place.holding(format!("\n{}\r\n", projected("sts.amazonaws.com", 600)).as_bytes());
        let proof = first.read(&audience).unwrap();
        assert!(!proof.secret.expose().contains(char::is_whitespace));
        assert_eq!(proof.claims.subject, "system:serviceaccount:shop:reader");
        place.holding(projected("sts.amazonaws.com", 7200).as_bytes());
        let later = first.read(&audience).unwrap().expires_at;
        assert!(later > SystemTime::now() + Duration::from_secs(7000));
    }

    #[test]
    fn each_fault_has_its_words_and_none_quotes_the_file() {
        let place = Place::new("faults");
        let said = |file: TokenFile, audience: &str| {
            let error = file.read(&Audience::new(audience)).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains("CARNET_TOKEN_FILE") && !shown.contains("eyJ"), "{shown}");
            (error.message().to_owned(), error.hint().unwrap().anchor)
        };
        let holds = |text: &[u8], what: &str, anchor: &str| {
            let (message, hint) = said(place.holding(text), "a");
            assert!(message.contains(what), "{message}");
            assert_eq!(hint, anchor, "{message}");
        };
        holds(b"", "is empty", "token-file");
        holds(b" \n", "is empty", "token-file");
        holds(b"eyJ.eyJ.x", "holds no JWT", "token-file");
        holds(b"\xff\xfe", "is no text", "token-file");
        holds(&vec![b'e'; 20_001], "is longer than", "token-file");
        holds(token(serde_json::json!({})).as_bytes(), "does not say when it ends", "token-file");
        holds(projected("a", -60).as_bytes(), "has ended", "token-file-expired");
        holds(projected("b", 600).as_bytes(), "another audience", "token-audience");
        assert!(said(place.file("nothing"), "a").0.contains("cannot be read"));
        assert!(said(place.file("."), "a").0.contains("is no file"));
    }
}
