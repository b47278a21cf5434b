//! The loop around the [`Api`]: one invocation after the other, each inside its deadline.

use crate::answer::{Answer, Body};
use crate::api::Api;
use crate::event::Invocation;
use carnet_federation::deadline;
use carnet_federation::telemetry::metrics;
use carnet_lambda::{shutdown, time_left};
use lambda_runtime::{Error, FunctionResponse, LambdaEvent, service_fn};
use serde_json::Value;
use serde_json::value::RawValue;
use std::time::Duration;

/// Kept free at the end of an invocation, so that a problem is answered rather than a timeout.
const MARGIN: Duration = Duration::from_millis(500);

/// Serves until Lambda ends the environment.
pub async fn serve(api: Api) -> Result<(), Error> {
    shutdown::before_the_end(metrics::flush).await?;
    let api = &api;
    lambda_runtime::run(service_fn(move |event| invocation(api, event))).await
}

async fn invocation(
    api: &Api,
    event: LambdaEvent<Box<RawValue>>,
) -> Result<FunctionResponse<Value, Body>, Error> {
    let left = time_left(event.context.deadline).saturating_sub(MARGIN);
    let outcome = deadline::within(left, answer(api, &event)).await;
    metrics::flush();
    outcome
}

async fn answer(
    api: &Api,
    event: &LambdaEvent<Box<RawValue>>,
) -> Result<FunctionResponse<Value, Body>, Error> {
    match Invocation::read(&event.payload)? {
        Invocation::Doctor => {
            Ok(FunctionResponse::BufferedResponse(serde_json::to_value(api.doctor().await)?))
        }
        Invocation::Http(call) => {
            let answer: Answer = api.call(*call, &event.context.request_id).await;
            Ok(FunctionResponse::StreamingResponse(answer))
        }
    }
}
