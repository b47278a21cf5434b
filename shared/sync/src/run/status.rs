//! What the state says, without changing it.

use super::finish::{Report, Spent, report_path};
use crate::commit::recover::run_of;
use crate::cost::Estimate;
use crate::error::Result;
use crate::lease::{Holder, LEASE};
use crate::manifest::Manifest;
use crate::order::Order;
use crate::state::{RunId, State};
use crate::summary::Summary;
use serde::Serialize;
use std::collections::BTreeSet;
use std::time::SystemTime;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// `None` before the first run.
    pub manifest: Option<Held>,
    /// Who is at work, or was when it died: see its expiry.
    pub lease: Option<Holder>,
    /// Runs with files that are in no manifest: at work, or left behind for the next run.
    pub unfinished: Vec<RunId>,
    /// Big objects under way.
    pub uploads: u64,
    pub last_run: Option<Summary>,
    /// Its report's name in the bucket, where it still is.
    pub report: Option<String>,
    pub spent: Option<Spent>,
    pub cost: Option<Estimate>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Held {
    pub source: String,
    pub destination: String,
    pub source_order: Order,
    pub objects: u64,
    pub bytes: u64,
    pub shards: u64,
    /// Deletions that are not confirmed.
    pub pending: u64,
    #[serde(with = "crate::clock::stamp")]
    pub written_at: SystemTime,
}

/// Reads the root, the lease, the last report and the names of files.
pub async fn status(state: &State) -> Result<Status> {
    let root = Manifest::load(state).await?.root;
    let lease = state.get_json::<Holder>(LEASE).await?.map(|(holder, _)| holder);
    let absorbed: BTreeSet<&RunId> = root.iter().flat_map(|root| &root.absorbed).collect();
    let runs: BTreeSet<RunId> =
        state.list("runs/").await?.iter().filter_map(|(path, _)| run_of(path)).map(|(run, _)| run).collect();
    let unfinished = runs.into_iter().filter(|run| !absorbed.contains(run)).collect();
    let uploads = state.list("uploads/").await?.len() as u64;
    let manifest = root.as_ref().map(|root| Held {
        source: root.source.clone(),
        destination: root.destination.clone(),
        source_order: root.source_order,
        objects: root.objects,
        bytes: root.bytes,
        shards: root.shards.len() as u64,
        pending: root.pending.iter().map(|piece| piece.records).sum(),
        written_at: root.written_at,
    });
    let last_run = root.and_then(|root| root.last_run);
    let path = last_run.as_ref().map(|summary| report_path(&summary.run));
    let found = match &path {
        Some(path) => state.get_json::<Report>(path).await?.map(|(report, _)| report),
        None => None,
    };
    let report = path.filter(|_| found.is_some()).map(|path| state.name_of(&path));
    let (spent, cost) = found.map(|report| (report.spent, report.cost)).unwrap_or_default();
    Ok(Status { manifest, lease, unfinished, uploads, last_run, report, spent, cost })
}
