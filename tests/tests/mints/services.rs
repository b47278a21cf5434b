use crate::server::{Server, answer};
use crate::{AUDIENCE, GUID, cli_support, fails, mint, token};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use rsa::pkcs1::EncodeRsaPublicKey as _;
use rsa::pkcs8::EncodePrivateKey as _;
use serde_json::{Value, json};

const POOL: &str = "eu-central-1:aaaaaaaa-1111-4222-8333-444444444444";
const IDENTITY: &str = "eu-central-1:bbbbbbbb-1111-4222-8333-444444444444";
const SECRET: &str = "Q~the.client~secret_of-the.app";

async fn github(server: &Server) -> cli_support::Run {
    let url = format!("{}/token?api-version=2.0", server.url);
    let own =
        [("ACTIONS_ID_TOKEN_REQUEST_URL", url.as_str()), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "request-token")];
    let run = mint(&[&own[..], &[("CARNET_MINT", "github")]].concat()).await;
    assert!(!run.stderr.contains("request-token"), "{}", run.stderr);
    run
}

#[tokio::test]
async fn github_is_asked_for_the_audience_with_the_jobs_own_token() {
    let claims = json!({ "iss": "https://token.actions.githubusercontent.com", "aud": AUDIENCE });
    let given = json!({ "count": 1, "value": token(claims, 300) });
    let server = Server::telling([answer(503, ""), answer(200, given.to_string())]).await;
    github(&server).await.ok();
    let asked = &server.asked()[1];
    assert_eq!((asked.query["api-version"].as_str(), asked.query["audience"].as_str()), ("2.0", AUDIENCE));
    assert_eq!(asked.headers["authorization"], "Bearer request-token");
}

#[tokio::test]
async fn a_job_without_the_permission_is_told_which() {
    let run = mint(&[("CARNET_MINT", "github")]).await;
    let error = fails(&run, 3, "id-token: write", "configuration");
    for name in ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"] {
        assert!(error["message"].as_str().unwrap().contains(name), "{error}");
    }
    let server = Server::telling([answer(403, "no")]).await;
    let error = fails(&github(&server).await, 4, "no token (status 403)", "github-id-token-permission");
    assert_eq!(error["field"], "permissions");
    let elsewhere = Server::telling([answer(200, "{}")]).await;
    let server = Server::telling([answer(307, "").with("location", &elsewhere.url)]).await;
    fails(&github(&server).await, 4, "the answer is a redirect", "redirected");
    assert!(elsewhere.asked().is_empty());
}

async fn cognito(server: &Server, more: &[(&str, &str)]) -> cli_support::Run {
    let own = [
        ("CARNET_MINT", "cognito"),
        ("CARNET_AWS_AUDIENCE", POOL),
        ("CARNET_COGNITO_IDENTITY_POOL_ID", POOL),
        ("AWS_ENDPOINT_URL_COGNITO_IDENTITY", &server.url),
    ];
    let vars = crate::vars(&[&own[..], more].concat());
    cli_support::carnet_with(&vars, &["token", "--cloud", "aws", "--format", "json"]).await
}

fn pool_token() -> Value {
    json!({ "IdentityId": IDENTITY, "Token": token(json!({
        "iss": "https://cognito-identity.amazonaws.com", "aud": POOL, "sub": IDENTITY, "amr": ["unauthenticated"],
    }), 600) })
}

#[tokio::test]
async fn a_guest_of_an_identity_pool_needs_no_aws_credentials() {
    let server = Server::telling([
        answer(200, json!({ "IdentityId": IDENTITY }).to_string()),
        answer(200, pool_token().to_string()),
    ])
    .await;
    cognito(&server, &[]).await.ok();
    let asked = server.asked();
    let body = |index: usize| serde_json::from_str::<Value>(&asked[index].body).unwrap();
    assert_eq!(asked[0].headers["x-amz-target"], "AWSCognitoIdentityService.GetId");
    assert_eq!(body(0), json!({ "IdentityPoolId": POOL }));
    assert_eq!(asked[1].headers["x-amz-target"], "AWSCognitoIdentityService.GetOpenIdToken");
    assert_eq!(body(1), json!({ "IdentityId": IDENTITY }));
    assert_eq!(asked[1].headers["content-type"], "application/x-amz-json-1.1");
    assert!(asked.iter().all(|asked| !asked.headers.contains_key("authorization")));
}

#[tokio::test]
async fn a_developer_identity_is_asked_for_with_a_signature() {
    let server = Server::telling([answer(200, pool_token().to_string())]).await;
    let developer = [
        ("CARNET_COGNITO_DEVELOPER_PROVIDER", "login.carnet"),
        ("CARNET_COGNITO_DEVELOPER_USER", "reader"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        ("AWS_REGION", "us-east-1"),
    ];
    cognito(&server, &developer).await.ok();
    let asked = &server.asked()[0];
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(body["Logins"], json!({ "login.carnet": "reader" }));
    let signature = &asked.headers["authorization"];
    assert!(signature.contains("/eu-central-1/cognito-identity/aws4_request"), "the pool's region");
    assert!(signature.contains("SignedHeaders=content-type;host;x-amz-date;x-amz-target"), "{signature}");
}

#[tokio::test]
async fn cognitos_refusals_and_another_audience_are_explained() {
    let refused =
        |kind: &str, message: &str| answer(400, json!({ "__type": kind, "message": message }).to_string());
    let guests = "Unauthenticated access is not supported for this identity pool.";
    let server = Server::telling([refused("NotAuthorizedException", guests)]).await;
    let error = fails(&cognito(&server, &[]).await, 5, guests, "cognito-not-authorized");
    assert_eq!(error["code"], "NotAuthorizedException");
    let server = Server::telling([refused("ResourceNotFoundException", "no such pool")]).await;
    fails(&cognito(&server, &[]).await, 4, "no such pool", "cognito-not-found");
    let server = Server::telling([refused("InternalErrorException", "again")]).await;
    fails(&cognito(&server, &[]).await, 8, "again", "unreachable");
    assert_eq!(server.asked().len(), 3);
    let run = cognito(&server, &[("CARNET_AWS_AUDIENCE", "sts.amazonaws.com")]).await;
    let error = fails(&run, 3, "another audience than sts.amazonaws.com", "token-audience");
    assert_eq!(error["presented"], POOL);
}

async fn app(server: &Server, credential: (&str, &str)) -> cli_support::Run {
    let own = [
        ("CARNET_MINT", "azure-app"),
        ("CARNET_AZURE_APP_TENANT_ID", GUID),
        ("CARNET_AZURE_APP_CLIENT_ID", GUID),
        ("AZURE_AUTHORITY_HOST", server.url.as_str()),
        credential,
    ];
    let run = mint(&own).await;
    assert!(!run.stderr.contains(SECRET) && !run.text().contains(SECRET), "{run:?}");
    run
}

fn entra_grants() -> crate::server::Answer {
    let token = token(json!({ "aud": AUDIENCE, "tid": GUID, "oid": GUID }), 3600);
    answer(200, json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": token }).to_string())
}

#[tokio::test]
async fn an_app_signs_in_by_its_secret_for_its_app_id_uri() {
    let server = Server::telling([entra_grants()]).await;
    app(&server, ("AZURE_CLIENT_SECRET", SECRET)).await.ok();
    let asked = &server.asked()[0];
    assert_eq!(asked.path, format!("/{GUID}/oauth2/v2.0/token"));
    let form = asked.form();
    assert_eq!(form["scope"], format!("{AUDIENCE}/.default"));
    assert_eq!((form["client_id"].as_str(), form["client_secret"].as_str()), (GUID, SECRET));
    for (code, anchor) in [(7000215, "aadsts7000215"), (7000222, "aadsts7000222"), (700027, "aadsts700027")] {
        let said = json!({
            "error": "invalid_client", "error_codes": [code],
            "error_description": format!("AADSTS{code}: It is wrong. Trace ID: 1"),
        });
        let server = Server::telling([answer(401, said.to_string())]).await;
        fails(&app(&server, ("AZURE_CLIENT_SECRET", SECRET)).await, 4, "It is wrong.", anchor);
    }
}

#[tokio::test]
async fn an_app_signs_in_by_its_certificate() {
    let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).unwrap();
    let other = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).unwrap();
    let pem = |key: &rsa::RsaPrivateKey| key.to_pkcs8_pem(rsa::pkcs8::LineEnding::LF).unwrap();
    let pair = rcgen::KeyPair::from_pkcs8_pem_and_sign_algo(&pem(&key), &rcgen::PKCS_RSA_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&pair).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.pem");
    let server = Server::telling([entra_grants()]).await;
    let named = ("AZURE_CLIENT_CERTIFICATE_PATH", path.to_str().unwrap());

    std::fs::write(&path, format!("{}{}", certificate.pem(), *pem(&key))).unwrap();
    app(&server, named).await.ok();
    let assertion = server.asked()[0].form()["client_assertion"].clone();
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let public = key.to_public_key().to_pkcs1_der().unwrap();
    UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, public.as_bytes())
        .verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
        .expect("signed by the certificate's key");
    let part = |index: usize| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(signed.split('.').nth(index).unwrap()).unwrap())
            .unwrap()
    };
    let thumbprint = ring::digest::digest(&ring::digest::SHA256, certificate.der());
    assert_eq!(
        part(0),
        json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": URL_SAFE_NO_PAD.encode(thumbprint) })
    );
    assert_eq!((&part(1)["iss"], &part(1)["sub"]), (&json!(GUID), &json!(GUID)));
    assert_eq!(part(1)["aud"], format!("{}/{GUID}/oauth2/v2.0/token", server.url));

    let faults = [
        (certificate.pem(), "holds no private key"),
        (pem(&key).to_string(), "holds no certificate"),
        (format!("{}{}", certificate.pem(), *pem(&other)), "do not belong together"),
        ("nothing".to_owned(), "holds no certificate"),
    ];
    for (text, said) in faults {
        std::fs::write(&path, text).unwrap();
        fails(&app(&server, named).await, 3, said, "client-certificate");
    }
    assert_eq!(server.asked().len(), 1);
}
