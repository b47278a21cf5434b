//! Signed requests: form, target, signature, age, account.

use crate::clouds::{Signer, start};
use crate::exchanges::{
    AWS, AWS_REQUEST, OIDC, Request, STS_URL, TARGET, assert_refused, audience, bearer, condition,
    parameters, percent, post_form, provider, session, signer, trade_request,
};
use carnet_localclouds::faults::{Fault, Hop, Rule};
use carnet_trust::google::ProviderKind;
use std::time::{Duration, SystemTime};

#[tokio::test]
async fn who_signed_is_who_the_mapping_sees() {
    let clouds = start().await;
    provider(&clouds, AWS, |provider| provider.trust.mapping.clear());
    let role = "arn:aws:sts::123456789012:assumed-role/carnet-eu-central-1-gcs-api";
    condition(&clouds, AWS, &format!("attribute.aws_role == \"{role}\""));
    let (status, answer) = trade_request(&clouds, &Request::of(&signer(&clouds))).await;
    assert_eq!(status, 200, "{answer}");
    let pool = "iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet";
    let members = bearer(&clouds, &answer).members;
    assert!(members.contains(&format!("principal://{pool}/subject/{role}/gcs-api")), "{members:?}");
    assert!(members.contains(&format!("principalSet://{pool}/attribute.aws_role/{role}")), "{members:?}");

    let answer = trade_request(&clouds, &Request::of(&clouds.operator_signer())).await;
    let words = "The given credential is rejected by the attribute condition.";
    assert_refused("another role", answer, "unauthorized_client", words);
}

#[tokio::test]
async fn every_endpoint_of_aws_sts_will_do() {
    let clouds = start().await;
    for (host, region) in [
        ("sts.amazonaws.com", "us-east-1"),
        ("sts.us-west-2.amazonaws.com", "us-west-2"),
        ("sts-fips.us-east-2.amazonaws.com", "us-east-2"),
        ("sts.cn-north-1.amazonaws.com.cn", "cn-north-1"),
    ] {
        let signer = Signer { region, ..signer(&clouds) };
        for slash in ["", "/"] {
            let url = format!("https://{host}{slash}?Action=GetCallerIdentity&Version=2011-06-15");
            let request = Request::signed(&signer, &url, &[(TARGET, &audience(AWS))]);
            let (status, answer) = trade_request(&clouds, &request).await;
            assert_eq!(status, 200, "{url}: {answer}");
        }
    }
}

/// Google's own libraries add the header after they signed: it counts all the same.
#[tokio::test]
async fn the_target_is_compared_signed_or_not() {
    let clouds = start().await;
    let signer = signer(&clouds);
    let own = audience(AWS);
    let with_https = format!("https:{own}");
    let other = audience(OIDC);
    let unsigned = |target: &str| {
        let mut request = Request::signed(&signer, STS_URL, &[]);
        request.headers.push((TARGET.to_owned(), target.to_owned()));
        request
    };
    let signed = |target: &str| Request::signed(&signer, STS_URL, &[(TARGET, target)]);
    for request in [signed(&own), signed(&with_https), unsigned(&own), unsigned(&with_https)] {
        let (status, answer) = trade_request(&clouds, &request).await;
        assert_eq!(status, 200, "{answer}");
    }
    let words = "Invalid format of AWS credentials: its header x-goog-cloud-target-resource does not name";
    for request in [signed(&other), unsigned(&other), signed("carnet"), signed(&format!("{own}/"))] {
        assert_refused("target", trade_request(&clouds, &request).await, "invalid_grant", words);
    }
    // Meant for another provider and turned to this one on the way.
    let mut turned = signed(&other);
    *turned.header(TARGET) = own;
    let words = "AWS did not accept the given credential: SignatureDoesNotMatch: ";
    assert_refused("turned", trade_request(&clouds, &turned).await, "invalid_grant", words);
}

#[tokio::test]
async fn what_aws_would_not_accept_is_refused_in_its_words() {
    let clouds = start().await;
    let good = signer(&clouds);
    let aged =
        |seconds: u64| Signer { time: SystemTime::now() - Duration::from_secs(seconds), ..good.clone() };
    let ahead = Signer { time: SystemTime::now() + Duration::from_secs(360), ..good.clone() };
    let mut tampered = Request::of(&good);
    let authorization = tampered.header("authorization");
    let last = authorization.pop().unwrap();
    authorization.push(if last == '0' { '1' } else { '0' });
    let mut redated = Request::of(&aged(360));
    *redated.header("x-amz-date") = Request::of(&good).header("x-amz-date").clone();
    let mut reregioned = Request::of(&good);
    reregioned.url = STS_URL.replace("eu-central-1", "us-east-1");
    *reregioned.header("host") = "sts.us-east-1.amazonaws.com".to_owned();
    let (mismatch, unknown) = ("SignatureDoesNotMatch: The request signature", "InvalidClientTokenId: ");
    let rows = vec![
        ("tampered", tampered, mismatch),
        ("another date", redated, mismatch),
        (
            "another region",
            reregioned,
            "SignatureDoesNotMatch: Credential should be scoped to a valid region",
        ),
        (
            "another service",
            Request::of(&Signer { service: "iam", ..good.clone() }),
            "SignatureDoesNotMatch: Credential",
        ),
        ("another secret", Request::of(&Signer { secret: "x".to_owned(), ..good.clone() }), mismatch),
        ("an unknown key", Request::of(&Signer { id: "AKIANOSUCH".to_owned(), ..good.clone() }), unknown),
        ("no session token", Request::of(&Signer { token: None, ..good.clone() }), unknown),
        ("replayed", Request::of(&aged(360)), "SignatureDoesNotMatch: Signature expired"),
        ("from the future", Request::of(&ahead), "SignatureDoesNotMatch: Signature not yet current"),
    ];
    for (what, request, words) in rows {
        let words = format!("AWS did not accept the given credential: {words}");
        assert_refused(what, trade_request(&clouds, &request).await, "invalid_grant", &words);
    }
    assert_eq!(trade_request(&clouds, &Request::of(&aged(240))).await.0, 200);
    session(&clouds, |session| session.expires_at = Some(SystemTime::now()));
    let words = "AWS did not accept the given credential: ExpiredToken: ";
    assert_refused("session", trade_request(&clouds, &Request::of(&good)).await, "invalid_grant", words);
}

#[tokio::test]
async fn what_is_no_signed_call_is_refused_before_its_signature() {
    let clouds = start().await;
    let good = Request::of(&signer(&clouds));
    let at = |url: &str| Request { url: url.to_owned(), ..good.clone() };
    let header = |name: &str, value: &str| {
        let mut request = good.clone();
        *request.header(name) = value.to_owned();
        request
    };
    let doubled = |name: &str| {
        let mut request = good.clone();
        let value = request.header(name).clone();
        request.headers.push((name.to_owned(), value));
        request
    };
    let (url, call) = ("its url is not that of AWS STS", "its url does not call GetCallerIdentity");
    let rows = vec![
        ("another host", at(&STS_URL.replace("amazonaws.com", "evil.example")), url),
        ("a host that ends alike", at(&STS_URL.replace("sts.eu-central-1", "evil.example/sts")), url),
        ("a deeper host", at(&STS_URL.replace("sts.", "sts.evil.")), url),
        ("another service", at(&STS_URL.replace("sts.", "s3.")), url),
        ("no region", at(&STS_URL.replace("eu-central-1", "")), url),
        ("a port", at(&STS_URL.replace(".com", ".com:8443")), url),
        ("a user", at(&STS_URL.replace("https://", "https://evil@")), url),
        ("plain", at(&STS_URL.replace("https", "http")), url),
        ("no host", at("/?Action=GetCallerIdentity&Version=2011-06-15"), url),
        ("no url", at("https://"), "its url is none"),
        ("another action", at(&STS_URL.replace("GetCallerIdentity", "AssumeRole")), call),
        ("another version", at(&STS_URL.replace("2011", "2012")), call),
        ("one parameter more", at(&format!("{STS_URL}&X=1")), call),
        ("no parameter", at("https://sts.eu-central-1.amazonaws.com"), call),
        ("a path", at(&STS_URL.replace(".com", ".com/x")), call),
        ("GET", Request { method: "GET".to_owned(), ..good.clone() }, "its method is not POST"),
        ("no Authorization", good.clone().without("authorization"), "its header authorization is missing"),
        ("no date", good.clone().without("x-amz-date"), "its header x-amz-date is missing"),
        ("no host header", good.clone().without("host"), "its header host is missing"),
        ("no target", good.clone().without(TARGET), "its header x-goog-cloud-target-resource is missing"),
        ("two targets", doubled(TARGET), "its header x-goog-cloud-target-resource is there twice"),
        ("two signatures", doubled("authorization"), "its header authorization is there twice"),
        ("another host header", header("host", "sts.amazonaws.com"), "its header host is not the url's"),
        ("a broken header", header("x-amz-date", "a\r\nb: c"), "one of its headers is none"),
    ];
    for (what, request, words) in rows {
        let words = format!("Invalid format of AWS credentials: {words}");
        assert_refused(what, trade_request(&clouds, &request).await, "invalid_grant", &words);
    }
    let json = "it is no JSON of url, method and headers";
    for (text, words) in [
        ("x".to_owned(), json),
        (percent("{}"), json),
        (percent("[]"), json),
        ("%FF".to_owned(), "it is no URL-encoded"),
    ] {
        let answer = post_form(&clouds, "/v1/token", &parameters(AWS, AWS_REQUEST, &text)).await;
        assert_refused(
            &text,
            answer,
            "invalid_grant",
            &format!("Invalid format of AWS credentials: {words}"),
        );
    }
    // Spaces as plus signs, as in Google's example.
    let spaced = good.encoded().replace("%20", "+");
    assert_eq!(post_form(&clouds, "/v1/token", &parameters(AWS, AWS_REQUEST, &spaced)).await.0, 200);
}

#[tokio::test]
async fn the_account_must_be_the_providers() {
    let clouds = start().await;
    provider(&clouds, AWS, |provider| {
        provider.trust.kind = ProviderKind::Aws { account: "999988887777".to_owned() };
    });
    let answer = trade_request(&clouds, &Request::of(&signer(&clouds))).await;
    let words = "The AWS account 123456789012 of the given credential is not the provider's.";
    assert_refused("account", answer, "invalid_grant", words);

    let request = Request::signed(&signer(&clouds), STS_URL, &[(TARGET, &audience(OIDC))]);
    let answer = post_form(&clouds, "/v1/token", &parameters(OIDC, AWS_REQUEST, &request.encoded())).await;
    let words = "The given credential is a signed AWS request, the provider takes OIDC tokens.";
    assert_refused("kind", answer, "invalid_grant", words);
}

#[tokio::test]
async fn a_clock_far_off_either_way_is_a_refusal_about_time() {
    let clouds = start().await;
    for seconds in [-600, 600] {
        clouds.handle().faults.set(vec![Rule::always(Hop::GoogleSts, Fault::ClockSkew { seconds })]);
        let answer = trade_request(&clouds, &Request::of(&signer(&clouds))).await;
        let words = "AWS did not accept the given credential: SignatureDoesNotMatch: Signature ";
        assert_refused(&seconds.to_string(), answer, "invalid_grant", words);
        clouds.handle().faults.clear();
    }
}
