//! The TLS settings: ring, Mozilla's roots compiled in, and the certificates of `SSL_CERT_FILE`.

use crate::config::Env;
use crate::error::{Error, Hop, Kind, Result};
use crate::hints;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::sync::Arc;

pub(super) fn client_config(env: &Env) -> Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = env.get("SSL_CERT_FILE") {
        let fault = |what: &str| {
            Error::new(Hop::Config, Kind::NotConfigured, "SSL_CERT_FILE", format!("{path}: {what}"))
                .with_hint(&hints::CONFIGURATION)
        };
        let certificates = CertificateDer::pem_file_iter(path)
            .map_err(|error| fault("cannot be read").caused_by(error))?
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| fault("is not a PEM file").caused_by(error))?;
        if certificates.is_empty() {
            return Err(fault("holds no certificate"));
        }
        roots.add_parsable_certificates(certificates);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    // Azure's and Google's SDKs ask for the process's default; the first caller sets it.
    let _ = rustls::crypto::CryptoProvider::install_default((*provider).clone());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| {
            Error::new(Hop::Config, Kind::NotConfigured, "tls", "no usable TLS version").caused_by(error)
        })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
