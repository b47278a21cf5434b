//! OIDC tokens: header, issuer, times, signature, audience.

use crate::clouds::start;
use crate::exchanges::{
    AWS, JWT, OIDC, assert_refused, audience, claims, now, parameters, post_form, provider, token,
    trade_token,
};
use axum::Json;
use axum::Router;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use carnet_localclouds::faults::{Fault, Hop, Rule};
use carnet_localclouds::jwt::{Algorithm, Keys};
use carnet_localclouds::server::{self, Transport};
use carnet_trust::google::ProviderKind;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

const UNREACHABLE: &str = "Error connecting to the given credential's issuer.";

#[tokio::test]
async fn each_wrong_claim_has_its_words() {
    let clouds = start().await;
    let issuer = clouds.local.state().aws.issuer;
    let name = audience(OIDC);
    let mismatch =
        |aud: &str| format!("The audience in ID Token [{aud}] does not match the expected audience.");
    let stale = |iat: i64| format!("ID Token issued at {iat} is stale to sign-in.");
    let (day, hour) = (86_400, 3_600);
    let rows = vec![
        ("issuer", json!({ "iss": "https://127.0.0.1:9" }), UNREACHABLE.to_owned()),
        ("issuer's slash", json!({ "iss": format!("{issuer}/") }), UNREACHABLE.to_owned()),
        ("no issuer", json!({ "iss": null }), UNREACHABLE.to_owned()),
        ("audience", json!({ "aud": "api://AzureADTokenExchange" }), mismatch("api://AzureADTokenExchange")),
        ("another provider's", json!({ "aud": audience(AWS) }), mismatch(&audience(AWS))),
        ("no audience", json!({ "aud": null }), mismatch("")),
        ("a day and a bit", json!({ "iat": now() - day - 60 }), stale(now() - day - 60)),
        ("from the future", json!({ "iat": now() + hour }), stale(now() + hour)),
        ("over", json!({ "iat": now() - 400, "exp": now() - 100 }), stale(now() - 400)),
        ("no iat", json!({ "iat": null }), "The ID Token is invalid: it has no iat.".to_owned()),
        ("no exp", json!({ "exp": null }), "The ID Token is invalid: it has no exp.".to_owned()),
    ];
    for (what, replaced, words) in rows {
        assert_refused(what, trade_token(&clouds, &token(&clouds, replaced)).await, "invalid_grant", &words);
    }
    for replaced in [
        json!({ "aud": format!("https:{name}") }),
        json!({ "aud": [name] }),
        json!({ "iat": now() - day + 60 }),
        json!({ "iat": now() + 20 }),
    ] {
        let (status, answer) = trade_token(&clouds, &token(&clouds, replaced.clone())).await;
        assert_eq!(status, 200, "{replaced}: {answer}");
    }
}

#[tokio::test]
async fn audiences_of_its_own_replace_the_providers_name() {
    let clouds = start().await;
    provider(&clouds, OIDC, |provider| {
        let ProviderKind::Oidc { allowed_audiences, .. } = &mut provider.trust.kind else { unreachable!() };
        *allowed_audiences = vec!["carnet".to_owned()];
    });
    assert_eq!(trade_token(&clouds, &token(&clouds, json!({ "aud": "carnet" }))).await.0, 200);
    let answer = trade_token(&clouds, &token(&clouds, json!({}))).await;
    let words =
        format!("The audience in ID Token [{}] does not match the expected audience carnet.", audience(OIDC));
    assert_refused("the name", answer, "invalid_grant", &words);
}

#[tokio::test]
async fn only_what_the_issuers_own_key_signed_is_let_in() {
    let clouds = start().await;
    let keys = &clouds.handle().aws_keys;
    let payload = claims(&clouds).to_string();
    let id = keys.key_id(Algorithm::Rs256);
    let stranger = Keys::generate().unwrap();
    let sign_as = |keys: &Keys, header: Value| keys.sign_as(&header, &payload, Algorithm::Rs256).unwrap();
    let twice = payload.replacen('{', "{\"sub\":\"arn:aws:iam::123456789012:role/other\",", 1);
    let mut tampered = token(&clouds, json!({}));
    tampered.replace_range(tampered.len() - 8..tampered.len() - 4, "AAAA");
    let (alg, key) = ("its alg must be RS256 or ES256", "its issuer publishes no key with its kid");
    let rows = vec![
        ("ES384", keys.sign(&claims(&clouds), Algorithm::Es384).unwrap(), alg),
        ("none", sign_as(keys, json!({"alg": "none", "kid": id})), alg),
        ("HS256", sign_as(keys, json!({"alg": "HS256", "kid": id})), alg),
        ("no alg", sign_as(keys, json!({"kid": id})), alg),
        ("no kid", sign_as(keys, json!({"alg": "RS256"})), "it has no kid"),
        (
            "ES256 with the RSA key",
            sign_as(keys, json!({"alg": "ES256", "kid": id})),
            "its signature does not verify",
        ),
        (
            "a stranger's key under our id",
            sign_as(&stranger, json!({"alg": "RS256", "kid": id})),
            "its signature",
        ),
        ("a stranger's key", stranger.sign(&claims(&clouds), Algorithm::Rs256).unwrap(), key),
        (
            "P-384 under RS256",
            sign_as(keys, json!({"alg": "RS256", "kid": keys.key_id(Algorithm::Es384)})),
            key,
        ),
        ("tampered", tampered, "its signature does not verify"),
        (
            "a claim twice",
            keys.sign_as(&json!({"alg": "RS256", "kid": id}), &twice, Algorithm::Rs256).unwrap(),
            "it has a claim twice",
        ),
        ("no token", "eyJ.eyJ.x".to_owned(), "it is no JSON Web Token"),
    ];
    for (what, proof, words) in rows {
        let words = format!("The ID Token is invalid: {words}");
        assert_refused(what, trade_token(&clouds, &proof).await, "invalid_grant", &words);
    }
    assert_eq!(trade_token(&clouds, &token(&clouds, json!({}))).await.0, 200);
}

/// An issuer other than AWS, with a P-256 key, on a listener of its own.
#[tokio::test]
async fn es256_is_taken_from_an_issuer_that_signs_with_it() {
    let clouds = start().await;
    let document =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    let key =
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &SystemRandom::new())
            .unwrap();
    let point = key.public_key().as_ref();
    let jwks = json!({ "keys": [{
        "kty": "EC", "crv": "P-256", "kid": "es", "x": BASE64.encode(&point[1..33]), "y": BASE64.encode(&point[33..]),
    }]});
    let tls = clouds.handle().authority.server_config(&[]).unwrap();
    let bound = server::bind(Transport::Tls(tls)).await.unwrap();
    let issuer = bound.base_url.clone();
    let discovery = json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/keys") });
    let router = Router::new()
        .route("/.well-known/openid-configuration", get(move || std::future::ready(Json(discovery.clone()))))
        .route("/keys", get(move || std::future::ready(Json(jwks.clone()))));
    let _listening = bound.serve(router);
    provider(&clouds, OIDC, |provider| {
        provider.trust.kind = ProviderKind::Oidc { issuer: issuer.clone(), allowed_audiences: Vec::new() };
    });

    let mut claims = claims(&clouds);
    claims["iss"] = json!(issuer);
    let signed = |alg: &str| {
        let header = json!({ "alg": alg, "kid": "es" }).to_string();
        let message = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims.to_string()));
        let signature = key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", BASE64.encode(signature))
    };
    let (status, answer) = trade_token(&clouds, &signed("ES256")).await;
    assert_eq!(status, 200, "{answer}");
    let answer = trade_token(&clouds, &signed("RS256")).await;
    assert_refused(
        "its alg lies",
        answer,
        "invalid_grant",
        "The ID Token is invalid: its signature does not verify",
    );
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_is_named_as_such() {
    let clouds = start().await;
    let proof = token(&clouds, json!({}));
    let faults = &clouds.handle().faults;
    for fault in [
        Fault::ResetBefore,
        Fault::CutBody { after: 3 },
        Fault::Html200,
        Fault::Oversize,
        Fault::Status { status: 500, headers: vec![], body: String::new() },
        Fault::Redirect { to: "https://127.0.0.1:9/".into() },
    ] {
        faults.set(vec![Rule::always(Hop::Issuer, fault.clone())]);
        assert_refused(&fault.to_string(), trade_token(&clouds, &proof).await, "invalid_grant", UNREACHABLE);
    }
    faults.clear();
    assert_eq!(trade_token(&clouds, &proof).await.0, 200);
}

#[tokio::test]
async fn keys_are_fetched_once_and_rotated_ones_when_asked_for() {
    let clouds = start().await;
    let fetches = || {
        let seen = clouds.handle().faults.seen(Hop::Issuer);
        seen.iter().filter(|seen| seen.path.ends_with("jwks.json")).count()
    };
    let old = token(&clouds, json!({}));
    for _ in 0..3 {
        assert_eq!(trade_token(&clouds, &old).await.0, 200);
    }
    assert_eq!(fetches(), 1);
    clouds.handle().aws_keys.rotate().unwrap();
    let new = token(&clouds, json!({}));
    let words = "The ID Token is invalid: its issuer publishes no key with its kid";
    assert_refused("asked again too soon", trade_token(&clouds, &new).await, "invalid_grant", words);
    assert_eq!(trade_token(&clouds, &old).await.0, 200, "the old key holds meanwhile");
    assert_eq!(fetches(), 1);
    clouds.handle().google_issuers.forget().await;
    assert_eq!(trade_token(&clouds, &new).await.0, 200);
    assert_eq!(trade_token(&clouds, &old).await.0, 200, "both keys are published");
}

#[tokio::test]
async fn nobody_is_asked_for_keys_but_the_providers_own_issuer() {
    let clouds = start().await;
    let proof = token(&clouds, json!({}));
    provider(&clouds, OIDC, |provider| {
        let ProviderKind::Oidc { issuer, .. } = &mut provider.trust.kind else { unreachable!() };
        *issuer = "https://other.example".to_owned();
    });
    assert_refused("issuer", trade_token(&clouds, &proof).await, "invalid_grant", UNREACHABLE);
    let answer = post_form(&clouds, "/v1/token", &parameters(AWS, JWT, &proof)).await;
    let words = "The given credential is an OIDC token, the provider takes signed AWS requests.";
    assert_refused("kind", answer, "invalid_grant", words);
    assert_eq!(clouds.handle().faults.seen(Hop::Issuer), []);
}

#[tokio::test]
async fn a_clock_far_off_either_way_is_a_refusal_about_time() {
    let clouds = start().await;
    for seconds in [-600, 600] {
        let proof = token(&clouds, json!({}));
        clouds.handle().faults.set(vec![Rule::always(Hop::GoogleSts, Fault::ClockSkew { seconds })]);
        let answer = trade_token(&clouds, &proof).await;
        assert_refused(&seconds.to_string(), answer, "invalid_grant", "ID Token issued at ");
        clouds.handle().faults.clear();
    }
}
