//! Reading both sides again: for whoever wants to know, not to be told.
//!
//! Every object of the manifest is read at the source, in the version that was copied, and at the
//! destination, as it is now. Both in flat memory, whatever their size.

use crate::error::{Result, SyncError};
use crate::job::Job;
use crate::manifest::Manifest;
use crate::receipt::Receipt;
use crate::stop::Stop;
use carnet_federation::{BoxFuture, Kind};
use carnet_objects::sink::Crc32c;
use carnet_objects::{Key, ObjectSource, ReadRequest, Version, read};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Both sides were read, and have the receipt's length and checksum.
    Same,
    /// The source has another version by now: the next run copies it.
    SourceMoved,
    MissingAtDestination,
    /// The destination is not what was written, or not what the source has.
    Different,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    pub same: u64,
    /// Of these.
    pub same_bytes: u64,
    pub source_moved: u64,
    pub missing: u64,
    pub different: u64,
    /// Could not be read, here or there.
    pub failed: u64,
    /// It was to stop before all were compared.
    pub stopped: bool,
}

impl Verified {
    /// Whether nothing speaks against the copy.
    pub fn is_good(&self) -> bool {
        self.missing + self.different + self.failed == 0 && !self.stopped
    }

    fn count(&mut self, receipt: &Receipt, finding: &Result<Finding>) {
        if matches!(finding, Ok(Finding::Same)) {
            self.same_bytes += receipt.size;
        }
        *match finding {
            Ok(Finding::Same) => &mut self.same,
            Ok(Finding::SourceMoved) => &mut self.source_moved,
            Ok(Finding::MissingAtDestination) => &mut self.missing,
            Ok(Finding::Different) => &mut self.different,
            Err(_) => &mut self.failed,
        } += 1;
    }
}

/// Compares everything that the manifest holds, so many objects at once. `destination` is the job's
/// sink, read. `each` hears of every object.
pub async fn verify(
    job: &Job,
    destination: &Arc<dyn ObjectSource>,
    at_once: usize,
    stop: &Stop,
    mut each: impl FnMut(&Receipt, &Result<Finding>) + Send,
) -> Result<Verified> {
    let manifest = Manifest::of(&job.state, &job.from, &job.to).await?;
    let mut records = manifest.records(&job.state, None);
    let mut verified = Verified::default();
    loop {
        let mut chunk = Vec::new();
        while chunk.len() < at_once.max(1) * 8
            && let Some(receipt) = records.next().await?
        {
            chunk.push(receipt);
        }
        if chunk.is_empty() {
            return Ok(verified);
        }
        let compared: Vec<BoxFuture<'_, Result<Finding>>> =
            chunk.iter().map(|receipt| compare(job, destination, receipt).boxed()).collect();
        let mut compared = stream::iter(compared).buffered(at_once.max(1)).zip(stream::iter(&chunk));
        loop {
            match stop.or(compared.next()).await {
                None => return Ok(Verified { stopped: true, ..verified }),
                Some(None) => break,
                Some(Some((finding, receipt))) => {
                    verified.count(receipt, &finding);
                    each(receipt, &finding);
                }
            }
        }
    }
}

async fn compare(job: &Job, destination: &Arc<dyn ObjectSource>, receipt: &Receipt) -> Result<Finding> {
    let there = job
        .destination_of(&receipt.key)
        .map_err(|why| SyncError::corrupt(receipt.key.as_str(), why.to_string()))?;
    let (from, to) = tokio::join!(
        digest(&job.source, &receipt.key, Some(&receipt.source_version)),
        digest(destination, &there, None)
    );
    let written = (receipt.crc32c, receipt.size);
    // What is wrong at the destination matters more than what has happened at the source.
    match to {
        Ok(to) if to == written => {}
        Ok(_) => return Ok(Finding::Different),
        Err(error) if error.kind() == Kind::NotFound => return Ok(Finding::MissingAtDestination),
        Err(error) => return Err(error.into()),
    }
    match from {
        Ok(from) if from == written => Ok(Finding::Same),
        Ok(_) => Ok(Finding::Different),
        Err(error) if matches!(error.kind(), Kind::Changed | Kind::NotFound) => Ok(Finding::SourceMoved),
        Err(error) => Err(error.into()),
    }
}

/// Of all bytes, and how many there are.
async fn digest(
    store: &Arc<dyn ObjectSource>,
    key: &Key,
    version: Option<&Version>,
) -> Result<(Crc32c, u64), carnet_objects::Error> {
    let request = ReadRequest { version: version.cloned(), ..ReadRequest::default() };
    let mut reading = read(store.clone(), key, request).await?;
    let (mut crc32c, mut size) = (Crc32c::EMPTY, 0);
    while let Some(chunk) = reading.next().await {
        let chunk = chunk?;
        crc32c = crc32c.append(&chunk);
        size += chunk.len() as u64;
    }
    Ok((crc32c, size))
}
