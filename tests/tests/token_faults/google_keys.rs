//! Keys that rotate, and assertions that lie: decided as Google decides.

use super::Forged;
use super::way::{Route, Way};
use carnet_federation::{Hop as At, Kind};
use carnet_localclouds::faults::Hop;
use carnet_localclouds::jwt::Algorithm;
use carnet_tests::Stage;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_key_is_looked_for_once_in_ten_seconds_and_then_found() {
    let way = Way::new(Route::Google).await;
    way.token().await;
    way.stage.local.shared.aws_keys.rotate().unwrap();
    let proof = way.prove().await;
    let mut refused = 0;
    let found = async {
        while let Err(error) = way.trade(&proof).await {
            assert_eq!((error.hop(), error.code()), (At::Exchange, Some("invalid_grant")), "{error}");
            assert_eq!(way.asked(Hop::Issuer), 2, "not asked again so soon");
            refused += 1;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), found).await.expect("it is found in the end");
    assert!(refused > 0, "the new key was unknown at first");
    assert_eq!(way.asked(Hop::Issuer), 4, "and looked for once, however often it was asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retired_key_no_longer_holds() {
    let way = Way::new(Route::Google).await;
    let proof = way.prove().await;
    way.stage.local.shared.aws_keys.rotate().unwrap();
    way.stage.local.shared.aws_keys.retire_old();
    let error = way.trade(&proof).await.unwrap_err();
    assert_eq!(
        (error.hop(), error.kind(), error.code()),
        (At::Exchange, Kind::Refused, Some("invalid_grant"))
    );
    assert!(error.presented().unwrap().contains(&proof.claims.issuer), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn assertions_that_lie_are_turned_away_as_google_does() {
    let mut stage = Stage::new().await;
    let clouds = stage.local.shared.clone();
    let audience = stage.provider("aws-tokens");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let true_claims = {
        let world = clouds.world();
        let role = &world.aws.roles[&world.aws.access_keys[&world.operator].role];
        json!({ "iss": world.aws.issuer, "sub": role.arn, "aud": audience, "iat": now, "exp": now + 300 })
    };
    let (key, ec_key) = (clouds.aws_keys.key_id(Algorithm::Rs256), clouds.aws_keys.key_id(Algorithm::Es384));
    let header = |algorithm: &str, key: &str| json!({ "alg": algorithm, "typ": "JWT", "kid": key });
    let with = |change: &dyn Fn(&mut Value)| {
        let mut claims = true_claims.clone();
        change(&mut claims);
        claims.to_string()
    };
    let claims = true_claims.to_string();
    let signed =
        |header: &Value, claims: &str| clouds.aws_keys.sign_as(header, claims, Algorithm::Rs256).unwrap();
    let ours = |claims: &str| signed(&header("RS256", &key), claims);
    let unsigned = |token: String| format!("{}.", token.rsplit_once('.').unwrap().0);
    let twice = claims.replacen('{', r#"{"sub":"arn:aws:iam::123456789012:role/carnet-operator","#, 1);
    let es384 = clouds.aws_keys.sign_as(&header("ES384", &ec_key), &claims, Algorithm::Es384).unwrap();
    let without = |name: &'static str| with(&|claims| drop(claims.as_object_mut().unwrap().remove(name)));
    // What it is, and the words of the refusal; empty for what is taken.
    let rows: Vec<(&str, String, &str)> = vec![
        ("true", ours(&claims), ""),
        ("an audience in a list", ours(&with(&|c| c["aud"] = json!(["api://other", audience]))), ""),
        (
            "its audience with https in front",
            ours(&with(&|c| c["aud"] = json!(format!("https:{audience}")))),
            "",
        ),
        ("another type", signed(&json!({ "alg": "RS256", "typ": "at+jwt", "kid": key }), &claims), ""),
        ("a day old, but not over", ours(&with(&|c| c["iat"] = json!(now - 24 * 3600 + 300))), ""),
        (
            "an audience of someone else",
            ours(&with(&|c| c["aud"] = json!("api://other"))),
            "audience in ID Token",
        ),
        (
            "another issuer",
            ours(&with(&|c| c["iss"] = json!("https://other.example"))),
            "credential's issuer",
        ),
        ("older than a day", ours(&with(&|c| c["iat"] = json!(now - 25 * 3600))), "is stale to sign-in"),
        ("from the future", ours(&with(&|c| c["iat"] = json!(now + 600))), "is stale to sign-in"),
        ("over", ours(&with(&|c| c["exp"] = json!(now - 1))), "is stale to sign-in"),
        ("never issued", ours(&without("iat")), "has no iat"),
        ("without an end", ours(&without("exp")), "has no exp"),
        ("without a subject", ours(&without("sub")), "Could not obtain a value for google.subject"),
        ("no algorithm", unsigned(signed(&header("none", &key), &claims)), "RS256 or ES256"),
        ("a symmetric algorithm", signed(&header("HS256", &key), &claims), "RS256 or ES256"),
        ("AWS's other algorithm", es384, "RS256 or ES256"),
        ("another key's id", signed(&header("RS256", "RSA_other"), &claims), "no key with its kid"),
        ("no key's id", signed(&json!({ "alg": "RS256", "typ": "JWT" }), &claims), "has no kid"),
        ("no signature", unsigned(ours(&claims)), "signature does not verify"),
        ("the subject twice", ours(&twice), "a claim twice"),
        ("no token at all", "not.a.token".to_owned(), "no JSON Web Token"),
    ];
    for (what, token, refused) in rows {
        let way = Way::minting(stage, Route::Google, Forged(token));
        match way.try_token().await {
            Ok(_) => assert_eq!(refused, "", "{what} is taken"),
            Err(error) => {
                carnet_tests::secrecy::assert_kept(&error);
                assert_eq!((error.hop(), error.kind()), (At::Exchange, Kind::Refused), "{what}: {error}");
                assert!(!refused.is_empty() && error.message().contains(refused), "{what}: {error}");
            }
        }
        stage = way.stage;
    }
}
