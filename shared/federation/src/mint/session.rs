//! The AWS credentials of this process: those it already has (Lambda's environment, a container's, an
//! instance profile's, a profile of the AWS CLI), or a role's that another cloud's proof is traded for.
//! Nothing is stored.

use crate::adapter::aws::AwsRoleCredentials;
use crate::config::AwsRoleSettings;
use crate::error::{Error, Hop, Kind, Result, cause};
use crate::exchange::AwsRole;
use crate::http::Http;
use crate::{Credential, Mint, hints};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_sts::config::{IdentityCache, retry::RetryConfig, timeout::TimeoutConfig};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// Credentials with less than this left are asked for anew. AWS's own chain replaces an instance's
/// credentials at least five minutes before they end ("Retrieve security credentials from instance
/// metadata").
const RENEW_BEFORE: Duration = Duration::from_secs(300);

/// For one try at STS.
const ATTEMPT: Duration = Duration::from_secs(4);

/// The session as the AWS SDK found it, and when it ends.
#[derive(Clone, Debug)]
pub struct AwsSession {
    config: SdkConfig,
    known: Remembered,
}

impl AwsSession {
    /// The normal chain of the AWS SDK: environment, profile, web identity, container, instance.
    pub async fn load(http: &Http) -> Result<Self> {
        let loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http.aws_token_services());
        Self::from_config(loader.load().await)
    }

    /// As a role that trusts the proofs of `mint`: for workloads outside AWS.
    pub async fn of_role(http: &Http, mint: Arc<dyn Mint>, role: &AwsRoleSettings) -> Result<Self> {
        let credential = Credential::new(mint, AwsRole::new(http.clone(), role)?);
        let loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http.aws_token_services())
            .region(Region::new(role.region.clone()))
            .credentials_provider(AwsRoleCredentials::new(credential));
        Self::from_config(loader.load().await)
    }

    /// Any other configuration of the SDK. Retries, timeouts and the credentials' cache become ours.
    pub fn from_config(config: SdkConfig) -> Result<Self> {
        let Some(chain) = config.credentials_provider() else {
            return Err(no_credentials(CredentialsError::not_loaded_no_source()));
        };
        let known = Remembered { chain, last: Arc::default() };
        let config = config
            .into_builder()
            .credentials_provider(SharedCredentialsProvider::new(known.clone()))
            .identity_cache(IdentityCache::no_cache())
            .retry_config(RetryConfig::standard().with_max_attempts(3))
            .timeout_config(TimeoutConfig::builder().read_timeout(ATTEMPT).build())
            .build();
        Ok(Self { config, known })
    }

    pub fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// The region whose STS is asked. There is no global one for outbound tokens.
    pub fn region(&self) -> Result<&Region> {
        self.config.region().filter(|region| !region.as_ref().is_empty()).ok_or_else(|| {
            Error::new(
                Hop::Config,
                Kind::NotConfigured,
                "AWS_REGION",
                "AWS_REGION is not set; proofs are made for, or by, a regional STS",
            )
            .with_hint(&hints::CONFIGURATION)
        })
    }

    /// The credentials themselves, for what is signed without the SDK.
    pub(super) async fn credentials(&self) -> Result<Credentials> {
        self.known.load().await.map_err(no_credentials)
    }

    /// What is left of the session; `None` where it is not told (in Lambda it is not).
    pub async fn remaining(&self) -> Result<Option<Duration>> {
        Ok(self
            .credentials()
            .await?
            .expiry()
            .map(|ends| ends.duration_since(SystemTime::now()).unwrap_or_default()))
    }
}

/// The chain, asked again only when its last answer nears its end. Wall-clock, no timers.
#[derive(Clone, Debug)]
struct Remembered {
    chain: SharedCredentialsProvider,
    last: Arc<Mutex<Option<Credentials>>>,
}

impl Remembered {
    async fn load(&self) -> Result<Credentials, CredentialsError> {
        let last = self.last().clone();
        if let Some(credentials) = last.filter(is_fresh) {
            return Ok(credentials);
        }
        let credentials = self.chain.provide_credentials().await?;
        *self.last() = Some(credentials.clone());
        Ok(credentials)
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Option<Credentials>> {
        // Whole at every step, so a poisoned lock is still good.
        self.last.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl ProvideCredentials for Remembered {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.load())
    }
}

fn is_fresh(credentials: &Credentials) -> bool {
    credentials.expiry().is_none_or(|ends| ends > SystemTime::now() + RENEW_BEFORE)
}

fn no_credentials(error: CredentialsError) -> Error {
    // A role that is taken by a proof of ours says itself what is wrong.
    if let Some(ours) = cause::<Error>(&error) {
        return ours.clone();
    }
    let kind = match error {
        CredentialsError::ProviderTimedOut(_) => Kind::Unavailable,
        _ => Kind::NotConfigured,
    };
    Error::new(Hop::Mint, kind, "AWS credential chain", "no AWS credentials were found")
        .with_hint(&hints::NO_CREDENTIALS)
        .caused_by(error)
}
