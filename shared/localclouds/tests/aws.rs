//! STS, IAM and the issuer over real TLS sockets, asked with requests the AWS SDK's code signed.

mod clouds;

use carnet_localclouds::faults::Hop;
use carnet_localclouds::jwt::{RsaPublic, Token};
use carnet_localclouds::world::World;
use clouds::{AUDIENCE, ROLE, Signer, get_json, mint_parameters, mint_with, send, start, tag};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

#[tokio::test]
async fn a_minted_token_verifies_through_the_issuers_discovery() {
    let clouds = start().await;
    let (status, body) = clouds.sts(&clouds.function_signer(), &mint_parameters()).await;
    assert_eq!(status, 200, "{body}");
    assert!(tag(&body, "Expiration").ends_with('Z'));
    let token = Token::parse(&tag(&body, "WebIdentityToken")).unwrap();

    let issuer = clouds.local.state().aws.issuer;
    let discovery = get_json(&clouds.http, &format!("{issuer}/.well-known/openid-configuration")).await;
    assert_eq!(discovery["issuer"], issuer);
    let keys = get_json(&clouds.http, discovery["jwks_uri"].as_str().unwrap()).await;
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == token.header["kid"]).unwrap();
    assert_eq!((&key["kty"], &key["use"], &key["alg"]), (&json!("RSA"), &json!("sig"), &json!("RS256")));
    token.check_rs256(&rsa(key)).unwrap();

    assert_eq!(token.claim_text("iss"), Some(issuer.as_str()));
    assert_eq!(token.claim_text("sub"), Some("arn:aws:iam::123456789012:role/carnet-eu-central-1-blob-api"));
    assert_eq!(token.claims["aud"], AUDIENCE);
    assert_eq!(token.claim_seconds("exp").unwrap() - token.claim_seconds("iat").unwrap(), 300);
    let aws = &token.claims["https://sts.amazonaws.com/"];
    assert_eq!(aws["aws_account"], "123456789012");
    assert_eq!(aws["source_region"], "eu-central-1");
    assert_eq!(
        aws["lambda_source_function_arn"],
        "arn:aws:lambda:eu-central-1:123456789012:function:blob-api"
    );
    assert_eq!(clouds.handle().faults.seen(Hop::Sts).len(), 1);
}

fn rsa(jwk: &Value) -> RsaPublic {
    use base64::Engine as _;
    let number = |name: &str| {
        base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap()
    };
    RsaPublic { n: number("n"), e: number("e") }
}

#[tokio::test]
async fn every_refusal_of_a_mint_has_its_code_and_status() {
    let clouds = start().await;
    let nothing: fn(&mut World) = |_| {};
    let eleven: Vec<(String, String)> =
        (1..=11).map(|n| (format!("Audience.member.{n}"), AUDIENCE.to_owned())).collect();
    let mut too_many: Vec<(&str, &str)> =
        vec![("Action", "GetWebIdentityToken"), ("SigningAlgorithm", "RS256")];
    too_many.extend(eleven.iter().map(|(k, v)| (k.as_str(), v.as_str())));
    let without = |name: &str| {
        let mut parameters = mint_parameters();
        parameters.retain(|(known, _)| *known != name);
        parameters
    };
    type Row<'a> = (&'a str, Vec<(&'a str, &'a str)>, fn(&mut World), u16, &'a str);
    let rows: Vec<Row> = vec![
        (
            "federation is off",
            mint_parameters(),
            |w| w.aws.outbound_federation = false,
            403,
            "OutboundWebIdentityFederationDisabledException",
        ),
        ("no policy", mint_parameters(), |w| role(w).policies.clear(), 403, "AccessDenied"),
        (
            "another audience",
            mint_with("Audience.member.1", "https://evil.example"),
            nothing,
            403,
            "AccessDenied",
        ),
        (
            "an audience riding along",
            mint_with("Audience.member.2", "https://evil.example"),
            nothing,
            403,
            "AccessDenied",
        ),
        ("too long a life", mint_with("DurationSeconds", "301"), nothing, 403, "AccessDenied"),
        ("another algorithm", mint_with("SigningAlgorithm", "ES384"), nothing, 403, "AccessDenied"),
        (
            "tags without permission",
            {
                let mut parameters = mint_with("Tags.member.1.Key", "team");
                parameters.push(("Tags.member.1.Value", "a"));
                parameters
            },
            nothing,
            403,
            "AccessDenied",
        ),
        ("an unknown algorithm", mint_with("SigningAlgorithm", "RS512"), nothing, 400, "ValidationError"),
        ("no algorithm", without("SigningAlgorithm"), nothing, 400, "ValidationError"),
        ("no audience", without("Audience.member.1"), nothing, 400, "ValidationError"),
        ("eleven audiences", too_many, nothing, 400, "ValidationError"),
        ("59 seconds", mint_with("DurationSeconds", "59"), nothing, 400, "ValidationError"),
        ("3601 seconds", mint_with("DurationSeconds", "3601"), nothing, 400, "ValidationError"),
        (
            "a session about to end",
            mint_parameters(),
            |w| session(w).expires_at = Some(SystemTime::now() + Duration::from_secs(90)),
            403,
            "SessionDurationEscalationException",
        ),
        (
            "a session that ended",
            mint_parameters(),
            |w| session(w).expires_at = Some(SystemTime::now()),
            403,
            "ExpiredToken",
        ),
        ("no such action", vec![("Action", "AssumeRole")], nothing, 400, "InvalidAction"),
        ("no action", vec![], nothing, 400, "MissingAction"),
    ];
    let original = clouds.handle().world().clone();
    for (what, parameters, change, status, code) in rows {
        change(&mut clouds.handle().world_mut());
        let (got, body) = clouds.sts(&clouds.function_signer(), &parameters).await;
        assert_eq!((got, tag(&body, "Code")), (status, code.to_owned()), "{what}: {body}");
        assert!(!tag(&body, "RequestId").is_empty());
        *clouds.handle().world_mut() = original.clone();
    }
}

fn role(world: &mut World) -> &mut carnet_localclouds::world::Role {
    world.aws.roles.get_mut(ROLE).unwrap()
}

fn session(world: &mut World) -> &mut carnet_localclouds::world::AccessKey {
    let id = world.functions["blob-api"].access_key_id.clone();
    world.aws.access_keys.get_mut(&id).unwrap()
}

#[tokio::test]
async fn a_denial_is_worded_as_aws_words_it() {
    let clouds = start().await;
    role(&mut clouds.handle().world_mut()).policies.clear();
    let (_, body) = clouds.sts(&clouds.function_signer(), &mint_parameters()).await;
    assert_eq!(
        tag(&body, "Message"),
        "User: arn:aws:sts::123456789012:assumed-role/carnet-eu-central-1-blob-api/blob-api is not authorized to \
         perform: sts:GetWebIdentityToken on resource: * because no identity-based policy allows the \
         sts:GetWebIdentityToken action"
    );
}

#[tokio::test]
async fn tags_are_claims_once_both_actions_are_allowed() {
    let clouds = start().await;
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": ["sts:GetWebIdentityToken", "sts:TagGetWebIdentityToken"], "Resource": "*",
        "Condition": {"StringEquals": {"aws:RequestTag/team": "a"}, "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}},
    }]});
    role(&mut clouds.handle().world_mut()).policies = vec![serde_json::from_value(policy).unwrap()];
    let tagged = |value: &'static str| {
        let mut parameters = mint_with("Tags.member.1.Key", "team");
        parameters.push(("Tags.member.1.Value", value));
        parameters
    };
    let (status, body) = clouds.sts(&clouds.function_signer(), &tagged("a")).await;
    assert_eq!(status, 200, "{body}");
    let token = Token::parse(&tag(&body, "WebIdentityToken")).unwrap();
    assert_eq!(token.claims["https://sts.amazonaws.com/"]["request_tags"], json!({"team": "a"}));
    assert_eq!(clouds.sts(&clouds.function_signer(), &tagged("b")).await.0, 403);
}

#[tokio::test]
async fn too_much_in_a_token_is_said() {
    let clouds = start().await;
    let policy = json!({"Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:*", "Resource": "*"}]});
    role(&mut clouds.handle().world_mut()).policies = vec![serde_json::from_value(policy).unwrap()];
    let value = "v".repeat(256);
    let keys: Vec<(String, String)> =
        (1..=40).map(|n| (format!("Tags.member.{n}.Key"), format!("Tags.member.{n}.Value"))).collect();
    let names: Vec<String> = (1..=40).map(|n| format!("key{n}")).collect();
    let mut parameters = mint_parameters();
    for ((key, value_name), name) in keys.iter().zip(&names) {
        parameters.push((leak(key), leak(name)));
        parameters.push((leak(value_name), leak(&value)));
    }
    let (status, body) = clouds.sts(&clouds.function_signer(), &parameters).await;
    assert_eq!((status, tag(&body, "Code").as_str()), (400, "JWTPayloadSizeExceededException"));
}

fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

#[tokio::test]
async fn one_may_ask_who_one_is_by_post_and_by_get() {
    let clouds = start().await;
    let signer = clouds.operator_signer();
    let (status, body) = clouds.sts(&signer, &[("Action", "GetCallerIdentity")]).await;
    assert_eq!(status, 200, "{body}");
    let arn = "arn:aws:sts::123456789012:assumed-role/carnet-eu-central-1-operator/operator";
    assert_eq!(tag(&body, "Arn"), arn);
    assert_eq!(tag(&body, "Account"), "123456789012");

    let url = format!("{}/?Action=GetCallerIdentity&Version=2011-06-15", clouds.local.state().aws.sts);
    let headers = signer.sign("GET", &url, b"");
    let request = headers.into_iter().fold(clouds.http.get(&url), |r, (name, value)| r.header(name, value));
    let response = request.send().await.unwrap();
    assert!(response.headers().contains_key("x-amzn-requestid") && response.headers().contains_key("date"));
    assert_eq!(tag(&response.text().await.unwrap(), "Arn"), arn);
}

#[tokio::test]
async fn a_signature_that_does_not_hold_is_refused_with_the_reason() {
    let clouds = start().await;
    let good = clouds.function_signer();
    let rows: Vec<(&str, Signer, u16, &str, &str)> = vec![
        (
            "secret",
            Signer { secret: "x".repeat(40), ..good.clone() },
            403,
            "SignatureDoesNotMatch",
            "does not match",
        ),
        (
            "key id",
            Signer { id: "ASIAUNKNOWN".into(), ..good.clone() },
            403,
            "InvalidClientTokenId",
            "invalid",
        ),
        ("no token", Signer { token: None, ..good.clone() }, 403, "InvalidClientTokenId", "invalid"),
        ("token", Signer { token: Some("x".into()), ..good.clone() }, 403, "InvalidClientTokenId", "invalid"),
        (
            "region",
            Signer { region: "us-east-1", ..good.clone() },
            403,
            "SignatureDoesNotMatch",
            "valid region",
        ),
        (
            "service",
            Signer { service: "iam", ..good.clone() },
            403,
            "SignatureDoesNotMatch",
            "service: 'sts'",
        ),
        (
            "old",
            Signer { time: SystemTime::now() - Duration::from_secs(320), ..good.clone() },
            403,
            "SignatureDoesNotMatch",
            "Signature expired",
        ),
        (
            "early",
            Signer { time: SystemTime::now() + Duration::from_secs(320), ..good.clone() },
            403,
            "SignatureDoesNotMatch",
            "Signature not yet current",
        ),
    ];
    for (what, signer, status, code, words) in rows {
        let (got, body) = clouds.sts(&signer, &mint_parameters()).await;
        assert_eq!((got, tag(&body, "Code").as_str()), (status, code), "{what}");
        assert!(tag(&body, "Message").contains(words), "{what}: {body}");
    }
    let recent = Signer { time: SystemTime::now() - Duration::from_secs(240), ..good };
    assert_eq!(clouds.sts(&recent, &mint_parameters()).await.0, 200);
}

/// Each row changes one thing of a request after it was signed.
#[tokio::test]
async fn what_changes_after_signing_breaks_the_signature() {
    let clouds = start().await;
    let url =
        format!("{}/?Action=GetCallerIdentity&Version=2011-06-15&a=b%20c", clouds.local.state().aws.sts);
    let signed = clouds.function_signer().sign("GET", &url, b"");
    type Change = fn(&mut String, &mut Vec<(String, String)>, &mut String);
    let rows: Vec<(&str, Change, u16, &str)> = vec![
        ("nothing", |_, _, _| {}, 200, ""),
        ("the query", |url, _, _| url.push('x'), 403, "SignatureDoesNotMatch"),
        ("the path", |url, _, _| *url = url.replace("/?", "/x?"), 403, "SignatureDoesNotMatch"),
        ("the body", |_, _, body| body.push('x'), 403, "SignatureDoesNotMatch"),
        (
            "the signature",
            |_, headers, _| {
                let value = authorization(headers);
                let last = value.pop().unwrap();
                value.push(if last == '0' { '1' } else { '0' });
            },
            403,
            "SignatureDoesNotMatch",
        ),
        (
            "half the signature",
            |_, headers, _| {
                let value = authorization(headers);
                value.truncate(value.len() - 32);
            },
            403,
            "SignatureDoesNotMatch",
        ),
        (
            "the date within the hour",
            |_, headers, _| {
                let date = headers.iter_mut().find(|(name, _)| name == "x-amz-date").unwrap();
                let seconds = if date.1.ends_with("00Z") { "01Z" } else { "00Z" };
                date.1.replace_range(13.., seconds);
            },
            403,
            "SignatureDoesNotMatch",
        ),
        (
            "host unsigned",
            |_, headers, _| {
                let value = authorization(headers);
                *value = value.replace("SignedHeaders=host;", "SignedHeaders=");
            },
            403,
            "SignatureDoesNotMatch",
        ),
        (
            "the credential's date",
            |_, headers, _| {
                let value = authorization(headers);
                let at = value.find('/').unwrap() + 1;
                value.replace_range(at..at + 4, "1999");
            },
            403,
            "SignatureDoesNotMatch",
        ),
        (
            "no signature",
            |_, headers, _| {
                let value = authorization(headers);
                value.truncate(value.find(", Signature").unwrap());
            },
            400,
            "IncompleteSignature",
        ),
        (
            "another scheme",
            |_, headers, _| *authorization(headers) = "Bearer x".into(),
            400,
            "IncompleteSignature",
        ),
        (
            "no authorization",
            |_, headers, _| headers.retain(|(name, _)| name != "authorization"),
            403,
            "MissingAuthenticationToken",
        ),
        (
            "no date",
            |_, headers, _| headers.retain(|(name, _)| name != "x-amz-date"),
            400,
            "IncompleteSignature",
        ),
    ];
    for (what, change, status, code) in rows {
        let (mut url, mut headers, mut body) = (url.clone(), signed.clone(), String::new());
        change(&mut url, &mut headers, &mut body);
        let request = clouds.http.get(&url).body(body);
        let request = headers.into_iter().fold(request, |r, (name, value)| r.header(name, value));
        let (got, text) = send(request).await;
        assert_eq!(got, status, "{what}: {text}");
        assert!(code.is_empty() || tag(&text, "Code") == code, "{what}: {text}");
    }
}

fn authorization(headers: &mut [(String, String)]) -> &mut String {
    &mut headers.iter_mut().find(|(name, _)| name == "authorization").unwrap().1
}

/// Paths and queries that are easy to canonicalise wrongly, checked as API Gateway's calls are.
#[tokio::test]
async fn awkward_urls_verify() {
    let clouds = start().await;
    let signer = Signer { service: "execute-api", ..clouds.operator_signer() };
    for target in [
        "/",
        "/azure/assets/reports/2026%20q3.csv",
        "/azure/assets/%E2%82%AC%2F%252f+~-_.",
        "/azure//assets/../assets/./x/",
        "/azure/assets?prefix=a%20b%2Bc&delimiter=%2F&z=&a=2&a=1",
        "/azure/assets?flag&page_token=abc%3D%3D",
        "/a/b;c=d/(e)*'!",
    ] {
        let url = format!("https://api.example.com{target}");
        for body in [&b""[..], b"{\"carnet\":\"doctor\"}"] {
            let mut request =
                http::Request::builder().method("POST").uri(target).header("host", "api.example.com");
            for (name, value) in signer.sign("POST", &url, body) {
                request = request.header(name, value);
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            let verify = |body: &[u8]| {
                carnet_localclouds::aws::sigv4::verify(
                    clouds.handle(),
                    &parts,
                    body,
                    "execute-api",
                    "eu-central-1",
                )
            };
            let principal = verify(body).unwrap_or_else(|fault| panic!("{target}: {fault:?}"));
            assert_eq!(principal.role, "carnet-eu-central-1-operator");
            assert!(verify(b"another body").is_err(), "{target}");
        }
    }
}

#[tokio::test]
async fn iam_switches_outbound_federation_for_those_who_may() {
    let clouds = start().await;
    let iam = clouds.local.state().aws.iam;
    let call = async |signer: &Signer, action: &str| {
        let signer = Signer { service: "iam", region: "us-east-1", ..signer.clone() };
        clouds.query(&iam, &signer, &[("Version", "2010-05-08"), ("Action", action)]).await
    };
    let operator = clouds.operator_signer();
    let (status, body) = call(&operator, "GetOutboundWebIdentityFederationInfo").await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(tag(&body, "IssuerIdentifier"), clouds.local.state().aws.issuer);
    assert_eq!(tag(&body, "JwtVendingEnabled"), "true");

    let (status, body) = call(&operator, "EnableOutboundWebIdentityFederation").await;
    assert_eq!((status, tag(&body, "Code").as_str()), (409, "FeatureEnabled"));
    assert_eq!(call(&operator, "DisableOutboundWebIdentityFederation").await.0, 200);
    assert_eq!(clouds.sts(&clouds.function_signer(), &mint_parameters()).await.0, 403);
    for action in ["DisableOutboundWebIdentityFederation", "GetOutboundWebIdentityFederationInfo"] {
        let (status, body) = call(&operator, action).await;
        assert_eq!((status, tag(&body, "Code").as_str()), (404, "FeatureDisabled"), "{action}");
    }
    let (status, body) = call(&operator, "EnableOutboundWebIdentityFederation").await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(tag(&body, "IssuerIdentifier"), clouds.local.state().aws.issuer);
    assert_eq!(clouds.sts(&clouds.function_signer(), &mint_parameters()).await.0, 200);

    let (status, body) = call(&clouds.function_signer(), "DisableOutboundWebIdentityFederation").await;
    assert_eq!((status, tag(&body, "Code").as_str()), (403, "AccessDenied"));
}

#[tokio::test]
async fn the_state_file_says_where_everything_is() {
    let clouds = start().await;
    let text = std::fs::read_to_string(clouds.state_file()).unwrap();
    let state: Value = serde_json::from_str(&text).unwrap();
    for path in [
        "/ca_file",
        "/aws/sts",
        "/aws/iam",
        "/aws/issuer",
        "/aws/lambda",
        "/aws/region",
        "/aws/access_key_id",
        "/aws/secret_access_key",
        "/entra/authority",
        "/entra/tenant_id",
        "/entra/client_id",
        "/azure/blob/carnetdemo",
        "/control",
    ] {
        let value = state.pointer(path).and_then(Value::as_str);
        assert!(value.is_some_and(|value| !value.is_empty()), "{path}: {text}");
    }
    assert!(state["functions"].is_object());
    let pem = std::fs::read_to_string(state["ca_file"].as_str().unwrap()).unwrap();
    assert_eq!(pem, clouds.handle().authority.ca_pem());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(clouds.state_file()).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "others cannot read the access key");
    }
}
