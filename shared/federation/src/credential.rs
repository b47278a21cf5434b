//! [`Credential`]: a mint, an exchange and a cache. All else in this crate serves this file.

use crate::assertion::{Assertion, Audience};
use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::hints::Remedy;
use crate::token::{Expiring, Scope};
use crate::{BoxFuture, deadline};
use std::sync::Arc;

/// Makes proofs of who we are.
pub trait Mint: Send + Sync {
    /// Who makes the proof, for reports.
    fn target(&self) -> &str;

    /// A fresh proof for one audience; its kind (JWT, signed AWS request) travels with it.
    fn mint<'a>(&'a self, audience: &'a Audience) -> BoxFuture<'a, Result<Assertion>>;

    /// Who we are, asked of whoever knows, where the proof itself does not say it.
    fn whoami(&self) -> Option<BoxFuture<'_, Result<String>>> {
        None
    }
}

/// Trades a proof at one cloud's token service.
pub trait Exchange: Send + Sync + 'static {
    type Output: Expiring + Clone + Send + Sync + 'static;

    /// The audience its proofs must be made for.
    fn audience(&self) -> &Audience;

    fn exchange<'a>(&'a self, proof: &'a Assertion, scope: &'a Scope) -> BoxFuture<'a, Result<Self::Output>>;
}

/// Gives live tokens for a scope, whatever it takes: from the cache, or by minting and exchanging.
/// A clone shares the cache.
pub struct Credential<E: Exchange> {
    way: Arc<Way<E>>,
    cache: Cache<Scope, E::Output>,
}

struct Way<E> {
    mint: Arc<dyn Mint>,
    exchange: E,
}

impl<E: Exchange> Clone for Credential<E> {
    fn clone(&self) -> Self {
        Self { way: self.way.clone(), cache: self.cache.clone() }
    }
}

impl<E: Exchange> std::fmt::Debug for Credential<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential").field("audience", self.way.exchange.audience()).finish_non_exhaustive()
    }
}

impl<E: Exchange> Credential<E> {
    pub fn new(mint: Arc<dyn Mint>, exchange: E) -> Self {
        Self::with_cache(mint, exchange, Cache::new())
    }

    /// With a cache of the caller's, e.g. one on another clock.
    pub fn with_cache(mint: Arc<dyn Mint>, exchange: E, cache: Cache<Scope, E::Output>) -> Self {
        Self { way: Arc::new(Way { mint, exchange }), cache }
    }

    /// A live token. One flight per scope, however many callers; a failure is shared by those who
    /// waited for it and forgotten for the next.
    pub async fn token(&self, scope: &Scope) -> Result<E::Output> {
        let flight = || {
            let (way, scope) = (self.way.clone(), scope.clone());
            deadline::inherit(async move { way.fetch(&scope).await })
        };
        deadline::bound("token", self.cache.get_or_fetch(scope, flight)).await
    }

    /// The store said 401 to `rejected`. Forgets it, unless a newer token has taken its place.
    pub fn invalidate(&self, scope: &Scope, rejected: &E::Output) {
        self.cache.invalidate(scope, rejected.expires_at());
    }

    pub fn mint(&self) -> &Arc<dyn Mint> {
        &self.way.mint
    }

    pub fn exchange(&self) -> &E {
        &self.way.exchange
    }
}

impl<E: Exchange> Way<E> {
    async fn fetch(&self, scope: &Scope) -> Result<E::Output> {
        match self.mint_and_exchange(scope).await {
            Err(error) if is_stale(&error) => self.mint_and_exchange(scope).await,
            outcome => outcome,
        }
    }

    async fn mint_and_exchange(&self, scope: &Scope) -> Result<E::Output> {
        let proof = self.mint.mint(self.exchange.audience()).await?;
        self.exchange.exchange(&proof, scope).await
    }
}

/// The token service calls the proof out of its time: a fresh one may do, once.
fn is_stale(error: &Error) -> bool {
    error.hint().is_some_and(|hint| hint.remedy == Remedy::MintAgain)
}
