//! `generateAccessToken`: who may act as whom, for how long.

use crate::clouds::{Clouds, send, start};
use crate::exchanges::{
    CLOUD_PLATFORM, OIDC, POOL, bearer, google, json_of, now, parameters, post_form, token,
};
use carnet_localclouds::faults::{Fault, Hop, Rule};
use carnet_localclouds::google::bearer::{Bearer, BearerFault};
use carnet_localclouds::world::ServiceAccount;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const EMAIL: &str = "archive-reader@carnet-demo.iam.gserviceaccount.com";
const DEVSTORAGE: &str = "https://www.googleapis.com/auth/devstorage.read_only";
const INVALID: &str = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or \
    other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.";
const DENIED: &str =
    "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).";
const ARGUMENT: &str = "Request contains an invalid argument.";

fn function() -> String {
    format!(
        "principal://iam.googleapis.com/{POOL}/subject/arn:aws:iam::123456789012:role/carnet-eu-central-1-gcs-api"
    )
}

fn account(unique_id: &str, users: &[&str]) -> ServiceAccount {
    let users = users.iter().map(|user| (*user).to_owned()).collect();
    ServiceAccount { unique_id: unique_id.to_owned(), disabled: false, users }
}

/// The function may act as the service account.
async fn granted() -> Clouds {
    let clouds = start().await;
    google(&clouds, |google| {
        google.service_accounts.insert(EMAIL.to_owned(), account("117", &[&function()]));
    });
    clouds
}

/// The function's federated token.
async fn federated(clouds: &Clouds, scope: &str) -> String {
    let mut asked = parameters(OIDC, crate::exchanges::JWT, &token(clouds, json!({})));
    asked[2].1 = scope.to_owned();
    let (status, answer) = post_form(clouds, "/v1/token", &asked).await;
    assert_eq!(status, 200, "{answer}");
    answer["access_token"].as_str().unwrap().to_owned()
}

async fn post(clouds: &Clouds, path: &str, authorization: Option<&str>, body: &str) -> (u16, Value) {
    let url = format!("{}/v1/projects/{path}", clouds.local.state().google.iam_credentials);
    let request = clouds.http.post(url).header("content-type", "application/json").body(body.to_owned());
    let request = match authorization {
        Some(authorization) => request.header("authorization", authorization),
        None => request,
    };
    json_of(send(request).await)
}

async fn generate(clouds: &Clouds, token: &str, account: &str, body: Value) -> (u16, Value) {
    let path = format!("-/serviceAccounts/{account}:generateAccessToken");
    post(clouds, &path, Some(&format!("Bearer {token}")), &body.to_string()).await
}

fn assert_error(what: &str, (status, answer): (u16, Value), code: u16, name: &str, message: &str) {
    let error = &answer["error"];
    assert_eq!((status, error["code"].as_u64()), (code, Some(u64::from(code))), "{what}: {answer}");
    assert_eq!((error["status"].as_str(), error["message"].as_str()), (Some(name), Some(message)), "{what}");
}

#[tokio::test]
async fn a_federated_token_becomes_the_service_accounts() {
    let clouds = granted().await;
    let token = federated(&clouds, CLOUD_PLATFORM).await;
    let (status, answer) = generate(&clouds, &token, EMAIL, json!({ "scope": [DEVSTORAGE] })).await;
    assert_eq!(status, 200, "{answer}");
    let bearer = bearer(&clouds, &answer);
    assert_eq!(bearer.members, BTreeSet::from([format!("serviceAccount:{EMAIL}")]));
    assert_eq!(bearer.scopes, BTreeSet::from([DEVSTORAGE.to_owned()]));
    assert!(!bearer.federated);
    let expires = OffsetDateTime::parse(answer["expireTime"].as_str().unwrap(), &Rfc3339).unwrap();
    assert!((expires.unix_timestamp() - bearer.expires_at).abs() <= 1);
    assert!((now() + 3590..=now() + 3600).contains(&bearer.expires_at));
}

#[tokio::test]
async fn accounts_have_two_names_and_tokens_the_life_they_are_asked_for() {
    let clouds = granted().await;
    let token = federated(&clouds, "https://www.googleapis.com/auth/iam").await;
    for (account, delegates) in
        [(EMAIL, json!([])), ("117", json!(null)), (&EMAIL.replace('@', "%40"), json!(null))]
    {
        let body = json!({ "scope": [DEVSTORAGE], "lifetime": "600s", "delegates": delegates });
        let (status, answer) = generate(&clouds, &token, account, body).await;
        assert_eq!(status, 200, "{account}: {answer}");
        assert!((now() + 590..=now() + 600).contains(&bearer(&clouds, &answer).expires_at));
    }
}

#[tokio::test]
async fn who_is_not_let_in_hears_why() {
    let clouds = granted().await;
    let path = format!("-/serviceAccounts/{EMAIL}:generateAccessToken");
    let body = json!({ "scope": [DEVSTORAGE] }).to_string();
    let missing = INVALID.replace(
        "Request had invalid authentication credentials.",
        "Request is missing required authentication credential.",
    );
    assert_error("none", post(&clouds, &path, None, &body).await, 401, "UNAUTHENTICATED", &missing);
    let over = Bearer {
        members: BTreeSet::from([function()]),
        federated: true,
        scopes: BTreeSet::from([CLOUD_PLATFORM.to_owned()]),
        expires_at: 0,
    };
    let over = clouds.handle().google_seal.issue(over, Duration::ZERO);
    let mut forged = federated(&clouds, CLOUD_PLATFORM).await;
    forged.pop();
    for authorization in
        ["Bearer ya29.x.y", "Bearer ", "Basic eDp5", &format!("Bearer {over}"), &format!("Bearer {forged}")]
    {
        let answer = post(&clouds, &path, Some(authorization), &body).await;
        assert_error(authorization, answer, 401, "UNAUTHENTICATED", INVALID);
    }
    let narrow = federated(&clouds, DEVSTORAGE).await;
    let (status, answer) = generate(&clouds, &narrow, EMAIL, json!({ "scope": [DEVSTORAGE] })).await;
    assert_eq!(answer["error"]["details"][0]["reason"], "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
    let words = "Request had insufficient authentication scopes.";
    assert_error("scope", (status, answer), 403, "PERMISSION_DENIED", words);
}

#[tokio::test]
async fn a_missing_account_and_a_missing_grant_are_told_alike() {
    let clouds = granted().await;
    let token = federated(&clouds, CLOUD_PLATFORM).await;
    let body = json!({ "scope": [DEVSTORAGE] });
    let missing = generate(&clouds, &token, "nosuch@carnet-demo.iam.gserviceaccount.com", body.clone()).await;
    assert_eq!(
        missing.1["error"]["details"][0]["metadata"]["permission"],
        "iam.serviceAccounts.getAccessToken"
    );
    assert_error("account", missing, 403, "PERMISSION_DENIED", DENIED);
    google(&clouds, |google| google.service_accounts.get_mut(EMAIL).unwrap().disabled = true);
    assert_error(
        "disabled",
        generate(&clouds, &token, EMAIL, body.clone()).await,
        403,
        "PERMISSION_DENIED",
        DENIED,
    );

    let pool = format!("iam.googleapis.com/{POOL}");
    for (users, lets_in) in [
        (vec![], false),
        (vec![format!("{}x", function())], false),
        (vec![format!("principalSet://{pool}x/*")], false),
        (vec![format!("principalSet://{pool}/attribute.aws_role/x")], false),
        (vec![format!("serviceAccount:{EMAIL}")], false),
        (vec![format!("principalSet://{pool}/*")], true),
        (vec!["user:ann@example.com".to_owned(), function()], true),
    ] {
        let named: Vec<&str> = users.iter().map(String::as_str).collect();
        google(&clouds, |google| {
            drop(google.service_accounts.insert(EMAIL.to_owned(), account("117", &named)))
        });
        let answer = generate(&clouds, &token, EMAIL, body.clone()).await;
        if lets_in {
            assert_eq!(answer.0, 200, "{users:?}: {}", answer.1);
        } else {
            assert_error(&format!("{users:?}"), answer, 403, "PERMISSION_DENIED", DENIED);
        }
    }
}

#[tokio::test]
async fn each_wrong_argument_is_refused() {
    let clouds = granted().await;
    let token = federated(&clouds, CLOUD_PLATFORM).await;
    let scope = [DEVSTORAGE];
    for body in [
        json!({}),
        json!({ "scope": null }),
        json!({ "scope": [] }),
        json!({ "scope": [""] }),
        json!({ "scope": DEVSTORAGE }),
        json!([]),
        json!({ "scope": scope, "lifetime": "600" }),
        json!({ "scope": scope, "lifetime": 600 }),
        json!({ "scope": scope, "lifetime": "0s" }),
        json!({ "scope": scope, "lifetime": "-5s" }),
        json!({ "scope": scope, "lifetime": "s" }),
        json!({ "scope": scope, "delegates": ["other@carnet-demo.iam.gserviceaccount.com"] }),
        json!({ "scope": scope, "delegates": ["projects/carnet-demo/serviceAccounts/x"] }),
    ] {
        let answer = generate(&clouds, &token, EMAIL, body.clone()).await;
        assert_error(&body.to_string(), answer, 400, "INVALID_ARGUMENT", ARGUMENT);
    }
    let long = generate(&clouds, &token, EMAIL, json!({ "scope": scope, "lifetime": "3601s" })).await;
    let words = format!(
        "Access tokens for service account {EMAIL} can not have lifetimes of more than 1 hour. Use the Org Policy \
         Constraint constraints/iam.allowServiceAccountCredentialLifetimeExtension to allow up to 12 hours."
    );
    assert_error("3601s", long, 400, "INVALID_ARGUMENT", &words);

    let (authorization, body) = (format!("Bearer {token}"), json!({ "scope": scope }).to_string());
    let path = format!("carnet-demo/serviceAccounts/{EMAIL}:generateAccessToken");
    let answer = post(&clouds, &path, Some(&authorization), &body).await;
    assert_error("a project's id", answer, 400, "INVALID_ARGUMENT", ARGUMENT);
    for path in
        [format!("-/serviceAccounts/{EMAIL}:signBlob"), format!("-/serviceAccounts/{EMAIL}"), "-".to_owned()]
    {
        assert_eq!(post(&clouds, &path, Some(&authorization), &body).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn a_chain_of_delegates_needs_every_link() {
    let clouds = granted().await;
    let token = federated(&clouds, CLOUD_PLATFORM).await;
    let (first, second) = ("first@x.iam.gserviceaccount.com", "second@x.iam.gserviceaccount.com");
    let member = |email: &str| format!("serviceAccount:{email}");
    google(&clouds, |google| {
        google.service_accounts.insert(first.to_owned(), account("1", &[&function()]));
        google.service_accounts.insert(second.to_owned(), account("2", &[&member(first)]));
        google.service_accounts.insert(EMAIL.to_owned(), account("117", &[&member(second)]));
    });
    let body = |delegates: &[&str]| {
        let names: Vec<String> =
            delegates.iter().map(|name| format!("projects/-/serviceAccounts/{name}")).collect();
        json!({ "scope": [DEVSTORAGE], "delegates": names })
    };
    for chain in [[first, second], ["1", second], [first, "2"]] {
        let (status, answer) = generate(&clouds, &token, EMAIL, body(&chain)).await;
        assert_eq!(status, 200, "{chain:?}: {answer}");
        assert_eq!(bearer(&clouds, &answer).members, BTreeSet::from([member(EMAIL)]));
    }
    let broken: [&[&str]; 5] = [&[], &[first], &[second], &[second, first], &[first, second, "nosuch"]];
    for chain in broken {
        let answer = generate(&clouds, &token, EMAIL, body(chain)).await;
        assert_error(&format!("{chain:?}"), answer, 403, "PERMISSION_DENIED", DENIED);
    }
    // One link after the other, each with the last one's token.
    let mut token = token;
    for email in [first, second, EMAIL] {
        let (status, answer) = generate(&clouds, &token, email, json!({ "scope": [CLOUD_PLATFORM] })).await;
        assert_eq!(status, 200, "{email}: {answer}");
        token = answer["accessToken"].as_str().unwrap().to_owned();
    }
}

#[tokio::test]
async fn a_token_may_be_absurd_or_over_and_a_clock_off() {
    let clouds = granted().await;
    let token = federated(&clouds, CLOUD_PLATFORM).await;
    let faults = &clouds.handle().faults;
    let expire = |answer: &Value| {
        OffsetDateTime::parse(answer["expireTime"].as_str().unwrap(), &Rfc3339).unwrap().unix_timestamp()
    };
    let body = json!({ "scope": [DEVSTORAGE] });
    faults.set(vec![Rule::always(Hop::GoogleIamCredentials, Fault::AbsurdExpiry)]);
    assert!(expire(&generate(&clouds, &token, EMAIL, body.clone()).await.1) > now() + 100 * 365 * 86_400);
    faults.set(vec![Rule::always(Hop::GoogleIamCredentials, Fault::ExpiredToken)]);
    let (_, answer) = generate(&clouds, &token, EMAIL, body.clone()).await;
    assert!(expire(&answer) < now() - 80_000);
    let header = format!("Bearer {}", answer["accessToken"].as_str().unwrap());
    assert_eq!(clouds.handle().google_seal.open(Some(&header)), Err(BearerFault::Expired));
    faults.set(vec![Rule::always(Hop::GoogleIamCredentials, Fault::ClockSkew { seconds: 7200 })]);
    let answer = generate(&clouds, &token, EMAIL, body.clone()).await;
    assert_error("two hours ahead", answer, 401, "UNAUTHENTICATED", INVALID);
    faults.set(vec![Rule::always(Hop::GoogleIamCredentials, Fault::ClockSkew { seconds: -600 })]);
    let (_, answer) = generate(&clouds, &token, EMAIL, body).await;
    assert!((now() + 2980..=now() + 3010).contains(&expire(&answer)), "{answer}");
}
