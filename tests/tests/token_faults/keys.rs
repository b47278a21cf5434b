//! Keys that rotate, and assertions that lie: decided as Entra decides. Where both clouds decide alike,
//! both are asked here.

use super::Forged;
use super::way::{ENTRA, GOOGLE_STS, Route, Service, Way};
use carnet_federation::{Hop as At, Kind};
use carnet_localclouds::faults::Hop;
use carnet_localclouds::jwt::Algorithm;
use carnet_tests::{CLIENT, Stage, each};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

const AUDIENCE: &str = "api://AzureADTokenExchange";

each!(
    ENTRA as entra, GOOGLE_STS as google:
    (the_old_key_and_the_new_one_hold_while_a_rotation_lasts)
);

async fn the_old_key_and_the_new_one_hold_while_a_rotation_lasts(service: Service) {
    let way = Way::new(service.route).await;
    let old = way.prove().await;
    way.stage.local.shared.aws_keys.rotate().unwrap();
    let new = way.prove().await;
    assert_ne!(old.claims.key_id, new.claims.key_id);
    for proof in [&old, &new] {
        way.trade(proof).await.unwrap();
    }
    assert_eq!(way.asked(Hop::Issuer), 2, "one look at the discovery document, one at the keys");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_key_is_looked_for_once_in_ten_seconds_and_then_found() {
    let window = Duration::from_secs(50);
    let way = Way::patient(Route::Azure, window).await;
    way.token().await;
    way.stage.local.shared.aws_keys.rotate().unwrap();
    let way = way.again(window).await;
    way.token().await;
    assert!(way.exchanges() > 2, "the new key was unknown at first");
    assert_eq!(way.asked(Hop::Issuer), 4, "and looked for once, however often it was asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retired_key_no_longer_holds() {
    let way = Way::new(Route::Azure).await;
    let proof = way.prove().await;
    way.stage.local.shared.aws_keys.rotate().unwrap();
    way.stage.local.shared.aws_keys.retire_old();
    let error = way.trade(&proof).await.unwrap_err();
    assert_eq!((error.code(), error.field()), (Some("AADSTS7000272"), Some("JWKS")));
    assert!(error.presented().unwrap().contains(proof.claims.key_id.as_deref().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn assertions_that_lie_are_turned_away_as_entra_does() {
    let mut stage = Stage::new().await;
    let (forge, clouds) = (Forge::of(&stage), stage.local.shared.clone());
    let header = |algorithm: &str, key: &str| json!({ "alg": algorithm, "typ": "JWT", "kid": key });
    let (key, claims) = (forge.key.clone(), forge.claims.to_string());
    let with = |name: &str, value: Value| {
        let mut claims = forge.claims.clone();
        claims[name] = value;
        claims.to_string()
    };
    let signed =
        |header: &Value, claims: &str| clouds.aws_keys.sign_as(header, claims, Algorithm::Rs256).unwrap();
    let unsigned = |token: String| format!("{}.", token.rsplit_once('.').unwrap().0);
    let twice = claims.replacen('{', r#"{"sub":"arn:aws:iam::123456789012:role/carnet-operator","#, 1);
    for (what, token, expected) in [
        ("true", signed(&header("RS256", &key), &claims), None),
        (
            "an audience in a list of one",
            signed(&header("RS256", &key), &with("aud", json!([AUDIENCE]))),
            None,
        ),
        (
            "a list of two audiences",
            signed(&header("RS256", &key), &with("aud", json!([AUDIENCE, "api://other"]))),
            Some("AADSTS700212"),
        ),
        ("no algorithm", unsigned(signed(&header("none", &key), &claims)), Some("AADSTS5002738")),
        ("a symmetric algorithm", signed(&header("HS256", &key), &claims), Some("AADSTS5002738")),
        ("another key's id", signed(&header("RS256", "RSA_other"), &claims), Some("AADSTS7000272")),
        ("no signature", unsigned(signed(&header("RS256", &key), &claims)), Some("AADSTS700027")),
        ("the subject twice", signed(&header("RS256", &key), &twice), Some("AADSTS50027")),
        (
            "another type",
            signed(&json!({ "alg": "RS256", "typ": "at+jwt", "kid": key }), &claims),
            Some("AADSTS5002727"),
        ),
    ] {
        let way = Way::minting(stage, Route::Azure, Forged(token));
        match expected {
            None => drop(way.try_token().await.unwrap_or_else(|error| panic!("{what}: {error}"))),
            Some(code) => {
                let error = way.refusal().await;
                let found = (error.hop(), error.kind(), error.code());
                assert_eq!(found, (At::Exchange, Kind::Refused, Some(code)), "{what}");
            }
        }
        stage = way.stage;
    }
}

/// What a true assertion of the operator's holds.
struct Forge {
    key: String,
    claims: Value,
}

impl Forge {
    fn of(stage: &Stage) -> Self {
        let world = stage.local.shared.world();
        let credential = &world.entra.applications[CLIENT].federated_credentials;
        let operator = &world.aws.access_keys[&world.operator].role;
        let subject = &world.aws.roles[operator].arn;
        assert!(
            credential.iter().any(|credential| credential.subject == *subject),
            "the operator is trusted"
        );
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let claims = json!({
            "iss": world.aws.issuer, "sub": subject, "aud": AUDIENCE, "iat": now, "exp": now + 300,
        });
        Self { key: stage.local.shared.aws_keys.key_id(Algorithm::Rs256), claims }
    }
}
