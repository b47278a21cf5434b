//! API Gateway -> list and read Azure Blobs, without a stored key.
//!
//! Reads its settings, makes one source a place, fetches the first token before the first event,
//! and serves. What a request is answered is in `carnet-object-api`.

mod settings;

use carnet_federation::adapter::azure::AzureCredential;
use carnet_federation::config::Env;
use carnet_federation::exchange::Entra;
use carnet_federation::http::Http;
use carnet_federation::{Credential, Proof, Result, Scope, doctor, telemetry};
use carnet_lambda::warm_up;
use carnet_object_api::{Api, serve};
use carnet_objects::azure::SCOPE;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::result::Result<(), lambda_runtime::Error> {
    let api = start(&Env::from_process()).await?;
    serve(api).await
}

async fn start(env: &Env) -> Result<Api> {
    telemetry::init_lambda(env)?;
    let settings = settings::read(env)?;
    let http = Http::from_env(env)?;
    let mint = settings.mints.open(&http, Proof::Jwt).await?;
    let entra = Entra::new(http.clone(), &settings.azure)?;
    let credential = AzureCredential::new(Credential::new(mint, entra));
    let places = settings.sources(&http, &credential)?;
    warm_up(credential.credential().token(&Scope::new(SCOPE))).await;
    let doctor = move || doctor::azure(credential.credential().clone(), Scope::new(SCOPE));
    Ok(Api::new(places, doctor))
}
