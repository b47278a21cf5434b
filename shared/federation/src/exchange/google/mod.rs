//! Google: a proof for a federated token, and that for a service account's where one is named.
//!
//! | step | hop | where |
//! |---|---|---|
//! | [`sts`] | exchange | `POST {sts}/v1/token` |
//! | [`impersonation`] | impersonate | `POST {iam credentials}/v1/…/serviceAccounts/…:generateAccessToken` |
//!
//! Without a service account the federated token itself goes to the store, for the scope asked for.
//! With one it does nothing but ask for the other token, so it is given no more than that scope.

mod fault;
mod impersonation;
mod sts;

use super::spreading::until_spread;
use crate::assertion::{Assertion, Audience, Claims, Proof};
use crate::config::GoogleSettings;
use crate::error::{Hop, Result};
use crate::http::Http;
use crate::http::retry::{Policy, retry};
use crate::telemetry;
use crate::token::{AccessToken, Expiring as _, Scope};
use crate::{BoxFuture, Exchange};
use impersonation::Impersonation;
use std::time::Duration;
use sts::Sts;

/// What a federated token needs for nothing but impersonation ("generateAccessToken", authorization
/// scopes).
const IMPERSONATE_ONLY: &str = "https://www.googleapis.com/auth/iam";

/// One provider of a workload identity pool, and whom its identities act as.
pub struct Google {
    sts: Sts,
    impersonation: Option<Impersonation>,
    audience: Audience,
    impersonate_only: Scope,
    universe_domain: String,
    spreading_window: Duration,
}

impl Google {
    pub fn new(http: Http, settings: &GoogleSettings) -> Result<Self> {
        Ok(Self {
            sts: Sts::new(http.clone(), settings)?,
            impersonation: Impersonation::new(http, settings)?,
            audience: Audience::new(&settings.token_audience),
            impersonate_only: Scope::new(IMPERSONATE_ONLY),
            universe_domain: settings.universe_domain.clone(),
            spreading_window: settings.spreading_window,
        })
    }

    /// The token service's host, pool and provider, for reports.
    pub fn target(&self) -> &str {
        self.sts.target()
    }

    pub fn service_account(&self) -> Option<&str> {
        self.impersonation.as_ref().map(Impersonation::service_account)
    }

    pub fn universe_domain(&self) -> &str {
        &self.universe_domain
    }

    /// The first step. `scope` is what the token will be used for in the end.
    pub(crate) async fn federate(&self, proof: &Assertion, scope: &Scope) -> Result<AccessToken> {
        let scope = if self.impersonation.is_some() { &self.impersonate_only } else { scope };
        telemetry::hop(Hop::Exchange, self.sts.target(), async {
            telemetry::record("scope", Some(scope.as_str()));
            telemetry::record("jti", proof.claims.jti.as_deref());
            until_spread(self.spreading_window, proof.expires_at(), || {
                retry(&Policy::TOKEN_SERVICE, Hop::Exchange, self.sts.target(), || {
                    self.sts.trade(proof, scope)
                })
            })
            .await
        })
        .await
    }

    /// Where the second step goes, if there is one.
    pub(crate) fn impersonation_target(&self) -> Option<&str> {
        self.impersonation.as_ref().map(Impersonation::target)
    }

    /// The second step. Without a service account there is none: the federated token is the one.
    pub(crate) async fn impersonate(
        &self,
        federated: AccessToken,
        proof: &Assertion,
        scope: &Scope,
    ) -> Result<AccessToken> {
        let Some(impersonation) = &self.impersonation else { return Ok(federated) };
        telemetry::hop(Hop::Impersonate, impersonation.target(), async {
            telemetry::record("scope", Some(scope.as_str()));
            telemetry::record("jti", proof.claims.jti.as_deref());
            until_spread(self.spreading_window, federated.expires_at(), || {
                retry(&Policy::TOKEN_SERVICE, Hop::Impersonate, impersonation.target(), || {
                    impersonation.token(&federated, proof, scope)
                })
            })
            .await
        })
        .await
    }
}

impl Exchange for Google {
    type Output = AccessToken;

    fn audience(&self) -> &Audience {
        &self.audience
    }

    fn exchange<'a>(&'a self, proof: &'a Assertion, scope: &'a Scope) -> BoxFuture<'a, Result<AccessToken>> {
        Box::pin(async move {
            let federated = self.federate(proof, scope).await?;
            self.impersonate(federated, proof, scope).await
        })
    }
}

/// What the proof says of its bearer. A signed request says nothing of who signed it.
fn identity(proof: &Assertion) -> String {
    let Claims { issuer, subject, audience, .. } = &proof.claims;
    let audience = audience.join(" ");
    match proof.proof {
        Proof::Jwt => format!("issuer {issuer}, subject {subject}, audience {audience}"),
        Proof::SignedAwsRequest => {
            let host = issuer.trim_start_matches("https://");
            format!("a GetCallerIdentity request signed for {host}, audience {audience}")
        }
    }
}
