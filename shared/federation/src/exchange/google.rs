//! Google: the token service, then IAM credentials when a service account is named.

use crate::assertion::{Assertion, Audience};
use crate::config::GoogleSettings;
use crate::error::{Error, Hop, Kind, Result};
use crate::http::{Http, target_of};
use crate::token::{AccessToken, Scope};
use crate::{BoxFuture, Exchange};

/// One workload identity pool's provider, and whom it may act as.
pub struct Google {
    http: Http,
    settings: GoogleSettings,
    audience: Audience,
    target: String,
}

impl Google {
    pub fn new(http: Http, settings: &GoogleSettings) -> Result<Self> {
        Ok(Self {
            http,
            audience: Audience::new(&settings.audience),
            target: target_of(&settings.sts_endpoint),
            settings: settings.clone(),
        })
    }

    /// The token service's host, for reports.
    pub fn target(&self) -> &str {
        &self.target
    }

    pub fn service_account(&self) -> Option<&str> {
        self.settings.service_account.as_deref()
    }

    pub fn universe_domain(&self) -> &str {
        &self.settings.universe_domain
    }
}

impl Exchange for Google {
    type Output = AccessToken;

    fn audience(&self) -> &Audience {
        &self.audience
    }

    fn exchange<'a>(&'a self, _: &'a Assertion, _: &'a Scope) -> BoxFuture<'a, Result<AccessToken>> {
        let _ = &self.http;
        Box::pin(async {
            Err(Error::new(Hop::Exchange, Kind::Unavailable, &self.target, "the exchange is not built yet"))
        })
    }
}
