//! Gathers what was copied, merges it into the manifest, deletes behind the guard. A task of the state machine in `template.yaml`.
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
    serve(Commit(Schedule::start(&Env::from_process()).await?)).await
}

struct Commit(Schedule);

impl Function for Commit {
    fn doctor(&self) -> BoxFuture<'_, Report> {
        Box::pin(self.0.doctor())
    }

    fn answer<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Value, Failure>> {
        Box::pin(self.0.commit(call))
    }
}
