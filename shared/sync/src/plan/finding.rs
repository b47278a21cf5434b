//! Which order the source lists in, found by trying the cheapest first.

use crate::error::SyncError;
use crate::job::Job;
use crate::listing::{KeyRange, Listing};
use crate::manifest::Manifest;
use crate::order::Order;
use crate::plan::step::PlanOptions;
use serde::{Deserialize, Serialize};

/// How the source is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approach {
    /// By bytes, in ranges that are read at the same time.
    Split,
    /// By bytes, from the beginning to the end.
    Straight,
    /// Read whole and sorted on disk.
    Resorted,
}

impl Approach {
    /// What is tried first, by what the last run found.
    pub fn first(manifest: &Manifest, options: &PlanOptions) -> Self {
        match manifest.source_order() {
            Order::Hierarchical => Approach::Resorted,
            Order::Bytes if options.parallel > 1 && ranges(manifest, options).len() > 1 => Approach::Split,
            Order::Bytes => Approach::Straight,
        }
    }

    /// What to try after a plan that ended with this error; `None` if nothing can help. The plan
    /// begins anew: what it said so far is void.
    pub fn after(self, error: &SyncError) -> Option<Self> {
        match (self, error) {
            // A range that did not join its neighbour may only mean that something changed.
            (Approach::Split, SyncError::Disorder(_)) => Some(Approach::Straight),
            // Hierarchical; or in no order at all, which sorting finds too.
            (Approach::Straight, SyncError::Disorder(_)) => Some(Approach::Resorted),
            _ => None,
        }
    }

    /// What a plan that came to its end this way says of the source's order.
    pub fn proved(self) -> Order {
        match self {
            Approach::Resorted => Order::Hierarchical,
            Approach::Split | Approach::Straight => Order::Bytes,
        }
    }

    pub async fn listing(
        self,
        job: &Job,
        manifest: &Manifest,
        options: &PlanOptions,
        after: Option<String>,
    ) -> Result<Listing, SyncError> {
        let source = job.source.clone();
        match self {
            Approach::Split => {
                Ok(Listing::ascending(source, ranges(manifest, options), after, options.parallel))
            }
            Approach::Straight => Ok(Listing::ascending(source, vec![KeyRange::default()], after, 1)),
            Approach::Resorted => Listing::resorted(source, after, options.scratch.clone()).await,
        }
    }
}

/// By the manifest's shards, which hold as many objects each; before there are several, by what the
/// options say.
fn ranges(manifest: &Manifest, options: &PlanOptions) -> Vec<KeyRange> {
    // More ranges than are read at once: the next begins as soon as one ends.
    let ranges = manifest.ranges(options.parallel * 4);
    if ranges.len() > 1 { ranges } else { KeyRange::cut(options.cuts.iter().cloned()) }
}
