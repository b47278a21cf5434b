//! Lambda's runtime API, with API Gateway's REST request shape in front. Runs any function binary.
//!
//! | module | what happens there |
//! |---|---|
//! | [`spec`] | what a function and its API are made of |
//! | [`gateway`] | API Gateway: a request becomes an event, a reply becomes a response |
//! | [`event`] | the event of a REST API's Lambda proxy integration |
//! | [`resource`] | which resource of the API a path belongs to |
//! | [`integration`] | both reply formats of that integration |
//! | [`invoke_api`] | Lambda's own Invoke, with the payload as it is |
//! | [`poller`] | an event source mapping: polls a queue of SQS and invokes |
//! | [`pool`] | one invocation at a time in each environment, a few environments |
//! | [`environment`] | the process: started, watched, ended |
//! | [`variables`] | the process's environment variables and its role's session |
//! | [`runtime_api`] | what the process talks to |
//! | [`invocation`] | an invocation, its reply, their limits |
//! | [`logs`] | what the process wrote |
//!
//! A function that outlives this program loses its runtime API, and with it its event loop: the
//! official runtimes then exit. No process is left waiting for events, but one that is busy ends
//! only when its work does.

mod environment;
mod event;
mod gateway;
mod integration;
mod invocation;
mod invoke_api;
mod logs;
mod poller;
mod pool;
mod resource;
mod runtime_api;
mod spec;
mod variables;

pub use event::{Arrival, Identity, rest_proxy_event};
pub use invocation::{FunctionError, InvokeOutput, MAX_PAYLOAD, MAX_STREAM};
pub use logs::{LogSink, Logs};
pub use poller::{EventSource, Turn};
pub use spec::{FunctionSpec, GatewayOptions, ResponseTransferMode};

use crate::local::Handle;
use crate::server::{self, Listening};
use axum::Router;
use bytes::Bytes;
use pool::Pool;
use std::io;
use std::sync::Arc;

/// A function that answers, through its API and directly.
pub struct Function {
    pool: Arc<Pool>,
    gateway: Listening,
    invoke_api: Listening,
}

/// Starts the listeners of one function. As in Lambda the process starts with the first request.
pub async fn start(handle: Handle, spec: FunctionSpec, options: GatewayOptions) -> io::Result<Function> {
    variables::check_role(&handle, &spec)?;
    let gateway = server::bind(options.transport.clone()).await?;
    let invoke_api = server::bind(options.transport.clone()).await?;
    let pool = Arc::new(Pool::new(handle, spec));
    Ok(Function {
        invoke_api: invoke_api.serve(invoke_router(pool.handle(), [&pool], options.check_sigv4)),
        gateway: gateway.serve(gateway::router(Arc::clone(&pool), options)),
        pool,
    })
}

/// Lambda as an account has it: one Invoke for all functions.
pub(crate) fn service<'a>(
    handle: &Handle,
    functions: impl IntoIterator<Item = &'a Function>,
    check_sigv4: bool,
) -> Router {
    invoke_router(handle, functions.into_iter().map(|function| &function.pool), check_sigv4)
}

fn invoke_router<'a>(
    handle: &Handle,
    pools: impl IntoIterator<Item = &'a Arc<Pool>>,
    check_sigv4: bool,
) -> Router {
    invoke_api::router(Arc::clone(handle), pools.into_iter().map(Arc::clone).collect(), check_sigv4)
}

impl Function {
    pub fn name(&self) -> &str {
        &self.pool.spec().name
    }

    /// Of the API, without a slash at the end: as a custom domain the stage is not in the path.
    pub fn base_url(&self) -> &str {
        &self.gateway.base_url
    }

    /// Takes a POST whose body is the payload, as Lambda's Invoke does.
    pub fn invoke_url(&self) -> String {
        format!("{}/2015-03-31/functions/{}/invocations", self.invoke_api.base_url, self.name())
    }

    /// The same without HTTP.
    pub async fn invoke(&self, payload: impl Into<Bytes>) -> InvokeOutput {
        pool::buffered(self.pool.invoke(payload.into()).await).await
    }

    /// Asks a queue for messages once, and invokes with what there is.
    pub async fn poll(&self, source: &EventSource) -> io::Result<Turn> {
        poller::turn(&self.pool, source).await
    }

    pub fn logs(&self) -> &Logs {
        self.pool.logs()
    }

    /// Of the environments that run.
    pub fn pids(&self) -> Vec<u32> {
        self.pool.pids()
    }

    /// How many environments were started so far: cold starts.
    pub fn environments_started(&self) -> usize {
        self.pool.environments_started()
    }

    /// Ends the listeners, then every process: SIGTERM first if it registered for it.
    pub async fn stop(self) {
        self.gateway.stop().await;
        self.invoke_api.stop().await;
        self.pool.stop().await;
    }
}
