//! An app registration's certificate, and the assertions that it signs.
//!
//! From "Microsoft identity platform application authentication certificate credentials": PS256, and the
//! certificate named by `x5t#S256`.

use crate::error::{Error, Hop, Kind, Result};
use crate::hints;
use crate::http::skew::Skew;
use crate::token::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{RSA_PSS_SHA256, RsaKeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use std::path::Path;
use std::time::SystemTime;
use zeroize::Zeroizing;

const VARIABLE: &str = "AZURE_CLIENT_CERTIFICATE_PATH";
/// A certificate with its chain and a key has some 10 KB.
const LONGEST: u64 = 64 * 1024;
/// "Keep it short, 5 to 10 minutes after nbf at most."
const LIFETIME: u64 = 300;

pub(super) struct ClientCertificate {
    thumbprint: String,
    key: RsaKeyPair,
}

impl ClientCertificate {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let fault = |what: &str| {
            let message = format!("{VARIABLE}: {} {what}", path.display());
            Error::new(Hop::Mint, Kind::NotConfigured, VARIABLE, message)
                .with_hint(&hints::CLIENT_CERTIFICATE)
        };
        let unreadable = |error: std::io::Error| fault("cannot be read").caused_by(error);
        let about = std::fs::metadata(path).map_err(unreadable)?;
        if !about.is_file() || about.len() > LONGEST {
            return Err(fault("is no PEM file with a certificate and its key"));
        }
        let pem = Zeroizing::new(std::fs::read(path).map_err(unreadable)?);
        Self::parse(&pem).map_err(fault)
    }

    fn parse(pem: &[u8]) -> Result<Self, &'static str> {
        let certificate = CertificateDer::from_pem_slice(pem)
            .map_err(|_| "holds no certificate (-----BEGIN CERTIFICATE-----)")?;
        let key = PrivateKeyDer::from_pem_slice(pem)
            .map_err(|_| "holds no private key that is not encrypted (-----BEGIN PRIVATE KEY-----)")?;
        let not_rsa = "holds a key that is no RSA key of 2048 bits or more";
        let key = match &key {
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
            _ => return Err(not_rsa),
        }
        .map_err(|_| not_rsa)?;
        // A certificate holds the public key as it stands (RFC 3279, 2.3.1). Of another key Entra would only say
        // that it does not know the certificate.
        let public: &[u8] = key.public().as_ref();
        if !certificate.windows(public.len()).any(|part| part == public) {
            return Err("holds a certificate and a key that do not belong together");
        }
        let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, &certificate));
        Ok(Self { thumbprint, key })
    }

    /// Signed anew for each request: its `jti` is used once.
    pub(super) fn assertion(&self, client_id: &str, endpoint: &str, skew: &Skew) -> Result<Secret> {
        let random = SystemRandom::new();
        let unsignable = |_| {
            let what = "the client assertion cannot be signed";
            Error::new(Hop::Mint, Kind::NotConfigured, VARIABLE, what).with_hint(&hints::CLIENT_CERTIFICATE)
        };
        let mut id = [0; 16];
        random.fill(&mut id).map_err(unsignable)?;
        let now = skew.corrected(SystemTime::now());
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint });
        let payload = json!({
            "aud": endpoint, "iss": client_id, "sub": client_id, "jti": URL_SAFE_NO_PAD.encode(id),
            "iat": now, "nbf": now, "exp": now + LIFETIME,
        });
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let mut token = Zeroizing::new(format!("{}.{}", part(header), part(payload)));
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key.sign(&RSA_PSS_SHA256, &random, token.as_bytes(), &mut signature).map_err(unsignable)?;
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(signature));
        Ok(Secret::new(token.as_str()))
    }
}
