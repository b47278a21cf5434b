//! A batch: its objects are copied in no order, and their receipts are one sorted file.

use super::{Copier, CopyOptions, Outcome};
use crate::cost::Calls;
use crate::error::Result;
use crate::piece::{self, Lines, Packer, Piece};
use crate::plan::Batch;
use crate::progress::Failure;
use crate::receipt::Receipt;
use crate::summary::Counts;
use carnet_federation::BoxFuture;
use carnet_objects::sink::{Condition, WriteOutcome};
use carnet_objects::{Key, Version};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What became of a batch. Its receipts are where a commit finds them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchReport {
    pub number: u64,
    /// `None` if there is not one.
    pub receipts: Option<Piece>,
    pub counts: Counts,
    pub failures: Vec<Failure>,
    /// What was asked of the stores for its objects, by the rules.
    #[serde(default)]
    pub calls: Calls,
}

/// Receipts that are in the state already.
struct Held {
    receipts: BTreeMap<Key, Receipt>,
    version: Version,
}

/// How often receipts are written anew that another worker writes too.
const STORES: u32 = 8;

impl BatchReport {
    /// Whether calling it again can get further: objects are left, or failed.
    pub fn is_unfinished(&self) -> bool {
        self.counts.left > 0 || self.counts.failed > 0
    }
}

impl Copier {
    /// Copies a batch that may have been begun before: what has a receipt is not copied again.
    pub async fn batch(&self, batch: &Batch) -> Result<BatchReport> {
        let before = self.receipts(batch).await?;
        if batch.is_begun(&self.job.state).await? {
            // Whoever began it may have written objects without living to say so.
            return self.adopting().begun_batch(batch, before).await;
        }
        self.begun_batch(batch, before).await
    }

    async fn receipts(&self, batch: &Batch) -> Result<Option<Held>> {
        let path = Batch::receipts_path(&batch.run, batch.number);
        let Some((body, version)) = self.job.state.get(&path).await? else { return Ok(None) };
        let mut lines = Lines::<Receipt>::new(&path, body);
        let receipts = std::iter::from_fn(|| lines.next().transpose());
        let by_key = receipts.map(|receipt| receipt.map(|receipt| (receipt.key.clone(), receipt)));
        Ok(Some(Held { receipts: by_key.collect::<Result<_>>()?, version }))
    }

    /// Writes the receipts, beside those that another worker has written meanwhile. A file that has them
    /// all is not written again: somebody may refer to it by now, and a worker that was given up may
    /// still be at work.
    async fn store(
        &self,
        batch: &Batch,
        done: &mut BTreeMap<Key, Receipt>,
        mut before: Option<Held>,
    ) -> Result<Option<Piece>> {
        let (state, path) = (&self.job.state, Batch::receipts_path(&batch.run, batch.number));
        for _ in 0..STORES {
            if let Some(held) = before.take() {
                let more = done.keys().any(|key| !held.receipts.contains_key(key));
                done.extend(held.receipts);
                if !more {
                    return piece::examine::<Receipt>(state, &path).await;
                }
                before = Some(Held { receipts: BTreeMap::new(), version: held.version });
            }
            let mut packer = Packer::new();
            for receipt in done.values() {
                packer.push(receipt)?;
            }
            let Some((piece, body)) = packer.finish(path.clone())? else { return Ok(None) };
            let condition = before.map_or(Condition::Absent, |held| Condition::Unchanged(held.version));
            if let WriteOutcome::Written(_) = state.put(&path, body, "application/gzip", condition).await? {
                return Ok(Some(piece));
            }
            before = self.receipts(batch).await?;
        }
        Err(crate::state::crossed(&**state.sink(), &path).into())
    }

    fn adopting(&self) -> Self {
        let options = CopyOptions { adopt: true, ..(*self.options).clone() };
        Self { options: Arc::new(options), ..self.clone() }
    }

    /// Copies a batch that nobody has begun.
    pub async fn fresh_batch(&self, batch: &Batch) -> Result<BatchReport> {
        self.begun_batch(batch, None).await
    }

    async fn begun_batch(&self, batch: &Batch, before: Option<Held>) -> Result<BatchReport> {
        let mut report = BatchReport {
            number: batch.number,
            receipts: None,
            counts: Counts::default(),
            failures: Vec::new(),
            calls: Calls::default(),
        };
        batch.begun(&self.job.state).await?;
        let is_done = |key: &Key| before.as_ref().is_some_and(|held| held.receipts.contains_key(key));
        let missing = batch.tasks.iter().filter(|task| !is_done(&task.found.key));
        let copies: Vec<BoxFuture<'_, (&Key, Outcome)>> =
            missing.map(|task| async move { (&task.found.key, self.object(task).await) }.boxed()).collect();
        let mut copies = stream::iter(copies).buffer_unordered(self.options.objects_at_once.max(1));
        let mut copied = Vec::new();
        while let Some((key, outcome)) = copies.next().await {
            match outcome {
                Outcome::Done(receipt) => copied.push(*receipt),
                Outcome::Gone => report.counts.gone += 1,
                Outcome::Left => report.counts.left += 1,
                Outcome::Failed(error) => {
                    report.counts.failed += 1;
                    report.failures.push(Failure::new(key.as_str(), &error));
                }
            }
        }
        drop(copies);
        let mut done: BTreeMap<Key, Receipt> =
            copied.into_iter().map(|receipt| (receipt.key.clone(), receipt)).collect();
        report.receipts = self.store(batch, &mut done, before).await?;
        for receipt in done.values() {
            report.counts.add_receipt(receipt);
            report.calls.object(receipt, &self.options);
        }
        Ok(report)
    }
}
