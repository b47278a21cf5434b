//! Entra over real TLS sockets: each answer, and the keys it fetches from the issuer for itself.

mod clouds;

use carnet_localclouds::Options;
use carnet_localclouds::entra::{BearerFault, check_bearer};
use carnet_localclouds::faults::{Fault, Hop, Rule};
use carnet_localclouds::jwt::{Algorithm, Keys};
use carnet_localclouds::world::Application;
use clouds::{AUDIENCE, Clouds, get_json, send, start, start_with, world};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const STORAGE: &str = "https://storage.azure.com";

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

/// What AWS would sign for the function.
fn claims(clouds: &Clouds) -> Value {
    json!({
        "iss": clouds.local.state().aws.issuer,
        "sub": "arn:aws:iam::123456789012:role/carnet-eu-central-1-blob-api",
        "aud": AUDIENCE,
        "iat": now(),
        "exp": now() + 300,
        "jti": "0c1d",
    })
}

fn signed(clouds: &Clouds, claims: &Value) -> String {
    clouds.handle().aws_keys.sign(claims, Algorithm::Rs256).unwrap()
}

/// The function's claims with one of them replaced.
fn with(clouds: &Clouds, name: &str, value: Value) -> String {
    let mut claims = claims(clouds);
    claims[name] = value;
    signed(clouds, &claims)
}

fn application(clouds: &Clouds, change: impl FnOnce(&mut Application)) {
    let client_id = clouds.client_id();
    change(clouds.handle().world_mut().application_mut(&client_id).unwrap());
}

fn code(answer: &Value) -> u64 {
    answer["error_codes"][0].as_u64().unwrap_or_else(|| panic!("no code: {answer}"))
}

#[tokio::test]
async fn a_minted_proof_buys_a_token_that_the_store_accepts() {
    let clouds = start().await;
    let (status, answer) = clouds.exchange(&clouds.mint().await, &[]).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["expires_in"], 3599);
    let bearer = format!("Bearer {}", answer["access_token"].as_str().unwrap());
    let caller = check_bearer(clouds.handle(), Some(&bearer), &[STORAGE]).unwrap();
    assert_eq!(caller.object_id, "bbbbbbbb-1111-4222-8333-444444444444");
    assert_eq!(caller.tenant_id, clouds.tenant_id());
    assert_eq!(caller.app_id, clouds.client_id());
}

#[tokio::test]
async fn each_wrong_field_of_the_proof_has_its_code() {
    let clouds = start().await;
    let rows = vec![
        ("issuer", with(&clouds, "iss", json!("https://127.0.0.1:9")), 700211, 401),
        (
            "issuer's slash",
            with(&clouds, "iss", json!(format!("{}/", clouds.local.state().aws.issuer))),
            700211,
            401,
        ),
        ("subject", with(&clouds, "sub", json!("arn:aws:iam::123456789012:role/other")), 700213, 401),
        (
            "letter case",
            with(&clouds, "sub", json!("arn:aws:iam::123456789012:role/Carnet-eu-central-1-blob-api")),
            7002138,
            401,
        ),
        ("audience", with(&clouds, "aud", json!("sts.amazonaws.com")), 700212, 401),
        ("audience as a list of one", with(&clouds, "aud", json!([AUDIENCE])), 0, 200),
        ("two audiences", with(&clouds, "aud", json!([AUDIENCE, "other"])), 700212, 401),
        ("no audience", with(&clouds, "aud", Value::Null), 700212, 401),
        ("over", with(&clouds, "exp", json!(now() - 1)), 700024, 401),
        ("without expiry", with(&clouds, "exp", Value::Null), 700024, 401),
        ("from the future", with(&clouds, "iat", json!(now() + 600)), 700024, 401),
        ("a clock a little ahead", with(&clouds, "iat", json!(now() + 120)), 0, 200),
        ("not before", with(&clouds, "nbf", json!(now() + 600)), 700024, 401),
        ("Entra's own", with(&clouds, "iss", json!("https://sts.windows.net/x/")), 700222, 401),
    ];
    for (what, assertion, expected, status) in rows {
        let (got, answer) = clouds.exchange(&assertion, &[]).await;
        assert_eq!(got, status, "{what}: {answer}");
        if expected != 0 {
            assert_eq!(code(&answer), expected, "{what}: {answer}");
        }
    }
}

#[tokio::test]
async fn each_wrong_parameter_has_its_code() {
    let clouds = start().await;
    let proof = clouds.mint().await;
    const GUID: &str = "99999999-9999-4999-8999-999999999999";
    type Row<'a> = (&'a [(&'a str, &'a str)], u64, u16, &'a str);
    let rows: Vec<Row> = vec![
        (&[("tenant", GUID)], 90002, 400, "invalid_request"),
        (&[("tenant", "not-a-tenant")], 900023, 400, "invalid_request"),
        (&[("client_id", GUID)], 700016, 400, "unauthorized_client"),
        (&[("client_id", "")], 900144, 400, "invalid_request"),
        (&[("scope", "https://storage.azure.com/user_impersonation")], 1002012, 400, "invalid_scope"),
        (
            &[("scope", "https://storage.azure.com/.default https://vault.azure.net/.default")],
            1002012,
            400,
            "invalid_scope",
        ),
        (&[("scope", "openid offline_access profile")], 1002012, 400, "invalid_scope"),
        (&[("scope", "https://nosuch.example/.default")], 500011, 400, "invalid_resource"),
        (&[("scope", "https://nosuch.blob.core.windows.net/.default")], 500011, 400, "invalid_resource"),
        (&[("grant_type", "password")], 70003, 400, "unsupported_grant_type"),
        (&[("grant_type", "")], 900144, 400, "invalid_request"),
        (&[("client_assertion", "")], 7000218, 401, "invalid_client"),
        (&[("client_assertion_type", "jwt")], 7000218, 401, "invalid_client"),
        (&[("client_assertion", "eyJ.eyJ.x")], 50027, 400, "invalid_request"),
    ];
    for (replaced, expected, status, error) in rows {
        let (got, answer) = clouds.exchange(&proof, replaced).await;
        assert_eq!((code(&answer), got, &answer["error"]), (expected, status, &json!(error)), "{replaced:?}");
    }
    let resource = [("scope", "https://carnetdemo.blob.core.windows.net/.default")];
    assert_eq!(clouds.exchange(&proof, &resource).await.0, 200);
}

#[tokio::test]
async fn a_refusal_has_microsofts_shape() {
    let clouds = start().await;
    let (_, answer) = clouds.exchange(&with(&clouds, "sub", json!("arn:x")), &[]).await;
    let description = answer["error_description"].as_str().unwrap();
    let start =
        "AADSTS700213: No matching federated identity record found for presented assertion subject 'arn:x'. ";
    assert!(description.starts_with(start), "{description}");
    for field in ["trace_id", "correlation_id", "timestamp"] {
        assert!(description.contains(answer[field].as_str().unwrap()), "{field}");
    }
    assert_eq!(answer["error_uri"], "https://login.microsoftonline.com/error?code=700213");
}

#[tokio::test]
async fn only_what_the_issuers_own_rsa_key_signed_is_let_in() {
    let clouds = start().await;
    let keys = &clouds.handle().aws_keys;
    let payload = claims(&clouds).to_string();
    let id = keys.key_id(Algorithm::Rs256);
    let stranger = Keys::generate().unwrap();
    let sign_as = |keys: &Keys, header: Value| keys.sign_as(&header, &payload, Algorithm::Rs256).unwrap();
    let twice = payload.replacen('{', "{\"sub\":\"arn:aws:iam::123456789012:role/other\",", 1);
    let rows = vec![
        ("ES384", keys.sign(&claims(&clouds), Algorithm::Es384).unwrap(), 5002738),
        ("none", sign_as(keys, json!({"alg": "none", "typ": "JWT", "kid": id})), 5002738),
        ("HS256", sign_as(keys, json!({"alg": "HS256", "typ": "JWT", "kid": id})), 5002738),
        ("no alg", sign_as(keys, json!({"typ": "JWT", "kid": id})), 5002738),
        ("another type", sign_as(keys, json!({"alg": "RS256", "typ": "at+jwt", "kid": id})), 5002727),
        ("a stranger's key under our id", sign_as(&stranger, json!({"alg": "RS256", "kid": id})), 700027),
        ("a stranger's key", stranger.sign(&claims(&clouds), Algorithm::Rs256).unwrap(), 7000272),
        ("no kid", sign_as(keys, json!({"alg": "RS256"})), 7000272),
        (
            "the kid of the EC key",
            sign_as(keys, json!({"alg": "RS256", "kid": keys.key_id(Algorithm::Es384)})),
            7000272,
        ),
        (
            "a claim twice",
            keys.sign_as(&json!({"alg": "RS256", "kid": id}), &twice, Algorithm::Rs256).unwrap(),
            50027,
        ),
    ];
    for (what, assertion, expected) in rows {
        let (_, answer) = clouds.exchange(&assertion, &[]).await;
        assert_eq!(code(&answer), expected, "{what}: {answer}");
    }
    assert_eq!(clouds.exchange(&signed(&clouds, &claims(&clouds)), &[]).await.0, 200);
}

#[tokio::test]
async fn the_state_of_the_application_decides() {
    let clouds = start().await;
    let proof = clouds.mint().await;
    application(&clouds, |app| app.spreading_until = Some(SystemTime::now() + Duration::from_secs(600)));
    assert_eq!(code(&clouds.exchange(&proof, &[]).await.1), 70021);
    application(&clouds, |app| app.spreading_until = Some(SystemTime::now()));
    assert_eq!(clouds.exchange(&proof, &[]).await.0, 200);
    for blocked in [53003, 700223, 700238, 7002121, 7002131, 700222] {
        application(&clouds, |app| app.blocked_by = Some(blocked));
        assert_eq!(code(&clouds.exchange(&proof, &[]).await.1), u64::from(blocked));
    }
    application(&clouds, |app| app.blocked_by = None);
    application(&clouds, |app| app.federated_credentials.clear());
    let (_, answer) = clouds.exchange(&proof, &[]).await;
    assert_eq!(code(&answer), 70025);
    assert!(answer["error_description"].as_str().unwrap().contains("(asset-reader)"));
}

#[tokio::test]
async fn spreading_can_be_set_from_the_start() {
    let options = Options { spreading: Duration::from_secs(600), ..Options::default() };
    let clouds = start_with(world(), options).await;
    assert_eq!(code(&clouds.exchange(&clouds.mint().await, &[]).await.1), 70021);
}

/// An issuer that is trusted but cannot be asked.
#[tokio::test]
async fn an_issuer_that_does_not_answer_is_named_as_such() {
    let clouds = start().await;
    let proof = clouds.mint().await;
    let faults = &clouds.handle().faults;
    for (fault, expected) in [
        (Fault::ResetBefore, 90061),
        (Fault::CutBody { after: 3 }, 90061),
        (Fault::Html200, 501661),
        (Fault::Oversize, 501661),
        (Fault::Status { status: 500, headers: vec![], body: String::new() }, 501661),
        (Fault::Redirect { to: "https://127.0.0.1:9/".into() }, 501661),
    ] {
        faults.set(vec![Rule::always(Hop::Issuer, fault.clone())]);
        let (status, answer) = clouds.exchange(&proof, &[]).await;
        assert_eq!((code(&answer), status), (expected, 400), "{fault}");
    }
    faults.clear();
    assert_eq!(clouds.exchange(&proof, &[]).await.0, 200);
}

#[tokio::test]
async fn keys_are_fetched_once_and_an_unknown_one_not_more_than_every_ten_seconds() {
    let clouds = start().await;
    let fetches = || {
        let seen = clouds.handle().faults.seen(Hop::Issuer);
        seen.iter().filter(|seen| seen.path.ends_with("jwks.json")).count()
    };
    let old = clouds.mint().await;
    for _ in 0..3 {
        assert_eq!(clouds.exchange(&old, &[]).await.0, 200);
    }
    assert_eq!(fetches(), 1);

    clouds.handle().aws_keys.rotate().unwrap();
    let new = clouds.mint().await;
    assert_eq!(code(&clouds.exchange(&new, &[]).await.1), 7000272, "asked again too soon");
    assert_eq!(fetches(), 1);
    assert_eq!(clouds.exchange(&old, &[]).await.0, 200, "the old key holds meanwhile");

    // As after ten seconds, or at another of Entra's front ends.
    clouds.handle().issuers.forget().await;
    assert_eq!(clouds.exchange(&new, &[]).await.0, 200);
    assert_eq!(clouds.exchange(&old, &[]).await.0, 200, "both keys are published");
    assert_eq!(fetches(), 2);
}

#[tokio::test]
async fn an_untrusted_issuer_is_never_asked() {
    let clouds = start().await;
    application(&clouds, |app| {
        app.federated_credentials.iter_mut().for_each(|c| c.issuer = "https://other".into())
    });
    let (_, answer) = clouds.exchange(&clouds.mint().await, &[]).await;
    assert_eq!(code(&answer), 700211);
    assert_eq!(clouds.handle().faults.seen(Hop::Issuer), []);
}

#[tokio::test]
async fn a_clock_ten_minutes_off_either_way_is_a_refusal_about_time() {
    let clouds = start().await;
    for seconds in [-600, 600] {
        let proof = clouds.mint().await;
        clouds.handle().faults.set(vec![Rule::always(Hop::EntraToken, Fault::ClockSkew { seconds })]);
        assert_eq!(code(&clouds.exchange(&proof, &[]).await.1), 700024, "{seconds}");
        clouds.handle().faults.clear();
    }
}

#[tokio::test]
async fn the_store_refuses_what_entra_did_not_mean_for_it() {
    let clouds = start().await;
    let handle = clouds.handle();
    let good = json!({
        "iss": format!("https://sts.windows.net/{}/", clouds.tenant_id()), "aud": STORAGE,
        "oid": "o", "appid": "a", "nbf": now(), "exp": now() + 60,
    });
    let token = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        format!("Bearer {}", handle.entra_keys.sign(&claims, Algorithm::Rs256).unwrap())
    };
    let check =
        |authorization: &str| check_bearer(handle, Some(authorization), &[STORAGE]).map(|c| c.object_id);
    assert_eq!(check(&token("oid", json!("o"))), Ok("o".to_owned()));
    assert_eq!(check(&token("aud", json!("https://storage.azure.com/"))), Ok("o".to_owned()));
    assert_eq!(check(&token("aud", json!("https://vault.azure.net"))), Err(BearerFault::Audience));
    assert_eq!(check(&token("iss", json!("https://sts.windows.net/x/"))), Err(BearerFault::Issuer));
    assert_eq!(check(&token("exp", json!(now()))), Err(BearerFault::Expired));
    assert_eq!(check(&token("exp", Value::Null)), Err(BearerFault::Expired));
    assert_eq!(check(&token("nbf", json!(now() + 600))), Err(BearerFault::NotYetValid));
    assert_eq!(check("Basic eDp5"), Err(BearerFault::Malformed));
    assert_eq!(check("Bearer x.y.z"), Err(BearerFault::Malformed));
    let stranger = Keys::generate().unwrap().sign(&good, Algorithm::Rs256).unwrap();
    assert_eq!(check(&format!("Bearer {stranger}")), Err(BearerFault::Signature));
    assert_eq!(check_bearer(handle, None, &[STORAGE]), Err(BearerFault::Missing));
}

#[tokio::test]
async fn discovery_leads_to_the_keys_that_signed() {
    let clouds = start().await;
    let authority = clouds.local.state().entra.authority;
    let url = format!("{authority}/{}/v2.0/.well-known/openid-configuration", clouds.tenant_id());
    let document = get_json(&clouds.http, &url).await;
    assert_eq!(document["token_endpoint"], format!("{authority}/{}/oauth2/v2.0/token", clouds.tenant_id()));
    let keys = get_json(&clouds.http, document["jwks_uri"].as_str().unwrap()).await;
    assert_eq!(keys["keys"][0]["kid"], clouds.handle().entra_keys.key_id(Algorithm::Rs256));
    let unknown =
        format!("{authority}/99999999-9999-4999-8999-999999999999/v2.0/.well-known/openid-configuration");
    assert_eq!(send(clouds.http.get(&unknown)).await.0, 400);
    let list = get_json(&clouds.http, &format!("{authority}/common/discovery/instance")).await;
    assert!(list["tenant_discovery_endpoint"].as_str().unwrap().starts_with(&authority));
}
