//! Verifying: both sides are read again, and compared.
//!
//! A receipt says what was true when an object was written. This says what is true now, and rests on
//! nothing that was noted: the bytes of the version that was copied, from the source, against the bytes
//! that the destination gives out.

use crate::error::Result;
use crate::job::Job;
use crate::manifest::Manifest;
use crate::progress::{Event, Failure, Progress};
use crate::receipt::Receipt;
use crate::stop::Stop;
use carnet_federation::{Error, Kind};
use carnet_objects::sink::Crc32c;
use carnet_objects::{Key, ObjectSource, ReadRequest, Version, read};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How one object compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compared {
    /// The same bytes on both sides, and those of the receipt.
    Same,
    /// The source has another version than was copied, or none: the next run sees to it.
    SourceMoved,
    /// The destination has an object that we did not write.
    NotOurs,
    /// The destination has no such object.
    Missing,
    /// The versions are those of the receipt, and the bytes are not the same.
    Differs,
}

/// What came of it, in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Verified {
    pub same: u64,
    /// Read from each side.
    pub bytes: u64,
    pub source_moved: u64,
    pub not_ours: u64,
    pub missing: u64,
    pub differs: u64,
    /// One of the sides could not be read.
    pub unread: u64,
    /// It was to stop before all were compared.
    pub stopped: bool,
}

impl Verified {
    /// Whether every object that could be compared was the same, and all could be.
    pub fn holds(&self) -> bool {
        !self.stopped && self.not_ours + self.missing + self.differs + self.unread == 0
    }

    fn count(&mut self, compared: Compared, bytes: u64) {
        self.bytes += bytes;
        *match compared {
            Compared::Same => &mut self.same,
            Compared::SourceMoved => &mut self.source_moved,
            Compared::NotOurs => &mut self.not_ours,
            Compared::Missing => &mut self.missing,
            Compared::Differs => &mut self.differs,
        } += 1;
    }
}

/// Compares every object of the manifest. `destination` is the job's sink, read.
pub async fn verify(
    job: &Job,
    destination: &Arc<dyn ObjectSource>,
    at_once: usize,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Verified> {
    let manifest = Manifest::of(&job.state, &job.from, &job.to).await?;
    let mut verified = Verified::default();
    let records = stream::unfold(manifest.records(&job.state, None), |mut records| async move {
        let next = records.next().await.transpose()?;
        Some((next, records))
    });
    let compared = records.map(|receipt| {
        async move {
            let receipt = receipt?;
            let compared = compare(job, destination, &receipt).await;
            Ok::<_, crate::SyncError>((receipt, compared))
        }
        .boxed()
    });
    let mut compared = std::pin::pin!(compared.buffer_unordered(at_once.max(1)));
    loop {
        let Some(next) = stop.or(compared.next()).await else {
            verified.stopped = true;
            return Ok(verified);
        };
        let Some(next) = next else { return Ok(verified) };
        let (receipt, compared) = next?;
        let key = receipt.key.as_str();
        match compared {
            Ok((compared, bytes)) => {
                verified.count(compared, bytes);
                progress.hear(&Event::Compared { key, bytes, compared });
            }
            Err(error) => {
                verified.unread += 1;
                progress.hear(&Event::Failed(&Failure::new(key, &error.into())));
            }
        }
    }
}

async fn compare(
    job: &Job,
    destination: &Arc<dyn ObjectSource>,
    receipt: &Receipt,
) -> Result<(Compared, u64), Error> {
    let Ok(there) = job.destination_of(&receipt.key) else { return Ok((Compared::Missing, 0)) };
    let from = digest(&job.source, &receipt.key, &receipt.source_version);
    let to = digest(destination, &there, &receipt.etag);
    let (from, to) = tokio::join!(from, to);
    // What is wrong at the destination matters more.
    let to = match to {
        Err(error) if error.kind() == Kind::NotFound => return Ok((Compared::Missing, 0)),
        Err(error) if error.kind() == Kind::Changed => return Ok((Compared::NotOurs, 0)),
        to => to?,
    };
    let from = match from {
        Err(error) if matches!(error.kind(), Kind::NotFound | Kind::Changed) => {
            return Ok((Compared::SourceMoved, 0));
        }
        from => from?,
    };
    let same = from == to && to == (receipt.crc32c, receipt.size);
    Ok((if same { Compared::Same } else { Compared::Differs }, to.1))
}

/// Of all bytes of one version, and how many there are.
async fn digest(store: &Arc<dyn ObjectSource>, key: &Key, version: &Version) -> Result<(Crc32c, u64), Error> {
    let request = ReadRequest { version: Some(version.clone()), ..ReadRequest::default() };
    let mut reading = read(store.clone(), key, request).await?;
    let (mut crc32c, mut size) = (Crc32c::EMPTY, 0);
    while let Some(chunk) = reading.next().await {
        let chunk = chunk?;
        crc32c = crc32c.append(&chunk);
        size += chunk.len() as u64;
    }
    Ok((crc32c, size))
}
