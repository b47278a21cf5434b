//! The request itself, the target it names, and the token that is given out.

use crate::clouds::{mint_parameters, send, start, tag};
use crate::exchanges::{
    ACCESS_TOKEN, AWS, AWS_REQUEST, CLOUD_PLATFORM, JWT, OIDC, POOL, Request, assert_refused, audience,
    bearer, condition, map, now, parameters, pool, post_form, post_json, provider, signer, token,
    trade_request, trade_token,
};
use carnet_localclouds::faults::{Fault, Hop, Rule};
use carnet_localclouds::google::bearer::BearerFault;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const ROLE_ARN: &str = "arn:aws:iam::123456789012:role/carnet-eu-central-1-gcs-api";

fn members(subject: &str) -> BTreeSet<String> {
    [
        format!("principal://iam.googleapis.com/{POOL}/subject/{subject}"),
        format!("principalSet://iam.googleapis.com/{POOL}/*"),
    ]
    .into()
}

#[tokio::test]
async fn a_minted_proof_buys_a_federated_token() {
    let clouds = start().await;
    let audience = audience(OIDC);
    let mut mint = mint_parameters();
    mint.retain(|(name, _)| *name != "Audience.member.1");
    let mut mint: Vec<(&str, &str)> = mint;
    mint.push(("Audience.member.1", &audience));
    let (status, xml) = clouds.sts(&signer(&clouds), &mint).await;
    assert_eq!(status, 200, "{xml}");
    let (status, answer) = trade_token(&clouds, &tag(&xml, "WebIdentityToken")).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["issued_token_type"], ACCESS_TOKEN);
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(3600)));
    let bearer = bearer(&clouds, &answer);
    assert_eq!(bearer.members, members(ROLE_ARN));
    assert!(bearer.federated);
    assert_eq!(bearer.scopes, BTreeSet::from([CLOUD_PLATFORM.to_owned()]));
    assert!((now() + 3590..=now() + 3600).contains(&bearer.expires_at));
}

#[tokio::test]
async fn a_signed_request_buys_one_too() {
    let clouds = start().await;
    let (status, answer) = trade_request(&clouds, &Request::of(&signer(&clouds))).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(bearer(&clouds, &answer).members, members("123456789012:carnet-eu-central-1-gcs-api"));
}

#[tokio::test]
async fn both_versions_take_a_form_and_json() {
    let clouds = start().await;
    let request = Request::of(&signer(&clouds)).encoded();
    for (provider, kind, proof) in [
        (OIDC, JWT, token(&clouds, json!({}))),
        (OIDC, "urn:ietf:params:oauth:token-type:id_token", token(&clouds, json!({}))),
        (AWS, AWS_REQUEST, request),
    ] {
        let asked = parameters(provider, kind, &proof);
        let snake: Value = asked.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let camel = json!({
            "grantType": snake["grant_type"], "audience": snake["audience"], "scope": snake["scope"],
            "requestedTokenType": snake["requested_token_type"], "subjectTokenType": snake["subject_token_type"],
            "subjectToken": snake["subject_token"],
        });
        for path in ["/v1/token", "/v1beta/token"] {
            assert_eq!(post_form(&clouds, path, &asked).await.0, 200, "{path} {kind}");
            assert_eq!(post_json(&clouds, path, &camel).await.0, 200, "{path} {kind}");
            assert_eq!(post_json(&clouds, path, &snake).await.0, 200, "{path} {kind}");
        }
    }
    assert_eq!(send(clouds.http.get(format!("{}/v1/token", clouds.local.state().google.sts))).await.0, 405);
}

#[tokio::test]
async fn each_wrong_parameter_is_named() {
    let clouds = start().await;
    let proof = token(&clouds, json!({}));
    let audience_words = "Invalid value for \"audience\". This value should be the full resource name of the Identity \
        Provider. See https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token for the list of possible \
        formats.";
    let full = audience(OIDC);
    let with_https = format!("https:{full}");
    let without_slashes = full.trim_start_matches('/').to_owned();
    let by_project_id = full.replace("210987654321", "carnet-demo");
    let pool_alone = format!("//iam.googleapis.com/{POOL}");
    let elsewhere = full.replace("global", "europe");
    let deeper = format!("{full}/keys");
    let rows = [
        ("grant_type", "client_credentials", "Invalid value of grant_type in request."),
        ("grant_type", "", "Invalid value of grant_type in request."),
        ("requested_token_type", "", "Invalid value of requested_token_type in request."),
        ("requested_token_type", JWT, "Invalid value of requested_token_type in request."),
        ("subject_token_type", "", "Invalid value of subject_token_type in request."),
        ("subject_token_type", "jwt", "Invalid value of subject_token_type in request."),
        ("subject_token", "", "Invalid value of subject_token in request."),
        ("scope", "", "Scope(s) must be provided."),
        ("scope", "  ", "Scope(s) must be provided."),
        ("audience", "", audience_words),
        ("audience", "aws-tokens", audience_words),
        ("audience", &with_https, audience_words),
        ("audience", &without_slashes, audience_words),
        ("audience", &by_project_id, audience_words),
        ("audience", &pool_alone, audience_words),
        ("audience", &elsewhere, audience_words),
        ("audience", &deeper, audience_words),
    ];
    for (name, value, description) in rows {
        let mut asked = parameters(OIDC, JWT, &proof);
        asked.iter_mut().find(|(known, _)| *known == name).unwrap().1 = value.to_owned();
        let answer = post_form(&clouds, "/v1/token", &asked).await;
        assert_refused(&format!("{name}={value}"), answer, "invalid_request", description);
        asked.retain(|(known, _)| *known != name);
        assert_eq!(post_form(&clouds, "/v1/token", &asked).await.1["error"], "invalid_request", "no {name}");
    }
    for body in [json!([]), json!("text"), json!(null)] {
        let answer = post_json(&clouds, "/v1/token", &body).await;
        assert_refused("JSON", answer, "invalid_request", "The request is neither a form nor JSON.");
    }
}

#[tokio::test]
async fn a_pool_or_provider_that_is_not_there_or_disabled_is_no_target() {
    let clouds = start().await;
    let words = "The target service indicated by the \"audience\" parameters is invalid. This might either be because \
        the pool or provider is disabled or deleted or because it doesn't exist.";
    let proof = token(&clouds, json!({}));
    for wrong in [
        audience("nosuch"),
        audience(OIDC).replace("/carnet/", "/nosuch/"),
        audience(OIDC).replace("2109", "9"),
    ] {
        let mut asked = parameters(OIDC, JWT, &proof);
        asked[1].1 = wrong.clone();
        assert_refused(&wrong, post_form(&clouds, "/v1/token", &asked).await, "invalid_target", words);
    }
    provider(&clouds, OIDC, |provider| provider.disabled = true);
    assert_refused("provider", trade_token(&clouds, &proof).await, "invalid_target", words);
    provider(&clouds, OIDC, |provider| provider.disabled = false);
    assert_eq!(trade_token(&clouds, &proof).await.0, 200);
    pool(&clouds, |pool| pool.disabled = true);
    assert_refused("pool", trade_token(&clouds, &proof).await, "invalid_target", words);
}

#[tokio::test]
async fn the_providers_mapping_and_condition_decide() {
    let clouds = start().await;
    let proof = token(&clouds, json!({ "long": "x".repeat(128) }));
    condition(&clouds, OIDC, "assertion.sub.endsWith('other')");
    let words = "The given credential is rejected by the attribute condition.";
    assert_refused("condition", trade_token(&clouds, &proof).await, "unauthorized_client", words);
    condition(&clouds, OIDC, "google.subject.endsWith('gcs-api')");
    assert_eq!(trade_token(&clouds, &proof).await.0, 200);

    map(&clouds, OIDC, "google.subject", "assertion.nosuch");
    let words = "Could not obtain a value for google.subject from the given credential.";
    assert_refused("mapping", trade_token(&clouds, &proof).await, "unauthorized_client", words);
    map(&clouds, OIDC, "google.subject", "assertion.long");
    let words = "The size of mapped attribute google.subject exceeds the 127 bytes limit.";
    assert_refused("127 bytes", trade_token(&clouds, &proof).await, "invalid_request", words);

    map(&clouds, OIDC, "google.subject", "assertion.sub.extract('role/{role}')");
    map(&clouds, OIDC, "attribute.account", "assertion.sub.split(':')[4]");
    condition(&clouds, OIDC, "attribute.account == '123456789012'");
    let (status, answer) = trade_token(&clouds, &proof).await;
    assert_eq!(status, 200, "{answer}");
    let mut expected = members("carnet-eu-central-1-gcs-api");
    expected.insert(format!("principalSet://iam.googleapis.com/{POOL}/attribute.account/123456789012"));
    assert_eq!(bearer(&clouds, &answer).members, expected);
}

#[tokio::test]
async fn a_token_may_be_absurd_or_over() {
    let clouds = start().await;
    let proof = token(&clouds, json!({}));
    let faults = &clouds.handle().faults;
    faults.set(vec![Rule::always(Hop::GoogleSts, Fault::AbsurdExpiry)]);
    assert_eq!(trade_token(&clouds, &proof).await.1["expires_in"], 200_u64 * 365 * 86_400);
    faults.set(vec![Rule::always(Hop::GoogleSts, Fault::ExpiredToken)]);
    let (_, answer) = trade_token(&clouds, &proof).await;
    assert_eq!(answer["expires_in"], 0);
    let header = format!("Bearer {}", answer["access_token"].as_str().unwrap());
    assert_eq!(clouds.handle().google_seal.open(Some(&header)), Err(BearerFault::Expired));
}
