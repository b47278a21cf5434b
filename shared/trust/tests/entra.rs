//! Each refusal of Entra's, and the limits of a set of credentials.

use carnet_trust::entra::{FederatedCredential, Presented, evaluate, validate};

const ISSUER: &str = "https://6f9d.tokens.sts.global.api.aws";
const SUBJECT: &str = "arn:aws:iam::123456789012:role/carnet-eu-central-1-blob-api";
const AUDIENCE: &str = "api://AzureADTokenExchange";

fn credential(name: &str, issuer: &str, subject: &str, audience: &str) -> FederatedCredential {
    FederatedCredential {
        name: name.to_owned(),
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
        audiences: vec![audience.to_owned()],
    }
}

fn presented(issuer: &str, subject: &str, audiences: &[&str], algorithm: &str) -> Presented {
    Presented {
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
        audiences: audiences.iter().map(|audience| (*audience).to_owned()).collect(),
        algorithm: algorithm.to_owned(),
    }
}

#[test]
fn the_exact_triple_is_let_in_and_names_its_credential() {
    let credentials =
        [credential("other", ISSUER, "arn:other", AUDIENCE), credential("ours", ISSUER, SUBJECT, AUDIENCE)];
    let matched = evaluate(&credentials, &presented(ISSUER, SUBJECT, &[AUDIENCE], "RS256")).unwrap();
    assert_eq!(matched.name, "ours");
}

#[test]
fn every_refusal_names_its_code_and_field() {
    let shouted = SUBJECT.replace("blob-api", "Blob-api");
    let slash = format!("{ISSUER}/");
    let cases = [
        (presented(&slash, SUBJECT, &[AUDIENCE], "RS256"), 700211, "issuer"),
        (presented("https://evil.example", SUBJECT, &[AUDIENCE], "RS256"), 700211, "issuer"),
        (presented(ISSUER, "arn:aws:iam::1:role/x", &[AUDIENCE], "RS256"), 700213, "subject"),
        (presented(ISSUER, SUBJECT, &["sts.amazonaws.com"], "RS256"), 700212, "audience"),
        (presented(ISSUER, SUBJECT, &[AUDIENCE, "other"], "RS256"), 700212, "audience"),
        (presented(ISSUER, SUBJECT, &[], "RS256"), 700212, "audience"),
        (presented(ISSUER, &shouted, &[AUDIENCE], "RS256"), 7002138, "subject"),
        (presented(&ISSUER.to_uppercase(), SUBJECT, &[AUDIENCE], "RS256"), 7002138, "issuer"),
        (presented(ISSUER, SUBJECT, &["API://azureadtokenexchange"], "RS256"), 7002138, "audience"),
        (presented(ISSUER, SUBJECT, &[AUDIENCE], "ES384"), 5002738, "algorithm"),
        (presented(ISSUER, SUBJECT, &[AUDIENCE], "none"), 5002738, "algorithm"),
    ];
    let credentials = [credential("ours", ISSUER, SUBJECT, AUDIENCE)];
    for (presented, code, field) in cases {
        let refusal = evaluate(&credentials, &presented).expect_err(&format!("{presented:?}"));
        assert_eq!((refusal.code, refusal.field), (code, field), "{presented:?}");
        assert!(!refusal.expected.is_empty(), "{presented:?}");
    }
    let refusal = evaluate(&[], &presented(ISSUER, SUBJECT, &[AUDIENCE], "RS256")).unwrap_err();
    assert_eq!(refusal.code, 70025);
}

#[test]
fn fields_of_different_credentials_do_not_add_up_to_a_match() {
    let credentials =
        [credential("a", ISSUER, "arn:other", AUDIENCE), credential("b", "https://other", SUBJECT, AUDIENCE)];
    let refusal = evaluate(&credentials, &presented(ISSUER, SUBJECT, &[AUDIENCE], "RS256")).unwrap_err();
    assert_eq!(refusal.code, 700213);
    assert_eq!(refusal.expected, ["arn:other"]);
}

#[test]
fn a_wildcard_is_a_letter() {
    let credentials = [credential("wild", ISSUER, "arn:aws:iam::123456789012:role/*", AUDIENCE)];
    let refusal = evaluate(&credentials, &presented(ISSUER, SUBJECT, &[AUDIENCE], "RS256")).unwrap_err();
    assert_eq!(refusal.code, 700213);
}

#[test]
fn limits_are_faults() {
    assert_eq!(validate(&[credential("ours", ISSUER, SUBJECT, AUDIENCE)]), []);
    let many: Vec<_> =
        (0..21).map(|n| credential(&format!("c{n}"), ISSUER, &format!("arn:{n}"), AUDIENCE)).collect();
    assert_eq!(validate(&many[..20]), []);
    assert_eq!(validate(&many)[0].field, "credentials");

    let long = "x".repeat(601);
    let mut two_audiences = credential("two", ISSUER, SUBJECT, AUDIENCE);
    two_audiences.audiences.push("second".to_owned());
    let cases = [
        (vec![credential("long", ISSUER, &long, AUDIENCE)], "subject"),
        (vec![credential("blank", ISSUER, "", AUDIENCE)], "subject"),
        (vec![credential("space", &format!("{ISSUER} "), SUBJECT, AUDIENCE)], "issuer"),
        (vec![credential("wild", ISSUER, "arn:*", AUDIENCE)], "subject"),
        (vec![two_audiences], "audiences"),
        (vec![credential("a", ISSUER, SUBJECT, AUDIENCE), credential("b", ISSUER, SUBJECT, "x")], "subject"),
        (vec![credential("a", ISSUER, SUBJECT, AUDIENCE), credential("a", ISSUER, "y", "x")], "name"),
    ];
    for (credentials, field) in cases {
        let faults = validate(&credentials);
        assert_eq!(faults.iter().map(|fault| fault.field).collect::<Vec<_>>(), [field], "{faults:?}");
    }
    let edge = "x".repeat(600);
    assert_eq!(validate(&[credential("edge", ISSUER, &edge, AUDIENCE)]), []);
}
