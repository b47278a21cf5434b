//! What can go wrong on each hop, switched on by rule and done for real on the socket.
//!
//! | module | what happens there |
//! |---|---|
//! | this one | the shared set: which rules apply to a request, what was seen |
//! | [`rule`] | hops, faults, rules, and the text they are written in |
//! | `answer` | answers given in place of the true one |
//! | `body` | bodies spoilt on their way: the true answer's, and the request's |
//! | [`control`] | a small listener to set rules and count requests from outside |

mod answer;
mod body;
pub mod control;
pub mod rule;

pub use rule::{Fault, Hop, Rule};

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::Response;
use http::header::DATE;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// A request as it was counted: only which bytes of which version it wants, nothing else of its
/// headers and query, nothing of its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub method: String,
    pub path: String,
    /// `Range`, or Azure's own `x-ms-range`.
    pub range: Option<String>,
    /// `If-Match`, or Cloud Storage's `ifGenerationMatch` or `generation`.
    pub if_match: Option<String>,
}

/// Shared by all hops; a clone is the same set.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    rules: Vec<Active>,
    seen: BTreeMap<Hop, Vec<Seen>>,
}

struct Active {
    rule: Rule,
    skipped: u64,
    applied: u64,
}

impl Active {
    fn new(rule: Rule) -> Self {
        Self { rule, skipped: 0, applied: 0 }
    }

    /// Whether the rule applies to this request; counts it.
    fn applies(&mut self, hop: Hop, path: &str) -> bool {
        let concerned =
            self.rule.hop == hop && self.rule.path.as_deref().is_none_or(|part| path.contains(part));
        if !concerned {
            return false;
        }
        if self.skipped < self.rule.skip {
            self.skipped += 1;
            return false;
        }
        if self.rule.times.is_some_and(|times| self.applied >= times) {
            return false;
        }
        self.applied += 1;
        true
    }
}

impl Faults {
    pub fn add(&self, rule: Rule) {
        self.lock().rules.push(Active::new(rule));
    }

    /// In place of all rules so far. Counting starts anew.
    pub fn set(&self, rules: Vec<Rule>) {
        self.lock().rules = rules.into_iter().map(Active::new).collect();
    }

    pub fn clear(&self) {
        self.lock().rules.clear();
    }

    pub fn rules(&self) -> Vec<Rule> {
        self.lock().rules.iter().map(|active| active.rule.clone()).collect()
    }

    /// The requests that reached a hop, faulty or not, in order.
    pub fn seen(&self, hop: Hop) -> Vec<Seen> {
        self.lock().seen.get(&hop).cloned().unwrap_or_default()
    }

    pub fn forget_seen(&self) {
        self.lock().seen.clear();
    }

    /// Counts and spoils what passes through `router`.
    pub fn wrap(&self, hop: Hop, router: Router) -> Router {
        self.wrap_by(move |_| hop, router)
    }

    /// The same for a service whose requests are of more than one hop.
    pub fn wrap_by(
        &self,
        hop_of: impl Fn(&Request) -> Hop + Clone + Send + Sync + 'static,
        router: Router,
    ) -> Router {
        let faults = self.clone();
        router.layer(middleware::from_fn(move |request: Request, next: Next| {
            let hop = hop_of(&request);
            let found = faults.meet(hop, &request);
            logged(hop, found, request, next)
        }))
    }

    fn meet(&self, hop: Hop, request: &Request) -> Vec<Fault> {
        let path = request.uri().path();
        let mut inner = self.lock();
        let header = |name: &str| request.headers().get(name)?.to_str().ok().map(str::to_owned);
        let seen = Seen {
            method: request.method().to_string(),
            path: path.to_owned(),
            range: header("x-ms-range").or_else(|| header("range")),
            if_match: header("if-match").or_else(|| generation(request.uri().query()?)),
        };
        inner.seen.entry(hop).or_default().push(seen);
        let rules = inner.rules.iter_mut();
        rules.filter_map(|active| active.applies(hop, path).then(|| active.rule.fault.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn generation(query: &str) -> Option<String> {
    let find = |wanted: &str| {
        query.split('&').find_map(|pair| pair.strip_prefix(wanted)?.strip_prefix('=')).map(str::to_owned)
    };
    find("ifGenerationMatch").or_else(|| find("generation"))
}

/// One line a request: never its query, headers or body.
async fn logged(hop: Hop, faults: Vec<Fault>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = pass(faults, request, next).await;
    tracing::info!(hop = hop.name(), %method, path, status = response.status().as_u16(), "answered");
    response
}

async fn pass(faults: Vec<Fault>, mut request: Request, next: Next) -> Response {
    if faults.is_empty() {
        return next.run(request).await;
    }
    if faults.contains(&Fault::Hang) {
        std::future::pending::<()>().await;
    }
    let mut view = View::default();
    for fault in &faults {
        match fault {
            Fault::ClockSkew { seconds } => view.skew = *seconds,
            Fault::AbsurdExpiry => view.token = Some(TokenFault::AbsurdExpiry),
            Fault::ExpiredToken => view.token = Some(TokenFault::Expired),
            _ => {}
        }
    }
    for fault in &faults {
        match fault {
            Fault::Delay { milliseconds } => tokio::time::sleep(Duration::from_millis(*milliseconds)).await,
            Fault::CorruptRequest => request = body::corrupt_request(request),
            Fault::CutRequest { after } => return body::cut_request(request, *after).await,
            _ => {}
        }
    }
    let mut response = match faults.iter().find_map(answer::in_place) {
        Some(response) => response,
        None => VIEW.scope(view, next.run(request)).await,
    };
    if view.skew != 0
        && let Ok(date) = httpdate::fmt_http_date(view.now()).parse()
    {
        response.headers_mut().insert(DATE, date);
    }
    for fault in &faults {
        response = body::spoil(response, fault);
    }
    response
}

/// What the hop that answers the current request believes.
#[derive(Clone, Copy, Default)]
struct View {
    skew: i64,
    token: Option<TokenFault>,
}

impl View {
    fn now(self) -> SystemTime {
        let by = Duration::from_secs(self.skew.unsigned_abs());
        let now = SystemTime::now();
        if self.skew < 0 { now - by } else { now + by }
    }
}

tokio::task_local! {
    static VIEW: View;
}

/// What is wrong with the tokens given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    /// A lifetime that no token has.
    AbsurdExpiry,
    /// It was over before it was given.
    Expired,
}

/// The time as the hop that answers the current request sees it: skewed if a rule says so.
pub fn now() -> SystemTime {
    VIEW.try_with(|view| view.now()).unwrap_or_else(|_| SystemTime::now())
}

/// [`now`], in seconds since the epoch.
pub fn now_seconds() -> i64 {
    seconds(now())
}

pub(crate) fn seconds(time: SystemTime) -> i64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

/// For whoever issues tokens within the current request.
pub fn token_fault() -> Option<TokenFault> {
    VIEW.try_with(|view| view.token).ok().flatten()
}
