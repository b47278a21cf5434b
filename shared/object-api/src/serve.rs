//! The loop around the [`Api`]: one invocation after the other, each inside its deadline.

use crate::answer::{Answer, Body};
use crate::api::Api;
use crate::event::Invocation;
use crate::shutdown;
use carnet_federation::telemetry::metrics;
use carnet_federation::{Credential, Exchange, Scope, deadline};
use lambda_runtime::{Error, FunctionResponse, LambdaEvent, service_fn};
use serde_json::Value;
use serde_json::value::RawValue;
use std::time::{Duration, SystemTime};

/// Kept free at the end of an invocation, so that a problem is answered rather than a timeout.
const MARGIN: Duration = Duration::from_millis(500);

/// Of the 10 s that Lambda gives the init phase.
const WARM_UP: Duration = Duration::from_secs(6);

/// The first event finds a token waiting. If there is none to be had, that event says why.
pub async fn warm_up<E: Exchange>(credential: &Credential<E>, scope: &Scope) {
    if let Err(error) = deadline::within(WARM_UP, credential.token(scope)).await {
        tracing::warn!(%error, "no token at init; the first request tries again");
    }
}

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
    let left = time_left(event.context.deadline);
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

/// Until `deadline`, in milliseconds since the epoch.
fn time_left(deadline: u64) -> Duration {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(deadline);
    at.duration_since(SystemTime::now()).unwrap_or_default().saturating_sub(MARGIN)
}
