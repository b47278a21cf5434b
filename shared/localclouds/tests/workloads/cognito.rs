//! Cognito's identity pools.

use crate::clouds::{Clouds, Signer, start};
use crate::{claims, text};
use carnet_localclouds::jwt::Token;
use serde_json::{Value, json};

async fn call(clouds: &Clouds, action: &str, body: &Value, signer: Option<&Signer>) -> (u16, Value) {
    let url = format!("{}/", clouds.local.state().workloads.cognito.endpoint);
    let body = body.to_string();
    let request = clouds.http.post(&url).header("content-type", "application/x-amz-json-1.1");
    let mut request = request.header("x-amz-target", format!("AWSCognitoIdentityService.{action}"));
    if let Some(signer) = signer {
        let signed = signer.sign("POST", &url, body.as_bytes());
        request = signed.into_iter().fold(request, |request, (name, value)| request.header(name, value));
    }
    let response = request.body(body).send().await.unwrap();
    (response.status().as_u16(), serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

const DEVELOPER: &str = "GetOpenIdTokenForDeveloperIdentity";

fn signer(clouds: &Clouds) -> Signer {
    Signer { service: "cognito-identity", ..clouds.operator_signer() }
}

fn pool(clouds: &Clouds) -> String {
    clouds.local.state().workloads.cognito.identity_pool_id
}

fn login(clouds: &Clouds, user: &str) -> Value {
    let provider = clouds.local.state().workloads.cognito.developer_provider;
    json!({ "IdentityPoolId": pool(clouds), "Logins": { provider: user } })
}

#[tokio::test]
async fn a_developers_word_buys_a_token_of_the_users_identity() {
    let clouds = start().await;
    let known = clouds.local.state().workloads.cognito;
    let (status, answer) =
        call(&clouds, DEVELOPER, &login(&clouds, &known.developer_user), Some(&signer(&clouds))).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(text(&answer, "IdentityId"), known.identity_id);
    let token = text(&answer, "Token");
    let header = Token::parse(&token).unwrap().header;
    assert_eq!((&header["alg"], &header["typ"]), (&"RS512".into(), &"JWS".into()));
    let said = claims(&token);
    assert_eq!(said["iss"], "https://cognito-identity.amazonaws.com");
    assert_eq!(
        (&said["aud"], &said["sub"]),
        (&known.identity_pool_id.clone().into(), &known.identity_id.into())
    );
    let provider = &known.developer_provider;
    let full = format!("{provider}:{}:{}", known.identity_pool_id, known.developer_user);
    assert_eq!(said["amr"], json!(["authenticated", provider, full]));
    assert_eq!(said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(), 900);
    // Another user is another identity, and stays it.
    let (_, first) = call(&clouds, DEVELOPER, &login(&clouds, "new"), Some(&signer(&clouds))).await;
    let (_, second) = call(&clouds, DEVELOPER, &login(&clouds, "new"), Some(&signer(&clouds))).await;
    assert_eq!(text(&first, "IdentityId"), text(&second, "IdentityId"));
    assert_ne!(text(&first, "IdentityId"), text(&answer, "IdentityId"));
    let mut asked = login(&clouds, "new");
    asked["TokenDuration"] = 86_400.into();
    let (_, long) = call(&clouds, DEVELOPER, &asked, Some(&signer(&clouds))).await;
    let said = claims(&text(&long, "Token"));
    assert_eq!(said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(), 86_400);
}

#[tokio::test]
async fn a_developers_call_is_refused() {
    let clouds = start().await;
    let signed = signer(&clouds);
    let wrong = Signer { secret: "wrong".to_owned(), ..signed.clone() };
    let elsewhere = Signer { service: "sts", ..signed.clone() };
    let unknown = Signer { id: "AKIANOBODY".to_owned(), ..signed.clone() };
    let function = Signer { service: "cognito-identity", ..clouds.function_signer() };
    let good = login(&clouds, "operator");
    let with = |name: &str, value: Value| {
        let mut asked = good.clone();
        asked[name] = value;
        asked
    };
    let no_pool = with("IdentityPoolId", "eu-central-1:00000000-0000-4000-8000-000000000000".into());
    for (what, asked, signer, name) in [
        ("unsigned", good.clone(), None, "MissingAuthenticationTokenException"),
        ("a wrong secret", good.clone(), Some(&wrong), "InvalidSignatureException"),
        ("for another service", good.clone(), Some(&elsewhere), "InvalidSignatureException"),
        ("an unknown key", good.clone(), Some(&unknown), "UnrecognizedClientException"),
        ("a role that may not", good.clone(), Some(&function), "AccessDeniedException"),
        // The operator may for this pool alone.
        ("another pool", no_pool, Some(&signed), "AccessDeniedException"),
        (
            "another provider",
            with("Logins", json!({ "else": "me" })),
            Some(&signed),
            "InvalidParameterException",
        ),
        ("no login", with("Logins", json!({})), Some(&signed), "InvalidParameterException"),
        ("too long", with("TokenDuration", 86_401.into()), Some(&signed), "InvalidParameterException"),
        (
            "no such identity",
            with("IdentityId", "eu-central-1:00000000-0000-4000-8000-000000000000".into()),
            Some(&signed),
            "DeveloperUserAlreadyRegisteredException",
        ),
        ("no JSON", json!("text"), Some(&signed), "SerializationException"),
    ] {
        let (status, answer) = call(&clouds, DEVELOPER, &asked, signer).await;
        assert_eq!((status, text(&answer, "__type").as_str()), (400, name), "{what}: {answer}");
    }
    let (_, answer) = call(&clouds, DEVELOPER, &good, Some(&function)).await;
    assert!(text(&answer, "message").contains("because no identity-based policy allows"), "{answer}");
    // With the permission the pool itself is missed.
    for role in clouds.handle().world_mut().aws.roles.values_mut() {
        for statement in role.policies.iter_mut().flat_map(|policy| &mut policy.statement.0) {
            if statement.sid.as_deref() == Some("VouchForLogins") {
                statement.resource.0 = vec!["*".to_owned()];
            }
        }
    }
    let missing = with("IdentityPoolId", "eu-central-1:00000000-0000-4000-8000-000000000000".into());
    let (_, answer) = call(&clouds, DEVELOPER, &missing, Some(&signed)).await;
    assert_eq!(text(&answer, "__type"), "ResourceNotFoundException", "{answer}");
}

#[tokio::test]
async fn who_has_no_login_gets_an_identity_that_says_so() {
    let clouds = start().await;
    let (status, answer) = call(&clouds, "GetId", &json!({ "IdentityPoolId": pool(&clouds) }), None).await;
    assert_eq!(status, 200, "{answer}");
    let id = text(&answer, "IdentityId");
    let (_, answer) = call(&clouds, "GetOpenIdToken", &json!({ "IdentityId": id }), None).await;
    let said = claims(&text(&answer, "Token"));
    assert_eq!((&said["sub"], &said["amr"]), (&id.clone().into(), &json!(["unauthenticated"])));
    assert_eq!(said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(), 600);
    // Somebody vouched for this one.
    let known = clouds.local.state().workloads.cognito.identity_id;
    let (_, answer) = call(&clouds, "GetOpenIdToken", &json!({ "IdentityId": known }), None).await;
    assert_eq!(text(&answer, "__type"), "NotAuthorizedException");
    assert_eq!(text(&answer, "message"), format!("Access to Identity '{known}' is forbidden."));
    let pool_id = pool(&clouds);
    clouds.handle().world_mut().workloads.identity_pools.get_mut(&pool_id).unwrap().allows_unauthenticated =
        false;
    for (action, asked) in
        [("GetId", json!({ "IdentityPoolId": pool_id })), ("GetOpenIdToken", json!({ "IdentityId": id }))]
    {
        let (_, answer) = call(&clouds, action, &asked, None).await;
        assert_eq!(
            text(&answer, "message"),
            "Unauthenticated access is not supported for this identity pool."
        );
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_so() {
    let clouds = start().await;
    let id = "eu-central-1:00000000-0000-4000-8000-000000000000";
    for (action, asked, name) in [
        ("GetId", json!({ "IdentityPoolId": id }), "ResourceNotFoundException"),
        ("GetId", json!({ "IdentityPoolId": "no id" }), "InvalidParameterException"),
        ("GetId", json!({}), "InvalidParameterException"),
        ("GetOpenIdToken", json!({ "IdentityId": id }), "ResourceNotFoundException"),
        ("GetOpenIdToken", json!({ "IdentityId": "none" }), "InvalidParameterException"),
        (
            "GetId",
            json!({ "IdentityPoolId": pool(&clouds), "Logins": { "accounts.google.com": "x" } }),
            "NotAuthorizedException",
        ),
        ("ListIdentities", json!({}), "UnknownOperationException"),
    ] {
        let (status, answer) = call(&clouds, action, &asked, None).await;
        assert_eq!((status, text(&answer, "__type").as_str()), (400, name), "{action} {asked}: {answer}");
    }
}
