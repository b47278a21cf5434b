use crate::cli_support::{Run, carnet_with};
use crate::server::{Answer, Server, answer};
use crate::{AUDIENCE, fails, token, vars};
use serde_json::json;

const ROLE: &str = "arn:aws:iam::111122223333:role/reports";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/reports/github-acme-app-42";
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[]}"#;

fn granted() -> Answer {
    answer(
        200,
        format!(
            "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <AssumeRoleWithWebIdentityResult><AssumedRoleUser><Arn>{SESSION}</Arn>\
             <AssumedRoleId>AROA:x</AssumedRoleId></AssumedRoleUser><Credentials>\
             <AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>the/secret+key</SecretAccessKey>\
             <SessionToken>the-session-token</SessionToken><Expiration>2099-01-02T03:04:05Z</Expiration>\
             </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
        ),
    )
}

fn refused(status: u16, code: &str, message: &str) -> Answer {
    answer(
        status,
        format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
             <Code>{code}</Code><Message>{message}</Message></Error><RequestId>r-1</RequestId></ErrorResponse>"
        ),
    )
}

async fn run(sts: &Server, args: &[&str], more: &[(&str, &str)]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let claims = json!({
        "iss": "https://token.actions.githubusercontent.com", "sub": "repo:acme/app:ref:refs/heads/main",
        "aud": AUDIENCE, "azp": "client-7", "repository": "acme/app", "run_id": "42",
    });
    std::fs::write(&path, token(claims, 600)).unwrap();
    let own = [
        ("CARNET_MINT", "token-file"),
        ("CARNET_TOKEN_FILE", path.to_str().unwrap()),
        ("CARNET_AWS_AUDIENCE", AUDIENCE),
        ("AWS_ROLE_ARN", ROLE),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ENDPOINT_URL_STS", sts.url.as_str()),
    ];
    let run = carnet_with(&vars(&[&own[..], more].concat()), args).await;
    for secret in ["the/secret+key", "the-session-token"] {
        assert!(!run.stderr.contains(secret), "{}", run.stderr);
    }
    run
}

#[tokio::test]
async fn it_writes_what_aws_documents_and_needs_no_aws_credentials() {
    let sts = Server::telling([granted()]).await;
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    // Its own profile: whoever asked the chain for credentials here would never come back.
    std::fs::write(
        &config,
        "[profile me]\nregion = eu-central-1\ncredential_process = carnet aws-credentials\n",
    )
    .unwrap();
    let profile = [("AWS_CONFIG_FILE", config.to_str().unwrap()), ("AWS_PROFILE", "me")];
    let run = run(&sts, &["aws-credentials"], &profile).await.ok();
    let written = json!({
        "Version": 1, "AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "the/secret+key",
        "SessionToken": "the-session-token", "Expiration": "2099-01-02T03:04:05Z",
    });
    assert_eq!(run.json(), written);
    assert_eq!(run.stderr, "");
    let asked = sts.asked();
    assert_eq!(asked.len(), 1);
    assert!(!asked[0].headers.contains_key("authorization"));
    let form = asked[0].form();
    assert_eq!(form["Action"], "AssumeRoleWithWebIdentity");
    assert_eq!((form["RoleArn"].as_str(), form["DurationSeconds"].as_str()), (ROLE, "900"));
    assert_eq!(form["RoleSessionName"], "github-acme-app-42");
    assert!(!form.contains_key("Policy"));
}

#[tokio::test]
async fn options_go_before_variables() {
    let sts = Server::telling([granted()]).await;
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.json");
    std::fs::write(&policy, format!("{POLICY}\n")).unwrap();
    let other = "arn:aws:iam::111122223333:role/other";
    let args = ["aws-credentials", "--role-arn", other, "--session-name", "me@here", "--duration", "3600"];
    let args = [&args[..], &["--session-policy", policy.to_str().unwrap(), "--region", "us-east-1"]].concat();
    let variables = [("AWS_ROLE_SESSION_NAME", "them"), ("CARNET_AWS_SESSION_SECONDS", "901")];
    run(&sts, &args, &variables).await.ok();
    let form = sts.asked()[0].form();
    assert_eq!((form["RoleArn"].as_str(), form["RoleSessionName"].as_str()), (other, "me@here"));
    assert_eq!((form["DurationSeconds"].as_str(), form["Policy"].as_str()), ("3600", POLICY));
}

#[tokio::test]
async fn token_says_who_one_becomes_and_shows_no_credentials() {
    let sts = Server::telling([granted()]).await;
    let args = ["token", "--cloud", "aws", "--exchange", "--format", "json"];
    let run = run(&sts, &args, &[]).await.ok();
    assert_eq!(run.json()["exchange"]["role"], SESSION);
    assert_eq!(
        run.json()["role_trust"]["principal"],
        "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
    );
    for secret in ["the/secret+key", "the-session-token", "ASIAEXAMPLE"] {
        assert!(!run.text().contains(secret));
    }
}

#[tokio::test]
async fn every_refusal_of_sts_is_explained() {
    let no_provider =
        "No OpenIDConnect provider found in your account for https://token.actions.githubusercontent.com";
    let no_key = "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements";
    let denied = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
    let long = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
    let cases = [
        (400, "InvalidIdentityToken", no_provider, "aws-no-oidc-provider"),
        (400, "InvalidIdentityToken", "Incorrect token audience", "aws-token-audience"),
        (400, "InvalidIdentityToken", no_key, "aws-verification-key"),
        (403, "IDPRejectedClaim", "rejected", "aws-idprejectedclaim"),
        (403, "AccessDenied", denied, "aws-role-accessdenied"),
        (400, "PackedPolicyTooLarge", "packed", "aws-packedpolicytoolarge"),
        (400, "MalformedPolicyDocument", "malformed", "aws-malformedpolicydocument"),
        (403, "RegionDisabledException", "disabled", "aws-regiondisabled"),
        (400, "ValidationError", long, "aws-session-duration"),
        (400, "ValidationError", "1 validation error detected", "aws-role-validationerror"),
    ];
    for (status, code, message, anchor) in cases {
        let sts = Server::telling([refused(status, code, message)]).await;
        let run = run(&sts, &["aws-credentials", "--format", "json"], &[]).await;
        let error = fails(&run, 4, message, anchor);
        assert_eq!((error["hop"].as_str(), error["code"].as_str()), (Some("exchange"), Some(code)));
        assert_eq!(sts.asked().len(), 1, "{code}");
        if code == "AccessDenied" {
            let presented = error["presented"].as_str().unwrap();
            let parts =
                ["repo:acme/app:ref:refs/heads/main", AUDIENCE, "azp client-7", "githubusercontent.com"];
            assert!(parts.iter().all(|part| presented.contains(part)), "{presented}");
        }
    }
}

#[tokio::test]
async fn an_issuer_that_cannot_be_reached_is_tried_again_and_an_old_token_once_more() {
    let gone = refused(400, "IDPCommunicationError", "the identity provider could not be reached");
    let sts = Server::telling([gone.clone(), granted()]).await;
    run(&sts, &["aws-credentials"], &[]).await.ok();
    let sts = Server::telling([gone]).await;
    let failed = run(&sts, &["aws-credentials", "--format", "json"], &[]).await;
    fails(&failed, 8, "could not be reached", "aws-idpcommunicationerror");
    assert_eq!(sts.asked().len(), 3);
    let old = refused(400, "ExpiredTokenException", "Token expired");
    let sts = Server::telling([old.clone(), granted()]).await;
    run(&sts, &["aws-credentials"], &[]).await.ok();
    let sts = Server::telling([old]).await;
    let failed = run(&sts, &["aws-credentials", "--format", "json"], &[]).await;
    fails(&failed, 4, "Token expired", "aws-expired-proof");
    assert_eq!(sts.asked().len(), 2, "one fresh proof");
}

#[tokio::test]
async fn an_answer_without_credentials_is_none() {
    for body in ["<html>", "<AssumeRoleWithWebIdentityResponse/>"] {
        let sts = Server::telling([answer(200, body)]).await;
        let failed = run(&sts, &["aws-credentials", "--format", "json"], &[]).await;
        fails(&failed, 9, "", "not-a-token-service");
    }
}

/// S3 is called with the role's credentials, whatever keys lie about.
#[tokio::test]
async fn a_sync_outside_aws_takes_the_role_for_s3() {
    let (sts, s3) = (Server::telling([granted()]).await, Server::telling([answer(404, "")]).await);
    let keys = [
        ("AWS_ENDPOINT_URL_S3", s3.url.as_str()),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
    ];
    let args = ["sync", "status", "s3://some-bucket/copies"];
    let status = run(&sts, &args, &keys).await;
    assert_eq!(status.code, 6, "no sync has run there: {status:?}");
    assert_eq!(sts.asked().len(), 1, "taken once");
    assert!(!s3.asked().is_empty());
    for asked in s3.asked() {
        assert!(asked.headers["authorization"].contains("Credential=ASIAEXAMPLE/"));
        assert_eq!(asked.headers["x-amz-security-token"], "the-session-token");
    }
    let denied = refused(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity");
    let sts = Server::telling([denied]).await;
    let args = [&args[..], &["--format", "json"]].concat();
    fails(&run(&sts, &args, &keys).await, 4, "Not authorized to perform", "aws-role-accessdenied");
    // Where EKS has named a file for its own role, the SDK's chain comes first, which has keys here.
    let sts = Server::telling([granted()]).await;
    let eks = [&keys[..], &[("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere")]].concat();
    run(&sts, &args, &eks).await;
    assert!(sts.asked().is_empty());
}
