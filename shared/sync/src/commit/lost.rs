//! Objects that were written, but whose receipts were not: between the two the process died, or the
//! answer was lost for good. Without a receipt nobody would ever delete them.
//!
//! A batch is noted before it is copied. Whatever of it has no receipt is looked for.

use crate::copy::attributes::{modified, stamp};
use crate::error::Result;
use crate::job::Job;
use crate::piece::{Cut, Piece, Pieces, Records};
use crate::plan::Batch;
use crate::receipt::{Origin, Proven, Receipt, Unproven};
use crate::state::attempt;
use carnet_federation::{BoxFuture, Hop};
use carnet_objects::{Key, Version};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use std::collections::HashSet;

const AT_ONCE: usize = 32;

/// Receipts of what is there of a batch without any.
pub(super) async fn find(job: &Job, batch: &Batch, receipts: Option<&Piece>) -> Result<Vec<Piece>> {
    let mut known = HashSet::new();
    let mut records = Records::<Receipt>::new(&job.state, receipts.cloned().into_iter().collect());
    while let Some(receipt) = records.next().await? {
        known.insert(receipt.key);
    }
    let missing = batch.tasks.iter().map(|task| &task.found.key).filter(|key| !known.contains(*key));
    let looks: Vec<BoxFuture<'_, Result<Option<Receipt>>>> =
        missing.map(|key| look(job, batch, key).boxed()).collect();
    let mut looks = stream::iter(looks).buffered(AT_ONCE);
    let mut found =
        Pieces::new(&job.state, format!("runs/{}/found/{:08}-", batch.run, batch.number), Cut::default());
    while let Some(receipt) = looks.next().await {
        if let Some(receipt) = receipt? {
            found.push(&receipt).await?;
        }
    }
    found.finish().await
}

async fn look(job: &Job, batch: &Batch, key: &Key) -> Result<Option<Receipt>> {
    let Ok(destination) = job.destination_of(key) else { return Ok(None) };
    let Some(there) = attempt(Hop::Read, &*job.sink, || job.sink.head(&destination)).await? else {
        return Ok(None);
    };
    // Not ours, or without the checksum that all of ours have.
    let (Some(version), Some(crc32c)) = (stamp(&there), there.crc32c) else { return Ok(None) };
    let Ok(source_version) = Version::parse(version) else { return Ok(None) };
    Ok(Some(Receipt {
        key: key.clone(),
        source_version,
        source_modified: modified(&there).unwrap_or(there.last_modified),
        size: there.size,
        crc32c,
        md5: None,
        etag: there.version,
        version_id: None,
        // It became visible only as S3 had verified what was read; with what else that was compared
        // nobody knows any more.
        proven: Proven::Length,
        unproven: Some(Unproven::ReceiptWasLost),
        origin: Origin::Copied,
        dropped: Vec::new(),
        written_at: job.clock.now(),
        run: batch.run.clone(),
    }))
}
