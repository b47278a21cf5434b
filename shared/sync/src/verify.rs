//! Reading both sides again: for whoever wants to know, not to be told.
//!
//! Every object of the manifest is read at the source, in the version that was copied, and at the
//! destination. Objects there that are too large for memory are compared by the checksum that the
//! destination keeps of the whole, which it computed itself as they were written.

use crate::error::{Result, SyncError};
use crate::job::Job;
use crate::manifest::Manifest;
use crate::receipt::Receipt;
use crate::state::attempt;
use crate::stop::Stop;
use carnet_federation::{BoxFuture, Hop, Kind};
use carnet_objects::sink::{Crc32c, Got};
use carnet_objects::{ReadRequest, read};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use serde::{Deserialize, Serialize};

/// Up to this size an object is read back whole.
const READ_BACK: u64 = 8 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Both sides were read, and are the same.
    SameBytes,
    /// The source was read, and the destination keeps the same checksum of the whole.
    SameChecksum,
    /// The source has another version by now: the next run copies it.
    SourceMoved,
    MissingAtDestination,
    /// The destination is not what was written, or not what the source has.
    Different,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    pub same_bytes: u64,
    pub same_checksum: u64,
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

    fn count(&mut self, finding: &Result<Finding>) {
        *match finding {
            Ok(Finding::SameBytes) => &mut self.same_bytes,
            Ok(Finding::SameChecksum) => &mut self.same_checksum,
            Ok(Finding::SourceMoved) => &mut self.source_moved,
            Ok(Finding::MissingAtDestination) => &mut self.missing,
            Ok(Finding::Different) => &mut self.different,
            Err(_) => &mut self.failed,
        } += 1;
    }
}

/// Compares everything that the manifest holds, so many objects at once. `each` hears of every one.
pub async fn verify(
    job: &Job,
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
            chunk.iter().map(|receipt| compare(job, receipt).boxed()).collect();
        let mut compared = stream::iter(compared).buffered(at_once.max(1)).zip(stream::iter(&chunk));
        loop {
            match stop.or(compared.next()).await {
                None => return Ok(Verified { stopped: true, ..verified }),
                Some(None) => break,
                Some(Some((finding, receipt))) => {
                    verified.count(&finding);
                    each(receipt, &finding);
                }
            }
        }
    }
}

async fn compare(job: &Job, receipt: &Receipt) -> Result<Finding> {
    let Some(finding) = at_destination(job, receipt).await? else { return Ok(Finding::MissingAtDestination) };
    if finding == Finding::Different {
        return Ok(finding);
    }
    let request = ReadRequest { version: Some(receipt.source_version.clone()), ..ReadRequest::default() };
    let moved = |error: &carnet_objects::Error| matches!(error.kind(), Kind::Changed | Kind::NotFound);
    let mut reading = match read(job.source.clone(), &receipt.key, request).await {
        Ok(reading) => reading,
        Err(error) if moved(&error) => return Ok(Finding::SourceMoved),
        Err(error) => return Err(error.into()),
    };
    let mut crc32c = Crc32c::EMPTY;
    while let Some(chunk) = reading.next().await {
        match chunk {
            Ok(chunk) => crc32c = crc32c.append(&chunk),
            Err(error) if moved(&error) => return Ok(Finding::SourceMoved),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(if crc32c == receipt.crc32c { finding } else { Finding::Different })
}

/// How the destination agrees with the receipt; `None` if there is nothing.
async fn at_destination(job: &Job, receipt: &Receipt) -> Result<Option<Finding>> {
    let key = job
        .destination_of(&receipt.key)
        .map_err(|why| SyncError::corrupt(receipt.key.as_str(), why.to_string()))?;
    if receipt.size <= READ_BACK {
        let limit = usize::try_from(READ_BACK).unwrap_or(usize::MAX);
        return Ok(match attempt(Hop::Read, &*job.sink, || job.sink.get(&key, None, limit)).await {
            Ok(Got::Object { body, .. }) if Crc32c::of(&body) == receipt.crc32c => Some(Finding::SameBytes),
            Ok(Got::Object { .. }) => Some(Finding::Different),
            Ok(_) => None,
            Err(error) if error.kind() == Kind::OutOfRange => Some(Finding::Different),
            Err(error) => return Err(error.into()),
        });
    }
    Ok(attempt(Hop::Read, &*job.sink, || job.sink.head(&key)).await?.map(|there| {
        let same = there.size == receipt.size && there.crc32c == Some(receipt.crc32c);
        if same { Finding::SameChecksum } else { Finding::Different }
    }))
}
