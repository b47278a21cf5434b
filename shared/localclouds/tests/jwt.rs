//! Signing, checking and rotating keys.

use carnet_localclouds::jwt::{Algorithm, JwtFault, Keys, Token};
use serde_json::json;

#[test]
fn both_algorithms_sign_what_they_then_accept() {
    let keys = Keys::generate().unwrap();
    let claims = json!({"sub": "x", "n": 1});
    for algorithm in [Algorithm::Rs256, Algorithm::Es384] {
        let token = keys.sign(&claims, algorithm).unwrap();
        assert_eq!(keys.verify(&token).unwrap(), claims);
        let parsed = Token::parse(&token).unwrap();
        assert_eq!(parsed.header_text("alg"), Some(algorithm.name()));
        assert_eq!(parsed.header_text("kid"), Some(keys.key_id(algorithm).as_str()));
    }
}

#[test]
fn a_changed_letter_breaks_a_token() {
    let keys = Keys::generate().unwrap();
    let token = keys.sign(&json!({"sub": "x"}), Algorithm::Rs256).unwrap();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let changed = format!("{message}.{flipped}{}", &signature[1..]);
    assert_eq!(keys.verify(&changed), Err(JwtFault::BadSignature));

    let other = keys.sign(&json!({"sub": "y"}), Algorithm::Rs256).unwrap();
    let crossed = format!("{message}.{}", other.rsplit_once('.').unwrap().1);
    assert_eq!(keys.verify(&crossed), Err(JwtFault::BadSignature));
}

#[test]
fn the_key_decides_the_algorithm() {
    let keys = Keys::generate().unwrap();
    let id = keys.key_id(Algorithm::Rs256);
    for alg in ["none", "HS256", "ES384", "RS512"] {
        let token = keys.sign_as(&json!({"alg": alg, "kid": id}), "{}", Algorithm::Rs256).unwrap();
        assert_eq!(keys.verify(&token), Err(JwtFault::Algorithm), "{alg}");
    }
}

#[test]
fn rotation_keeps_the_old_key_until_it_is_retired() {
    let keys = Keys::generate().unwrap();
    let old = keys.sign(&json!({}), Algorithm::Rs256).unwrap();
    let old_id = keys.key_id(Algorithm::Rs256);
    keys.rotate().unwrap();
    assert_ne!(keys.key_id(Algorithm::Rs256), old_id);
    let published = |keys: &Keys| keys.rsa_jwks()["keys"].as_array().unwrap().len();
    assert_eq!(published(&keys), 2);
    assert!(keys.verify(&old).is_ok());
    keys.retire_old();
    assert_eq!(published(&keys), 1);
    assert_eq!(keys.verify(&old), Err(JwtFault::UnknownKey));
}

#[test]
fn what_is_no_token_is_malformed() {
    let keys = Keys::generate().unwrap();
    for text in ["", "a", "a.b", "a.b.c", "..", "e30.e30", "e30.W10.AA", "e30.e30.e30.e30", "e30.e30.!"] {
        assert_eq!(keys.verify(text).unwrap_err(), JwtFault::Malformed, "{text}");
    }
    let twice = keys.sign_as(&json!({"alg": "RS256"}), r#"{"a":1,"a":1}"#, Algorithm::Rs256).unwrap();
    assert_eq!(keys.verify(&twice), Err(JwtFault::DuplicateClaim));
}
