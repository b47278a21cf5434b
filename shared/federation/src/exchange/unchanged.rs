//! No trade at all: what was minted is the access token, e.g. a managed identity's for Key Vault.

use crate::assertion::{Assertion, Audience};
use crate::error::Result;
use crate::token::{AccessToken, Scope};
use crate::{BoxFuture, Exchange};

/// The minted token, as it is. Its audience is the resource that takes it.
#[derive(Clone, Debug)]
pub struct Unchanged {
    audience: Audience,
}

impl Unchanged {
    pub fn new(audience: Audience) -> Self {
        Self { audience }
    }
}

impl Exchange for Unchanged {
    type Output = AccessToken;

    fn audience(&self) -> &Audience {
        &self.audience
    }

    fn exchange<'a>(&'a self, proof: &'a Assertion, _: &'a Scope) -> BoxFuture<'a, Result<AccessToken>> {
        let token = AccessToken { secret: proof.secret.clone(), expires_at: proof.expires_at };
        Box::pin(std::future::ready(Ok(token)))
    }
}
