//! An app registration that signs in by itself.

use crate::claims;
use crate::clouds::{Clouds, encode, send, start};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use carnet_localclouds::jwt::{Algorithm, Keys, PublicKey};
use carnet_localclouds::workloads::certificate;
use carnet_localclouds::world::{ClientCertificate, ClientSecret};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn app(clouds: &Clouds) -> carnet_localclouds::workloads::AzureApp {
    clouds.local.state().workloads.azure_app.unwrap()
}

async fn sign_in(clouds: &Clouds, proof: &[(&str, &str)]) -> (u16, Value) {
    let client_id = app(clouds).client_id;
    let scope = format!("{}/.default", clouds.local.state().workloads.app_id_uri.unwrap());
    let mut form = vec![("grant_type", "client_credentials"), ("client_id", &client_id), ("scope", &scope)];
    form.extend_from_slice(proof);
    let url = format!("{}/{}/oauth2/v2.0/token", clouds.local.state().entra.authority, clouds.tenant_id());
    let request = clouds.http.post(url).header("content-type", "application/x-www-form-urlencoded");
    let (status, body) = send(request.body(encode(&form))).await;
    (status, serde_json::from_str(&body).unwrap())
}

#[tokio::test]
async fn a_secret_buys_a_token_for_the_app_id_uri() {
    let clouds = start().await;
    let secret = app(&clouds).client_secret;
    let (status, answer) = sign_in(&clouds, &[("client_secret", &secret)]).await;
    assert_eq!(status, 200, "{answer}");
    let claims = claims(answer["access_token"].as_str().unwrap());
    assert_eq!(claims["aud"], clouds.local.state().workloads.app_id_uri.unwrap());
    assert_eq!((&claims["appid"], &claims["appidacr"]), (&app(&clouds).client_id.into(), &"1".into()));
    assert!(claims.get("xms_mirid").is_none());
}

#[tokio::test]
async fn a_secret_that_is_wrong_or_over_is_refused() {
    let clouds = start().await;
    let (status, answer) = sign_in(&clouds, &[("client_secret", "guessed")]).await;
    assert_eq!((status, &answer["error"]), (401, &"invalid_client".into()));
    let words = answer["error_description"].as_str().unwrap();
    assert!(words.starts_with("AADSTS7000215: Invalid client secret provided. Ensure the secret"), "{words}");
    assert!(!words.contains("guessed"));
    let over = ClientSecret {
        value: "old".to_owned(),
        expires_at: Some(SystemTime::now() - Duration::from_secs(1)),
    };
    let id = app(&clouds).client_id;
    clouds.handle().world_mut().application_mut(&id).unwrap().client_secrets.push(over.clone());
    let (_, answer) = sign_in(&clouds, &[("client_secret", "old")]).await;
    assert_eq!(answer["error_codes"][0], 7000222, "{answer}");
    // The same value, added anew.
    let fresh = ClientSecret { expires_at: None, ..over };
    clouds.handle().world_mut().application_mut(&id).unwrap().client_secrets.push(fresh);
    assert_eq!(sign_in(&clouds, &[("client_secret", "old")]).await.0, 200);
    let (_, answer) = sign_in(&clouds, &[]).await;
    assert_eq!(answer["error_codes"][0], 7000218, "{answer}");
}

/// Keys whose public half the application knows as a certificate of this thumbprint.
async fn with_certificate(clouds: &Clouds, thumbprint: &str) -> Keys {
    let keys = tokio::task::spawn_blocking(Keys::generate).await.unwrap().unwrap();
    let jwk = &keys.rsa_jwks()["keys"][0];
    let number = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    let key = carnet_localclouds::jwt::RsaPublic { n: number("n"), e: number("e") };
    assert!(matches!(PublicKey::Rsa(key.clone()), PublicKey::Rsa(_)));
    let id = app(clouds).client_id;
    let certificate =
        ClientCertificate { sha1: thumbprint.to_owned(), sha256: format!("{thumbprint}-256"), key };
    clouds.handle().world_mut().application_mut(&id).unwrap().client_certificates.push(certificate);
    keys
}

fn assertion(clouds: &Clouds, keys: &Keys, header: Value, changed: &[(&str, Value)]) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let id = app(clouds).client_id;
    let tenant = clouds.tenant_id();
    let mut claims = json!({
        "iss": id, "sub": id, "jti": "1", "nbf": now, "exp": now + 600,
        "aud": format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"),
    });
    for (name, value) in changed {
        claims[*name] = value.clone();
    }
    keys.sign_as(&header, &claims.to_string(), Algorithm::Rs256).unwrap()
}

#[tokio::test]
async fn a_certificate_signs_for_the_application() {
    let clouds = start().await;
    let keys = with_certificate(&clouds, "print").await;
    let other = tokio::task::spawn_blocking(Keys::generate).await.unwrap().unwrap();
    let own = format!("{}/{}/oauth2/v2.0/token", clouds.local.state().entra.authority, clouds.tenant_id());
    let by = |header: Value| {
        json!({ "alg": "RS256", "typ": "JWT" }).as_object().map(|base| {
            let mut all = base.clone();
            all.extend(header.as_object().unwrap().clone());
            Value::Object(all)
        })
    };
    let sha1 = || by(json!({ "x5t": "print" })).unwrap();
    for (what, keys, header, changed, expected) in [
        ("by SHA-1", &keys, sha1(), vec![], None),
        ("by SHA-1, padded", &keys, by(json!({ "x5t": "print=" })).unwrap(), vec![], None),
        ("by SHA-256", &keys, by(json!({ "x5t#S256": "print-256" })).unwrap(), vec![], None),
        ("for where it is played", &keys, sha1(), vec![("aud", own.into())], None),
        ("another key", &other, sha1(), vec![], Some(700027)),
        ("an unknown certificate", &keys, by(json!({ "x5t": "other" })).unwrap(), vec![], Some(700027)),
        ("no certificate", &keys, by(json!({})).unwrap(), vec![], Some(50027)),
        (
            "another algorithm",
            &keys,
            by(json!({ "x5t": "print", "alg": "HS256" })).unwrap(),
            vec![],
            Some(5002738),
        ),
        ("another subject", &keys, sha1(), vec![("sub", "someone".into())], Some(700021)),
        ("another audience", &keys, sha1(), vec![("aud", "https://example.com".into())], Some(700023)),
        ("over", &keys, sha1(), vec![("exp", 1.into())], Some(700024)),
    ] {
        let assertion = assertion(&clouds, keys, header, &changed);
        let proof = [("client_assertion_type", JWT_BEARER), ("client_assertion", assertion.as_str())];
        let (status, answer) = sign_in(&clouds, &proof).await;
        match expected {
            None => assert_eq!(status, 200, "{what}: {answer}"),
            Some(code) => assert_eq!(answer["error_codes"][0], code, "{what}: {answer}"),
        }
    }
}

#[tokio::test]
async fn a_certificate_is_made_for_those_who_ask() {
    let clouds = start().await;
    let (handle, id) = (clouds.handle().clone(), app(&clouds).client_id);
    let pem = tokio::task::spawn_blocking(move || certificate::upload(&handle, &id)).await.unwrap().unwrap();
    assert!(pem.contains("BEGIN PRIVATE KEY") && pem.contains("BEGIN CERTIFICATE"));
    let world = clouds.handle().world();
    assert_eq!(world.entra.applications[&app(&clouds).client_id].client_certificates.len(), 1);
    let shown = format!("{:?}", world.entra.applications);
    assert!(!shown.contains(&world.entra.applications[&app(&clouds).client_id].client_secrets[0].value));
}
