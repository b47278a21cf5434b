//! One reqwest client on rustls with ring, the web's roots and those of a file of one's own.

use crate::Error;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// With the roots of `SSL_CERT_FILE`.
pub fn client() -> Result<reqwest::Client, Error> {
    let file = std::env::var_os("SSL_CERT_FILE");
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(config(file.as_deref().map(Path::new))?)
        .https_only(true)
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    Ok(client)
}

pub fn config(more_roots: Option<&Path>) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(file) = more_roots {
        for certificate in CertificateDer::pem_file_iter(file)? {
            roots.add(certificate?)?;
        }
    }
    let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(tls)
}
