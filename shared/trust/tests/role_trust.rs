//! The trust policies of roles: whom they let in, in AWS's ways.

use carnet_trust::aws::role_trust::creation::SHARED;
use carnet_trust::aws::role_trust::{
    Call, Presented, Refusal, RoleTrust, check_creation, evaluate, evaluate_call,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const ACCOUNT: &str = "123456789012";
const GITHUB: &str = "https://token.actions.githubusercontent.com";
const HOST: &str = "token.actions.githubusercontent.com";
const SUBJECT: &str = "repo:acme/app:ref:refs/heads/main";

fn arn(host: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{host}")
}

fn policy(statement: Value) -> RoleTrust {
    serde_json::from_value(json!({ "Version": "2012-10-17", "Statement": statement }))
        .expect("a trust policy")
}

fn trusting(principal: Value, condition: Value) -> RoleTrust {
    policy(json!({
        "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition,
    }))
}

fn github(condition: Value) -> RoleTrust {
    trusting(json!({ "Federated": arn(HOST) }), condition)
}

fn token(issuer: &str, claims: Value) -> Presented {
    Presented { issuer: issuer.to_owned(), claims: claims.as_object().expect("claims").clone() }
}

fn workflow() -> Presented {
    token(
        GITHUB,
        json!({
            "aud": "sts.amazonaws.com", "sub": SUBJECT, "ref": "refs/heads/main", "repository": "acme/app",
            "repository_id": 456, "run_attempt": "1",
        }),
    )
}

fn outcome(trust: &RoleTrust, presented: &Presented) -> Result<(), Refusal> {
    evaluate(trust, ACCOUNT, "aws", presented)
}

fn refused(trust: &RoleTrust, presented: &Presented) -> Refusal {
    outcome(trust, presented).expect_err("it was let in")
}

fn exact() -> Value {
    json!({ "StringEquals": { format!("{HOST}:aud"): "sts.amazonaws.com", format!("{HOST}:sub"): SUBJECT } })
}

#[test]
fn an_exact_trust_lets_its_token_in_and_says_what_is_wrong_with_others() {
    let trust = github(exact());
    assert_eq!(outcome(&trust, &workflow()), Ok(()));
    let mut other = workflow();
    other.claims["sub"] = json!("repo:acme/app:ref:refs/heads/evil");
    let refusal = refused(&trust, &other);
    assert_eq!(refusal.code, "AccessDenied");
    assert_eq!(refusal.message, "Not authorized to perform sts:AssumeRoleWithWebIdentity");
    assert_eq!(refusal.field, format!("{HOST}:sub"));
    assert!(
        refusal.reason.contains("refs/heads/evil") && refusal.reason.contains(SUBJECT),
        "{}",
        refusal.reason
    );
}

/// Each row: operator, the policy's values, whether a workflow's token passes. The key is `sub`,
/// unless the row names another.
#[test]
fn conditions_decide_as_iam_does() {
    let sub = "sub";
    let rows: &[(&str, &str, Value, bool)] = &[
        ("StringEquals", sub, json!(SUBJECT), true),
        ("StringEquals", sub, json!(["other", SUBJECT]), true),
        ("StringEquals", sub, json!(SUBJECT.to_uppercase()), false),
        ("StringEquals", sub, json!("repo:acme/*"), false),
        ("StringEquals", "SUB", json!(SUBJECT), true),
        ("StringEqualsIgnoreCase", sub, json!(SUBJECT.to_uppercase()), true),
        ("StringLike", sub, json!("repo:acme/*"), true),
        ("StringLike", sub, json!("repo:acme/ap?:ref:*"), true),
        ("StringLike", sub, json!("repo:other/*"), false),
        ("StringNotLike", sub, json!("repo:other/*"), true),
        ("StringNotEquals", sub, json!([SUBJECT, "x"]), false),
        ("ForAnyValue:StringLike", sub, json!("repo:acme/*"), true),
        ("StringEquals", "repository_id", json!("456"), true),
        ("NumericEquals", "repository_id", json!(456), true),
        // A key that is not in the request: false for a positive operator, true for these.
        ("StringEquals", "environment", json!("prod"), false),
        ("StringNotEquals", "environment", json!("prod"), true),
        ("StringEqualsIfExists", "environment", json!("prod"), true),
        ("ForAllValues:StringEquals", "environment", json!("prod"), true),
        ("ForAnyValue:StringEquals", "environment", json!("prod"), false),
        ("Null", "environment", json!("true"), true),
        ("Null", sub, json!("false"), true),
        ("Null", sub, json!(true), false),
        // In the token, and yet no key: nothing but the documented claims is.
        ("StringEquals", "run_attempt", json!("1"), false),
        ("Bool", "ref_protected", json!("true"), false),
    ];
    for (operator, claim, values, passes) in rows {
        let trust = github(json!({ *operator: { format!("{HOST}:{claim}"): values } }));
        assert_eq!(outcome(&trust, &workflow()).is_ok(), *passes, "{operator} on {claim}: {values}");
    }
}

#[test]
fn a_date_is_one_of_the_operators() {
    let until = |text: &str| github(json!({ "DateLessThan": { "aws:CurrentTime": text } }));
    let at = |seconds| Call { epoch_seconds: Some(seconds), ..Call::default() };
    let take = |trust: &RoleTrust, call| evaluate_call(trust, ACCOUNT, "aws", &workflow(), &call).is_ok();
    assert!(take(&until("2026-11-22T16:32:47Z"), at(1_795_365_166)));
    assert!(!take(&until("2026-11-22T16:32:47Z"), at(1_795_365_167)));
    assert!(take(&until("2026-11-22T17:32:47+01:00"), at(1_795_365_166)));
    assert!(!take(&until("soon"), at(1)), "what is no date is never earlier");
    assert!(!take(&until("2026-11-22T16:32:47Z"), Call::default()));
}

#[test]
fn the_session_name_is_a_key() {
    let trust = github(json!({ "StringEquals": { "sts:RoleSessionName": "tenant-1" } }));
    let named = |name: &str| Call { session_name: Some(name.to_owned()), ..Call::default() };
    let take = |call| evaluate_call(&trust, ACCOUNT, "aws", &workflow(), &call).is_ok();
    assert!(take(named("tenant-1")));
    assert!(!take(named("tenant-2")));
}

#[test]
fn a_principal_is_matched_in_each_of_its_forms() {
    let own = arn(HOST);
    let rows = [
        (json!("*"), true),
        (json!({ "AWS": "*" }), true),
        (json!({ "Federated": "*" }), true),
        (json!({ "Federated": own }), true),
        (json!({ "Federated": [arn("gitlab.com"), own] }), true),
        (json!({ "Federated": [] }), false),
        (json!({ "Federated": HOST }), false),
        (json!({ "Federated": own.replace("123456789012", "210987654321") }), false),
        (json!({ "Federated": own.replace("arn:aws:", "arn:aws-cn:") }), false),
        (json!({ "Federated": format!("{own}/") }), false),
        (json!({ "Federated": format!("{own}/acme") }), false),
        (json!({ "Federated": own.replace("actions", "*") }), false),
        (json!({ "AWS": format!("arn:aws:iam::{ACCOUNT}:root") }), false),
        (json!({ "Service": "ec2.amazonaws.com" }), false),
        (json!({ "Service": "ec2.amazonaws.com", "Federated": own }), true),
    ];
    for (principal, passes) in rows {
        let trust = trusting(principal.clone(), json!({}));
        assert_eq!(outcome(&trust, &workflow()).is_ok(), passes, "{principal}");
    }
    assert!(
        serde_json::from_value::<RoleTrust>(json!({ "Statement": {
        "Effect": "Allow", "Principal": "everybody", "Action": "sts:*",
    } }))
        .is_err()
    );
}

#[test]
fn not_principal_is_everybody_else() {
    let allow = |others: &str| {
        policy(json!({
            "Effect": "Allow", "NotPrincipal": { "Federated": others }, "Action": "sts:*",
        }))
    };
    assert!(outcome(&allow(&arn("gitlab.com")), &workflow()).is_ok());
    assert!(outcome(&allow(&arn(HOST)), &workflow()).is_err());
}

#[test]
fn actions_are_matched_ignoring_case_and_with_wildcards() {
    let rows = [
        ("Action", json!("sts:AssumeRoleWithWebIdentity"), true),
        ("Action", json!("STS:assumerolewithwebidentity"), true),
        ("Action", json!("sts:AssumeRole"), false),
        ("Action", json!("sts:AssumeRole*"), true),
        ("Action", json!("sts:*"), true),
        ("Action", json!(["sts:TagSession", "sts:AssumeRoleWith?ebIdentity"]), true),
        ("NotAction", json!("sts:AssumeRole"), true),
        ("NotAction", json!("sts:*"), false),
    ];
    for (element, action, passes) in rows {
        let trust = policy(json!({
            "Effect": "Allow", "Principal": { "Federated": arn(HOST) }, element: action.clone(),
        }));
        assert_eq!(outcome(&trust, &workflow()).is_ok(), passes, "{element} {action}");
    }
    let refusal = refused(
        &policy(
            json!({ "Effect": "Allow", "Principal": { "Federated": arn(HOST) }, "Action": "sts:AssumeRole" }),
        ),
        &workflow(),
    );
    assert_eq!(refusal.field, "action");
}

#[test]
fn a_deny_wins() {
    let principal = json!({ "Federated": arn(HOST) });
    let action = "sts:AssumeRoleWithWebIdentity";
    let denying = |condition: Value| {
        policy(json!([
            { "Effect": "Allow", "Principal": principal, "Action": action },
            { "Sid": "Forks", "Effect": "Deny", "Principal": "*", "Action": action, "Condition": condition },
        ]))
    };
    let key = format!("{HOST}:ref");
    assert!(outcome(&denying(json!({ "StringEquals": { &key: "refs/heads/x" } })), &workflow()).is_ok());
    let refusal = refused(&denying(json!({ "StringNotEquals": { &key: "refs/heads/x" } })), &workflow());
    assert!(refusal.reason.contains("statement Forks denies it"), "{}", refusal.reason);
    assert_eq!(refusal.field, key);
}

#[test]
fn statements_are_alternatives_and_each_is_named_in_a_refusal() {
    let statement = |sid: &str, subject: &str| {
        json!({
            "Sid": sid, "Effect": "Allow", "Principal": { "Federated": arn(HOST) }, "Action": "sts:*",
            "Condition": { "StringEquals": { format!("{HOST}:sub"): subject } },
        })
    };
    assert!(outcome(&policy(json!([statement("A", "x"), statement("B", SUBJECT)])), &workflow()).is_ok());
    let refusal = refused(&policy(json!([statement("A", "x"), statement("B", "y")])), &workflow());
    assert!(
        refusal.reason.contains("statement A") && refusal.reason.contains("statement B"),
        "{}",
        refusal.reason
    );
}

const TENANT: &str = "11111111-2222-4333-8444-555555555555";

#[test]
fn entras_issuer_ends_with_a_slash_everywhere() {
    let host = format!("sts.windows.net/{TENANT}/");
    let identity = token(
        &format!("https://{host}"),
        json!({ "aud": "api://aws", "sub": "object-id", "appid": "x", "tid": TENANT }),
    );
    let condition = |host: &str| json!({ "StringEquals": { format!("{host}:aud"): "api://aws", format!("{host}:sub"): "object-id" } });
    let with = |principal: &str, key: &str| trusting(json!({ "Federated": arn(principal) }), condition(key));
    assert_eq!(outcome(&with(&host, &host), &identity), Ok(()));
    let bare = host.trim_end_matches('/');
    let refusal = refused(&with(bare, &host), &identity);
    assert_eq!(refusal.field, "principal");
    assert!(refusal.reason.contains("slash"), "{}", refusal.reason);
    let refusal = refused(&with(&host, bare), &identity);
    assert_eq!(refusal.field, format!("{bare}:aud"));
    assert!(refusal.reason.contains("no such key"), "{}", refusal.reason);
}

#[test]
fn googles_aud_is_the_service_account_and_oaud_the_audience() {
    let account = token(
        "https://accounts.google.com",
        json!({ "aud": "carnet", "azp": "112233", "sub": "112233", "email": "a@b.iam.gserviceaccount.com" }),
    );
    let google = |key: &str, value: &str| {
        let key = format!("accounts.google.com:{key}");
        trusting(json!({ "Federated": "accounts.google.com" }), json!({ "StringEquals": { key: value } }))
    };
    for (key, value) in
        [("aud", "112233"), ("oaud", "carnet"), ("sub", "112233"), ("email", "a@b.iam.gserviceaccount.com")]
    {
        assert_eq!(outcome(&google(key, value), &account), Ok(()), "{key}");
    }
    let refusal = refused(&google("aud", "carnet"), &account);
    assert!(refusal.reason.contains("presented `112233`, expected `carnet`"), "{}", refusal.reason);
    let made = trusting(json!({ "Federated": arn("accounts.google.com") }), json!({}));
    assert_eq!(refused(&made, &account).field, "principal", "a provider made under its name does not count");
}

#[test]
fn cognitos_amr_is_a_list() {
    let host = "cognito-identity.amazonaws.com";
    let identity = token(
        "https://cognito-identity.amazonaws.com",
        json!({ "aud": "eu-central-1:pool", "sub": "eu-central-1:id", "amr": ["authenticated", "login.acme", "login.acme:x"] }),
    );
    let with = |amr: &str| {
        trusting(
            json!({ "Federated": host }),
            json!({
                "StringEquals": { format!("{host}:aud"): "eu-central-1:pool" },
                "ForAnyValue:StringLike": { format!("{host}:amr"): amr },
            }),
        )
    };
    assert_eq!(outcome(&with("authenticated"), &identity), Ok(()));
    assert_eq!(outcome(&with("login.ac*"), &identity), Ok(()));
    assert_eq!(refused(&with("unauthenticated"), &identity).field, format!("{host}:amr"));
}

#[test]
fn amazon_and_facebook_have_an_app_id() {
    for (host, claims) in [
        (
            "www.amazon.com",
            json!({ "app_id": "amzn1.application-oa2-client.1", "user_id": "amzn1.account.1" }),
        ),
        ("graph.facebook.com", json!({ "app_id": "2012", "id": "77" })),
    ] {
        let presented = token(host, claims.clone());
        for (name, value) in claims.as_object().expect("claims") {
            let trust = trusting(
                json!({ "Federated": host }),
                json!({ "StringEquals": { format!("{host}:{name}"): value } }),
            );
            assert_eq!(outcome(&trust, &presented), Ok(()), "{host}:{name}");
        }
        let aud = json!({ "StringEquals": { format!("{host}:aud"): "2012" } });
        assert!(outcome(&trusting(json!({ "Federated": host }), aud), &presented).is_err());
    }
}

#[test]
fn hcp_terraform_is_refused_when_the_role_is_taken_too() {
    let host = "app.terraform.io";
    let subject = "organization:acme:project:infra:workspace:prod:run_phase:apply";
    let run = token("https://app.terraform.io", json!({ "aud": "aws.workload.identity", "sub": subject }));
    let with = |condition| trusting(json!({ "Federated": arn(host) }), condition);
    let aud = json!({ "StringEquals": { format!("{host}:aud"): "aws.workload.identity" } });
    assert_eq!(refused(&with(aud), &run).field, format!("{host}:sub"));
    assert_eq!(outcome(&with(json!({ "StringEquals": { format!("{host}:sub"): subject } })), &run), Ok(()));
}

#[test]
fn a_cluster_has_its_path_in_the_key_and_several_audiences() {
    let host = "oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF";
    let pod = token(
        &format!("https://{host}"),
        json!({ "aud": ["sts.amazonaws.com", "other"], "sub": "system:serviceaccount:default:reader" }),
    );
    let with = |condition| trusting(json!({ "Federated": arn(host) }), condition);
    let both = json!({ "StringEquals": {
        format!("{host}:aud"): "sts.amazonaws.com",
        format!("{host}:sub"): "system:serviceaccount:default:reader",
    } });
    assert_eq!(outcome(&with(both), &pod), Ok(()));
    let all = json!({ "ForAllValues:StringEquals": { format!("{host}:aud"): "sts.amazonaws.com" } });
    assert!(outcome(&with(all), &pod).is_err());
}

/// Every row of AWS's table: without its claim refused, with it taken.
#[test]
fn each_shared_issuer_must_be_told_whose_it_is() {
    for shared in SHARED {
        let host = shared.host;
        let principal = match host {
            "cognito-identity.amazonaws.com" => host.to_owned(),
            "sts.windows.net/33e01921-4d64-4f8c-a055-5bdaffd5e33d" => arn(&format!("{host}/")),
            _ => arn(host),
        };
        let prefix = principal.split_once("oidc-provider/").map_or(host, |(_, host)| host);
        let key = match shared.control.contains(':') {
            true => shared.control.to_owned(),
            false => format!("{prefix}:{}", shared.control),
        };
        let fields = |condition: Value| -> Vec<String> {
            let trust = trusting(json!({ "Federated": principal }), condition);
            check_creation(&trust).into_iter().map(|fault| fault.field).collect()
        };
        assert_eq!(fields(json!({})), *std::slice::from_ref(&key), "{host}");
        let other = json!({ "StringEquals": { format!("{prefix}:email"): "x" } });
        assert_eq!(fields(other), *std::slice::from_ref(&key), "{host}");
        assert!(fields(json!({ "StringEquals": { &key: "x" } })).is_empty(), "{host}");
        assert!(fields(json!({ "StringLike": { key.to_uppercase(): "x*" } })).is_empty(), "{host}");
        for weak in ["StringEqualsIfExists", "StringNotEquals", "ForAllValues:StringEquals"] {
            assert_eq!(fields(json!({ weak: { &key: "x" } })), *std::slice::from_ref(&key), "{host} {weak}");
        }
        let bare = fields(json!({ "StringLike": { &key: ["x", "*"] } }));
        assert_eq!(!bare.is_empty(), shared.no_bare_wildcard, "{host}");
    }
}

#[test]
fn what_iam_takes_no_policy_for_is_said() {
    let fields = |statement: Value| -> Vec<String> {
        check_creation(&policy(statement)).into_iter().map(|fault| fault.field).collect()
    };
    let own = json!({ "Federated": arn("issuer.example") });
    let action = "sts:AssumeRoleWithWebIdentity";
    let rows = [
        (json!({ "Effect": "Allow", "Principal": own, "Action": action }), &[][..]),
        (json!({ "Effect": "Allow", "Action": action }), &["principal"][..]),
        (json!({ "Effect": "Allow", "NotPrincipal": own, "Action": action }), &["principal"][..]),
        (json!({ "Effect": "Allow", "Principal": own }), &["action"][..]),
        (json!({ "Effect": "Allow", "Principal": own, "Action": "s3:GetObject" }), &["action"][..]),
        (
            json!({ "Effect": "Allow", "Principal": { "Federated": "https://issuer.example" }, "Action": action }),
            &["principal"][..],
        ),
        (
            json!({ "Effect": "Deny", "Principal": { "Federated": arn("gitlab.com") }, "Action": action }),
            &[][..],
        ),
        (
            json!({ "Effect": "Allow", "Principal": { "Federated": format!("arn:aws:iam::{ACCOUNT}:saml-provider/x") }, "Action": "sts:AssumeRoleWithSAML" }),
            &[][..],
        ),
    ];
    for (statement, expected) in rows {
        assert_eq!(fields(statement.clone()), expected, "{statement}");
    }
    // One statement that is strict does not make up for one that is not.
    let loose = json!([
        { "Effect": "Allow", "Principal": { "Federated": arn(HOST) }, "Action": action, "Condition": exact() },
        { "Effect": "Allow", "Principal": { "Federated": arn(HOST) }, "Action": action },
    ]);
    assert_eq!(fields(loose), [format!("{HOST}:sub")]);
}

proptest! {
    #[test]
    fn an_exact_subject_lets_in_that_subject_and_no_other(subject in "[ -~]{1,40}", other in "[ -~]{1,40}") {
        let trust = github(json!({ "StringEquals": { format!("{HOST}:sub"): subject } }));
        let takes = |sub: &str| outcome(&trust, &token(GITHUB, json!({ "sub": sub }))).is_ok();
        prop_assert!(takes(&subject));
        prop_assert_eq!(takes(&other), other == subject);
    }

    #[test]
    fn a_policy_reads_back_as_it_was_written(subject in "\\PC{0,40}", values in proptest::collection::vec("[a-z]{1,8}", 1..4)) {
        let trust = github(json!({
            "StringEquals": { format!("{HOST}:sub"): subject }, "ForAnyValue:StringLike": { format!("{HOST}:amr"): values },
        }));
        let text = serde_json::to_string(&trust).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<RoleTrust>(&text).expect("a trust policy"), trust);
    }

    #[test]
    fn nothing_that_is_presented_makes_it_panic(issuer in "\\PC{0,30}", name in "\\PC{0,12}", value in "\\PC{0,12}") {
        let trust = github(json!({ "StringLike": { format!("{issuer}:{name}"): value } }));
        let claims = json!({ &*name: [value.clone(), value] });
        prop_assert!(outcome(&trust, &token(&issuer, claims)).is_err() || issuer == GITHUB || issuer == HOST);
    }
}
