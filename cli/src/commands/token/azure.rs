//! For Microsoft Entra ID.

use super::report::{Fits, Traded};
use super::{Args, expires_in, minted, show};
use crate::args::Global;
use crate::failure::Failure;
use crate::way;
use carnet_federation::config::{self, AzureSettings, Env};
use carnet_federation::exchange::Entra;
use carnet_federation::http::Http;
use carnet_federation::{Assertion, Audience, Exchange as _, Proof, Scope};
use carnet_objects::azure::SCOPE;

pub async fn run(args: &Args, global: &Global, env: &Env) -> Result<(), Failure> {
    // It takes no tenant and no client to mint: only the exchange needs those.
    let ((audience, settings), mints) = way::with_mints(env, |faults| {
        let audience = match &args.audience {
            Some(audience) => Audience::new(audience),
            None => config::exchange_audience(env, faults),
        };
        let settings = args.exchange.then(|| AzureSettings::read(env, faults));
        // Settings that were wanted and are not there have left their faults.
        Some((audience, settings.flatten()))
    })?;
    let http = Http::from_env(env)?;
    let minted = minted(&http, &mints, Proof::Jwt, &audience).await?;
    let exchange = match &settings {
        Some(settings) => Some(trade(&Entra::new(http, settings)?, &minted.proof).await?),
        None => None,
    };
    let claims = &minted.proof.claims;
    let fits = Fits::FederatedCredential {
        issuer: &claims.issuer,
        subject: &claims.subject,
        audiences: &claims.audience,
    };
    show(args, global, &minted, fits, exchange)
}

async fn trade(entra: &Entra, proof: &Assertion) -> Result<Traded, Failure> {
    let token = entra.exchange(proof, &Scope::new(SCOPE)).await?;
    Ok(Traded {
        by: "Entra",
        at: entra.target().to_owned(),
        client_id: Some(entra.client_id().to_owned()),
        service_account: None,
        role: None,
        scope: Some(SCOPE),
        expires_in: expires_in(&token),
    })
}
