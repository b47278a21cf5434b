//! The process: started, watched, ended.

use super::invocation::FunctionError;
use super::logs::Logs;
use super::runtime_api::{Offer, Phase, RuntimeApi};
use super::spec::FunctionSpec;
use super::variables;
use crate::local::Handle;
use crate::server::{self, Listening, Transport};
use rustix::process::{Pid, Signal, kill_process_group};
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// How long a process may take until it asks for its first event.
const INIT: Duration = Duration::from_secs(10);

/// How long its last lines may take once it has ended.
const LAST_LINES: Duration = Duration::from_millis(500);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Run,
    /// SIGTERM if it registered for it, then SIGKILL.
    Shutdown,
    Kill,
}

/// A running process and its runtime API. Ends when dropped.
pub(crate) struct Environment {
    pub pid: u32,
    offers: mpsc::Sender<Offer>,
    order: watch::Sender<Order>,
    /// Why it ended, once it has.
    ended: watch::Receiver<Option<String>>,
}

pub(crate) enum StartFault {
    /// The process reported it.
    Init(FunctionError),
    /// How it ended, or why it never ran.
    Ended(String),
}

impl Environment {
    pub(crate) async fn start(handle: &Handle, spec: &FunctionSpec, logs: &Logs) -> Result<Self, StartFault> {
        let could_not =
            |error: io::Error| StartFault::Ended(format!("fork/exec {}: {error}", spec.binary.display()));
        let bound = server::bind(Transport::Plain).await.map_err(could_not)?;
        let variables =
            variables::of_environment(handle, spec, &bound.addr.to_string()).map_err(could_not)?;
        let arn = variables::function_arn(&handle.world(), spec);
        let (offers, offered) = mpsc::channel(1);
        let api = RuntimeApi::new(spec.name.clone(), arn, offered);
        let mut phase = api.phase();
        let listening = bound.serve(api.router());
        let session = Session { handle: Arc::clone(handle), access_key_id: variables.own_session };
        let mut child = spawn(spec, &variables.all).map_err(could_not)?;
        let pid = child.id().ok_or_else(|| could_not(io::Error::other("it has no process id")))?;
        let readers = follow(&mut child, logs);
        let (order, orders) = watch::channel(Order::Run);
        let (ending, mut ended) = watch::channel(None);
        let keeper = Keeper { child, orders, api, grace: spec.shutdown_grace, listening, readers, session };
        tokio::spawn(keeper.keep(ending));
        let environment = Self { pid, offers, order, ended: ended.clone() };
        tokio::select! {
            biased;
            changed = phase.wait_for(|phase| *phase != Phase::Init) => match changed.as_deref() {
                Ok(Phase::InitFailed(error)) => Err(StartFault::Init(error.clone())),
                // The API lives as long as its listener: it is there, or the process has ended.
                _ => Ok(environment),
            },
            reason = ended.wait_for(Option::is_some) => {
                let reason = reason.ok().and_then(|reason| reason.clone());
                Err(StartFault::Ended(reason.unwrap_or_default()))
            }
            () = tokio::time::sleep(INIT) => {
                Err(StartFault::Ended(format!("the init phase took longer than {} s", INIT.as_secs())))
            }
        }
    }

    /// False if it has ended meanwhile.
    pub(crate) async fn offer(&self, offer: Offer) -> bool {
        self.offers.send(offer).await.is_ok()
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.borrow().is_some()
    }

    /// Waits for its end and says why.
    pub(crate) async fn ended(&self) -> String {
        let mut ended = self.ended.clone();
        let reason = ended.wait_for(Option::is_some).await;
        reason.ok().and_then(|reason| reason.clone()).unwrap_or_default()
    }

    pub(crate) fn kill(&self) {
        self.order.send_replace(Order::Kill);
    }

    pub(crate) fn shut_down(&self) {
        self.order.send_replace(Order::Shutdown);
    }
}

fn spawn(spec: &FunctionSpec, variables: &std::collections::BTreeMap<String, String>) -> io::Result<Child> {
    let binary = std::path::absolute(&spec.binary)?;
    let mut command = Command::new(&binary);
    if let Some(folder) = binary.parent() {
        command.current_dir(folder);
    }
    command
        .env_clear()
        .envs(variables)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own: what it starts ends with it.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

fn follow(child: &mut Child, logs: &Logs) -> Vec<JoinHandle<()>> {
    let out = child.stdout.take().map(|pipe| tokio::spawn(logs.clone().follow(pipe)));
    let err = child.stderr.take().map(|pipe| tokio::spawn(logs.clone().follow(pipe)));
    out.into_iter().chain(err).collect()
}

/// The role's session that was made for this environment alone.
struct Session {
    handle: Handle,
    access_key_id: Option<String>,
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(id) = &self.access_key_id {
            variables::sign_out(&self.handle, id);
        }
    }
}

/// Owns the process until it has ended.
struct Keeper {
    child: Child,
    orders: watch::Receiver<Order>,
    api: Arc<RuntimeApi>,
    grace: Duration,
    listening: Listening,
    readers: Vec<JoinHandle<()>>,
    session: Session,
}

impl Keeper {
    async fn keep(mut self, ending: watch::Sender<Option<String>>) {
        let status = self.wait().await;
        for reader in &mut self.readers {
            // Whoever inherited the pipe may keep it open.
            let _ = tokio::time::timeout(LAST_LINES, reader).await;
        }
        ending.send_replace(Some(reason(status)));
        self.listening.stop().await;
        drop(self.session);
    }

    async fn wait(&mut self) -> io::Result<ExitStatus> {
        let gentle = tokio::select! {
            status = self.child.wait() => return status,
            // Dropped without an order: nobody needs it any more.
            order = self.orders.wait_for(|order| *order != Order::Run) => {
                order.is_ok_and(|order| *order == Order::Shutdown)
            }
        };
        if gentle && self.api.has_extension() {
            self.signal(Signal::TERM);
            tokio::select! {
                status = self.child.wait() => return status,
                () = tokio::time::sleep(self.grace) => {}
                _ = self.orders.wait_for(|order| *order == Order::Kill) => {}
            }
        }
        self.kill().await
    }

    async fn kill(&mut self) -> io::Result<ExitStatus> {
        self.signal(Signal::KILL);
        self.child.wait().await
    }

    /// To the whole group. Its number is ours only until the process was waited for.
    fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // It may have ended this moment.
            let _ = kill_process_group(pid, signal);
        }
    }
}

/// In the words of Lambda's logs.
fn reason(status: io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(0), _) => "Runtime exited without providing a reason".to_owned(),
            (Some(code), _) => format!("Runtime exited with error: exit status {code}"),
            (None, Some(signal)) => format!("Runtime exited with error: signal: {}", signal_name(signal)),
            (None, None) => "Runtime exited with error".to_owned(),
        },
        Err(error) => format!("Runtime exited with error: {error}"),
    }
}

fn signal_name(signal: i32) -> String {
    match signal {
        6 => "aborted".to_owned(),
        9 => "killed".to_owned(),
        11 => "segmentation fault".to_owned(),
        15 => "terminated".to_owned(),
        other => other.to_string(),
    }
}
