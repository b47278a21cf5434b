//! What goes wrong on the way to a token, done for real on the sockets, and what must hold then.
//!
//! | module | where it goes wrong |
//! |---|---|
//! | `way` | the ways there are, and one of them on a stage of its own |
//! | `mint` | STS: silence, sessions that end, the switch that is off |
//! | `exchange` | the clouds' token services: throttling, spreading, many callers at once |
//! | `answers` | any token service: failures, pages, broken documents, endless bodies, redirects |
//! | `clock` | clocks that are off, proofs out of their time |
//! | `keys` | rotated keys, and assertions that lie: Entra's decisions |
//! | `google_keys` | the same, Google's decisions |
//! | `google` | what only Google can refuse: mappings, service accounts |

mod answers;
mod clock;
mod exchange;
mod google;
mod google_keys;
mod keys;
mod mint;
mod way;

use carnet_federation::{Assertion, Audience, BoxFuture, Claims, Mint, Proof, Result, Secret};
use carnet_localclouds::faults::Fault;
use std::time::{Duration, SystemTime};

/// A mint that always gives the same token, true or not.
struct Forged(String);

impl Mint for Forged {
    fn target(&self) -> &str {
        "a forger"
    }

    fn mint<'a>(&'a self, _: &'a Audience) -> BoxFuture<'a, Result<Assertion>> {
        Box::pin(std::future::ready(Ok(Assertion {
            proof: Proof::Jwt,
            secret: Secret::new(self.0.clone()),
            claims: Claims::of_jwt(&self.0).unwrap_or_default(),
            expires_at: SystemTime::now() + Duration::from_secs(300),
        })))
    }
}

fn status(status: u16, headers: &[(&str, &str)], body: &str) -> Fault {
    let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    Fault::Status { status, headers, body: body.to_owned() }
}
