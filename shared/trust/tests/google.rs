//! Each refusal of Google's providers, what mappings make of proofs, and the limits.

use carnet_trust::google::{
    Mapped, Presented, Provider, ProviderKind, Refusal, evaluate, principal, principal_set, validate,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const POOL: &str = "projects/123456789012/locations/global/workloadIdentityPools/aws-prod";
const ACCOUNT: &str = "111122223333";
const ISSUER: &str = "https://6f9d.tokens.sts.global.api.aws";
const ARN: &str = "arn:aws:sts::111122223333:assumed-role/carnet-gcs-api/gcs-api";

fn mapping(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(target, cel)| ((*target).to_owned(), (*cel).to_owned())).collect()
}

fn aws(pairs: &[(&str, &str)], condition: Option<&str>) -> Provider {
    Provider {
        name: format!("{POOL}/providers/account"),
        kind: ProviderKind::Aws { account: ACCOUNT.to_owned() },
        mapping: mapping(pairs),
        condition: condition.map(str::to_owned),
    }
}

fn oidc(pairs: &[(&str, &str)], audiences: &[&str]) -> Provider {
    Provider {
        name: format!("{POOL}/providers/outbound"),
        kind: ProviderKind::Oidc {
            issuer: ISSUER.to_owned(),
            allowed_audiences: audiences.iter().map(|audience| (*audience).to_owned()).collect(),
        },
        mapping: mapping(pairs),
        condition: None,
    }
}

fn caller(arn: &str) -> Presented {
    Presented::Aws { arn: arn.to_owned(), account: ACCOUNT.to_owned(), userid: "AROAX:gcs-api".to_owned() }
}

fn token(claims: Value) -> Presented {
    let mut all = json!({
        "iss": ISSUER,
        "sub": "arn:aws:iam::111122223333:role/carnet-gcs-api",
        "aud": format!("https://iam.googleapis.com/{POOL}/providers/outbound"),
        "iat": 1_790_000_000,
    });
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    Presented::Oidc { claims: all.as_object().unwrap().clone() }
}

fn refused(provider: &Provider, presented: &Presented) -> Refusal {
    evaluate(provider, presented).expect_err("it was let in")
}

#[test]
fn the_default_mapping_of_an_aws_provider() {
    let mapped = evaluate(&aws(&[], None), &caller(ARN)).unwrap();
    assert_eq!(mapped.subject, ARN);
    let role = "arn:aws:sts::111122223333:assumed-role/carnet-gcs-api";
    assert_eq!(mapped.attributes, mapping(&[("aws_role", role)]));

    let user = "arn:aws:iam::111122223333:user/ann";
    let mapped = evaluate(&aws(&[], None), &caller(user)).unwrap();
    assert_eq!((mapped.subject.as_str(), mapped.attributes["aws_role"].as_str()), (user, user));
}

#[test]
fn a_mapping_of_ones_own_replaces_the_default() {
    let environment = "assertion.arn.contains(\":instance-profile/Production\") ? \"prod\" : \"test\"";
    let provider = aws(
        &[
            ("google.subject", "assertion.arn.extract('assumed-role/{role}/')"),
            ("attribute.aws_account", "assertion.account"),
            ("attribute.environment", environment),
        ],
        None,
    );
    let mapped = evaluate(&provider, &caller(ARN)).unwrap();
    assert_eq!(mapped.subject, "carnet-gcs-api");
    assert_eq!(mapped.attributes, mapping(&[("aws_account", ACCOUNT), ("environment", "test")]));
    let production = "arn:aws:sts::111122223333:assumed-role/r:instance-profile/Production/i-0";
    let mapped = evaluate(&provider, &caller(production)).unwrap();
    assert_eq!(mapped.attributes["environment"], "prod");
}

#[test]
fn what_the_language_offers() {
    let rows = [
        ("assertion.sub.split('/')[1]", "carnet-gcs-api"),
        ("assertion.sub.split(':').join('-')", "arn-aws-iam--111122223333-role/carnet-gcs-api"),
        ("has(assertion.env) ? assertion.env : 'none'", "none"),
        ("assertion.sub.startsWith('arn:') && assertion.sub.endsWith('api') ? 'yes' : 'no'", "yes"),
        ("'two' in assertion.groups ? 'member' : 'stranger'", "member"),
        ("assertion.sub.matches('role/carnet-.*$') ? 'ours' : 'theirs'", "ours"),
        ("string(assertion.iat)", "1790000000"),
        ("assertion.iat == 1790000000 ? 'equal' : 'not'", "equal"),
        ("assertion['https://sts.amazonaws.com/'].aws_account", ACCOUNT),
        ("assertion.groups.filter(g, g.startsWith('t'))[0]", "two"),
        ("assertion.sub.extract('role/{name}').upperAscii()", "CARNET-GCS-API"),
        ("'plain'", "plain"),
    ];
    let presented = token(json!({
        "groups": ["one", "two"],
        "https://sts.amazonaws.com/": { "aws_account": ACCOUNT },
    }));
    for (cel, expected) in rows {
        let provider = oidc(&[("google.subject", cel)], &[]);
        assert_eq!(evaluate(&provider, &presented).unwrap().subject, expected, "{cel}");
        assert_eq!(validate(&provider), [], "{cel}");
    }
}

#[test]
fn a_condition_lets_in_whom_it_names_and_refuses_everyone_else() {
    let role = "arn:aws:sts::111122223333:assumed-role/carnet-gcs-api";
    let condition = format!("attribute.aws_role == \"{role}\"");
    let provider = aws(&[], Some(&condition));
    assert!(evaluate(&provider, &caller(ARN)).is_ok());
    let refusal = refused(&provider, &caller("arn:aws:sts::111122223333:assumed-role/other/gcs-api"));
    assert_eq!((refusal.error, refusal.field), ("unauthorized_client", "condition"));
    assert_eq!(refusal.description, "The given credential is rejected by the attribute condition.");
}

#[test]
fn a_condition_sees_the_assertion_and_everything_mapped() {
    let pairs = [
        ("google.subject", "assertion.sub"),
        ("google.groups", "assertion.groups"),
        ("attribute.role", "assertion.sub.extract('role/{role}')"),
    ];
    let presented = token(json!({ "groups": ["admins"] }));
    let rows = [
        ("'admins' in google.groups", true),
        ("google.subject.endsWith('gcs-api')", true),
        ("attribute.role == 'carnet-gcs-api' && assertion.iss.startsWith('https://')", true),
        ("!('admins' in google.groups)", false),
        // Nothing but `true` lets in.
        ("attribute.nosuch == 'x'", false),
        ("assertion.nosuch == 'x'", false),
        ("google.subject", false),
        ("nosuch()", false),
        ("((", false),
        ("", false),
    ];
    for (condition, lets_in) in rows {
        let provider = Provider { condition: Some(condition.to_owned()), ..oidc(&pairs, &[]) };
        match evaluate(&provider, &presented) {
            Ok(_) => assert!(lets_in, "{condition}"),
            Err(refusal) => {
                assert!(!lets_in, "{condition}: {refusal:?}");
                assert_eq!(
                    (refusal.error, refusal.field),
                    ("unauthorized_client", "condition"),
                    "{condition}"
                );
            }
        }
    }
}

#[test]
fn a_subject_may_have_127_bytes_and_no_more() {
    let head = "arn:aws:sts::111122223333:assumed-role/";
    let arn = |bytes: usize| format!("{head}{}/s", "r".repeat(bytes - head.len() - 2));
    let mapped = evaluate(&aws(&[], None), &caller(&arn(127))).unwrap();
    assert_eq!(mapped.subject.len(), 127);
    let refusal = refused(&aws(&[], None), &caller(&arn(128)));
    assert_eq!((refusal.error, refusal.field), ("invalid_request", "mapping"));
    assert_eq!(
        refusal.description,
        "The size of mapped attribute google.subject exceeds the 127 bytes limit. Either modify your attribute \
         mapping or the incoming assertion to produce a mapped attribute that is less than 127 bytes."
    );
    // Bytes, not characters.
    let provider = oidc(&[("google.subject", "assertion.sub")], &[]);
    assert!(evaluate(&provider, &token(json!({ "sub": "é".repeat(63) }))).is_ok());
    assert_eq!(refused(&provider, &token(json!({ "sub": "é".repeat(64) }))).field, "mapping");
}

#[test]
fn every_refusal_of_a_mapping() {
    let no_subject = "Could not obtain a value for google.subject from the given credential.";
    let no_string = "The mapped attribute 'google.subject' must be of type STRING.";
    let rows: Vec<(&str, &str)> = vec![
        ("assertion.nosuch", no_subject),
        ("assertion.sub.extract('nosuch/{x}')", no_subject),
        ("''", no_subject),
        ("assertion.sub.frobnicate()", no_subject),
        ("frobnicate(assertion.sub)", no_subject),
        ("asertion.sub", no_subject),
        ("assertion.sub.split('/')[7]", no_subject),
        ("1 / 0", no_subject),
        ("", no_subject),
        ("assertion.", no_subject),
        ("assertion.sub == 'x'", no_string),
        ("assertion.iat", no_string),
        ("assertion.groups", no_string),
        ("null", no_string),
    ];
    for (cel, description) in rows {
        let refusal = refused(&oidc(&[("google.subject", cel)], &[]), &token(json!({ "groups": ["a"] })));
        assert_eq!((refusal.error, refusal.field), ("unauthorized_client", "mapping"), "{cel}");
        assert_eq!(refusal.description, description, "{cel}");
    }
    // A mapping of other attributes alone names nobody.
    let refusal = refused(&oidc(&[("attribute.a", "assertion.sub")], &[]), &token(json!({})));
    assert_eq!(refusal.description, no_subject);
    for (target, cel) in [
        ("attribute.a", "assertion.nosuch"),
        ("attribute.a", "assertion.iat"),
        ("google.groups", "assertion.iat"),
        ("google.groups", "[1]"),
        ("google.nosuch", "assertion.sub"),
        ("subject", "assertion.sub"),
    ] {
        let provider = oidc(&[("google.subject", "assertion.sub"), (target, cel)], &[]);
        let refusal = refused(&provider, &token(json!({})));
        assert_eq!(refusal.field, "mapping", "{target}={cel}");
        assert!(refusal.description.contains(target), "{refusal:?}");
    }
}

#[test]
fn eight_kilobytes_may_be_mapped_in_all() {
    let provider = oidc(&[("google.subject", "'s'"), ("attribute.long", "assertion.long")], &[]);
    assert!(evaluate(&provider, &token(json!({ "long": "x".repeat(8191) }))).is_ok());
    let refusal = refused(&provider, &token(json!({ "long": "x".repeat(8192) })));
    assert_eq!((refusal.error, refusal.field), ("invalid_request", "mapping"));
}

#[test]
fn the_audience_must_be_one_of_the_providers() {
    let pairs = [("google.subject", "assertion.sub")];
    let name = format!("//iam.googleapis.com/{POOL}/providers/outbound");
    let with_https = format!("https:{name}");
    const OWN: &str = "https://carnet.example/google";
    let own = OWN;
    let rows: Vec<(&[&str], Value, bool)> = vec![
        (&[], json!(name), true),
        (&[], json!(with_https), true),
        (&[], json!([name]), true),
        (&[], json!(["other", name]), true),
        (&[], json!(own), false),
        (&[], json!(format!("{name}/")), false),
        (&[], json!([]), false),
        (&[], Value::Null, false),
        (&[OWN], json!(own), true),
        // Audiences of one's own replace the default, they do not add to it.
        (&[OWN], json!(name), false),
        (&[OWN], json!(with_https), false),
        (&[OWN, "second"], json!("second"), true),
    ];
    for (allowed, audience, lets_in) in rows {
        let outcome = evaluate(&oidc(&pairs, allowed), &token(json!({ "aud": audience })));
        assert_eq!(outcome.is_ok(), lets_in, "{allowed:?} {audience}");
        if let Err(refusal) = outcome {
            assert_eq!((refusal.error, refusal.field), ("invalid_grant", "audience"));
        }
    }
    let refusal = refused(&oidc(&pairs, &[own]), &token(json!({ "aud": "api://AzureADTokenExchange" })));
    assert_eq!(
        refusal.description,
        format!(
            "The audience in ID Token [api://AzureADTokenExchange] does not match the expected audience {own}."
        )
    );
    let refusal = refused(&oidc(&pairs, &[]), &token(json!({ "aud": "x" })));
    assert_eq!(refusal.description, "The audience in ID Token [x] does not match the expected audience.");
}

#[test]
fn the_origin_must_be_the_providers() {
    let provider = oidc(&[("google.subject", "assertion.sub")], &[]);
    for issuer in [json!(format!("{ISSUER}/")), json!("https://evil.example"), Value::Null] {
        let refusal = refused(&provider, &token(json!({ "iss": issuer })));
        assert_eq!((refusal.error, refusal.field), ("invalid_grant", "issuer"), "{issuer}");
        assert_eq!(refusal.description, "Error connecting to the given credential's issuer.");
    }
    let stranger = Presented::Aws {
        arn: ARN.replace(ACCOUNT, "999988887777"),
        account: "999988887777".to_owned(),
        userid: "AROAX:s".to_owned(),
    };
    assert_eq!(refused(&aws(&[], None), &stranger).field, "account");
    assert_eq!(refused(&aws(&[], None), &token(json!({}))).field, "kind");
    assert_eq!(refused(&provider, &caller(ARN)).field, "kind");
}

#[test]
fn the_first_field_that_fails_is_named() {
    let provider = Provider {
        condition: Some("false".to_owned()),
        ..oidc(&[("google.subject", "assertion.nosuch")], &[])
    };
    let fields: Vec<&str> = [
        token(json!({ "iss": "https://evil.example", "aud": "x" })),
        token(json!({ "aud": "x" })),
        token(json!({})),
        token(json!({ "nosuch": "now it has one" })),
    ]
    .iter()
    .map(|presented| refused(&provider, presented).field)
    .collect();
    assert_eq!(fields, ["issuer", "audience", "mapping", "condition"]);
}

#[test]
fn members_are_the_names_that_iam_grants_to() {
    let mapped = Mapped {
        subject: "carnet-gcs-api".to_owned(),
        groups: vec!["admins".to_owned()],
        attributes: mapping(&[("aws_role", "arn:aws:sts::1:assumed-role/r")]),
    };
    let prefix = format!("//iam.googleapis.com/{POOL}");
    let expected = [
        format!("principal:{prefix}/subject/carnet-gcs-api"),
        format!("principalSet:{prefix}/*"),
        format!("principalSet:{prefix}/attribute.aws_role/arn:aws:sts::1:assumed-role/r"),
        format!("principalSet:{prefix}/group/admins"),
    ];
    assert_eq!(mapped.members(POOL), expected.clone().into());
    assert_eq!(principal(POOL, "carnet-gcs-api"), expected[0]);
    for attribute in ["aws_role", "attribute.aws_role"] {
        assert_eq!(principal_set(POOL, attribute, "arn:aws:sts::1:assumed-role/r"), expected[2]);
    }
    assert_eq!(principal_set(POOL, "google.groups", "admins"), expected[3]);
}

#[test]
fn limits_are_faults() {
    let subject = ("google.subject", "assertion.sub");
    let literal = |characters: usize| format!("'{}'", "x".repeat(characters - 2));
    let many: Vec<(String, String)> =
        (0..51).map(|n| (format!("attribute.a{n}"), "'x'".to_owned())).collect();
    let attributes = |count: usize| -> Vec<(&str, &str)> {
        let some = many[..count].iter().map(|(target, cel)| (target.as_str(), cel.as_str()));
        some.chain([subject]).collect()
    };
    let named = |name: &str| aws_named(name);
    let long_name = format!("attribute.{}", "a".repeat(101));
    let edge_name = format!("attribute.{}", "a".repeat(100));
    let audience = |characters: usize| "x".repeat(characters);
    let (mapping_edge, mapping_over) = (literal(2048), literal(2049));
    let condition_of = |cel: String| Provider { condition: Some(cel), ..aws(&[], None) };
    let true_of = |characters: usize| format!("true || '' == {}", literal(characters - 14));
    let rows: Vec<(&str, Provider, &[&str])> = vec![
        ("default AWS", aws(&[], None), &[]),
        ("OIDC", oidc(&[subject], &[]), &[]),
        ("OIDC without mapping", oidc(&[], &[]), &["mapping"]),
        ("no subject", aws(&[("attribute.a", "assertion.arn")], None), &["mapping"]),
        ("50 attributes", oidc(&attributes(50), &[]), &[]),
        ("51 attributes", oidc(&attributes(51), &[]), &["mapping"]),
        ("a name of 100", oidc(&[subject, (&edge_name, "'x'")], &[]), &[]),
        ("a name of 101", oidc(&[subject, (&long_name, "'x'")], &[]), &["mapping"]),
        ("capitals", oidc(&[subject, ("attribute.awsRole", "'x'")], &[]), &["mapping"]),
        ("no name", oidc(&[subject, ("attribute.", "'x'")], &[]), &["mapping"]),
        ("another target", oidc(&[subject, ("google.display_name", "'x'")], &[]), &["mapping"]),
        ("a mapping of 2048", oidc(&[("google.subject", &mapping_edge)], &[]), &[]),
        ("a mapping of 2049", oidc(&[("google.subject", &mapping_over)], &[]), &["mapping"]),
        ("no CEL", oidc(&[("google.subject", "assertion.")], &[]), &["mapping"]),
        ("empty", oidc(&[("google.subject", "")], &[]), &["mapping"]),
        ("unknown function", oidc(&[("google.subject", "assertion.sub.frobnicate()")], &[]), &["mapping"]),
        (
            "unknown function, unreached",
            aws(&[("google.subject", "true ? 'a' : f('b')")], None),
            &["mapping"],
        ),
        ("unknown variable", oidc(&[("google.subject", "asertion.sub")], &[]), &["mapping"]),
        ("no string", oidc(&[("google.subject", "1 == 1")], &[]), &["mapping"]),
        ("no such AWS field", aws(&[("google.subject", "assertion.sub")], None), &["mapping"]),
        ("a list as groups", oidc(&[subject, ("google.groups", "['a']")], &[]), &[]),
        ("a list as subject", oidc(&[("google.subject", "['a']")], &[]), &["mapping"]),
        ("may exceed 127 bytes", aws(&[("google.subject", "assertion.arn")], None), &[]),
        ("a condition of 4096", condition_of(true_of(4096)), &[]),
        ("a condition of 4097", condition_of(true_of(4097)), &["condition"]),
        ("no boolean", aws(&[], Some("attribute.aws_role")), &["condition"]),
        ("unmapped attribute", aws(&[], Some("attribute.nosuch == 'x'")), &["condition"]),
        ("mapped attribute", aws(&[], Some("attribute.aws_role == 'x'")), &[]),
        ("unknown function", aws(&[], Some("f(assertion)")), &["condition"]),
        ("unread condition", aws(&[], Some("a ==")), &["condition"]),
        ("ten audiences", oidc(&[subject], &["a"; 10]), &[]),
        ("eleven audiences", oidc(&[subject], &["a"; 11]), &["allowed_audiences"]),
        ("an audience of 256", oidc(&[subject], &[&audience(256)]), &[]),
        ("an audience of 257", oidc(&[subject], &[&audience(257)]), &["allowed_audiences"]),
        ("an empty audience", oidc(&[subject], &[""]), &["allowed_audiences"]),
        (
            "a project id",
            named("projects/acme/locations/global/workloadIdentityPools/aws-prod/providers/aws1"),
            &["name"],
        ),
        (
            "another location",
            named("projects/1/locations/europe/workloadIdentityPools/aws-prod/providers/aws1"),
            &["name"],
        ),
        ("a pool alone", named(POOL), &["name"]),
        ("a full resource name", named(&format!("//iam.googleapis.com/{POOL}/providers/aws1")), &["name"]),
        ("a short id", named(&format!("{POOL}/providers/aws")), &["name"]),
        ("a reserved id", named(&format!("{POOL}/providers/gcp-aws")), &["name"]),
    ];
    for (what, provider, expected) in rows {
        let faults = validate(&provider);
        assert_eq!(
            faults.iter().map(|fault| fault.field).collect::<Vec<_>>(),
            expected,
            "{what}: {faults:?}"
        );
    }
    let short = Provider { kind: ProviderKind::Aws { account: "1234".to_owned() }, ..aws(&[], None) };
    assert_eq!(validate(&short)[0].field, "account");
    let mut plain = oidc(&[subject], &[]);
    plain.kind =
        ProviderKind::Oidc { issuer: "http://issuer.example".to_owned(), allowed_audiences: Vec::new() };
    assert_eq!(validate(&plain)[0].field, "issuer");
}

fn aws_named(name: &str) -> Provider {
    Provider { name: name.to_owned(), ..aws(&[], None) }
}
