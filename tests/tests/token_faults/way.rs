//! The ways there are, and one of them on a stage of its own.

use carnet_federation::cache::Cache;
use carnet_federation::exchange::{Entra, Google};
use carnet_federation::http::Http;
use carnet_federation::{
    AccessToken, Assertion, Credential, Error, Exchange, Hop as At, Mint, Proof, Result, Scope, deadline,
    mint,
};
use carnet_localclouds::faults::{Fault, Hop, Rule};
use carnet_objects::{azure, google};
use carnet_tests::{SERVICE_ACCOUNT, Stage, secrecy};
use std::sync::Arc;
use std::time::Duration;

/// Longer than any promise under test, shorter than the faults last.
const GUARD: Duration = Duration::from_secs(60);
const NO_WINDOW: Duration = Duration::ZERO;

/// From the AWS session to a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    Azure,
    /// With an outbound token, as itself.
    Google,
    /// With an outbound token, as a service account.
    GoogleAccount,
    /// With a signed request, as itself.
    GoogleByRole,
}

/// A service that is asked on a way: whose fault it is shows in the error.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    pub route: Route,
    pub hop: Hop,
    pub at: At,
}

pub const STS: Service = Service { route: Route::Azure, hop: Hop::Sts, at: At::Mint };
pub const ENTRA: Service = Service { route: Route::Azure, hop: Hop::EntraToken, at: At::Exchange };
pub const GOOGLE_STS: Service = Service { route: Route::Google, hop: Hop::GoogleSts, at: At::Exchange };
pub const IAM_CREDENTIALS: Service =
    Service { route: Route::GoogleAccount, hop: Hop::GoogleIamCredentials, at: At::Impersonate };

impl Route {
    pub const ALL: [Route; 4] = [Route::Azure, Route::Google, Route::GoogleAccount, Route::GoogleByRole];

    /// What is asked once for a token, in this order.
    pub fn hops(self) -> &'static [Hop] {
        match self {
            Route::Azure => &[Hop::Sts, Hop::EntraToken],
            Route::Google => &[Hop::Sts, Hop::GoogleSts],
            Route::GoogleAccount => &[Hop::Sts, Hop::GoogleSts, Hop::GoogleIamCredentials],
            // A request is signed without asking anyone.
            Route::GoogleByRole => &[Hop::GoogleSts],
        }
    }

    fn scope(self) -> Scope {
        Scope::new(if self == Route::Azure { azure::SCOPE } else { google::SCOPE })
    }

    fn proof(self) -> Proof {
        if self == Route::GoogleByRole { Proof::SignedAwsRequest } else { Proof::Jwt }
    }

    /// The proofs of the operator.
    pub async fn mint(self, stage: &Stage, http: &Http) -> Arc<dyn Mint> {
        let session = stage.session(http, stage.access_key(None)).await.unwrap();
        mint::from_aws(self.proof(), session, http.clone()).unwrap()
    }

    pub fn google(self, stage: &Stage, http: &Http, window: Duration) -> Google {
        let settings = stage.google_settings(|settings| {
            settings.spreading_window = window;
            settings.proof = self.proof();
            if self == Route::GoogleAccount {
                settings.service_account = Some(SERVICE_ACCOUNT.to_owned());
            }
            if self == Route::GoogleByRole {
                settings.audience = stage.provider("aws-names");
            }
        });
        Google::new(http.clone(), &settings).unwrap()
    }
}

/// A way on a stage of its own.
pub struct Way {
    pub stage: Stage,
    route: Route,
    credential: Either,
}

enum Either {
    Azure(Credential<Entra>),
    Google(Credential<Google>),
}

type Kept = Cache<Scope, AccessToken>;

impl Way {
    pub async fn new(route: Route) -> Self {
        Self::patient(route, NO_WINDOW).await
    }

    /// Which tries for so long what may only not have spread yet.
    pub async fn patient(route: Route, window: Duration) -> Self {
        Self::on(Stage::new().await, route, window, Cache::new()).await
    }

    /// With a cache of the test's own.
    pub async fn caching(route: Route, cache: Kept) -> Self {
        Self::on(Stage::new().await, route, NO_WINDOW, cache).await
    }

    /// The same stage, and no token remembered.
    pub async fn again(self, window: Duration) -> Self {
        Self::on(self.stage, self.route, window, Cache::new()).await
    }

    /// As new: the same stage (whose keys take their time to make), and nothing remembered anywhere.
    pub async fn afresh(self) -> Self {
        self.no_fault();
        self.stage.local.shared.faults.forget_seen();
        self.again(NO_WINDOW).await
    }

    async fn on(stage: Stage, route: Route, window: Duration, cache: Kept) -> Self {
        let http = stage.http();
        let mint = route.mint(&stage, &http).await;
        Self::made(stage, &http, route, window, mint, cache)
    }

    /// With a mint of the test's own.
    pub fn minting(stage: Stage, route: Route, mint: impl Mint + 'static) -> Self {
        let http = stage.http();
        Self::made(stage, &http, route, NO_WINDOW, Arc::new(mint), Cache::new())
    }

    fn made(
        stage: Stage,
        http: &Http,
        route: Route,
        window: Duration,
        mint: Arc<dyn Mint>,
        cache: Kept,
    ) -> Self {
        secrecy::watch();
        let credential = match route {
            Route::Azure => {
                let entra = stage.entra(http, |settings| settings.spreading_window = window).unwrap();
                Either::Azure(Credential::with_cache(mint, entra, cache))
            }
            _ => Either::Google(Credential::with_cache(mint, route.google(&stage, http, window), cache)),
        };
        Self { stage, route, credential }
    }

    pub fn fault(&self, rule: Rule) {
        self.stage.local.shared.faults.add(rule);
    }

    pub fn always(&self, hop: Hop, fault: Fault) {
        self.fault(Rule::always(hop, fault));
    }

    pub fn no_fault(&self) {
        self.stage.local.shared.faults.clear();
    }

    /// A fresh proof, and no more.
    pub async fn prove(&self) -> Assertion {
        let audience = match &self.credential {
            Either::Azure(credential) => credential.exchange().audience(),
            Either::Google(credential) => credential.exchange().audience(),
        };
        let mint = match &self.credential {
            Either::Azure(credential) => credential.mint(),
            Either::Google(credential) => credential.mint(),
        };
        mint.mint(audience).await.unwrap()
    }

    /// Trades a proof, and keeps nothing.
    pub async fn trade(&self, proof: &Assertion) -> Result<AccessToken> {
        let scope = self.route.scope();
        let outcome = match &self.credential {
            Either::Azure(credential) => credential.exchange().exchange(proof, &scope).await,
            Either::Google(credential) => credential.exchange().exchange(proof, &scope).await,
        };
        outcome.inspect_err(secrecy::assert_kept)
    }

    /// Without a guard: for many calls at once.
    pub async fn call(&self) -> Result<AccessToken> {
        let scope = self.route.scope();
        match &self.credential {
            Either::Azure(credential) => credential.token(&scope).await,
            Either::Google(credential) => credential.token(&scope).await,
        }
    }

    pub async fn try_token(&self) -> Result<AccessToken> {
        let outcome = tokio::time::timeout(GUARD, self.call()).await;
        outcome.expect("a token or a refusal, in time")
    }

    pub async fn token(&self) -> AccessToken {
        self.try_token().await.unwrap()
    }

    /// The error there must be, which shows no secret.
    pub async fn refusal(&self) -> Error {
        let error = self.try_token().await.expect_err("no token");
        secrecy::assert_kept(&error);
        error
    }

    pub async fn refusal_within(&self, budget: Duration) -> Error {
        deadline::within(budget, self.refusal()).await
    }

    /// How often a hop was asked.
    pub fn asked(&self, hop: Hop) -> usize {
        self.stage.count(hop)
    }

    /// How often each hop of the way was asked.
    pub fn counts(&self) -> Vec<usize> {
        self.route.hops().iter().map(|hop| self.asked(*hop)).collect()
    }

    pub fn mints(&self) -> usize {
        self.asked(Hop::Sts)
    }

    pub fn exchanges(&self) -> usize {
        match self.route {
            Route::Azure => self.asked(Hop::EntraToken),
            _ => self.asked(Hop::GoogleSts),
        }
    }
}
