//! Functions that take a JSON document and give one, such as the tasks of a state machine.

use crate::invocation::{asks_for_doctor, time_left};
use crate::shutdown;
use carnet_federation::doctor::Report;
use carnet_federation::telemetry::metrics;
use carnet_federation::{BoxFuture, Error, deadline};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use serde_json::value::RawValue;
use std::time::Duration;

/// Kept free at the end of an invocation, so that it ends with a failure rather than a timeout.
const MARGIN: Duration = Duration::from_millis(500);

/// A function's work.
pub trait Function: Send + Sync + 'static {
    /// Walks every hop under this function's own role.
    fn doctor(&self) -> BoxFuture<'_, Report>;

    fn answer<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, Failure>>;
}

/// One invocation.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    pub event: &'a RawValue,
    pub request_id: &'a str,
    /// Until Lambda ends the environment.
    pub left: Duration,
}

/// Why there is no answer. Whoever called chooses by its `name` what to do next: a state machine retries
/// by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// `Carnet.` and what failed.
    pub name: String,
    pub message: String,
}

impl Failure {
    pub fn new(name: &str, message: impl Into<String>) -> Self {
        Self { name: format!("Carnet.{name}"), message: message.into() }
    }

    /// What a cloud answered, by its kind.
    pub fn of(error: &Error) -> Self {
        let kind: String = error.kind().as_str().split('_').map(capital).collect();
        Self::new(&kind, error.to_string())
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        Diagnostic { error_type: failure.name, error_message: failure.message }
    }
}

/// Serves until Lambda ends the environment.
pub async fn serve(function: impl Function) -> Result<(), lambda_runtime::Error> {
    shutdown::before_the_end(metrics::flush).await?;
    let function = &function;
    lambda_runtime::run(service_fn(move |event| invocation(function, event))).await
}

async fn invocation(
    function: &impl Function,
    event: LambdaEvent<Box<RawValue>>,
) -> Result<Value, Diagnostic> {
    let left = time_left(event.context.deadline);
    let call = Call { event: &event.payload, request_id: &event.context.request_id, left };
    let outcome = deadline::within(left.saturating_sub(MARGIN), answer(function, call)).await;
    if let Err(failure) = &outcome {
        tracing::error!(name = failure.name, "{}", failure.message);
    }
    metrics::flush();
    outcome.map_err(Diagnostic::from)
}

async fn answer(function: &impl Function, call: Call<'_>) -> Result<Value, Failure> {
    if asks_for_doctor(call.event) != Ok(true) {
        return function.answer(call).await;
    }
    serde_json::to_value(function.doctor().await).map_err(|error| Failure::new("Doctor", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use carnet_federation::{Hop, Kind};

    #[test]
    fn a_failure_is_called_by_its_kind() {
        let error = Error::new(Hop::Config, Kind::NotConfigured, "CARNET_SYNC_SOURCE", "is not set");
        let failure = Failure::of(&error);
        assert_eq!(failure.name, "Carnet.NotConfigured");
        assert!(failure.message.contains("CARNET_SYNC_SOURCE"), "{}", failure.message);
    }
}
