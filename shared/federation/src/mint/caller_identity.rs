//! A signed `sts:GetCallerIdentity` request: whoever sends it learns from AWS who signed it.
//!
//! Nothing is sent from here. Google's AWS providers take the signed request as the proof and send
//! it to AWS themselves. From "Obtain short-lived credentials for workload identity federation" in
//! Google's IAM documentation, and "GetCallerIdentity" in the AWS STS API reference.

use super::session::AwsSession;
use super::sts::Sts;
use crate::assertion::{Assertion, Audience, Claims, Proof};
use crate::error::{Error, Hop, Kind, Result};
use crate::http::Http;
use crate::telemetry;
use crate::token::Secret;
use crate::{BoxFuture, Mint, deadline, hints};
use aws_credential_types::Credentials;
use aws_sdk_sts::config::endpoint::{DefaultResolver, Params, ResolveEndpoint as _};
use aws_sdk_sts::config::timeout::TimeoutConfig;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use futures_util::FutureExt as _;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use serde::Serialize;
use std::time::{Duration, SystemTime};
use zeroize::Zeroizing;

const QUERY: &str = "Action=GetCallerIdentity&Version=2011-06-15";
/// A request must reach AWS within five minutes of its time stamp ("AWS Signature Version 4 for API
/// requests"). Whether Google asks for less is not documented.
const LIFETIME: Duration = Duration::from_secs(300);
/// Binds the signature to one provider, so that no other one can use the request.
const TARGET_RESOURCE: &str = "x-goog-cloud-target-resource";
/// For asking STS ourselves, all tries included.
const BUDGET: Duration = Duration::from_secs(10);

/// Signs with the AWS session of this process.
pub struct CallerIdentity {
    session: AwsSession,
    client: aws_sdk_sts::Client,
    http: Http,
    sts: Sts,
    region: String,
    url: Url,
}

impl CallerIdentity {
    pub fn new(session: AwsSession, http: Http) -> Result<Self> {
        let region = session.region()?.to_string();
        Ok(Self {
            client: aws_sdk_sts::Client::new(session.config()),
            sts: Sts::new(http.clone(), &region),
            url: public_sts(&region)?,
            session,
            http,
            region,
        })
    }

    /// Asks AWS who we are: the ARN that Google's providers will see.
    pub async fn whoami(&self) -> Result<String> {
        let timeouts = TimeoutConfig::builder().operation_timeout(deadline::clamp(BUDGET)).build();
        let answer = self
            .client
            .get_caller_identity()
            .customize()
            .config_override(aws_sdk_sts::config::Builder::new().timeout_config(timeouts))
            .send()
            .await
            .map_err(|error| self.sts.explain(error, "GetCallerIdentity"))?;
        answer.arn().map(str::to_owned).ok_or_else(|| {
            self.sts.error(Kind::Malformed, "the answer names no ARN").with_hint(&hints::NOT_A_TOKEN_SERVICE)
        })
    }

    async fn signed(&self, audience: &Audience) -> Result<Assertion> {
        let credentials = self.session.credentials().await?;
        let (ours, theirs) = self.times();
        let secret = self.subject_token(&credentials, audience, theirs)?;
        let claims = self.claims(audience, theirs);
        telemetry::record_claims(&claims);
        let lasts_until = ours + LIFETIME;
        Ok(Assertion {
            proof: Proof::SignedAwsRequest,
            secret,
            claims,
            expires_at: credentials.expiry().map_or(lasts_until, |ends| ends.min(lasts_until)),
        })
    }

    /// Now, by our clock and by AWS's. Ours is corrected by what the last answer of any service said
    /// of it. Before a first answer nothing is known: a first proof made on a clock that is minutes
    /// off is refused, and the next one is right.
    fn times(&self) -> (SystemTime, SystemTime) {
        let ours = SystemTime::now();
        (ours, self.http.skew().corrected(ours))
    }

    /// The signed request as text: JSON, percent-encoded as a whole.
    fn subject_token(
        &self,
        credentials: &Credentials,
        audience: &Audience,
        at: SystemTime,
    ) -> Result<Secret> {
        let host = self.url.host_str().unwrap_or_default();
        let plain = [("host", host), (TARGET_RESOURCE, audience.as_str())];
        let identity = credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("sts")
            .time(at)
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| self.unsignable(error))?
            .into();
        let request =
            SignableRequest::new("POST", self.url.as_str(), plain.into_iter(), SignableBody::empty())
                .map_err(|error| self.unsignable(error))?;
        let (signed, _) = sign(request, &params).map_err(|error| self.unsignable(error))?.into_parts();
        let headers = plain.into_iter().chain(signed.headers()).map(|(key, value)| Header {
            // As Google's documentation writes it; the others it writes in small letters.
            key: if key.eq_ignore_ascii_case("authorization") { "Authorization" } else { key },
            value,
        });
        let request = SignedRequest { url: self.url.as_str(), method: "POST", headers: headers.collect() };
        let json = Zeroizing::new(serde_json::to_string(&request).map_err(|error| self.unsignable(error))?);
        Ok(Secret::new(utf8_percent_encode(&json, NON_ALPHANUMERIC).to_string()))
    }

    /// Who signed it stands nowhere in it: the subject is known to whoever sends it.
    fn claims(&self, audience: &Audience, at: SystemTime) -> Claims {
        let from = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        Claims {
            issuer: self.url.origin().ascii_serialization(),
            audience: vec![audience.to_string()],
            issued_at: Some(from),
            expires_at: Some(from + LIFETIME.as_secs()),
            ..Claims::default()
        }
    }

    fn unsignable(&self, error: impl std::error::Error + Send + Sync + 'static) -> Error {
        self.sts.error(Kind::NotConfigured, "the request cannot be signed").caused_by(error)
    }
}

impl Mint for CallerIdentity {
    fn target(&self) -> &str {
        self.sts.target()
    }

    fn mint<'a>(&'a self, audience: &'a Audience) -> BoxFuture<'a, Result<Assertion>> {
        Box::pin(telemetry::hop(Hop::Mint, self.sts.target(), async move {
            telemetry::record("audience", Some(audience.as_str()));
            self.signed(audience).await
        }))
    }

    fn whoami(&self) -> Option<BoxFuture<'_, Result<String>>> {
        Some(Box::pin(self.whoami()))
    }
}

#[derive(Serialize)]
struct SignedRequest<'a> {
    url: &'a str,
    method: &'a str,
    headers: Vec<Header<'a>>,
}

#[derive(Serialize)]
struct Header<'a> {
    key: &'a str,
    value: &'a str,
}

/// The public STS of a region, from the SDK's own table of partitions and their DNS suffixes. Never
/// `AWS_ENDPOINT_URL_STS`: Google sends the request, and what this machine would rather ask (a VPC
/// endpoint, a stand-in) is nothing that Google could reach or would trust.
pub(super) fn public_sts(region: &str) -> Result<Url> {
    let fault = || {
        Error::new(
            Hop::Config,
            Kind::NotConfigured,
            "AWS_REGION",
            format!("no STS is known for region {region}"),
        )
        .with_hint(&hints::CONFIGURATION)
    };
    let params = Params::builder()
        .region(region)
        .use_global_endpoint(false)
        .use_dual_stack(false)
        .use_fips(false)
        .build()
        .map_err(|error| fault().caused_by(error))?;
    let resolved = DefaultResolver::new().resolve_endpoint(&params).now_or_never();
    let endpoint = resolved.ok_or_else(fault)?.map_err(|error| fault().caused_by(error))?;
    let mut url: Url = endpoint.url().parse().map_err(|error| fault().caused_by(error))?;
    // A region with other characters in it would name another host.
    if !region.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') || url.host_str().is_none() {
        return Err(fault());
    }
    url.set_query(Some(QUERY));
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Env;
    use aws_config::{BehaviorVersion, Region, SdkConfig};
    use aws_credential_types::provider::SharedCredentialsProvider;
    use percent_encoding::percent_decode_str;
    use std::collections::BTreeMap;

    const PROVIDER: &str = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/aws-pool/providers/aws-one";
    const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    /// 2024-01-02T03:04:05Z
    const AT: Duration = Duration::from_secs(1_704_164_645);

    fn credentials(session_token: Option<&str>, expiry: Option<SystemTime>) -> Credentials {
        Credentials::new("AKIDEXAMPLE", SECRET_KEY, session_token.map(str::to_owned), expiry, "test")
    }

    fn mint_with(provider: Option<Credentials>, region: &str) -> Result<CallerIdentity> {
        let http = Http::from_env(&Env::default()).unwrap();
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .sleep_impl(aws_smithy_async::rt::sleep::SharedAsyncSleep::new(
                aws_smithy_async::rt::sleep::TokioSleep::new(),
            ))
            .http_client(http.aws_token_services())
            // What this machine would ask; never what Google is told to ask.
            .endpoint_url("http://127.0.0.1:9");
        let config = match provider {
            Some(credentials) => config.credentials_provider(SharedCredentialsProvider::new(credentials)),
            None => config.credentials_provider(SharedCredentialsProvider::new(Nobody)),
        };
        CallerIdentity::new(AwsSession::from_config(config.build())?, http)
    }

    #[derive(Debug)]
    struct Nobody;

    impl aws_credential_types::provider::ProvideCredentials for Nobody {
        fn provide_credentials<'a>(&'a self) -> aws_credential_types::provider::future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let none = aws_credential_types::provider::error::CredentialsError::not_loaded_no_source();
            aws_credential_types::provider::future::ProvideCredentials::ready(Err(none))
        }
    }

    /// The request as Google reads it.
    fn request(secret: &Secret) -> (String, String, BTreeMap<String, String>) {
        let json = percent_decode_str(secret.expose()).decode_utf8().unwrap();
        let request: serde_json::Value = serde_json::from_str(&json).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let headers = request["headers"].as_array().unwrap();
        let headers = headers.iter().map(|header| (text(&header["key"]), text(&header["value"]))).collect();
        (text(&request["url"]), text(&request["method"]), headers)
    }

    fn signed_at(session_token: Option<&str>) -> BTreeMap<String, String> {
        let credentials = credentials(session_token, None);
        let mint = mint_with(Some(credentials.clone()), "eu-central-1").unwrap();
        let at = SystemTime::UNIX_EPOCH + AT;
        let secret = mint.subject_token(&credentials, &Audience::new(PROVIDER), at).unwrap();
        assert!(secret.expose().is_ascii() && !secret.expose().contains(['+', ' ', '&', '=']));
        let (url, method, headers) = request(&secret);
        assert_eq!(
            url,
            "https://sts.eu-central-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15"
        );
        assert_eq!(method, "POST");
        headers
    }

    /// The signatures were computed by another implementation of Signature Version 4.
    #[test]
    fn the_request_is_signed_as_aws_expects_it() {
        let headers = signed_at(Some("session/token+=="));
        assert_eq!(
            headers["Authorization"],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20240102/eu-central-1/sts/aws4_request, \
             SignedHeaders=host;x-amz-date;x-amz-security-token;x-goog-cloud-target-resource, \
             Signature=dada9b715de755a508f59b73f1aa8c44d3fd5922288447152bd1aea31c2ba310"
        );
        assert_eq!(headers["host"], "sts.eu-central-1.amazonaws.com");
        assert_eq!(headers["x-amz-date"], "20240102T030405Z");
        assert_eq!(headers["x-amz-security-token"], "session/token+==");
        assert_eq!(headers[TARGET_RESOURCE], PROVIDER);
        assert_eq!(headers.len(), 5);
    }

    #[test]
    fn without_a_session_token_none_is_sent() {
        let headers = signed_at(None);
        assert!(headers["Authorization"].ends_with(
            "SignedHeaders=host;x-amz-date;x-goog-cloud-target-resource, \
             Signature=4a52e19184f93785b04d1b53b7ee245789ea4fb1a39f1d88e9eb0075bbe0d02e"
        ));
        assert_eq!(headers.len(), 4);
    }

    #[tokio::test]
    async fn the_proof_names_its_audience_and_ends_with_the_session() {
        let soon = SystemTime::now() + Duration::from_secs(400);
        for (expiry, shortened) in [(Some(soon - Duration::from_secs(300)), true), (Some(soon), false)] {
            let mint = mint_with(Some(credentials(Some("t"), expiry)), "us-gov-west-1").unwrap();
            let proof = Mint::mint(&mint, &Audience::new(PROVIDER)).await.unwrap();
            assert_eq!(proof.proof, Proof::SignedAwsRequest);
            assert_eq!(proof.claims.issuer, "https://sts.us-gov-west-1.amazonaws.com");
            assert_eq!(proof.claims.audience, [PROVIDER]);
            assert_eq!(proof.claims.subject, "");
            assert_eq!(Some(proof.expires_at) == expiry, shortened);
            let shown = format!("{proof:?}");
            assert!(!shown.contains(SECRET_KEY) && !shown.contains("Signature"), "{shown}");
        }
    }

    /// The request is dated by AWS's clock, our patience with it is measured by ours.
    #[tokio::test]
    async fn a_clock_that_is_known_to_be_off_does_not_date_the_request() {
        let mint = mint_with(Some(credentials(None, None)), "eu-central-1").unwrap();
        let theirs = SystemTime::now() + Duration::from_secs(1200);
        let date = httpdate::fmt_http_date(theirs).parse().unwrap();
        mint.http.note_date(&[(reqwest::header::DATE, date)].into_iter().collect());
        let proof = Mint::mint(&mint, &Audience::new(PROVIDER)).await.unwrap();
        let dated = SystemTime::UNIX_EPOCH + Duration::from_secs(proof.claims.issued_at.unwrap());
        assert!(dated > SystemTime::now() + Duration::from_secs(1100));
        assert!(proof.expires_at <= SystemTime::now() + LIFETIME);
        let (_, _, headers) = request(&proof.secret);
        let signed = aws_smithy_types::DateTime::from(dated);
        let text = signed.fmt(aws_smithy_types::date_time::Format::DateTime).unwrap();
        assert_eq!(headers["x-amz-date"], text.replace(['-', ':'], ""));
    }

    #[tokio::test]
    async fn without_a_session_it_says_so_as_the_other_mint_does() {
        let mint = mint_with(None, "eu-central-1").unwrap();
        let error = Mint::mint(&mint, &Audience::new(PROVIDER)).await.unwrap_err();
        assert_eq!((error.hop(), error.kind()), (Hop::Mint, Kind::NotConfigured));
        assert_eq!(error.hint(), Some(&hints::NO_CREDENTIALS));
    }

    #[test]
    fn each_partition_has_its_own_suffix() {
        let host = |region: &str| public_sts(region).map(|url| url.host_str().unwrap().to_owned());
        assert_eq!(host("us-east-1").unwrap(), "sts.us-east-1.amazonaws.com");
        assert_eq!(host("cn-north-1").unwrap(), "sts.cn-north-1.amazonaws.com.cn");
        for region in ["evil.example/", "a@b", "eu central"] {
            let error = host(region).unwrap_err();
            assert_eq!(error.kind(), Kind::NotConfigured, "{region}");
        }
    }
}
