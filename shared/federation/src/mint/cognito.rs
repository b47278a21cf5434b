//! An OpenID Connect token of an Amazon Cognito identity pool: a way out for accounts that may not switch
//! on outbound federation.
//!
//! From "GetId", "GetOpenIdToken" and "GetOpenIdTokenForDeveloperIdentity" in the Amazon Cognito Federated
//! Identities API reference. AWS JSON 1.1 over the shared client: an SDK for three calls would weigh more
//! than they do.

use super::caller_identity::public_sts;
use super::jwt;
use super::session::AwsSession;
use crate::assertion::{Assertion, Audience};
use crate::error::{Error, Hop, Kind, Result};
use crate::http::answer::{header, not_json, redirected, retry_after};
use crate::http::retry::{Policy, retry};
use crate::http::{Http, body, target_of};
use crate::token::Secret;
use crate::{BoxFuture, Mint, hints, telemetry};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::time::SystemTime;
use tokio::sync::OnceCell;

const JSON: &str = "application/x-amz-json-1.1";
const SERVICE: &str = "AWSCognitoIdentityService";
/// Of a developer identity's token, in seconds. The other's lives for ten minutes, whatever one wants.
const DURATION: u64 = 300;

#[derive(Clone, Debug)]
pub struct CognitoOptions {
    /// `REGION:GUID`
    pub identity_pool_id: String,
    pub identity_id: Option<String>,
    pub developer: Option<DeveloperLogin>,
    /// Instead of the region's own.
    pub endpoint: Option<Url>,
}

/// A user of a developer provider: whoever has the pool's AWS permission says who it is.
#[derive(Clone, Debug)]
pub struct DeveloperLogin {
    pub provider: String,
    pub user: String,
}

pub struct Cognito {
    options: CognitoOptions,
    /// Only where a developer identity is asked for: the other calls are public.
    session: Option<AwsSession>,
    http: Http,
    url: Url,
    region: String,
    target: String,
    /// What GetId gave. It makes a new identity whenever it is asked.
    identity_id: OnceCell<String>,
}

impl Cognito {
    pub fn new(options: CognitoOptions, session: Option<AwsSession>, http: Http) -> Result<Self> {
        let region = options.identity_pool_id.split(':').next().unwrap_or_default().to_owned();
        let url = match &options.endpoint {
            Some(url) => url.clone(),
            None => public_endpoint(&region)?,
        };
        let identity_id = OnceCell::new_with(options.identity_id.clone());
        let target = format!("Amazon Cognito at {}", target_of(&url));
        Ok(Self { options, session, http, url, region, target, identity_id })
    }

    async fn token(&self, audience: &Audience) -> Result<Assertion> {
        let pool = &self.options.identity_pool_id;
        if audience.as_str() != pool {
            return Err(jwt::other_audience(pool, audience, &self.target));
        }
        let given: Token = match &self.options.developer {
            Some(login) => {
                let mut asked = json!({
                    "IdentityPoolId": pool,
                    "Logins": { &login.provider: &login.user },
                    "TokenDuration": DURATION,
                });
                if let Some(id) = &self.options.identity_id {
                    asked["IdentityId"] = id.as_str().into();
                }
                self.call("GetOpenIdTokenForDeveloperIdentity", &asked).await?
            }
            None => {
                let identity = self.identity_id.get_or_try_init(|| self.new_identity()).await?;
                self.call("GetOpenIdToken", &json!({ "IdentityId": identity })).await?
            }
        };
        let proof = jwt::answered(Secret::new(given.token), self.http.skew(), &self.target)?;
        jwt::check_audience(&proof, audience, &self.target)?;
        Ok(proof)
    }

    async fn new_identity(&self) -> Result<String> {
        let asked = json!({ "IdentityPoolId": &self.options.identity_pool_id });
        let given: Identity = self.call("GetId", &asked).await?;
        Ok(given.identity_id)
    }

    async fn call<T: DeserializeOwned>(&self, operation: &str, asked: &serde_json::Value) -> Result<T> {
        let body = asked.to_string();
        retry(&Policy::TOKEN_SERVICE, Hop::Mint, &self.target, || self.once(operation, &body)).await
    }

    async fn once<T: DeserializeOwned>(&self, operation: &str, asked: &str) -> Result<T> {
        let headers = self.headers(operation, asked).await?;
        let request = self.http.client().post(self.url.clone()).headers(headers).body(asked.to_owned());
        let response = self.http.send(Hop::Mint, request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let request_id = header(&headers, "x-amzn-requestid");
        telemetry::record("service_request_id", request_id.as_deref());
        if status.is_redirection() {
            return Err(redirected(Hop::Mint, &self.target, status));
        }
        let body = body::read_capped(Hop::Mint, &self.target, response).await?;
        let outcome = if status.is_success() {
            serde_json::from_slice(&body).map_err(|_| not_json(Hop::Mint, &self.target, &body))
        } else {
            Err(self.refused(operation, status.as_u16(), &headers, &body))
        };
        outcome.map_err(|error| error.with_request_id(request_id))
    }

    async fn headers(&self, operation: &str, asked: &str) -> Result<HeaderMap> {
        let target = format!("{SERVICE}.{operation}");
        let unusable = |error: reqwest::header::InvalidHeaderValue| {
            self.error(Kind::NotConfigured, "the request cannot be built").caused_by(error)
        };
        let mut headers = HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static(JSON)),
            (HeaderName::from_static("x-amz-target"), HeaderValue::try_from(&target).map_err(unusable)?),
        ]);
        if let Some(session) = &self.session {
            self.sign(session, &target, asked, &mut headers).await?;
        }
        Ok(headers)
    }

    async fn sign(
        &self,
        session: &AwsSession,
        target: &str,
        asked: &str,
        headers: &mut HeaderMap,
    ) -> Result<()> {
        let unsignable = |error: Box<dyn std::error::Error + Send + Sync>| {
            self.error(Kind::NotConfigured, "the request cannot be signed").caused_by(error)
        };
        let identity = session.credentials().await?.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("cognito-identity")
            .time(self.http.skew().corrected(SystemTime::now()))
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| unsignable(error.into()))?
            .into();
        let signed = [("content-type", JSON), ("x-amz-target", target)];
        let body = SignableBody::Bytes(asked.as_bytes());
        let request = SignableRequest::new("POST", self.url.as_str(), signed.into_iter(), body)
            .map_err(|error| unsignable(error.into()))?;
        let (instructions, _) =
            sign(request, &params).map_err(|error| unsignable(error.into()))?.into_parts();
        for (name, value) in instructions.headers() {
            let name = HeaderName::try_from(name).map_err(|error| unsignable(error.into()))?;
            let mut value = HeaderValue::try_from(value).map_err(|error| unsignable(error.into()))?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(())
    }

    fn refused(&self, operation: &str, status: u16, headers: &HeaderMap, body: &[u8]) -> Error {
        let refusal = serde_json::from_slice::<Refusal>(body).unwrap_or_default();
        let code = refusal.code(headers);
        let kind = match (code.as_str(), status) {
            ("TooManyRequestsException" | "LimitExceededException", _) | (_, 429) => Kind::Throttled,
            ("InternalErrorException" | "ExternalServiceException", _) | (_, 500..) => Kind::Unavailable,
            ("AccessDeniedException" | "NotAuthorizedException", _) => Kind::Forbidden,
            _ => Kind::Refused,
        };
        let hint = match kind {
            Kind::Throttled => &hints::THROTTLED,
            Kind::Unavailable => &hints::UNREACHABLE,
            _ => hints::aws(&code)
                .filter(|_| code.contains("Signature") || code.contains("Token"))
                .unwrap_or(match code.as_str() {
                    "ResourceNotFoundException" => &hints::COGNITO_NOT_FOUND,
                    "AccessDeniedException" | "NotAuthorizedException" => &hints::COGNITO_NOT_AUTHORIZED,
                    _ => &hints::COGNITO_REFUSED,
                }),
        };
        let message = if refusal.message.is_empty() { "Cognito refused" } else { &refusal.message };
        let error = self
            .error(kind, message)
            .with_status(status)
            .with_retry_after(retry_after(headers))
            .with_hint(hint)
            .with_presented(self.presented(operation));
        if code.is_empty() { error } else { error.with_code(code) }
    }

    fn presented(&self, operation: &str) -> String {
        let pool = &self.options.identity_pool_id;
        let identity = match (&self.options.developer, self.identity_id.get()) {
            (Some(login), _) => format!(", user {} of provider {}", login.user, login.provider),
            (None, Some(id)) => format!(", identity {id}"),
            (None, None) => String::new(),
        };
        format!("{operation} for identity pool {pool}{identity}")
    }

    fn error(&self, kind: Kind, message: impl Into<String>) -> Error {
        Error::new(Hop::Mint, kind, &self.target, message)
    }
}

impl Mint for Cognito {
    fn target(&self) -> &str {
        &self.target
    }

    fn mint<'a>(&'a self, audience: &'a Audience) -> BoxFuture<'a, Result<Assertion>> {
        Box::pin(telemetry::hop(Hop::Mint, &self.target, async move {
            telemetry::record("audience", Some(audience.as_str()));
            self.token(audience).await
        }))
    }
}

/// The host of a region, with the DNS suffix of its partition, as STS's is.
fn public_endpoint(region: &str) -> Result<Url> {
    let sts = public_sts(region)?;
    let suffix = sts.host_str().and_then(|host| host.strip_prefix("sts."));
    suffix.and_then(|rest| format!("https://cognito-identity.{rest}/").parse().ok()).ok_or_else(|| {
        let (name, what) =
            ("CARNET_COGNITO_IDENTITY_POOL_ID", "CARNET_COGNITO_IDENTITY_POOL_ID names no region");
        Error::new(Hop::Config, Kind::NotConfigured, name, what).with_hint(&hints::CONFIGURATION)
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Token {
    token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Identity {
    identity_id: String,
}

#[derive(Deserialize, Default)]
struct Refusal {
    #[serde(rename = "__type", default)]
    kind: String,
    #[serde(default, alias = "Message")]
    message: String,
}

impl Refusal {
    /// Without the namespace or address that AWS's JSON protocol lets stand beside it.
    fn code(&self, headers: &HeaderMap) -> String {
        let named = header(headers, "x-amzn-errortype").unwrap_or_else(|| self.kind.clone());
        let name = named.rsplit('#').next().unwrap_or_default();
        name.split(':').next().unwrap_or_default().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_follows_the_region_of_the_pool_and_its_partition() {
        let host = |region: &str| public_endpoint(region).unwrap().host_str().unwrap().to_owned();
        assert_eq!(host("eu-central-1"), "cognito-identity.eu-central-1.amazonaws.com");
        assert_eq!(host("cn-north-1"), "cognito-identity.cn-north-1.amazonaws.com.cn");
    }

    #[test]
    fn codes_come_bare_or_with_a_namespace() {
        let code = |kind: &str| Refusal { kind: kind.into(), message: String::new() }.code(&HeaderMap::new());
        assert_eq!(code("NotAuthorizedException"), "NotAuthorizedException");
        assert_eq!(code("com.amazonaws.cognito#ResourceNotFoundException"), "ResourceNotFoundException");
        let headers = HeaderMap::from_iter([(
            HeaderName::from_static("x-amzn-errortype"),
            HeaderValue::from_static("InvalidParameterException:http://internal.amazon.com/x"),
        )]);
        assert_eq!(Refusal::default().code(&headers), "InvalidParameterException");
    }
}
