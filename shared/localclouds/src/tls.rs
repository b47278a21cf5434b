//! A certificate authority of one's own, and the leaf it signs for loopback.

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::Arc;

/// Keys are ECDSA P-256. The CA's key never leaves this value.
pub struct Authority {
    ca: CertifiedIssuer<'static, KeyPair>,
}

#[derive(Debug)]
pub enum TlsError {
    Certificate(rcgen::Error),
    Config(rustls::Error),
}

impl std::fmt::Display for TlsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TlsError::Certificate(_) => f.write_str("making a certificate for loopback failed"),
            TlsError::Config(_) => f.write_str("the TLS server configuration was refused"),
        }
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            TlsError::Certificate(source) => Some(source),
            TlsError::Config(source) => Some(source),
        }
    }
}

impl From<rcgen::Error> for TlsError {
    fn from(source: rcgen::Error) -> Self {
        TlsError::Certificate(source)
    }
}

impl From<rustls::Error> for TlsError {
    fn from(source: rustls::Error) -> Self {
        TlsError::Config(source)
    }
}

impl Authority {
    pub fn new() -> Result<Self, TlsError> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name = name("Carnet local clouds CA");
        Ok(Self { ca: CertifiedIssuer::self_signed(params, KeyPair::generate()?)? })
    }

    /// What clients must trust, e.g. by `SSL_CERT_FILE`.
    pub fn ca_pem(&self) -> String {
        self.ca.pem()
    }

    pub fn ca_der(&self) -> rustls::pki_types::CertificateDer<'static> {
        self.ca.der().clone()
    }

    /// A server's side for `127.0.0.1`, `localhost` and the names given.
    pub fn server_config(&self, dns_names: &[&str]) -> Result<Arc<rustls::ServerConfig>, TlsError> {
        let (leaf, key) = self.leaf(dns_names)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// A server's side whose certificates are chosen by the name that a client asks for.
    pub fn server_config_by(
        certificates: Arc<dyn rustls::server::ResolvesServerCert>,
    ) -> Result<Arc<rustls::ServerConfig>, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(certificates);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// A leaf for these names, ready to be shown.
    pub fn certified(&self, dns_names: &[&str]) -> Result<rustls::sign::CertifiedKey, TlsError> {
        let (leaf, key) = self.leaf(dns_names)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = rustls::crypto::ring::sign::any_supported_type(&key)?;
        Ok(rustls::sign::CertifiedKey::new(vec![leaf.der().clone()], key))
    }

    /// A certificate for loopback and its key, as PEM: for a server that is another program.
    pub fn server_pem(&self) -> Result<(String, String), TlsError> {
        let (leaf, key) = self.leaf(&[])?;
        Ok((leaf.pem(), key.serialize_pem()))
    }

    fn leaf(&self, dns_names: &[&str]) -> Result<(Certificate, KeyPair), TlsError> {
        let mut names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        names.extend(dns_names.iter().map(|name| (*name).to_owned()));
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = name("Carnet local clouds");
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        Ok((params.signed_by(&key, &self.ca)?, key))
    }

    /// A client's side that trusts this CA and no other.
    pub fn client_config(&self) -> Result<rustls::ClientConfig, TlsError> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.ca_der())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        Ok(rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth())
    }
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}
