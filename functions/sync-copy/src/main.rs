//! Copies one batch of a plan, or some parts of a big object. A task of the state machine in `template.yaml`.
//!
//! What it is asked and what it answers is in `carnet-schedule`.

use carnet_federation::BoxFuture;
use carnet_federation::config::Env;
use carnet_federation::doctor::Report;
use carnet_lambda::{Call, Failure, Function, serve};
use carnet_schedule::Schedule;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    serve(Copy(Schedule::start(&Env::from_process()).await?)).await
}

struct Copy(Schedule);

impl Function for Copy {
    fn doctor(&self) -> BoxFuture<'_, Report> {
        Box::pin(self.0.doctor())
    }

    fn answer<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, Failure>> {
        Box::pin(self.0.copy(call))
    }
}
