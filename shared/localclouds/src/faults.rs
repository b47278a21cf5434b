//! What can go wrong on each hop, switched on by rule.

use axum::Router;
use std::time::SystemTime;

/// Where a rule applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hop {
    Sts,
    Iam,
    Issuer,
    EntraToken,
    EntraDiscovery,
    Blob,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    Hang,
    Status { status: u16, headers: Vec<(String, String)>, body: String },
    Html200,
    MalformedJson,
    AbsurdExpiry,
    ExpiredToken,
    Oversize,
    GzipBomb,
    Drip,
    Redirect { to: String },
    ClockSkew { seconds: i64 },
    CutBody { after: u64 },
    ShortBody { announce: bool },
    LongBody,
    NoLength,
    CorruptBody,
    ResetBefore,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub hop: Hop,
    pub fault: Fault,
    /// Applies to so many requests, then no more.
    pub times: Option<u64>,
    /// Lets so many requests pass first.
    pub skip: u64,
    /// Only requests whose path contains this.
    pub path: Option<String>,
}

/// A request as it was counted: never its headers, query or body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub method: String,
    pub path: String,
}

/// Shared by all hops; a clone is the same set.
#[derive(Clone, Default)]
pub struct Faults {}

impl Faults {
    pub fn add(&self, _rule: Rule) {}

    pub fn set(&self, _rules: Vec<Rule>) {}

    pub fn clear(&self) {}

    pub fn seen(&self, _hop: Hop) -> Vec<Seen> {
        Vec::new()
    }

    pub fn forget_seen(&self) {}

    pub fn wrap(&self, _hop: Hop, router: Router) -> Router {
        router
    }
}

/// The time as the hop that answers the current request sees it: skewed if a rule says so.
pub fn now() -> SystemTime {
    SystemTime::now()
}
