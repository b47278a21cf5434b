//! One part, sent while it is read, so that none is ever held, however large; read again where it has
//! to be sent again.

use super::big::BigCopy;
use super::{Copier, Setback};
use crate::progress::Event;
use crate::state::WRITES;
use carnet_federation::http::retry::{Policy, retry};
use carnet_federation::{Error, Hop};
use carnet_objects::sink::Part;
use carnet_objects::{ByteStream, Reading, read};
use futures_util::TryStreamExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What a part on its way holds: the buffers of two connections.
pub(super) const HELD: u64 = 1 << 20;
/// The slowest line that is waited for; one that stands still is given up much sooner.
const SLOWEST_BYTES_PER_SECOND: u64 = 64 << 10;

impl Copier {
    /// Reads one part of the pinned version and sends it.
    pub(super) async fn part(&self, big: &BigCopy, number: u32) -> Result<Part, Setback> {
        let _memory = self.limits.memory(HELD).await;
        self.part_within(big, number).await
    }

    /// The same, in memory that the caller has been given.
    pub(super) async fn part_within(&self, big: &BigCopy, number: u32) -> Result<Part, Setback> {
        let size = big.size_of(number);
        self.limits.pace(size).await;
        let (sink, upload) = (&self.job.sink, big.upload());
        let source_failed = AtomicBool::new(false);
        let send = || async {
            let opened = read(self.job.source.clone(), &big.key, big.request(number)).await;
            source_failed.store(opened.is_err(), Ordering::Relaxed);
            let (reading, ended) = (opened?, Arc::new(OnceLock::new()));
            let sent = sink.put_part(&upload, number, size, watched(reading, ended.clone())).await;
            source_failed.store(ended.get().is_some(), Ordering::Relaxed);
            ended.get().map_or(sent, |error| Err(error.clone()))
        };
        match retry(&patience(size), Hop::Write, sink.target(), send).await {
            Ok(part) => Ok(self.sent(part)),
            Err(error) if source_failed.into_inner() => Err(Setback::reading(error)),
            Err(error) => Err(Setback::uploading(error)),
        }
    }

    pub(super) fn sent(&self, part: Part) -> Part {
        self.progress.hear(&Event::Bytes { bytes: part.size });
        part
    }
}

fn patience(size: u64) -> Policy {
    let attempt = WRITES.attempt + Duration::from_secs(size / SLOWEST_BYTES_PER_SECOND);
    Policy { attempt, budget: attempt * WRITES.attempts, ..WRITES }
}

/// Keeps why the bytes ended: a destination need not hand it on.
fn watched(reading: Reading, ended: Arc<OnceLock<Error>>) -> ByteStream {
    Box::pin(reading.inspect_err(move |error| {
        // A stream ends with its first error.
        let _ = ended.set(error.clone());
    }))
}
