//! A certificate for an app registration: made, uploaded to it, and given back with its key.

use crate::jwt::RsaPublic;
use crate::local::Handle;
use crate::world::ClientCertificate;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_RSA_SHA256};
use ring::digest;
use rsa::pkcs8::EncodePrivateKey as _;
use rsa::traits::PublicKeyParts as _;
use rustls::pki_types::PrivatePkcs8KeyDer;
use std::io;

/// A fresh one for the application of this client id, as PEM: what `AZURE_CLIENT_CERTIFICATE_PATH` names.
/// Makes an RSA key, which takes its time.
pub fn upload(handle: &Handle, client_id: &str) -> io::Result<String> {
    let rsa = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).map_err(io::Error::other)?;
    let key = RsaPublic { n: rsa.n().to_bytes_be(), e: rsa.e().to_bytes_be() };
    let document = rsa.to_pkcs8_der().map_err(io::Error::other)?;
    let pair = KeyPair::from_pkcs8_der_and_sign_algo(
        &PrivatePkcs8KeyDer::from(document.as_bytes()),
        &PKCS_RSA_SHA256,
    )
    .map_err(io::Error::other)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, client_id);
    let certificate = params.self_signed(&pair).map_err(io::Error::other)?;
    let thumbprint =
        |algorithm| URL_SAFE_NO_PAD.encode(digest::digest(algorithm, certificate.der()).as_ref());
    let uploaded = ClientCertificate {
        sha1: thumbprint(&digest::SHA1_FOR_LEGACY_USE_ONLY),
        sha256: thumbprint(&digest::SHA256),
        key,
    };
    let mut world = handle.world_mut();
    let application = world.application_mut(client_id);
    let application = application.ok_or_else(|| io::Error::other(format!("no application {client_id}")))?;
    application.client_certificates.push(uploaded);
    Ok(format!("{}{}", pair.serialize_pem(), certificate.pem()))
}
