//! API Gateway -> list and read Cloud Storage objects, without a stored key.
//!
//! Reads its settings, makes one source a place, fetches the first token before the first event,
//! and serves. What a request is answered is in `carnet-object-api`.

mod settings;

use carnet_federation::adapter::google::GoogleCredential;
use carnet_federation::config::Env;
use carnet_federation::exchange::Google;
use carnet_federation::http::Http;
use carnet_federation::{Credential, Result, Scope, doctor, telemetry};
use carnet_lambda::warm_up;
use carnet_object_api::{Api, serve};
use carnet_objects::google::{CloudStorage, SCOPE};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::result::Result<(), lambda_runtime::Error> {
    let api = start(&Env::from_process()).await?;
    serve(api).await
}

async fn start(env: &Env) -> Result<Api> {
    telemetry::init_lambda(env)?;
    let settings = settings::read(env)?;
    let http = Http::from_env(env)?;
    let mint = settings.mints.open(&http, settings.google.proof).await?;
    let google = Google::new(http.clone(), &settings.google)?;
    let credential = GoogleCredential::new(Credential::new(mint, google), Scope::new(SCOPE));
    let storage = CloudStorage::new(&http, credential.clone(), &settings.google.storage_endpoint)?;
    let places = settings.sources(&storage)?;
    // Roots are parsed while the token is on its way.
    let warm = warm_up(credential.credential().token(credential.scope()));
    let ((), prepared) = tokio::join!(warm, storage.prepare());
    prepared?;
    let doctor = move || doctor::google(credential.credential().clone(), credential.scope().clone());
    Ok(Api::new(places, doctor))
}
