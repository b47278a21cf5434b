//! A role of AWS, for a proof of another cloud: `sts:AssumeRoleWithWebIdentity`.
//!
//! Regional, and without AWS credentials of any kind. From "AssumeRoleWithWebIdentity" in the AWS STS API
//! reference.

use super::session_name;
use super::spreading::until_spread;
use crate::assertion::{Assertion, Audience, Claims, Proof};
use crate::config::AwsRoleSettings;
use crate::error::{Hop, Kind, Result};
use crate::http::Http;
use crate::http::retry::{Policy, retry};
use crate::mint::sts::Sts;
use crate::telemetry;
use crate::token::{AwsCredentials, Expiring as _, Scope, Secret};
use crate::{BoxFuture, Exchange, deadline, hints};
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::timeout::TimeoutConfig;
use aws_sdk_sts::config::{BehaviorVersion, Region};
use aws_sdk_sts::operation::RequestId as _;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityOutput;
use std::time::SystemTime;

/// One role.
pub struct AwsRole {
    client: aws_sdk_sts::Client,
    sts: Sts,
    audience: Audience,
    settings: AwsRoleSettings,
}

impl AwsRole {
    pub fn new(http: Http, settings: &AwsRoleSettings) -> Result<Self> {
        let config = aws_sdk_sts::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(settings.region.clone()))
            .http_client(http.aws_token_services())
            // Tries are ours to count: what may be tried again depends on the invocation's deadline.
            .retry_config(RetryConfig::disabled());
        let config = match &settings.endpoint {
            Some(url) => config.endpoint_url(url.as_str()),
            None => config,
        };
        Ok(Self {
            client: aws_sdk_sts::Client::from_conf(config.build()),
            sts: Sts::of_roles(http, &settings.region, &settings.role_arn),
            audience: Audience::new(&settings.audience),
            settings: settings.clone(),
        })
    }

    /// Region and role, for reports.
    pub fn target(&self) -> &str {
        self.sts.target()
    }

    pub fn role_arn(&self) -> &str {
        &self.settings.role_arn
    }

    /// What its credentials are asked for: the role is all that can be chosen.
    pub fn scope(&self) -> Scope {
        Scope::new(&self.settings.role_arn)
    }

    async fn assume(&self, proof: &Assertion) -> Result<AwsCredentials> {
        if proof.proof != Proof::Jwt {
            let what = "a role takes a token (JWT), not a signed AWS request; within AWS use sts:AssumeRole";
            return Err(self.sts.error(Kind::NotConfigured, what).with_hint(&hints::CONFIGURATION));
        }
        let made;
        let session_name = match &self.settings.session_name {
            Some(name) => name,
            None => {
                made = session_name::of(proof.secret.expose());
                &made
            }
        };
        let timeouts =
            TimeoutConfig::builder().operation_timeout(deadline::clamp(Policy::TOKEN_SERVICE.attempt));
        let duration = self.settings.duration.as_secs();
        let output = self
            .client
            .assume_role_with_web_identity()
            .role_arn(&self.settings.role_arn)
            .role_session_name(session_name)
            .web_identity_token(proof.secret.expose())
            .duration_seconds(i32::try_from(duration).unwrap_or(i32::MAX))
            .set_policy(self.settings.session_policy.clone())
            .customize()
            .config_override(aws_sdk_sts::config::Builder::new().timeout_config(timeouts.build()))
            .send()
            .await
            .map_err(|error| {
                let error = self.sts.explain(error, "");
                if error.kind() != Kind::Refused {
                    return error;
                }
                let presented = self.presented(error.field(), &proof.claims, session_name);
                error.with_presented(presented)
            })?;
        self.credentials(output)
    }

    fn credentials(&self, output: AssumeRoleWithWebIdentityOutput) -> Result<AwsCredentials> {
        let request_id = output.request_id().map(str::to_owned);
        telemetry::record("service_request_id", request_id.as_deref());
        let malformed = |what| {
            self.sts
                .error(Kind::Malformed, what)
                .with_hint(&hints::NOT_A_TOKEN_SERVICE)
                .with_request_id(request_id.clone())
        };
        let given = output.credentials().ok_or_else(|| malformed("the answer holds no credentials"))?;
        let expires_at = SystemTime::try_from(*given.expiration())
            .ok()
            .filter(|ends| *ends > SystemTime::now())
            .ok_or_else(|| {
                malformed("the credentials' end (Expiration) cannot be right; they are not used")
            })?;
        let user = output.assumed_role_user();
        Ok(AwsCredentials {
            access_key_id: given.access_key_id().to_owned(),
            secret_access_key: Secret::new(given.secret_access_key()),
            session_token: Secret::new(given.session_token()),
            expires_at,
            assumed_role_arn: user.map(|user| user.arn().to_owned()).unwrap_or_default(),
        })
    }

    /// What we presented for the field at fault.
    fn presented(&self, field: Option<&str>, claims: &Claims, session_name: &str) -> String {
        let audience = claims.audience.join(" ");
        match field {
            Some("issuer" | "JWKS") => claims.issuer.clone(),
            Some("audience") => audience,
            Some("duration") => format!("{} s", self.settings.duration.as_secs()),
            Some("session policy") => {
                let length = self.settings.session_policy.as_ref().map_or(0, |policy| policy.chars().count());
                format!("a session policy of {length} characters")
            }
            Some("clock") => {
                let at = |seconds: Option<u64>| seconds.map_or("-".to_owned(), |seconds| seconds.to_string());
                let (from, to) = (at(claims.issued_at), at(claims.expires_at));
                format!("a token for {from} to {to}, in seconds since 1970")
            }
            _ => {
                let azp = claims.authorized_party.as_ref();
                let azp = azp.map(|azp| format!(", azp {azp}")).unwrap_or_default();
                let (issuer, subject) = (&claims.issuer, &claims.subject);
                format!("issuer {issuer}, sub {subject}, aud {audience}{azp}, session name {session_name}")
            }
        }
    }
}

impl Exchange for AwsRole {
    type Output = AwsCredentials;

    fn audience(&self) -> &Audience {
        &self.audience
    }

    fn exchange<'a>(
        &'a self,
        proof: &'a Assertion,
        scope: &'a Scope,
    ) -> BoxFuture<'a, Result<AwsCredentials>> {
        Box::pin(telemetry::hop(Hop::Exchange, self.sts.target(), async move {
            telemetry::record("scope", Some(scope.as_str()));
            telemetry::record("jti", proof.claims.jti.as_deref());
            until_spread(self.settings.spreading_window, proof.expires_at(), || {
                retry(&Policy::TOKEN_SERVICE, Hop::Exchange, self.sts.target(), || self.assume(proof))
            })
            .await
        }))
    }
}
