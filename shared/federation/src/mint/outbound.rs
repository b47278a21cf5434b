//! `sts:GetWebIdentityToken`: a JWT, signed by AWS, that says which role we are.
//!
//! RS256 and one audience, because that is what Entra and Google both take. The subject is the
//! role's ARN. From "GetWebIdentityToken" in the AWS STS API reference.

use super::session::AwsSession;
use super::sts::Sts;
use crate::assertion::{Assertion, Audience, Claims, Proof};
use crate::error::{Error, Hop, Kind, Result};
use crate::http::Http;
use crate::telemetry;
use crate::token::Secret;
use crate::{BoxFuture, Mint, deadline, hints};
use aws_sdk_sts::config::timeout::TimeoutConfig;
use aws_sdk_sts::error::SdkError;
use aws_sdk_sts::operation::RequestId;
use aws_sdk_sts::operation::get_web_identity_token::{GetWebIdentityTokenError, GetWebIdentityTokenOutput};
use std::time::{Duration, SystemTime};

/// The token is traded at once: it needs to live no longer than an exchange may take.
const DURATION: Duration = Duration::from_secs(300);
const ALGORITHM: &str = "RS256";
/// STS gives no shorter ones.
const SHORTEST: Duration = Duration::from_secs(60);
/// Kept free between the token's end and the session's: STS counts from its own clock.
const CLAMP_MARGIN: Duration = Duration::from_secs(5);
const BUDGET: Duration = Duration::from_secs(10);

/// A tag that STS writes into the token's `request_tags`. The caller chooses it, so it is no
/// identity unless IAM constrains it (`aws:RequestTag/..`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    pub key: String,
    pub value: String,
}

/// Mints with the AWS session of this process.
pub struct Outbound {
    session: AwsSession,
    client: aws_sdk_sts::Client,
    sts: Sts,
    tags: Vec<aws_sdk_sts::types::Tag>,
}

impl Outbound {
    pub fn new(session: AwsSession, http: Http) -> Result<Self> {
        let sts = Sts::new(http, session.region()?);
        let client = aws_sdk_sts::Client::new(session.config());
        Ok(Self { session, client, sts, tags: Vec::new() })
    }

    /// The role also needs `sts:TagGetWebIdentityToken`.
    pub fn with_tags(mut self, tags: &[Tag]) -> Result<Self> {
        self.tags = tags
            .iter()
            .map(|tag| aws_sdk_sts::types::Tag::builder().key(&tag.key).value(&tag.value).build())
            .collect::<Result<_, _>>()
            .map_err(|error| {
                Error::new(Hop::Config, Kind::NotConfigured, "tags", "a tag is incomplete").caused_by(error)
            })?;
        Ok(self)
    }

    async fn fresh(&self, audience: &Audience) -> Result<Assertion> {
        let left = self.session.remaining().await?;
        let duration = clamp(left).ok_or_else(|| self.session_ending(left))?;
        let asked = format!("audience {audience}, duration {} s, algorithm {ALGORITHM}", duration.as_secs());
        match self.request(audience, duration).await {
            // Lambda does not tell how long its session lasts. If it is less, the shortest may do.
            Err(SdkError::ServiceError(refusal))
                if refusal.err().is_session_duration_escalation_exception() && duration > SHORTEST =>
            {
                self.request(audience, SHORTEST).await
            }
            outcome => outcome,
        }
        .map_err(|error| self.sts.explain(error, &asked))
        .and_then(|output| self.assertion(output))
    }

    async fn request(
        &self,
        audience: &Audience,
        duration: Duration,
    ) -> Result<GetWebIdentityTokenOutput, SdkError<GetWebIdentityTokenError>> {
        let timeouts = TimeoutConfig::builder().operation_timeout(deadline::clamp(BUDGET)).build();
        let request = self
            .client
            .get_web_identity_token()
            .audience(audience.as_str())
            .signing_algorithm(ALGORITHM)
            .duration_seconds(i32::try_from(duration.as_secs()).unwrap_or(i32::MAX));
        let request = if self.tags.is_empty() { request } else { request.set_tags(Some(self.tags.clone())) };
        request
            .customize()
            .config_override(aws_sdk_sts::config::Builder::new().timeout_config(timeouts))
            .send()
            .await
    }

    fn assertion(&self, output: GetWebIdentityTokenOutput) -> Result<Assertion> {
        let malformed = |message| {
            self.sts
                .error(Kind::Malformed, message)
                .with_hint(&hints::NOT_A_TOKEN_SERVICE)
                .with_request_id(output.request_id().map(str::to_owned))
        };
        let token = output.web_identity_token().ok_or_else(|| malformed("the answer holds no token"))?;
        let claims = Claims::of_jwt(token).ok_or_else(|| malformed("the token is no JWT"))?;
        telemetry::record_claims(&claims);
        telemetry::record("service_request_id", output.request_id());
        Ok(Assertion {
            proof: Proof::Jwt,
            secret: Secret::new(token),
            expires_at: local_expiry(&claims),
            claims,
        })
    }

    fn session_ending(&self, left: Option<Duration>) -> Error {
        let seconds = left.unwrap_or_default().as_secs();
        self.sts
            .error(Kind::Refused, format!("the AWS session ends in {seconds} s"))
            .with_hint(&hints::SESSION_ENDING)
    }
}

impl Mint for Outbound {
    fn target(&self) -> &str {
        self.sts.target()
    }

    fn mint<'a>(&'a self, audience: &'a Audience) -> BoxFuture<'a, Result<Assertion>> {
        Box::pin(telemetry::hop(Hop::Mint, self.sts.target(), async move {
            telemetry::record("audience", Some(audience.as_str()));
            self.fresh(audience).await
        }))
    }
}

/// The duration to ask for, given what is left of the session; `None` if nothing fits.
fn clamp(left: Option<Duration>) -> Option<Duration> {
    let Some(left) = left else { return Some(DURATION) };
    let room = left.saturating_sub(CLAMP_MARGIN);
    (room >= SHORTEST).then(|| DURATION.min(room))
}

/// The token's lifetime from now, by our clock. Its own `exp` is by AWS's.
fn local_expiry(claims: &Claims) -> SystemTime {
    let lifetime = match (claims.issued_at, claims.expires_at) {
        (Some(from), Some(to)) => Duration::from_secs(to.saturating_sub(from)),
        _ => SHORTEST,
    };
    SystemTime::now() + lifetime.min(Duration::from_secs(3600))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_duration_is_clamped_to_what_is_left_of_the_session() {
        let seconds = |left| clamp(left).map(|duration| duration.as_secs());
        assert_eq!(seconds(None), Some(300));
        assert_eq!(seconds(Some(Duration::from_secs(3600))), Some(300));
        assert_eq!(seconds(Some(Duration::from_secs(90))), Some(85));
        assert_eq!(seconds(Some(Duration::from_secs(65))), Some(60));
        assert_eq!(seconds(Some(Duration::from_secs(64))), None);
    }
}
