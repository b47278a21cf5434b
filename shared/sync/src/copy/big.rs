//! A big object: an upload in parts. Nothing of it is visible until it is complete, and the parts that
//! have arrived are the checkpoint: any process goes on with them while the source has the same
//! version.
//!
//! A file in the state says which upload is whose. It is written after the upload was begun; one that
//! was begun by a process that died in between is nobody's, and ended by the bucket's lifecycle rule.

use super::attributes;
use super::parts::Parts;
use super::settle::{DECISIONS, Settled};
use super::{Copier, Evidence, Object, Setback};
use crate::error::SyncError;
use crate::receipt::{Origin, Proven, Receipt, Unproven};
use crate::state::{attempt, upload_path};
use carnet_federation::{Error, Hop, Kind};
use carnet_objects::sink::{CompleteRequest, Condition, Crc32c, Part, Upload, UploadId, WriteOutcome};
use carnet_objects::{ByteRange, Conditions, Key, Match, ReadRequest, Version, head};
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// A big object under way: everything that another process needs to copy parts of it, or to finish it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BigCopy {
    #[serde(with = "crate::text::key")]
    pub key: Key,
    #[serde(with = "crate::text::version")]
    pub source_version: Version,
    pub size: u64,
    pub part_size: u64,
    #[serde(with = "crate::text::key")]
    pub destination: Key,
    pub upload_id: String,
    #[serde(default)]
    pub dropped: Vec<String>,
}

/// How often the beginning of an upload is tried that another process begins too.
const BEGINNINGS: u32 = 4;

/// The parts that have arrived, by number.
pub(super) type Arrived = BTreeMap<u32, Part>;

impl BigCopy {
    fn parts(&self) -> Parts {
        Parts::of(self.size, self.part_size)
    }

    /// The numbers of its parts.
    pub fn numbers(&self) -> RangeInclusive<u32> {
        1..=self.parts().count()
    }

    pub(super) fn size_of(&self, number: u32) -> u64 {
        let range = self.parts().range(number);
        range.end - range.start
    }

    /// To read one part of the pinned version.
    pub(super) fn request(&self, number: u32) -> ReadRequest {
        let range = self.parts().range(number);
        ReadRequest {
            range: Some(ByteRange::Between { first: range.start, last: range.end.saturating_sub(1) }),
            version: Some(self.source_version.clone()),
            ..ReadRequest::default()
        }
    }

    pub(super) fn upload(&self) -> Upload {
        Upload { key: self.destination.clone(), id: UploadId::new(self.upload_id.as_str()) }
    }
}

impl Copier {
    pub(super) async fn big(&self, object: &Object<'_>) -> Result<Receipt, Setback> {
        let (big, arrived) = self.begin_or_go_on(object).await?;
        let outcome = self.fill_and_complete(object, &big, arrived).await;
        if let Err(setback) = &outcome
            && !can_go_on(setback)
        {
            self.give_up(&big).await;
        }
        outcome
    }

    /// The upload of this very version, with what has arrived of it, or a new one.
    pub(super) async fn begin_or_go_on(&self, object: &Object<'_>) -> Result<(BigCopy, Arrived), Setback> {
        let found = object.found;
        for _ in 0..BEGINNINGS {
            let mut condition = Condition::Absent;
            let noted = self.job.state.get_json::<BigCopy>(&upload_path(&found.key)).await?;
            if let Some((big, note)) = noted {
                let same = big.key == found.key
                    && big.source_version == found.version
                    && big.size == found.size
                    && big.destination == object.destination;
                match self.arrived(&big).await {
                    Ok(arrived) if same => return Ok((big, arrived)),
                    Ok(_) => drop(self.end(&big).await),
                    Err(Setback::UploadOver(_)) => {}
                    Err(setback) => return Err(setback),
                }
                condition = Condition::Unchanged(note);
            }
            if let Some(big) = self.begin_big(object, condition).await? {
                return Ok((big, Arrived::new()));
            }
        }
        Err(crate::state::crossed(&*self.job.sink, object.destination.as_str()).into())
    }

    /// `None`: another process has begun it in the same moment.
    async fn begin_big(&self, object: &Object<'_>, condition: Condition) -> Result<Option<BigCopy>, Setback> {
        let found = object.found;
        let pinned =
            Conditions { if_match: Some(Match::Version(found.version.clone())), ..Conditions::default() };
        let meta = head(&*self.job.source, &found.key, &pinned).await.map_err(Setback::reading)?;
        let mapped = attributes::map(&meta, &self.options);
        let sink = &self.job.sink;
        let begin = || sink.begin_upload(&object.destination, &mapped.attributes);
        let upload = attempt(Hop::Write, &**sink, begin).await?;
        let big = BigCopy {
            key: found.key.clone(),
            source_version: found.version.clone(),
            size: found.size,
            part_size: Parts::new(found.size, self.options.part_size).part_size(),
            destination: object.destination.clone(),
            upload_id: upload.id.as_str().to_owned(),
            dropped: mapped.dropped,
        };
        let path = upload_path(&found.key);
        if let WriteOutcome::Written(_) = self.job.state.put_json(&path, &big, condition).await? {
            return Ok(Some(big));
        }
        // Or the answer to the first try of this very write was lost.
        let noted = self.job.state.get_json::<BigCopy>(&path).await?;
        if noted.is_some_and(|(noted, _)| noted == big) {
            return Ok(Some(big));
        }
        self.end(&big).await;
        Ok(None)
    }

    /// The parts that are as this program would have sent them.
    pub(super) async fn arrived(&self, big: &BigCopy) -> Result<Arrived, Setback> {
        let (sink, upload, parts) = (&self.job.sink, big.upload(), big.parts());
        let (mut arrived, mut after) = (Arrived::new(), None);
        loop {
            let list = || sink.list_parts(&upload, after);
            let page = attempt(Hop::List, &**sink, list).await.map_err(Setback::uploading)?;
            arrived.extend(
                page.parts.into_iter().filter(|part| parts.owns(part)).map(|part| (part.number, part)),
            );
            match page.next {
                Some(next) if after.is_none_or(|after| next > after) => after = Some(next),
                _ => return Ok(arrived),
            }
        }
    }

    async fn fill_and_complete(
        &self,
        object: &Object<'_>,
        big: &BigCopy,
        mut arrived: Arrived,
    ) -> Result<Receipt, Setback> {
        let digests = object.found.digests;
        // An MD5 can only be checked by whoever reads the whole in one go.
        let whole = arrived.is_empty() && digests.crc32c.is_none() && digests.md5.is_some();
        if whole {
            arrived = self.all_parts_in_a_row(big).await?;
        } else {
            let missing = big.numbers().filter(|number| !arrived.contains_key(number));
            let sent: Vec<Part> = stream::iter(missing)
                .map(|number| self.part(big, number).boxed())
                .buffer_unordered(self.options.parts_at_once.max(1))
                .try_collect()
                .await?;
            arrived.extend(sent.into_iter().map(|part| (part.number, part)));
        }
        let crc32c = combined(big, &arrived)?;
        let (proven, unproven) = match (digests.crc32c, digests.md5) {
            (Some(source), _) if source == crc32c.as_u32() => (Proven::Crc32c, None),
            (Some(source), _) => {
                let source = Crc32c::from_u32(source);
                let message =
                    format!("{}: what was read has CRC32C {crc32c}, and the source says {source}", big.key);
                let error = Error::new(Hop::Read, Kind::Malformed, self.job.source.target(), message);
                return Err(Setback::WrongBytes(error));
            }
            (None, Some(_)) if whole => (Proven::Md5, None),
            (None, Some(_)) => (Proven::Length, Some(Unproven::ReadInParts)),
            (None, None) => (Proven::Length, Some(Unproven::SourceHasNoDigest)),
        };
        let evidence = Evidence { size: big.size, crc32c, proven, unproven, dropped: big.dropped.clone() };
        self.complete(object, big, arrived.into_values().collect(), evidence).await
    }

    async fn complete(
        &self,
        object: &Object<'_>,
        big: &BigCopy,
        parts: Vec<Part>,
        evidence: Evidence,
    ) -> Result<Receipt, Setback> {
        let (sink, upload) = (&self.job.sink, big.upload());
        let mut request =
            CompleteRequest { crc32c: evidence.crc32c, size: big.size, condition: self.condition(object) };
        for _ in 0..DECISIONS {
            let complete = || sink.complete(&upload, &parts, &request);
            let outcome = match attempt(Hop::Write, &**sink, complete).await {
                Ok(WriteOutcome::Written(written)) => {
                    let written = self.confirmed(object, &evidence, written)?;
                    self.forget(&big.key).await;
                    return Ok(self.receipt(
                        object,
                        evidence,
                        Origin::Copied,
                        written.version,
                        written.version_id,
                    ));
                }
                Ok(WriteOutcome::Conflict) => {
                    let error = crate::state::crossed(&**sink, object.destination.as_str());
                    self.give_up(big).await;
                    return Err(Setback::UploadOver(error));
                }
                // Over: perhaps completed by the very call whose answer was lost.
                Err(error) if error.kind() == Kind::NotFound => {
                    match self.settle(object, &evidence, &WriteOutcome::Unmet).await? {
                        Settled::Same(there) => {
                            self.forget(&big.key).await;
                            return Ok(self.settled(object, evidence, *there));
                        }
                        Settled::Try(_) => return Err(Setback::UploadOver(error)),
                    }
                }
                Err(error) => return Err(error.into()),
                Ok(outcome) => outcome,
            };
            match self.settle(object, &evidence, &outcome).await? {
                Settled::Same(there) => {
                    self.give_up(big).await;
                    return Ok(self.settled(object, evidence, *there));
                }
                Settled::Try(condition) => request.condition = condition,
            }
        }
        Err(self.undecided(object).into())
    }

    /// Ends the upload of an object that will not be finished, and forgets it.
    async fn give_up(&self, big: &BigCopy) {
        if self.end(big).await {
            self.forget(&big.key).await;
        }
    }

    /// Ends an upload. A failure here is no failure of the copy: the bucket's lifecycle rule ends what is
    /// left.
    async fn end(&self, big: &BigCopy) -> bool {
        let (sink, upload) = (&self.job.sink, big.upload());
        let ended = attempt(Hop::Write, &**sink, || sink.abort(&upload)).await;
        if let Err(error) = &ended {
            tracing::warn!(target: "carnet_sync", key = %big.key, %error, "an upload could not be ended");
        }
        ended.is_ok()
    }

    /// Ends the upload of an object that the source has no more, if there is one.
    pub(super) async fn abandon(&self, key: &Key) {
        if let Ok(Some((big, _))) = self.job.state.get_json::<BigCopy>(&upload_path(key)).await
            && big.key == *key
        {
            self.give_up(&big).await;
        }
    }

    async fn forget(&self, key: &Key) {
        if let Err(error) = self.job.state.delete(&upload_path(key), None).await {
            tracing::warn!(target: "carnet_sync", %key, %error, "the note of an upload that is over stays");
        }
    }
}

/// The checksum of the whole, from those of all parts.
fn combined(big: &BigCopy, arrived: &Arrived) -> Result<Crc32c, Setback> {
    let parts = arrived.values().filter_map(|part| Some((part.crc32c?, part.size)));
    let (count, size) = (parts.clone().count(), parts.clone().map(|(_, size)| size).sum::<u64>());
    if count != big.numbers().count() || size != big.size {
        let why = format!("{count} parts with {size} of {} bytes", big.size);
        return Err(Setback::Failed(SyncError::corrupt(big.destination.as_str(), why)));
    }
    Ok(Crc32c::of_parts(parts))
}

/// Whether a later try may go on with the parts that have arrived.
fn can_go_on(setback: &Setback) -> bool {
    match setback {
        Setback::SourceMoved | Setback::WrongBytes(_) => false,
        // Over already.
        Setback::UploadOver(_) => true,
        Setback::Failed(error) => matches!(
            error.kind(),
            Some(
                Kind::Unavailable
                    | Kind::Throttled
                    | Kind::Deadline
                    | Kind::Unauthenticated
                    | Kind::Forbidden
            )
        ),
    }
}
