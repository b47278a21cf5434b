//! The manifest: what is at the destination, as a root and the shards it refers to.
//!
//! Shards are written once. The root is one small file, swapped if it is still the one that was read:
//! whoever reads it sees one whole manifest, the old one or the new.

use crate::error::{Result, SyncError};
use crate::listing::KeyRange;
use crate::order::Order;
use crate::piece::{Piece, Records};
use crate::receipt::Receipt;
use crate::state::{RunId, State};
use crate::summary::Summary;
use carnet_objects::Version;
use carnet_objects::sink::{Condition, WriteOutcome};
use serde::{Deserialize, Serialize};
use std::time::SystemTime;

pub(crate) const ROOT: &str = "root.json";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    pub source: String,
    pub destination: String,
    /// The run that swapped it in.
    pub run: RunId,
    #[serde(with = "crate::clock::stamp")]
    pub written_at: SystemTime,
    /// In which the source lists, as far as is known.
    pub source_order: Order,
    pub objects: u64,
    pub bytes: u64,
    /// By key, without gaps in what they cover.
    pub shards: Vec<Piece>,
    /// Deletions that were passed and are not confirmed. Their keys are in no shard.
    #[serde(default)]
    pub pending: Vec<Piece>,
    /// Runs whose receipts are in the shards.
    #[serde(default)]
    pub absorbed: Vec<RunId>,
    /// Shards of the manifest before this one: kept for whoever is reading it.
    #[serde(default)]
    pub retired: Vec<String>,
    #[serde(default)]
    pub last_run: Option<Summary>,
}

/// A root, and what it takes to swap it. `version` is `None` before the first.
#[derive(Clone, Debug)]
pub struct Manifest {
    pub root: Option<Root>,
    pub version: Option<Version>,
}

impl Manifest {
    pub async fn load(state: &State) -> Result<Self> {
        Ok(match state.get_json(ROOT).await? {
            Some((root, version)) => Self { root: Some(root), version: Some(version) },
            None => Self { root: None, version: None },
        })
    }

    /// The manifest of this pair of places, or a refusal.
    pub async fn of(state: &State, source: &str, destination: &str) -> Result<Self> {
        let manifest = Self::load(state).await?;
        if let Some(root) = &manifest.root
            && (root.source != source || root.destination != destination)
        {
            return Err(SyncError::OtherPlaces {
                found: format!("{} -> {}", root.source, root.destination),
                wanted: format!("{source} -> {destination}"),
            });
        }
        Ok(manifest)
    }

    /// Replaces the root, if it is still the one that was loaded.
    pub async fn swap(&mut self, state: &State, root: Root) -> Result<()> {
        let condition = self.version.clone().map_or(Condition::Absent, Condition::Unchanged);
        match state.put_json(ROOT, &root, condition).await? {
            WriteOutcome::Written(written) => self.version = Some(written.version),
            // The answer to a write that was done may have been lost, and the write made again.
            WriteOutcome::Unmet | WriteOutcome::Gone | WriteOutcome::Conflict => {
                match state.get_json::<Root>(ROOT).await? {
                    Some((found, version)) if found == root => self.version = Some(version),
                    _ => return Err(SyncError::ManifestMoved),
                }
            }
        }
        self.root = Some(root);
        Ok(())
    }

    pub fn shards(&self) -> &[Piece] {
        self.root.as_ref().map_or(&[], |root| &root.shards)
    }

    pub fn objects(&self) -> u64 {
        self.root.as_ref().map_or(0, |root| root.objects)
    }

    pub fn source_order(&self) -> Order {
        self.root.as_ref().map_or(Order::Bytes, |root| root.source_order)
    }

    /// What it says of the objects after this one, by key.
    pub(crate) fn records(&self, state: &State, after: Option<&str>) -> Records<Receipt> {
        let rest = self
            .shards()
            .iter()
            .filter(|shard| after.is_none_or(|after| after.as_bytes() < shard.last.as_bytes()));
        Records::new(state, rest.cloned().collect())
    }

    /// The key space in about so many ranges of as many objects, cut where shards begin: by these a
    /// listing can be read in parallel.
    pub fn ranges(&self, wanted: usize) -> Vec<KeyRange> {
        let shards = self.shards();
        let each = shards.len().div_ceil(wanted.max(1)).max(1);
        KeyRange::cut(shards.iter().skip(each).step_by(each).map(|shard| shard.first.clone()))
    }
}
