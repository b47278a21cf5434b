//! For Google's security token service.

use super::report::{Fits, Traded};
use super::{Args, Minted, audience, expires_in, minted, show};
use crate::args::Global;
use crate::failure::Failure;
use crate::way;
use carnet_federation::config::{Env, GoogleSettings};
use carnet_federation::exchange::Google;
use carnet_federation::http::Http;
use carnet_federation::{Assertion, Exchange as _, Proof, Result, Scope};
use carnet_objects::google::SCOPE;

pub async fn run(args: &Args, global: &Global, env: &Env) -> Result<(), Failure> {
    let (settings, mints) = way::with_mints(env, |faults| GoogleSettings::read(env, faults))?;
    let http = Http::from_env(env)?;
    let google = Google::new(http.clone(), &settings)?;
    let minted = minted(&http, &mints, settings.proof, &audience(args, &google)).await?;
    let exchange = if args.exchange { Some(trade(&google, &minted.proof).await?) } else { None };
    let arn = arn(&minted).await?;
    let claims = &minted.proof.claims;
    let fits = match &arn {
        None => Fits::OidcProvider {
            issuer: &claims.issuer,
            allowed_audiences: &claims.audience,
            subject: &claims.subject,
        },
        Some(arn) => Fits::AwsProvider { account: arn.split(':').nth(4).unwrap_or_default(), arn },
    };
    show(args, global, &minted, fits, exchange)
}

/// Who Google will be told we are. A signed request does not say it: AWS is asked, as Google will.
async fn arn(minted: &Minted) -> Result<Option<String>> {
    match (minted.proof.proof, minted.mint.whoami()) {
        (Proof::SignedAwsRequest, Some(asked)) => asked.await.map(Some),
        _ => Ok(None),
    }
}

async fn trade(google: &Google, proof: &Assertion) -> Result<Traded, Failure> {
    let token = google.exchange(proof, &Scope::new(SCOPE)).await?;
    Ok(Traded {
        by: "Google",
        at: google.target().to_owned(),
        client_id: None,
        service_account: google.service_account().map(str::to_owned),
        role: None,
        scope: Some(SCOPE),
        expires_in: expires_in(&token),
    })
}
