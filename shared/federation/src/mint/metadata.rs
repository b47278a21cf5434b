//! How the metadata services of a machine are asked: without a proxy, without following anything, and
//! only as long as a service of the machine itself may take.

use crate::deadline;
use crate::error::{Error, Hop, Kind, Result};
use crate::hints;
use crate::http::answer::redirected;
use crate::http::retry::{Policy, retry};
use crate::http::{Http, body};
use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, StatusCode};
use std::time::Duration;

/// Waits of 1, 2 and 4 s between the tries. Microsoft asks for exponential backoff, and for at least
/// a second after a 5xx ("How to use managed identities … to acquire an access token", retry guidance);
/// so many tries are what its own libraries make.
const POLICY: Policy = Policy {
    attempts: 4,
    budget: Duration::from_secs(20),
    attempt: Duration::from_secs(6),
    base: Duration::from_secs(1),
};
/// For one answer: a token that the service does not hold yet comes from far away. Nobody at all is
/// noticed sooner, when the client connects.
const SILENCE: Duration = Duration::from_secs(5);
/// The service is being renewed, and back within 70 s (the same document).
const RENEWED: StatusCode = StatusCode::GONE;
const RENEWAL: Duration = Duration::from_secs(70);
const LOOK_AGAIN: Duration = Duration::from_secs(10);

pub(super) struct Metadata {
    pub http: Http,
    pub target: String,
}

pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Metadata {
    /// Asks until there is an answer or the time is up. `judge` makes errors of what is no success; whether
    /// one is tried again follows its kind.
    pub(super) async fn ask<T>(
        &self,
        request: impl Fn() -> RequestBuilder,
        judge: impl Fn(Answer) -> Result<T>,
    ) -> Result<T> {
        let mut waited = Duration::ZERO;
        loop {
            let outcome = self.ask_with_backoff(&request, &judge).await;
            let Some(error) = outcome.as_ref().err().filter(|error| is_renewed(error)) else {
                return outcome;
            };
            if waited >= RENEWAL || deadline::clamp(RENEWAL) <= LOOK_AGAIN {
                return outcome;
            }
            tracing::warn!(%error, "the metadata service is being renewed; it is asked again in 10 s");
            tokio::time::sleep(LOOK_AGAIN).await;
            waited += LOOK_AGAIN;
        }
    }

    async fn ask_with_backoff<T>(
        &self,
        request: &impl Fn() -> RequestBuilder,
        judge: &impl Fn(Answer) -> Result<T>,
    ) -> Result<T> {
        // What backoff is not for travels as a success: a service that is silent stays so, and one that is
        // being renewed has a time of its own.
        let tried = retry(&POLICY, Hop::Mint, &self.target, || async {
            let answer = match tokio::time::timeout(deadline::clamp(SILENCE), self.once(request())).await {
                Ok(Err(error)) if error.kind() == Kind::Unavailable => return Ok(Err(self.silent(error))),
                Err(_) => return Ok(Err(self.silent(self.error(Kind::Unavailable, "no answer in time")))),
                Ok(answer) => answer?,
            };
            match judge(answer) {
                Err(error) if is_renewed(&error) => Ok(Err(error)),
                judged => judged.map(Ok),
            }
        });
        tried.await?
    }

    async fn once(&self, request: RequestBuilder) -> Result<Answer> {
        let response = self.http.send_to_metadata(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        if status.is_redirection() {
            return Err(redirected(Hop::Mint, &self.target, status));
        }
        let body = body::read_capped(Hop::Mint, &self.target, response).await?;
        Ok(Answer { status, headers, body })
    }

    fn silent(&self, error: Error) -> Error {
        let message = format!("the metadata service does not answer ({})", error.message());
        self.error(Kind::Unavailable, message).with_hint(&hints::METADATA_SILENT).caused_by(error)
    }

    pub(super) fn error(&self, kind: Kind, message: impl Into<String>) -> Error {
        Error::new(Hop::Mint, kind, &self.target, message)
    }
}

fn is_renewed(error: &Error) -> bool {
    error.status() == Some(RENEWED.as_u16())
}
