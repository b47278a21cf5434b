//! Token, handshake, events, queue: in this order. Only an `OPTIONS` is answered without a token, as
//! CloudEvents has it: that handshake "does not aim to establish an authentication".

use crate::answer;
use crate::request::{Request, Unreadable};
use crate::settings::Settings;
use carnet_federation::doctor::Report;
use carnet_federation::http::Http;
use carnet_federation::telemetry::metrics;
use carnet_federation::{BoxFuture, Error, Hop, Kind};
use carnet_ingest::message::{self, validation_code};
use carnet_ingest::{Event, Queue};
use carnet_lambda::{Call, Failure, Function};
use carnet_oidc::{Verified, Verifier, printable};
use serde_json::{Value, json};

pub struct Door {
    azure: Option<AzureSide>,
    google: Option<Verifier>,
    queue: Queue,
}

struct AzureSide {
    verifier: Verifier,
    origins: Vec<String>,
}

/// Why a request goes no further.
enum Turned {
    Status(u16),
    /// What is wrong with the token or the message, or with the way to say so.
    Because(Error),
}

impl From<Error> for Turned {
    fn from(error: Error) -> Self {
        Turned::Because(error)
    }
}

impl Door {
    pub fn new(settings: Settings, http: &Http, queue: Queue) -> Self {
        let azure = settings
            .azure
            .map(|side| AzureSide { verifier: side.trusted.verifier(http), origins: side.origins });
        Self { azure, google: settings.google.map(|trusted| trusted.verifier(http)), queue }
    }

    async fn serve(&self, request: &Request) -> Result<Value, Turned> {
        let shut = Turned::Status(404);
        match (request.resource.as_str(), request.http_method.as_str()) {
            ("/events/azure", "OPTIONS") => handshake(self.azure.as_ref().ok_or(shut)?, request),
            ("/events/azure", "POST") => self.azure(self.azure.as_ref().ok_or(shut)?, request).await,
            ("/events/google", "POST") => {
                let verified = verify(self.google.as_ref().ok_or(shut)?, request).await?;
                self.queue(&request.body().map_err(unreadable)?, &verified).await
            }
            ("/events/azure" | "/events/google", _) => Err(Turned::Status(405)),
            _ => Err(Turned::Status(404)),
        }
    }

    async fn azure(&self, side: &AzureSide, request: &Request) -> Result<Value, Turned> {
        let verified = verify(&side.verifier, request).await?;
        let body = request.body().map_err(unreadable)?;
        if let Some(code) = validation_code(&body) {
            tracing::info!(subject = verified.subject, "an event subscription was validated");
            return Ok(answer::validation(&code));
        }
        self.queue(&body, &verified).await
    }

    /// One message an event, as it came: whoever reads them judges each by itself.
    async fn queue(&self, body: &str, verified: &Verified) -> Result<Value, Turned> {
        let (issuer, subject) = (verified.issuer.as_str(), verified.subject.as_str());
        let mut messages = Vec::new();
        let mut of_no_concern = 0;
        for item in message::read(body)? {
            match item.event {
                Event::Objects(_) => messages.push(item.text.get().to_owned()),
                Event::Ignored { .. } => of_no_concern += 1,
                // Whoever pushes events of other clouds has no lists of ours.
                Event::List(_) => return Err(Turned::Status(400)),
            }
        }
        let queued = messages.len();
        if queued > 0 {
            self.queue.send(messages).await?;
            metrics::count("Events.Queued", "Count", queued as u64);
        }
        tracing::info!(issuer, subject, queued, of_no_concern, "events");
        Ok(answer::accepted())
    }
}

async fn verify(verifier: &Verifier, request: &Request) -> Result<Verified, Turned> {
    Ok(verifier.verify(request.header("Authorization")).await?)
}

fn handshake(side: &AzureSide, request: &Request) -> Result<Value, Turned> {
    let origin = request.header("WebHook-Request-Origin").ok_or(Turned::Status(400))?;
    if !side.origins.iter().any(|known| known.eq_ignore_ascii_case(origin)) {
        tracing::warn!(origin = %printable(origin), "this origin may not deliver here");
        return Err(Turned::Status(403));
    }
    tracing::info!(origin, "this origin may deliver here, with a token");
    Ok(answer::allowed(origin))
}

fn unreadable(why: Unreadable) -> Turned {
    Turned::Status(match why {
        Unreadable::TooLong => 413,
        Unreadable::NoText => 400,
    })
}

/// A queue that refuses is our own fault, and none of the sender's: it is to come again.
fn status(error: &Error) -> u16 {
    match error.kind() {
        _ if error.hop() == Hop::Queue => 503,
        Kind::Refused | Kind::Unauthenticated => 401,
        Kind::Forbidden => 403,
        Kind::Malformed => 400,
        _ => 503,
    }
}

impl Function for Door {
    fn doctor(&self) -> BoxFuture<'_, Report> {
        Box::pin(async {
            let mut report = Report::default();
            let azure = self.azure.iter().flat_map(|side| side.verifier.issuers());
            for issuer in azure.chain(self.google.iter().flat_map(Verifier::issuers)) {
                let found = |keys: &usize| json!({ "issuer": issuer.name(), "keys": keys });
                report.step("receive", issuer.target(), issuer.look(), found).await;
            }
            let found = |messages: &Option<u64>| json!({ "messages": messages });
            report.step("queue", self.queue.target(), self.queue.look(), found).await;
            report
        })
    }

    fn answer<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, Failure>> {
        Box::pin(async move {
            let request = Request::read(call.event)
                .map_err(|error| Failure::new("Malformed", format!("no event of a REST API: {error}")))?;
            let route = (request.http_method.as_str(), request.resource.as_str());
            let status = match self.serve(&request).await {
                Ok(answer) => return Ok(answer),
                Err(Turned::Status(status)) => {
                    tracing::warn!(method = route.0, resource = route.1, status, "turned away");
                    status
                }
                Err(Turned::Because(error)) => {
                    let status = status(&error);
                    tracing::warn!(
                        resource = route.1,
                        status,
                        %error,
                        kind = error.kind().as_str(),
                        field = error.field(),
                        "turned away"
                    );
                    status
                }
            };
            metrics::count("Events.TurnedAway", "Count", 1);
            Ok(answer::problem(status))
        })
    }
}
