//! One invocation at a time in each environment, a few environments side by side.

use super::environment::{Environment, StartFault};
use super::invocation::{Chunk, FunctionError, Invocation, InvokeOutput, MAX_REPLY, Reply};
use super::logs::Logs;
use super::runtime_api::Offer;
use super::spec::FunctionSpec;
use crate::local::Handle;
use bytes::{Bytes, BytesMut};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, oneshot};

/// What an ended process sent may still be on its way to us.
const LATE_REPLY: Duration = Duration::from_millis(250);

pub(crate) struct Pool {
    handle: Handle,
    spec: FunctionSpec,
    logs: Logs,
    /// One permit for each environment that may work.
    room: Semaphore,
    environments: Mutex<Environments>,
    started: AtomicUsize,
}

#[derive(Default)]
struct Environments {
    all: Vec<Arc<Environment>>,
    /// Waiting for an event, the one used last at the end.
    idle: Vec<Arc<Environment>>,
    stopped: bool,
}

/// How an environment came out of an invocation.
enum After {
    Reusable,
    Ended,
    /// It had ended before it took the invocation, which goes to another.
    NeverTaken,
}

impl Pool {
    pub(crate) fn new(handle: Handle, spec: FunctionSpec) -> Self {
        Self {
            handle,
            logs: Logs::new(spec.log_sink.clone()),
            room: Semaphore::new(spec.concurrency.max(1)),
            environments: Mutex::default(),
            started: AtomicUsize::new(0),
            spec,
        }
    }

    pub(crate) fn spec(&self) -> &FunctionSpec {
        &self.spec
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(crate) fn logs(&self) -> &Logs {
        &self.logs
    }

    pub(crate) fn environments_started(&self) -> usize {
        self.started.load(Ordering::Relaxed)
    }

    pub(crate) fn pids(&self) -> Vec<u32> {
        self.lock().all.iter().filter(|it| !it.has_ended()).map(|it| it.pid).collect()
    }

    /// The invocation runs to its end even if its caller does not wait for it.
    pub(crate) async fn invoke(self: &Arc<Self>, payload: Bytes) -> Reply {
        let (sender, receiver) = oneshot::channel();
        tokio::spawn(Arc::clone(self).run(payload, sender));
        receiver
            .await
            .unwrap_or_else(|_| Reply::Failed(FunctionError::exited("-", "the function was stopped")))
    }

    async fn run(self: Arc<Self>, payload: Bytes, caller: oneshot::Sender<Reply>) {
        let Ok(_room) = self.room.acquire().await else { return };
        let mut caller = Some(caller);
        loop {
            let environment = match self.environment().await {
                Ok(environment) => environment,
                Err(fault) => return answer(&mut caller, Reply::Failed(describe(fault))),
            };
            let invocation = Invocation::new(payload.clone(), self.spec.timeout);
            match self.hand_over(&environment, invocation, &mut caller).await {
                After::Reusable => return self.lock().idle.push(environment),
                After::Ended => return self.forget(&environment),
                After::NeverTaken => self.forget(&environment),
            }
        }
    }

    async fn environment(&self) -> Result<Arc<Environment>, StartFault> {
        while let Some(idle) = self.take_idle() {
            match idle.has_ended() {
                true => self.forget(&idle),
                false => return Ok(idle),
            }
        }
        self.started.fetch_add(1, Ordering::Relaxed);
        let environment = Arc::new(Environment::start(&self.handle, &self.spec, &self.logs).await?);
        let mut environments = self.lock();
        if environments.stopped {
            return Err(StartFault::Ended("the function was stopped".to_owned()));
        }
        environments.all.push(Arc::clone(&environment));
        Ok(environment)
    }

    fn take_idle(&self) -> Option<Arc<Environment>> {
        self.lock().idle.pop()
    }

    async fn hand_over(
        &self,
        environment: &Environment,
        invocation: Invocation,
        caller: &mut Option<oneshot::Sender<Reply>>,
    ) -> After {
        let request_id = invocation.request_id.clone();
        let (reply, mut replied) = oneshot::channel();
        let (complete, completed) = oneshot::channel();
        let taken = Arc::new(AtomicBool::new(false));
        let begin = Instant::now();
        let deadline = tokio::time::sleep(self.spec.timeout);
        tokio::pin!(deadline);
        let offer = Offer { invocation, reply, complete, taken: Arc::clone(&taken) };
        if !environment.offer(offer).await {
            return After::NeverTaken;
        }
        self.logs.write(&format!("START RequestId: {request_id} Version: $LATEST"));
        let mut ended = None;
        let received = tokio::select! {
            biased;
            received = &mut replied => received.ok(),
            reason = environment.ended() => {
                ended = Some(reason);
                tokio::time::timeout(LATE_REPLY, &mut replied).await.ok().and_then(Result::ok)
            }
            () = &mut deadline => {
                environment.kill();
                environment.ended().await;
                let error = FunctionError::timed_out(&request_id, self.spec.timeout);
                self.close(&request_id, begin, Some(error.message()));
                answer(caller, Reply::Failed(error));
                return After::Ended;
            }
        };
        let Some(reply) = received else {
            let reason = match ended {
                Some(reason) => reason,
                // It gave up its reply without one: of no more use.
                None => {
                    environment.kill();
                    environment.ended().await
                }
            };
            if !taken.load(Ordering::Acquire) {
                return After::NeverTaken;
            }
            let error = FunctionError::exited(&request_id, &reason);
            self.close(&request_id, begin, Some(error.message()));
            answer(caller, Reply::Failed(error));
            return After::Ended;
        };
        answer(caller, reply);
        // A stream is not over with its first byte.
        let after = tokio::select! {
            biased;
            _ = completed => After::Reusable,
            _ = environment.ended() => After::Ended,
            () = &mut deadline => {
                environment.kill();
                environment.ended().await;
                After::Ended
            }
        };
        self.close(&request_id, begin, None);
        after
    }

    /// The platform's own lines at the end of an invocation.
    fn close(&self, request_id: &str, begin: Instant, fault: Option<&str>) {
        if let Some(fault) = fault {
            self.logs.write(fault);
        }
        let duration = begin.elapsed().as_secs_f64() * 1000.0;
        self.logs.write(&format!("END RequestId: {request_id}"));
        self.logs.write(&format!(
            "REPORT RequestId: {request_id}\tDuration: {duration:.2} ms\tMemory Size: {} MB",
            self.spec.memory_mb
        ));
    }

    fn forget(&self, environment: &Arc<Environment>) {
        self.lock().all.retain(|other| !Arc::ptr_eq(other, environment));
    }

    pub(crate) async fn stop(&self) {
        self.room.close();
        let all = {
            let mut environments = self.lock();
            environments.stopped = true;
            environments.idle.clear();
            std::mem::take(&mut environments.all)
        };
        for environment in &all {
            environment.shut_down();
        }
        for environment in &all {
            environment.ended().await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Environments> {
        // Lists of processes: a panic elsewhere leaves at worst one that has ended.
        self.environments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answer(caller: &mut Option<oneshot::Sender<Reply>>, reply: Reply) {
    if let Some(caller) = caller.take() {
        // A caller that does not wait any more is no fault of the function.
        let _ = caller.send(reply);
    }
}

fn describe(fault: StartFault) -> FunctionError {
    match fault {
        StartFault::Init(error) => error,
        StartFault::Ended(reason) => FunctionError::did_not_start(&uuid::Uuid::new_v4().to_string(), &reason),
    }
}

/// What Invoke gives for a reply: a stream is put together first.
pub(crate) async fn buffered(reply: Reply) -> InvokeOutput {
    let outcome = match reply {
        Reply::Buffered(payload) => Ok(payload),
        Reply::Failed(error) => Err(error),
        Reply::Stream(mut chunks) => {
            let mut all = BytesMut::new();
            loop {
                match chunks.recv().await {
                    Some(Chunk::Data(data)) if all.len() + data.len() > MAX_REPLY => {
                        break Err(FunctionError::reply_too_large());
                    }
                    Some(Chunk::Data(data)) => all.extend_from_slice(&data),
                    Some(Chunk::End) => break Ok(all.freeze()),
                    Some(Chunk::Broken) | None => break Err(FunctionError::stream_broken()),
                }
            }
        }
    };
    match outcome {
        Ok(payload) => InvokeOutput { function_error: None, payload },
        Err(error) => InvokeOutput { function_error: Some("Unhandled"), payload: error.document() },
    }
}
