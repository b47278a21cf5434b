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
use carnet_objects::Key;
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

impl BatchReport {
    /// Whether calling it again can get further: objects are left, or failed.
    pub fn is_unfinished(&self) -> bool {
        self.counts.left > 0 || self.counts.failed > 0
    }
}

impl Copier {
    /// Copies a batch that may have been begun before: what has a receipt is not copied again.
    pub async fn batch(&self, batch: &Batch) -> Result<BatchReport> {
        let path = Batch::receipts_path(&batch.run, batch.number);
        let done = match self.job.state.get(&path).await? {
            Some((body, _)) => {
                let mut lines = Lines::<Receipt>::new(&path, body);
                let receipts = std::iter::from_fn(|| lines.next().transpose());
                receipts
                    .map(|receipt| receipt.map(|receipt| (receipt.key.clone(), receipt)))
                    .collect::<Result<_>>()?
            }
            None => BTreeMap::new(),
        };
        if batch.is_begun(&self.job.state).await? {
            // Whoever began it may have written objects without living to say so.
            return self.adopting().begun_batch(batch, done).await;
        }
        self.begun_batch(batch, done).await
    }

    fn adopting(&self) -> Self {
        let options = CopyOptions { adopt: true, ..(*self.options).clone() };
        Self { options: Arc::new(options), ..self.clone() }
    }

    /// Copies a batch that nobody has begun.
    pub async fn fresh_batch(&self, batch: &Batch) -> Result<BatchReport> {
        self.begun_batch(batch, BTreeMap::new()).await
    }

    async fn begun_batch(&self, batch: &Batch, mut done: BTreeMap<Key, Receipt>) -> Result<BatchReport> {
        let mut report = BatchReport {
            number: batch.number,
            receipts: None,
            counts: Counts::default(),
            failures: Vec::new(),
            calls: Calls::default(),
        };
        batch.begun(&self.job.state).await?;
        let missing = batch.tasks.iter().filter(|task| !done.contains_key(&task.found.key));
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
        done.extend(copied.into_iter().map(|receipt| (receipt.key.clone(), receipt)));
        let mut packer = Packer::new();
        for receipt in done.values() {
            report.counts.add_receipt(receipt);
            report.calls.object(receipt, &self.options);
            packer.push(receipt)?;
        }
        let path = Batch::receipts_path(&batch.run, batch.number);
        if let Some((piece, body)) = packer.finish(path)? {
            piece::store(&self.job.state, &piece, body).await?;
            report.receipts = Some(piece);
        }
        Ok(report)
    }
}
