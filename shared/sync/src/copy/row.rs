//! All parts from one stream that checks its digest before it hands out the last bytes: for objects of
//! which only an MD5 is known, which is one of the whole.

use super::big::{Arrived, BigCopy};
use super::part::HELD;
use super::sending::Sending;
use super::{Copier, Setback};
use bytes::Bytes;
use carnet_federation::{Error, Hop, Kind};
use carnet_objects::sink::{Crc32c, Part};
use carnet_objects::{ByteStream, ReadRequest, Reading, read};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use std::collections::BTreeMap;
use tokio::sync::mpsc;

/// Parts under way at once, at most: one takes the bytes, the one before waits for its answer.
const AT_ONCE: usize = 2;
/// Chunks between the stream and the part that takes them.
const CHUNKS: usize = 4;

impl Copier {
    pub(super) async fn all_parts_in_a_row(&self, big: &BigCopy) -> Result<Arrived, Setback> {
        let _memory = self.limits.memory(HELD * AT_ONCE as u64).await;
        let request = ReadRequest { version: Some(big.source_version.clone()), ..ReadRequest::default() };
        let reading = read(self.job.source.clone(), &big.key, request).await.map_err(Setback::reading)?;
        let (mut row, mut sending) = (Row { reading, rest: Bytes::new() }, Sending::default());
        let mut sums = BTreeMap::new();
        for number in big.numbers() {
            let size = big.size_of(number);
            // Before the part begins: one that stands still for long is given up.
            sending.meanwhile(self.limits.pace(size).map(Ok)).await?;
            let (feed, chunks) = mpsc::channel(CHUNKS);
            sending.push(self.fed(big, number, chunks).boxed());
            sums.insert(number, sending.meanwhile(row.feed(size, feed)).await?);
            sending.wait_for_fewer_than(self.options.parts_at_once.clamp(1, AT_ONCE)).await?;
        }
        let arrived = sending.finish().await?;
        self.same(big, &sums, &arrived)?;
        Ok(arrived)
    }

    /// One part of the row. Where that fails it is read once more, by itself.
    async fn fed(&self, big: &BigCopy, number: u32, chunks: mpsc::Receiver<Bytes>) -> Result<Part, Setback> {
        let body: ByteStream = Box::pin(stream::unfold(chunks, |mut chunks| async {
            let chunk = chunks.recv().await?;
            Some((Ok(chunk), chunks))
        }));
        match self.job.sink.put_part(&big.upload(), number, big.size_of(number), body).await {
            Ok(part) => Ok(self.sent(part)),
            Err(error) if error.kind().is_transient() => {
                tracing::warn!(target: "carnet_sync", number, %error, "a part is sent again");
                self.part_within(big, number).await
            }
            Err(error) => Err(Setback::uploading(error)),
        }
    }

    /// A part that was sent again is the one whose bytes went into the digest.
    fn same(&self, big: &BigCopy, sums: &BTreeMap<u32, Crc32c>, arrived: &Arrived) -> Result<(), Setback> {
        match arrived.iter().find(|(number, part)| part.crc32c.as_ref() != sums.get(number)) {
            None => Ok(()),
            Some((number, _)) => {
                let message = format!("{}: part {number} was another when it was read again", big.key);
                let error = Error::new(Hop::Read, Kind::Malformed, self.job.source.target(), message);
                Err(Setback::WrongBytes(error))
            }
        }
    }
}

struct Row {
    reading: Reading,
    /// Of the last chunk, what belongs to the next part.
    rest: Bytes,
}

impl Row {
    /// Hands the next so many bytes out, and sums them up. Who does not listen any more sends the part
    /// by itself; the stream goes on for its digest.
    async fn feed(&mut self, size: u64, feed: mpsc::Sender<Bytes>) -> Result<Crc32c, Setback> {
        let (mut sum, mut left) = (Crc32c::EMPTY, size);
        while left > 0 {
            if self.rest.is_empty() {
                let Some(chunk) = self.reading.next().await else { break };
                self.rest = chunk.map_err(Setback::reading)?;
            }
            let taken = self.rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let chunk = self.rest.split_to(taken);
            sum = sum.append(&chunk);
            left -= taken as u64;
            let _ = feed.send(chunk).await;
        }
        Ok(sum)
    }
}
