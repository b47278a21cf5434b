//! IAM's condition operators, above all their traps.

use carnet_trust::aws::{Decision, Policy, Request, evaluate};
use serde_json::json;

const AUDIENCE: &str = "sts:IdentityTokenAudience";
const OURS: &str = "api://AzureADTokenExchange";

fn policy(value: serde_json::Value) -> Policy {
    serde_json::from_value(value).expect("a policy")
}

fn allowing(condition: serde_json::Value) -> Policy {
    policy(json!({
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow", "Action": "sts:GetWebIdentityToken", "Resource": "*", "Condition": condition,
        },
    }))
}

fn mint() -> Request {
    Request::new("sts:GetWebIdentityToken", "*")
}

fn allowed(policy: &Policy, request: &Request) -> bool {
    evaluate(std::slice::from_ref(policy), request) == Decision::Allowed
}

/// Each row: the condition, the key's values in the request (`None`: not there), the outcome.
#[test]
fn operators_decide_as_iam_does() {
    let key = "aws:RequestTag/team";
    let rows: &[(&str, serde_json::Value, Option<&[&str]>, bool)] = &[
        ("StringEquals", json!("a"), Some(&["a"]), true),
        ("StringEquals", json!("a"), Some(&["A"]), false),
        ("StringEquals", json!(["a", "b"]), Some(&["b"]), true),
        ("StringEquals", json!("a"), None, false),
        ("StringEquals", json!("a*"), Some(&["abc"]), false),
        ("StringEquals", json!("a*"), Some(&["a*"]), true),
        ("StringNotEquals", json!("a"), Some(&["b"]), true),
        ("StringNotEquals", json!(["a", "b"]), Some(&["b"]), false),
        ("StringNotEquals", json!("a"), None, true),
        ("StringEqualsIgnoreCase", json!("a"), Some(&["A"]), true),
        ("StringNotEqualsIgnoreCase", json!("a"), Some(&["A"]), false),
        ("StringLike", json!("a*c?"), Some(&["abbcd"]), true),
        ("StringLike", json!("a*c?"), Some(&["abbc"]), false),
        ("StringLike", json!("*"), Some(&[""]), true),
        ("StringLike", json!("*"), None, false),
        ("StringLike", json!("a*b*c"), Some(&["aXbXbXc"]), true),
        ("StringNotLike", json!("a*"), Some(&["abc"]), false),
        ("StringNotLike", json!("a*"), None, true),
        ("StringEqualsIfExists", json!("a"), None, true),
        ("StringEqualsIfExists", json!("a"), Some(&["b"]), false),
        ("NumericLessThanEquals", json!("300"), Some(&["300"]), true),
        ("NumericLessThanEquals", json!(300), Some(&["301"]), false),
        ("NumericLessThanEquals", json!("300"), None, false),
        ("NumericLessThan", json!("300"), Some(&["9"]), true),
        ("NumericGreaterThan", json!("9"), Some(&["10"]), true),
        ("NumericGreaterThanEquals", json!("10"), Some(&["10.0"]), true),
        ("NumericEquals", json!("10"), Some(&["ten"]), false),
        ("NumericNotEquals", json!("10"), Some(&["10"]), false),
        ("Bool", json!(true), Some(&["TRUE"]), true),
        ("Bool", json!("true"), None, false),
        ("BoolIfExists", json!("true"), None, true),
        ("Null", json!("true"), None, true),
        ("Null", json!(true), Some(&["x"]), false),
        ("Null", json!("false"), None, false),
        ("Null", json!(false), Some(&["x"]), true),
        ("Null", json!("false"), Some(&[]), false),
        ("ForAllValues:StringEquals", json!(["a", "b"]), Some(&["a", "b"]), true),
        ("ForAllValues:StringEquals", json!(["a", "b"]), Some(&["a", "c"]), false),
        ("ForAllValues:StringEquals", json!("a"), None, true),
        ("ForAllValues:StringEquals", json!("a"), Some(&[]), true),
        ("ForAnyValue:StringEquals", json!("a"), Some(&["c", "a"]), true),
        ("ForAnyValue:StringEquals", json!("a"), None, false),
        ("ForAnyValue:StringEqualsIfExists", json!("a"), None, true),
        ("ForAnyValue:StringNotEquals", json!("a"), Some(&["a", "b"]), true),
        ("ForAnyValue:StringNotEquals", json!("a"), None, false),
        ("ForAllValues:StringNotEquals", json!("a"), Some(&["a", "b"]), false),
        ("ForAllValues:StringLike", json!("team-*"), Some(&["team-a", "team-b"]), true),
    ];
    for (operator, values, presented, outcome) in rows {
        let policy = allowing(json!({ *operator: { key: values } }));
        let mut request = mint();
        if let Some(presented) = presented {
            request = request.with(key, presented.iter().copied());
        }
        assert_eq!(allowed(&policy, &request), *outcome, "{operator} {values} against {presented:?}");
    }
}

#[test]
fn for_any_value_lets_a_bad_audience_ride_along_and_for_all_values_does_not() {
    let both = mint().with(AUDIENCE, [OURS, "https://evil.example"]);
    assert!(allowed(&allowing(json!({"ForAnyValue:StringEquals": {AUDIENCE: OURS}})), &both));
    assert!(!allowed(&allowing(json!({"ForAllValues:StringEquals": {AUDIENCE: OURS}})), &both));
}

#[test]
fn for_all_values_needs_null_false_beside_it() {
    let alone = allowing(json!({"ForAllValues:StringEquals": {AUDIENCE: OURS}}));
    let guarded =
        allowing(json!({"ForAllValues:StringEquals": {AUDIENCE: OURS}, "Null": {AUDIENCE: "false"}}));
    assert!(allowed(&alone, &mint()));
    assert!(!allowed(&guarded, &mint()));
    assert!(allowed(&guarded, &mint().with(AUDIENCE, [OURS])));
}

#[test]
fn a_key_ignores_case_and_the_wrong_key_guards_nothing() {
    let shouted = allowing(json!({"StringEquals": {"STS:identitytokenaudience": OURS}}));
    assert!(allowed(&shouted, &mint().with(AUDIENCE, [OURS])));
    let wrong = allowing(json!({"StringEquals": {"sts:Audience": OURS}}));
    assert!(!allowed(&wrong, &mint().with(AUDIENCE, [OURS])));
    let wrong = allowing(json!({"ForAllValues:StringEquals": {"sts:Audience": OURS}}));
    assert!(allowed(&wrong, &mint().with(AUDIENCE, ["https://evil.example"])));
}

#[test]
fn statements_cover_by_action_and_resource() {
    let rows = [
        (json!({"Action": "sts:getwebidentitytoken", "Resource": "*"}), true),
        (json!({"Action": ["s3:*", "sts:Get*"], "Resource": ["*"]}), true),
        (json!({"Action": "sts:*", "Resource": "arn:aws:iam::1:role/x"}), false),
        (json!({"NotAction": "s3:*", "Resource": "*"}), true),
        (json!({"NotAction": "sts:*", "Resource": "*"}), false),
        (json!({"Action": "sts:TagGetWebIdentityToken", "Resource": "*"}), false),
    ];
    for (mut statement, outcome) in rows {
        statement["Effect"] = json!("Allow");
        let policy = policy(json!({"Version": "2012-10-17", "Statement": [statement.clone()]}));
        assert_eq!(allowed(&policy, &mint()), outcome, "{statement}");
    }
}

#[test]
fn an_explicit_deny_wins_and_says_so() {
    let deny = policy(json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Action": "sts:*", "Resource": "*",
         "Condition": {"StringNotEquals": {"sts:SigningAlgorithm": "RS256"}}},
    ]}));
    let policies = [allowing(json!({})), deny];
    assert_eq!(evaluate(&policies, &mint().with("sts:SigningAlgorithm", ["RS256"])), Decision::Allowed);
    let denied = evaluate(&policies, &mint().with("sts:SigningAlgorithm", ["ES384"]));
    assert!(matches!(denied, Decision::Denied { explicit: true, .. }), "{denied:?}");
    let nothing = evaluate(&[], &mint());
    assert!(matches!(nothing, Decision::Denied { explicit: false, .. }), "{nothing:?}");
}

#[test]
fn the_reason_names_the_condition() {
    let policy = allowing(json!({"NumericLessThanEquals": {"sts:DurationSeconds": "300"}}));
    let Decision::Denied { reason, .. } = evaluate(&[policy], &mint().with("sts:DurationSeconds", ["3600"]))
    else {
        panic!("allowed")
    };
    assert!(reason.contains("sts:DurationSeconds") && reason.contains("3600"), "{reason}");
}

#[test]
fn what_is_not_known_is_refused_when_read() {
    let statement = |extra: (&str, serde_json::Value)| {
        let mut statement = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
        statement[extra.0] = extra.1;
        json!({"Version": "2012-10-17", "Statement": statement})
    };
    for extra in [
        ("Principal", json!("*")),
        ("NotResource", json!("x")),
        ("Condition", json!({"StringEqual": {"a": "b"}})),
        ("Condition", json!({"ForAllValues:Null": {"a": "true"}})),
        ("Condition", json!({"NullIfExists": {"a": "true"}})),
        ("Condition", json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})),
        ("Effect", json!("allow")),
    ] {
        let value = statement(extra);
        assert!(serde_json::from_value::<Policy>(value.clone()).is_err(), "{value}");
    }
}

#[test]
fn a_policy_survives_being_written_and_read() {
    let policy = allowing(json!({
        "ForAllValues:StringEquals": {AUDIENCE: [OURS]}, "NumericLessThanEquals": {"sts:DurationSeconds": 300},
    }));
    let text = serde_json::to_string(&policy).unwrap();
    assert_eq!(serde_json::from_str::<Policy>(&text).unwrap(), policy);
}
