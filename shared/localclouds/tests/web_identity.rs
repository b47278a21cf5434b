//! `AssumeRoleWithWebIdentity`: each refusal with its code, and a session that is what it should be.

mod clouds;

use carnet_localclouds::faults::{Fault, Hop, Rule};
use carnet_localclouds::jwt::{Algorithm, Keys};
use carnet_localclouds::world::{OidcProvider, Role, World};
use carnet_trust::aws::role_trust::RoleTrust;
use clouds::{Clouds, Signer, encode, send, start, tag};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const GITHUB: &str = "https://token.actions.githubusercontent.com";
const GITLAB: &str = "https://gitlab.com";
const ROLE: &str = "reader";
const ARN: &str = "arn:aws:iam::123456789012:role/reader";
const SUBJECT: &str = "repo:acme/app:ref:refs/heads/main";
const BUCKET: &str = "carnet-demo-copies";

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

fn trust(host: &str, subject: &str) -> RoleTrust {
    let principal = format!("arn:aws:iam::123456789012:oidc-provider/{host}");
    serde_json::from_value(json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": { "Federated": principal }, "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": { "StringEquals": {
            format!("{host}:aud"): "sts.amazonaws.com", format!("{host}:sub"): subject,
        } },
    } }))
    .unwrap()
}

fn policy(value: Value) -> carnet_trust::aws::Policy {
    serde_json::from_value(value).unwrap()
}

/// A role that reads `reports/` in the bucket and trusts one branch of one repository.
fn with_role(world: &mut World) {
    let reads = policy(json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "s3:ListBucket", "Resource": format!("arn:aws:s3:::{BUCKET}"),
          "Condition": { "StringLike": { "s3:prefix": "reports/*" } } },
        { "Effect": "Allow", "Action": "s3:GetObject", "Resource": format!("arn:aws:s3:::{BUCKET}/reports/*") },
    ] }));
    let role = Role {
        arn: ARN.to_owned(),
        id: "AROAEXAMPLEEXAMPLE000".to_owned(),
        policies: vec![reads],
        tags: BTreeMap::new(),
        trust: Some(trust("token.actions.githubusercontent.com", SUBJECT)),
        max_session: Role::MAX_SESSION,
    };
    world.aws.roles.insert(ROLE.to_owned(), role);
    let provider = OidcProvider { client_ids: ["sts.amazonaws.com".to_owned()].into() };
    world.aws.oidc_providers.insert("token.actions.githubusercontent.com".to_owned(), provider);
}

async fn open() -> Clouds {
    let clouds = start().await;
    with_role(&mut clouds.handle().world_mut());
    clouds
}

fn claims() -> Value {
    json!({ "iss": GITHUB, "sub": SUBJECT, "aud": "sts.amazonaws.com", "iat": now(), "exp": now() + 300 })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn sign(clouds: &Clouds, claims: &Value) -> String {
    clouds.handle().other_keys().unwrap().sign(claims, Algorithm::Rs256).unwrap()
}

/// An unsigned POST, some parameters replaced; an empty value leaves one out.
async fn assume(clouds: &Clouds, token: &str, replaced: &[(&str, &str)]) -> (u16, String) {
    let (status, body) = send(clouds.http.post(sts(clouds)).body(form(token, replaced))).await;
    assert!(!body.contains(token) || token.len() < 4, "no token in an answer");
    (status, body)
}

fn sts(clouds: &Clouds) -> String {
    format!("{}/", clouds.local.state().aws.sts)
}

fn form(token: &str, replaced: &[(&str, &str)]) -> String {
    let mut form = BTreeMap::from([
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", ARN),
        ("RoleSessionName", "build-42"),
        ("WebIdentityToken", token),
    ]);
    form.extend(replaced.iter().copied());
    let pairs: Vec<(&str, &str)> = form.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    encode(&pairs)
}

fn signer(answer: &str) -> Signer {
    Signer::new(
        &tag(answer, "AccessKeyId"),
        &tag(answer, "SecretAccessKey"),
        Some(&tag(answer, "SessionToken")),
    )
}

async fn caller(clouds: &Clouds, signer: &Signer) -> (u16, String) {
    clouds.sts(signer, &[("Action", "GetCallerIdentity")]).await
}

#[tokio::test]
async fn a_trusted_token_gives_a_session_that_is_somebody() {
    let clouds = open().await;
    let (status, body) = assume(&clouds, &sign(&clouds, &claims()), &[("DurationSeconds", "900")]).await;
    assert_eq!(status, 200, "{body}");
    assert!(body.starts_with("<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleWithWebIdentityResult>"));
    assert_eq!(tag(&body, "SubjectFromWebIdentityToken"), SUBJECT);
    assert_eq!(tag(&body, "Audience"), "sts.amazonaws.com");
    assert_eq!(tag(&body, "Provider"), GITHUB);
    assert_eq!(tag(&body, "AssumedRoleId"), "AROAEXAMPLEEXAMPLE000:build-42");
    assert_eq!(tag(&body, "Arn"), "arn:aws:sts::123456789012:assumed-role/reader/build-42");
    assert!(tag(&body, "Expiration").ends_with('Z'));
    assert!(!body.contains("PackedPolicySize"), "without a session policy there is none");

    let (status, who) = caller(&clouds, &signer(&body)).await;
    assert_eq!(status, 200, "{who}");
    assert_eq!(tag(&who, "Arn"), "arn:aws:sts::123456789012:assumed-role/reader/build-42");
    let calls = clouds.handle().trail.calls();
    assert!(calls.iter().any(|call| {
        (call.role.as_str(), call.action.as_str(), call.session.as_str())
            == (ROLE, "sts:AssumeRoleWithWebIdentity", "build-42")
    }));
}

#[tokio::test]
async fn a_get_is_as_good_as_a_post() {
    let clouds = open().await;
    let query = form(&sign(&clouds, &claims()), &[]);
    let (status, body) = send(clouds.http.get(format!("{}?{query}", sts(&clouds)))).await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn other_calls_still_need_a_signature() {
    let clouds = open().await;
    let form = encode(&[("Action", "GetCallerIdentity"), ("Version", "2011-06-15")]);
    let (status, body) = send(clouds.http.post(sts(&clouds)).body(form)).await;
    assert_eq!((status, tag(&body, "Code").as_str()), (403, "MissingAuthenticationToken"));
    let other_version = encode(&[("Action", "AssumeRoleWithWebIdentity"), ("Version", "2010-05-08")]);
    let (status, body) = send(clouds.http.post(sts(&clouds)).body(other_version)).await;
    assert_eq!((status, tag(&body, "Code").as_str()), (403, "MissingAuthenticationToken"));
}

#[tokio::test]
async fn a_session_ends_when_it_was_told_to() {
    let clouds = open().await;
    let (_, body) = assume(&clouds, &sign(&clouds, &claims()), &[]).await;
    let signer = signer(&body);
    let left = clouds.handle().world().aws.access_keys[&signer.id].expires_at.unwrap();
    let left = left.duration_since(SystemTime::now()).unwrap();
    assert!(left <= Duration::from_secs(3600) && left > Duration::from_secs(3500), "an hour by default");
    clouds.handle().world_mut().aws.access_keys.get_mut(&signer.id).unwrap().expires_at =
        Some(SystemTime::now() - Duration::from_secs(1));
    let (status, body) = caller(&clouds, &signer).await;
    assert_eq!((status, tag(&body, "Code").as_str()), (403, "ExpiredToken"));
}

/// Each row: what is wrong, the claims, parameters replaced, what the world has otherwise, status, code,
/// a part of the message.
#[tokio::test]
async fn each_refusal_has_its_code() {
    type Change = fn(&mut World);
    type Row<'r> = (&'r str, Value, Vec<(&'r str, &'r str)>, Change, u16, &'r str, &'r str);
    let nothing: Change = |_| ();
    let long = "x".repeat(20_001);
    let big = format!("{{\"Version\":\"2012-10-17\",\"Statement\":[{}]}}", " ".repeat(2048));
    let rows: Vec<Row> = vec![
        ("no role", claims(), vec![("RoleArn", "")], nothing, 400, "ValidationError", "'roleArn'"),
        ("a short role", claims(), vec![("RoleArn", "reader")], nothing, 400, "ValidationError", "20"),
        (
            "no session name",
            claims(),
            vec![("RoleSessionName", "")],
            nothing,
            400,
            "ValidationError",
            "roleSessionName",
        ),
        (
            "a short session name",
            claims(),
            vec![("RoleSessionName", "x")],
            nothing,
            400,
            "ValidationError",
            "equal to 2",
        ),
        (
            "a session name with a space",
            claims(),
            vec![("RoleSessionName", "a b")],
            nothing,
            400,
            "ValidationError",
            "regular expression",
        ),
        (
            "no token",
            claims(),
            vec![("WebIdentityToken", "")],
            nothing,
            400,
            "ValidationError",
            "webIdentityToken",
        ),
        (
            "a long token",
            claims(),
            vec![("WebIdentityToken", long.as_str())],
            nothing,
            400,
            "ValidationError",
            "20000",
        ),
        ("no JWT", claims(), vec![("WebIdentityToken", "hello")], nothing, 400, "InvalidIdentityToken", ""),
        ("too short", claims(), vec![("DurationSeconds", "899")], nothing, 400, "ValidationError", "900"),
        ("too long", claims(), vec![("DurationSeconds", "43201")], nothing, 400, "ValidationError", "43200"),
        ("no number", claims(), vec![("DurationSeconds", "soon")], nothing, 400, "MalformedInput", ""),
        (
            "over the role's maximum",
            claims(),
            vec![("DurationSeconds", "3601")],
            nothing,
            400,
            "ValidationError",
            "MaxSessionDuration",
        ),
        (
            "an access token",
            claims(),
            vec![("ProviderId", "www.amazon.com")],
            nothing,
            400,
            "InvalidIdentityToken",
            "",
        ),
        (
            "a managed policy",
            claims(),
            vec![("PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/x")],
            nothing,
            400,
            "MalformedPolicyDocument",
            "",
        ),
        ("no policy", claims(), vec![("Policy", "{}")], nothing, 400, "MalformedPolicyDocument", ""),
        ("a big policy", claims(), vec![("Policy", big.as_str())], nothing, 400, "PackedPolicyTooLarge", "%"),
        ("no sub", without("sub"), vec![], nothing, 400, "InvalidIdentityToken", "sub"),
        ("no exp", without("exp"), vec![], nothing, 400, "InvalidIdentityToken", "exp"),
        ("expired", with("exp", json!(now() - 1)), vec![], nothing, 400, "ExpiredTokenException", ""),
        ("not yet", with("nbf", json!(now() + 600)), vec![], nothing, 400, "InvalidIdentityToken", "yet"),
        (
            "from the future",
            with("iat", json!(now() + 600)),
            vec![],
            nothing,
            400,
            "InvalidIdentityToken",
            "yet",
        ),
        (
            "no provider",
            claims(),
            vec![],
            |w| w.aws.oidc_providers.clear(),
            400,
            "InvalidIdentityToken",
            "No OpenIDConnect provider found in your account for https://token.actions.githubusercontent.com",
        ),
        (
            "another audience",
            with("aud", json!("https://github.com/acme")),
            vec![],
            nothing,
            400,
            "InvalidIdentityToken",
            "Incorrect token audience",
        ),
        (
            "another subject",
            with("sub", json!("repo:evil/app:ref:refs/heads/main")),
            vec![],
            nothing,
            403,
            "AccessDenied",
            "Not authorized to perform sts:AssumeRoleWithWebIdentity",
        ),
        (
            "no such role",
            claims(),
            vec![("RoleArn", "arn:aws:iam::123456789012:role/other")],
            nothing,
            403,
            "AccessDenied",
            "Not authorized",
        ),
        (
            "a role without trust",
            claims(),
            vec![],
            |w| w.aws.roles.get_mut(ROLE).unwrap().trust = None,
            403,
            "AccessDenied",
            "Not authorized",
        ),
        (
            "a role for another issuer",
            claims(),
            vec![],
            |w| {
                w.aws.roles.get_mut(ROLE).unwrap().trust = Some(trust("gitlab.com", SUBJECT));
            },
            403,
            "AccessDenied",
            "Not authorized",
        ),
    ];
    let clouds = open().await;
    for (what, claims, replaced, change, status, code, message) in rows {
        with_role(&mut clouds.handle().world_mut());
        change(&mut clouds.handle().world_mut());
        let keys = clouds.handle().world().aws.access_keys.len();
        let (found, body) = assume(&clouds, &sign(&clouds, &claims), &replaced).await;
        assert_eq!((found, tag(&body, "Code").as_str()), (status, code), "{what}: {body}");
        assert!(tag(&body, "Message").contains(message), "{what}: {body}");
        assert_eq!(clouds.handle().world().aws.access_keys.len(), keys, "{what}: no session");
    }
}

#[tokio::test]
async fn a_session_may_last_as_long_as_its_role_lets_it() {
    let clouds = open().await;
    clouds.handle().world_mut().aws.roles.get_mut(ROLE).unwrap().max_session = Duration::from_secs(43_200);
    let token = sign(&clouds, &claims());
    for seconds in ["900", "43200"] {
        let (status, body) = assume(&clouds, &token, &[("DurationSeconds", seconds)]).await;
        assert_eq!(status, 200, "{seconds}: {body}");
    }
}

#[tokio::test]
async fn signatures_are_those_of_the_presented_issuer() {
    let clouds = open().await;
    let code = async |token: String| {
        let (status, body) = assume(&clouds, &token, &[]).await;
        (status, if status == 200 { String::new() } else { tag(&body, "Code") })
    };
    let ours = clouds.handle().other_keys().unwrap();
    let strangers = Keys::generate().unwrap();
    let invalid = (400, "InvalidIdentityToken".to_owned());
    assert_eq!(code(strangers.sign(&claims(), Algorithm::Rs256).unwrap()).await, invalid, "an unknown key");
    let header = json!({ "alg": "RS256", "kid": ours.key_id(Algorithm::Rs256) });
    let lied = strangers.sign_as(&header, &claims().to_string(), Algorithm::Rs256).unwrap();
    assert_eq!(code(lied).await, invalid, "a stranger's signature under a known key's id");
    for algorithm in ["none", "HS256", "PS256"] {
        let header = json!({ "alg": algorithm, "kid": ours.key_id(Algorithm::Rs256) });
        let token = ours.sign_as(&header, &claims().to_string(), Algorithm::Rs256).unwrap();
        assert_eq!(code(token).await, invalid, "{algorithm}");
    }
    let twice = claims().to_string().replacen('{', "{\"sub\":\"x\",", 1);
    let header = json!({ "alg": "RS256", "kid": ours.key_id(Algorithm::Rs256) });
    assert_eq!(
        code(ours.sign_as(&header, &twice, Algorithm::Rs256).unwrap()).await,
        invalid,
        "a claim twice"
    );
    assert_eq!(code(ours.sign(&claims(), Algorithm::Rs512).unwrap()).await.0, 200, "RS512 by the same key");
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_is_another_error() {
    let clouds = open().await;
    let token = sign(&clouds, &claims());
    clouds.handle().faults.add(Rule::always(Hop::Issuers, Fault::Html200));
    let (status, body) = assume(&clouds, &token, &[]).await;
    assert_eq!((status, tag(&body, "Code").as_str()), (400, "InvalidIdentityToken"));
    assert!(
        tag(&body, "Message").starts_with("Couldn't retrieve verification key from your identity provider")
    );
    clouds.handle().faults.clear();

    // A provider of the account whose host nobody plays.
    let provider = clouds.handle().world().aws.oidc_providers["token.actions.githubusercontent.com"].clone();
    clouds.handle().world_mut().aws.oidc_providers.insert("gitlab.com".to_owned(), provider);
    let (status, body) = assume(&clouds, &sign(&clouds, &with("iss", json!(GITLAB))), &[]).await;
    assert_eq!((status, tag(&body, "Code").as_str()), (400, "IDPCommunicationError"));
}

#[tokio::test]
async fn what_aws_issued_takes_no_role() {
    let clouds = open().await;
    let minted = clouds.mint().await;
    let (status, body) = assume(&clouds, &minted, &[]).await;
    assert_eq!((status, tag(&body, "Code").as_str()), (400, "InvalidIdentityToken"), "{body}");
    // Another account's, and even if somebody made a provider for it.
    let foreign = "11111111-2222-4333-8444-555555555555.tokens.sts.global.api.aws";
    clouds.handle().world_mut().aws.oidc_providers.insert(foreign.to_owned(), OidcProvider::default());
    let token = sign(&clouds, &with("iss", json!(format!("https://{foreign}"))));
    let (status, body) = assume(&clouds, &token, &[]).await;
    assert_eq!((status, tag(&body, "Code").as_str()), (400, "InvalidIdentityToken"), "{body}");
}

/// An S3 GET, signed as that session.
async fn s3(clouds: &Clouds, session: &Signer, path: &str) -> (u16, String) {
    let signer = Signer { service: "s3", ..session.clone() };
    let url = format!("{}/{path}", clouds.local.state().aws.s3.endpoint);
    let request = clouds.http.get(&url).header("x-amz-content-sha256", EMPTY);
    let headers = signer.sign_s3(&url, EMPTY);
    send(headers.into_iter().fold(request, |request, (name, value)| request.header(name, value))).await
}

/// The digest of an empty body.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[tokio::test]
async fn at_s3_a_session_may_what_role_and_session_policy_both_allow() {
    let clouds = open().await;
    let token = sign(&clouds, &claims());
    let (_, body) = assume(&clouds, &token, &[]).await;
    let session = signer(&body);
    let list = |prefix: &str| format!("{BUCKET}?list-type=2&prefix={prefix}");
    assert_eq!(s3(&clouds, &session, &list("reports%2F")).await.0, 200);
    for denied in [list("other%2F"), format!("{BUCKET}?list-type=2"), format!("{BUCKET}/other/a.txt")] {
        let (status, body) = s3(&clouds, &session, &denied).await;
        assert_eq!((status, tag(&body, "Code").as_str()), (403, "AccessDenied"), "{denied}");
    }
    // Narrowed to one folder, and to something the role may not.
    let narrow = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*",
          "Condition": { "StringLike": { "s3:prefix": ["reports/2026/*", "other/*"] } } },
    ] })
    .to_string();
    let (status, body) = assume(&clouds, &token, &[("Policy", &narrow)]).await;
    assert_eq!(status, 200, "{body}");
    assert!((1..=100).contains(&tag(&body, "PackedPolicySize").parse::<u8>().unwrap()));
    let narrowed = signer(&body);
    assert_eq!(s3(&clouds, &narrowed, &list("reports%2F2026%2F")).await.0, 200);
    assert_eq!(s3(&clouds, &narrowed, &list("reports%2F")).await.0, 403, "the session policy says no");
    assert_eq!(s3(&clouds, &narrowed, &list("other%2F")).await.0, 403, "the role says no");
    assert_eq!(s3(&clouds, &session, &list("reports%2F")).await.0, 200, "the other session is as it was");
}

#[tokio::test]
async fn the_built_in_providers_need_none_of_the_account() {
    let clouds = open().await;
    let trust: RoleTrust = serde_json::from_value(json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": { "Federated": "accounts.google.com" },
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": { "StringEquals": {
            "accounts.google.com:aud": "112233", "accounts.google.com:oaud": "carnet",
            "accounts.google.com:sub": "112233",
        } },
    } }))
    .unwrap();
    clouds.handle().world_mut().aws.roles.get_mut(ROLE).unwrap().trust = Some(trust);
    clouds.handle().world_mut().aws.oidc_providers.clear();
    let google = json!({
        "iss": "https://accounts.google.com", "aud": "carnet", "azp": "112233", "sub": "112233",
        "iat": now(), "exp": now() + 3600,
    });
    let keys = clouds.handle().google_keys().unwrap();
    let (status, body) = assume(&clouds, &keys.sign(&google, Algorithm::Rs256).unwrap(), &[]).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        (tag(&body, "Audience"), tag(&body, "Provider")),
        ("112233".into(), "https://accounts.google.com".into())
    );
    let mut other = google.clone();
    other["aud"] = json!("another");
    let (status, _) = assume(&clouds, &keys.sign(&other, Algorithm::Rs256).unwrap(), &[]).await;
    assert_eq!(status, 403);
}
