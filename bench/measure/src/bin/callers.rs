//! So many callers ask one cold process for a token at once. `callers COUNT`
//!
//! The stand-ins count what reaches them; this only says that everyone got a token.

use carnet_federation::config::{self, AzureSettings, Env};
use carnet_federation::exchange::Entra;
use carnet_federation::http::Http;
use carnet_federation::mint::{AwsSession, Outbound};
use carnet_federation::{Credential, Scope};
use std::sync::Arc;

const SCOPE: &str = "https://storage.azure.com/.default";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: usize = std::env::args().nth(1).ok_or("usage: callers COUNT")?.parse()?;
    let env = Env::from_process();
    let settings = config::gather(|faults| AzureSettings::read(&env, faults))?;
    let http = Http::from_env(&env)?;
    let mint = Outbound::new(AwsSession::load(&http).await?, http.clone())?;
    let entra = Entra::new(http, &settings)?;
    let credential = Credential::new(Arc::new(mint), entra);

    let scope = Scope::new(SCOPE);
    let callers = (0..count).map(|_| credential.token(&scope));
    for token in futures_util::future::join_all(callers).await {
        token?;
    }
    println!("{count} callers, {count} tokens");
    Ok(())
}
