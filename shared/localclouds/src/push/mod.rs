//! What pushes events to a door of ours, with tokens that the stand-ins' issuers sign.
//!
//! | module | pushes |
//! |---|---|
//! | [`event_grid`] | Azure Event Grid: handshakes, events in both schemas, Entra's tokens |
//! | [`pubsub`] | a push subscription of Pub/Sub: notifications of Cloud Storage, Google's ID tokens |
//! | this one | delivering, and delivering again |

pub mod event_grid;
pub mod pubsub;

use http::{HeaderMap, StatusCode};
use std::time::Duration;

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The last answer's; `None` if there was none.
    pub status: Option<StatusCode>,
    pub attempts: usize,
    pub acknowledged: bool,
}

/// One service's rules for delivering again.
struct Rules {
    /// Before the second attempt, the third, and so on; the last one repeats.
    pauses: &'static [Duration],
    is_success: fn(StatusCode) -> bool,
    is_final: fn(StatusCode) -> bool,
}

/// What is sent again and again, unchanged.
struct Parcel<'p> {
    client: &'p reqwest::Client,
    url: &'p str,
    headers: HeaderMap,
    body: String,
    attempts: usize,
    /// What a pause of the documented length is here.
    pace: fn(Duration) -> Duration,
}

impl Parcel<'_> {
    async fn deliver(self, rules: &Rules) -> Delivered {
        let mut delivered = Delivered { status: None, attempts: 0, acknowledged: false };
        loop {
            let request = self.client.post(self.url).headers(self.headers.clone()).body(self.body.clone());
            delivered.status = request.send().await.ok().map(|response| response.status());
            delivered.attempts += 1;
            delivered.acknowledged = delivered.status.is_some_and(rules.is_success);
            let over = delivered.acknowledged || delivered.status.is_some_and(rules.is_final);
            if over || delivered.attempts >= self.attempts {
                return delivered;
            }
            let pause = rules.pauses.get(delivered.attempts - 1).or(rules.pauses.last());
            tokio::time::sleep((self.pace)(pause.copied().unwrap_or_default())).await;
        }
    }
}

/// Lasts as long as the service says.
pub fn as_documented(pause: Duration) -> Duration {
    pause
}

/// For those who have not the time.
pub fn at_once(_: Duration) -> Duration {
    Duration::ZERO
}
