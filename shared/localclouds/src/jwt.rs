//! Signing and checking JSON Web Tokens with keys of one's own.
//!
//! Made of ring's primitives, without a JWT library's defaults (leeways, claims it insists on or
//! forgets): whoever decides here decides as the cloud it stands in for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, KeyPair as _, RsaEncoding, RsaKeyPair};
use rsa::pkcs8::EncodePrivateKey as _;
use rsa::traits::PublicKeyParts as _;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Rs256,
    Rs512,
    Es384,
}

impl Algorithm {
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Rs256 => "RS256",
            Algorithm::Rs512 => "RS512",
            Algorithm::Es384 => "ES384",
        }
    }
}

/// Why a token is none of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwtFault {
    Malformed,
    /// It has the same claim twice, and readers could differ about which one counts.
    DuplicateClaim,
    UnknownKey,
    Algorithm,
    BadSignature,
}

#[derive(Debug)]
pub struct KeyError(pub(crate) &'static str);

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for KeyError {}

/// Signing keys, one pair for each algorithm, and their older generations. They never leave it.
pub struct Keys {
    /// Newest first.
    generations: RwLock<Vec<Arc<Generation>>>,
}

struct Generation {
    rsa: RsaKeyPair,
    rsa_public: RsaPublic,
    rsa_id: String,
    ec: EcdsaKeyPair,
    ec_id: String,
}

/// The public half of an RSA key, as bytes of its two numbers.
#[derive(Clone, PartialEq, Eq)]
pub struct RsaPublic {
    pub n: Vec<u8>,
    pub e: Vec<u8>,
}

/// The public half of an elliptic curve key: the coordinates of its point.
#[derive(Clone, PartialEq, Eq)]
pub struct EcPublic {
    pub x: Vec<u8>,
    pub y: Vec<u8>,
}

/// A key of somebody else's, of a kind that some cloud accepts.
#[derive(Clone, PartialEq, Eq)]
pub enum PublicKey {
    Rsa(RsaPublic),
    P256(EcPublic),
    P384(EcPublic),
}

impl Keys {
    pub fn generate() -> Result<Self, KeyError> {
        Ok(Self { generations: RwLock::new(vec![Arc::new(Generation::generate()?)]) })
    }

    /// Begins with the same keys in every set of stand-ins of this process: making them takes its time, and
    /// each set rotates on its own.
    pub fn generate_once() -> Result<Self, KeyError> {
        static FIRST: OnceLock<Arc<Generation>> = OnceLock::new();
        let first = match FIRST.get() {
            Some(first) => Arc::clone(first),
            None => {
                let fresh = Arc::new(Generation::generate()?);
                // Whoever was faster keeps theirs.
                Arc::clone(FIRST.get_or_init(|| fresh))
            }
        };
        Ok(Self { generations: RwLock::new(vec![first]) })
    }

    /// The public keys, newest first.
    pub fn jwks(&self) -> Value {
        let keys: Vec<Value> = self.all().iter().flat_map(|g| [g.rsa_jwk(), g.ec_jwk()]).collect();
        json!({ "keys": keys })
    }

    /// As [`Keys::jwks`], without the elliptic curve: what Entra publishes.
    pub fn rsa_jwks(&self) -> Value {
        let keys: Vec<Value> = self.all().iter().map(|g| g.rsa_jwk()).collect();
        json!({ "keys": keys })
    }

    /// Signs with new keys from now on. The old ones stay valid and published.
    pub fn rotate(&self) -> Result<(), KeyError> {
        let new = Arc::new(Generation::generate()?);
        self.generations.write().unwrap_or_else(PoisonError::into_inner).insert(0, new);
        Ok(())
    }

    /// The older generations are no longer published, and what they signed is no longer valid.
    pub fn retire_old(&self) {
        self.generations.write().unwrap_or_else(PoisonError::into_inner).truncate(1);
    }

    pub fn sign(&self, claims: &Value, algorithm: Algorithm) -> Result<String, KeyError> {
        let header = json!({ "alg": algorithm.name(), "typ": "JWT", "kid": self.key_id(algorithm) });
        self.sign_as(&header, &claims.to_string(), algorithm)
    }

    /// Signs whatever header and payload say, true or not: how tests make a token that lies.
    pub fn sign_as(&self, header: &Value, payload: &str, algorithm: Algorithm) -> Result<String, KeyError> {
        let message = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(payload));
        let signature = self.newest().sign(message.as_bytes(), algorithm)?;
        Ok(format!("{message}.{}", BASE64.encode(signature)))
    }

    /// The id of the key that signs now.
    pub fn key_id(&self, algorithm: Algorithm) -> String {
        let newest = self.newest();
        match algorithm {
            Algorithm::Rs256 | Algorithm::Rs512 => newest.rsa_id.clone(),
            Algorithm::Es384 => newest.ec_id.clone(),
        }
    }

    /// The claims, if one of these keys signed them. Their content is not judged here.
    pub fn verify(&self, token: &str) -> Result<Value, JwtFault> {
        let token = Token::parse(token)?;
        let id = token.header_text("kid").ok_or(JwtFault::UnknownKey)?;
        for generation in self.all() {
            if generation.rsa_id == id {
                token.check_rs256(&generation.rsa_public)?;
                return Ok(Value::Object(token.claims));
            }
            if generation.ec_id == id {
                token.check_es384(generation.ec.public_key().as_ref())?;
                return Ok(Value::Object(token.claims));
            }
        }
        Err(JwtFault::UnknownKey)
    }

    fn all(&self) -> Vec<Arc<Generation>> {
        self.generations.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn newest(&self) -> Arc<Generation> {
        // Never empty: `generate` puts one in, `retire_old` leaves one.
        self.generations.read().unwrap_or_else(PoisonError::into_inner)[0].clone()
    }
}

impl Generation {
    fn generate() -> Result<Self, KeyError> {
        // ring signs with RSA but does not make its keys.
        let rsa = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048)
            .map_err(|_| KeyError("generating an RSA key failed"))?;
        let rsa_public = RsaPublic { n: rsa.n().to_bytes_be(), e: rsa.e().to_bytes_be() };
        let document = rsa.to_pkcs8_der().map_err(|_| KeyError("writing an RSA key failed"))?;
        let rsa =
            RsaKeyPair::from_pkcs8(document.as_bytes()).map_err(|_| KeyError("ring refused the RSA key"))?;

        let algorithm = &signature::ECDSA_P384_SHA384_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new())
            .map_err(|_| KeyError("generating a P-384 key failed"))?;
        let ec = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &SystemRandom::new())
            .map_err(|_| KeyError("ring refused the P-384 key"))?;
        let rsa_id = key_id("RSA", &rsa_public.n);
        let ec_id = key_id("EC384", ec.public_key().as_ref());
        Ok(Self { rsa, rsa_public, rsa_id, ec, ec_id })
    }

    fn sign(&self, message: &[u8], algorithm: Algorithm) -> Result<Vec<u8>, KeyError> {
        match algorithm {
            Algorithm::Rs256 => self.sign_rsa(&signature::RSA_PKCS1_SHA256, message),
            Algorithm::Rs512 => self.sign_rsa(&signature::RSA_PKCS1_SHA512, message),
            Algorithm::Es384 => {
                let random = SystemRandom::new();
                let signature =
                    self.ec.sign(&random, message).map_err(|_| KeyError("signing with P-384 failed"))?;
                Ok(signature.as_ref().to_vec())
            }
        }
    }

    fn sign_rsa(&self, padding: &'static dyn RsaEncoding, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mut signature = vec![0; self.rsa.public().modulus_len()];
        self.rsa
            .sign(padding, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| KeyError("signing with RSA failed"))?;
        Ok(signature)
    }

    fn rsa_jwk(&self) -> Value {
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.rsa_id,
            "n": BASE64.encode(&self.rsa_public.n), "e": BASE64.encode(&self.rsa_public.e),
        })
    }

    fn ec_jwk(&self) -> Value {
        // An uncompressed point: one byte of form, then two coordinates of 48 bytes.
        let point = self.ec.public_key().as_ref();
        json!({
            "kty": "EC", "crv": "P-384", "use": "sig", "alg": "ES384", "kid": self.ec_id,
            "x": BASE64.encode(&point[1..49]), "y": BASE64.encode(&point[49..]),
        })
    }
}

fn key_id(kind: &str, public: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, public);
    format!("{kind}_{}", BASE64.encode(&digest.as_ref()[..12]))
}

/// A token taken apart; nothing of it is trusted until a check said so.
pub struct Token {
    pub header: Map<String, Value>,
    pub claims: Map<String, Value>,
    message: String,
    signature: Vec<u8>,
}

impl Token {
    pub fn parse(text: &str) -> Result<Self, JwtFault> {
        let (message, signature) = text.rsplit_once('.').ok_or(JwtFault::Malformed)?;
        let (header, claims) = message.split_once('.').ok_or(JwtFault::Malformed)?;
        Ok(Self {
            header: object(header)?,
            claims: object(claims)?,
            message: message.to_owned(),
            signature: BASE64.decode(signature).map_err(|_| JwtFault::Malformed)?,
        })
    }

    pub fn header_text(&self, name: &str) -> Option<&str> {
        self.header.get(name)?.as_str()
    }

    pub fn claim_text(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }

    /// Seconds since the epoch.
    pub fn claim_seconds(&self, name: &str) -> Option<i64> {
        let value = self.claims.get(name)?;
        value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64))
    }

    /// `aud`, a text or a list of texts.
    pub fn audiences(&self) -> Vec<String> {
        match self.claims.get("aud") {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(many)) => many.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect(),
            _ => Vec::new(),
        }
    }

    pub fn check_rs256(&self, key: &RsaPublic) -> Result<(), JwtFault> {
        self.check_algorithm(Algorithm::Rs256.name())?;
        self.check_rsa_by(key, &signature::RSA_PKCS1_2048_8192_SHA256)
    }

    pub fn check_ps256(&self, key: &RsaPublic) -> Result<(), JwtFault> {
        self.check_algorithm("PS256")?;
        self.check_rsa_by(key, &signature::RSA_PSS_2048_8192_SHA256)
    }

    /// RS256, RS384 or RS512, whichever the header says.
    pub fn check_rsa(&self, key: &RsaPublic) -> Result<(), JwtFault> {
        match self.header_text("alg") {
            Some("RS384") => self.check_rsa_by(key, &signature::RSA_PKCS1_2048_8192_SHA384),
            Some("RS512") => self.check_rsa_by(key, &signature::RSA_PKCS1_2048_8192_SHA512),
            _ => self.check_rs256(key),
        }
    }

    fn check_rsa_by(
        &self,
        key: &RsaPublic,
        padding: &'static signature::RsaParameters,
    ) -> Result<(), JwtFault> {
        signature::RsaPublicKeyComponents { n: &key.n, e: &key.e }
            .verify(padding, self.message.as_bytes(), &self.signature)
            .map_err(|_| JwtFault::BadSignature)
    }

    pub fn check_es256(&self, key: &EcPublic) -> Result<(), JwtFault> {
        self.check_algorithm("ES256")?;
        // An uncompressed point: one byte of form, then the two coordinates.
        let point = [&[4], key.x.as_slice(), key.y.as_slice()].concat();
        signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point)
            .verify(self.message.as_bytes(), &self.signature)
            .map_err(|_| JwtFault::BadSignature)
    }

    fn check_es384(&self, point: &[u8]) -> Result<(), JwtFault> {
        self.check_algorithm(Algorithm::Es384.name())?;
        signature::UnparsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, point)
            .verify(self.message.as_bytes(), &self.signature)
            .map_err(|_| JwtFault::BadSignature)
    }

    /// By the algorithm that the token names, if it is one of the key's. ring knows no P-521, so that
    /// ES512 is none here.
    pub fn check_by(&self, key: &PublicKey) -> Result<(), JwtFault> {
        let rsa = |key: &RsaPublic, parameters: &'static signature::RsaParameters| {
            signature::RsaPublicKeyComponents { n: &key.n, e: &key.e }
                .verify(parameters, self.message.as_bytes(), &self.signature)
                .map_err(|_| JwtFault::BadSignature)
        };
        match (key, self.header_text("alg")) {
            (PublicKey::Rsa(key), Some("RS256")) => rsa(key, &signature::RSA_PKCS1_2048_8192_SHA256),
            (PublicKey::Rsa(key), Some("RS384")) => rsa(key, &signature::RSA_PKCS1_2048_8192_SHA384),
            (PublicKey::Rsa(key), Some("RS512")) => rsa(key, &signature::RSA_PKCS1_2048_8192_SHA512),
            (PublicKey::P256(key), Some("ES256")) => self.check_es256(key),
            (PublicKey::P384(key), Some("ES384")) => {
                self.check_es384(&[&[4], key.x.as_slice(), key.y.as_slice()].concat())
            }
            _ => Err(JwtFault::Algorithm),
        }
    }

    /// The key decides the algorithm, never the token alone.
    fn check_algorithm(&self, name: &str) -> Result<(), JwtFault> {
        if self.header_text("alg") == Some(name) { Ok(()) } else { Err(JwtFault::Algorithm) }
    }
}

fn object(part: &str) -> Result<Map<String, Value>, JwtFault> {
    let bytes = BASE64.decode(part).map_err(|_| JwtFault::Malformed)?;
    match serde_json::from_slice::<Unique>(&bytes) {
        Ok(Unique(map)) => Ok(map),
        Err(error) if error.to_string().starts_with(DUPLICATE) => Err(JwtFault::DuplicateClaim),
        Err(_) => Err(JwtFault::Malformed),
    }
}

const DUPLICATE: &str = "duplicate claim";

/// A JSON object that has each name once.
struct Unique(Map<String, Value>);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Unique;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Unique, A::Error> {
                let mut map = Map::new();
                while let Some((name, value)) = access.next_entry::<String, Value>()? {
                    if map.insert(name, value).is_some() {
                        return Err(A::Error::custom(DUPLICATE));
                    }
                }
                Ok(Unique(map))
            }
        }
        deserializer.deserialize_map(Names)
    }
}
