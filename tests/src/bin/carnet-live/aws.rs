//! This machine's AWS identity, and requests signed by it.

use crate::failure::Failure;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use carnet_federation::config::Env;
use carnet_federation::http::{self, Http};
use carnet_federation::mint::{AwsSession, CallerIdentity};
use carnet_federation::{Hop, hints};
use carnet_trust::derive::partition;
use futures_util::StreamExt as _;
use reqwest::{Method, Response, Url};
use std::time::SystemTime;

pub struct Aws {
    http: Http,
    session: AwsSession,
    region: String,
    lambda: String,
}

/// A request before it is signed.
pub struct Request<'r> {
    pub method: Method,
    pub url: &'r str,
    pub headers: &'r [(&'r str, &'r str)],
    pub body: &'static [u8],
}

impl Aws {
    /// With the credentials of the AWS SDK's own chain, for one region.
    pub async fn of(region: &str) -> Result<Self, Failure> {
        let env = Env::from_process();
        let http = Http::from_env(&env)?;
        let loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http.aws_token_services())
            .region(Region::new(region.to_owned()));
        let session = AwsSession::from_config(loader.load().await)?;
        let named = env.get("AWS_ENDPOINT_URL_LAMBDA").or_else(|| env.get("AWS_ENDPOINT_URL"));
        let lambda = named.map_or_else(|| public_lambda(region), |url| url.trim_end_matches('/').to_owned());
        Ok(Self { http, session, region: region.to_owned(), lambda })
    }

    pub async fn whoami(&self) -> Result<String, Failure> {
        Ok(CallerIdentity::new(self.session.clone(), self.http.clone())?.whoami().await?)
    }

    /// Where a function is invoked.
    pub fn invocations(&self, function: &str) -> String {
        format!("{}/2015-03-31/functions/{function}/invocations", self.lambda)
    }

    pub async fn send_signed(&self, service: &str, request: &Request<'_>) -> Result<Response, Failure> {
        let url = parsed(request.url)?;
        let headers = self.signature(service, request, &url).await?;
        let builder = self.builder(request, url);
        let builder = headers.iter().fold(builder, |builder, (name, value)| builder.header(name, value));
        Ok(self.http.send(Hop::Read, builder).await?)
    }

    pub async fn send_unsigned(&self, request: &Request<'_>) -> Result<Response, Failure> {
        Ok(self.http.send(Hop::Read, self.builder(request, parsed(request.url)?)).await?)
    }

    fn builder(&self, request: &Request<'_>, url: Url) -> reqwest::RequestBuilder {
        let builder = self.http.client().request(request.method.clone(), url);
        let builder = if request.body.is_empty() { builder } else { builder.body(request.body) };
        request.headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value))
    }

    /// Host, time and session are signed; other headers may be touched on the way.
    async fn signature(
        &self,
        service: &str,
        request: &Request<'_>,
        url: &Url,
    ) -> Result<Vec<(String, String)>, Failure> {
        let unsignable = |error: &dyn std::error::Error| {
            Failure::new("config", "not_configured", format!("the request cannot be signed: {error}"))
        };
        let identity = self.credentials().await?.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service)
            .time(self.http.skew().corrected(SystemTime::now()))
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| unsignable(&error))?
            .into();
        let host = http::target_of(url);
        let signable = SignableRequest::new(
            request.method.as_str(),
            url.as_str(),
            std::iter::once(("host", host.as_str())),
            SignableBody::Bytes(request.body),
        );
        let signable = signable.map_err(|error| unsignable(&error))?;
        let (signed, _) = sign(signable, &params).map_err(|error| unsignable(&error))?.into_parts();
        Ok(signed.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    async fn credentials(&self) -> Result<Credentials, Failure> {
        let none = |why: String| {
            Failure::new("mint", "not_configured", why)
                .change(hints::NO_CREDENTIALS.advice)
                .help(hints::NO_CREDENTIALS.anchor)
        };
        let chain = self.session.config().credentials_provider();
        let chain = chain.ok_or_else(|| none("no AWS credentials were found".to_owned()))?;
        chain.provide_credentials().await.map_err(|error| none(error.to_string()))
    }
}

fn parsed(url: &str) -> Result<Url, Failure> {
    url.parse().map_err(|error| Failure::new("config", "not_configured", format!("{url}: {error}")))
}

/// AWS, "AWS Lambda endpoints and quotas", and "Endpoints and ARNs for AWS services in China".
fn public_lambda(region: &str) -> String {
    let suffix = if partition(region) == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://lambda.{region}.{suffix}")
}

/// Gives the bytes of an answer to `take`, at most `most` of them.
pub async fn take_body(response: Response, most: u64, mut take: impl FnMut(&[u8])) -> Result<u64, Failure> {
    let target = http::target_of(response.url());
    let mut length = 0;
    let mut body = response.bytes_stream();
    while let Some(bytes) = body.next().await {
        let bytes = bytes.map_err(|error| Failure::from(http::unreachable(Hop::Read, &target, error)))?;
        length += bytes.len() as u64;
        if length > most {
            let message = format!("the answer is longer than {most} bytes; reading was stopped");
            return Err(Failure::new("read", "malformed", message).at(target));
        }
        take(&bytes);
    }
    Ok(length)
}

/// A document.
pub async fn json(response: Response) -> Result<serde_json::Value, Failure> {
    const LONGEST: u64 = 1 << 20;
    let target = http::target_of(response.url());
    let mut text = Vec::new();
    take_body(response, LONGEST, |bytes| text.extend_from_slice(bytes)).await?;
    serde_json::from_slice(&text)
        .map_err(|_| Failure::new("read", "malformed", "the answer is no JSON").at(target))
}
