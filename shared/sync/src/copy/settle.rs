//! What is at the destination already: where a condition did not hold, and before a big copy.

use super::attributes::stamp;
use super::{Copier, Evidence, Foreign, Object, Setback};
use crate::receipt::{Origin, Proven, Receipt, Unproven};
use crate::state::attempt;
use carnet_federation::{Error, Hop, Kind};
use carnet_objects::sink::{Condition, Crc32c, SinkObject, WriteOutcome};

/// How often one write is decided anew because others write the same key.
pub(super) const DECISIONS: u32 = 6;

pub(super) enum Settled {
    /// What was to be written is there.
    Same(Box<SinkObject>),
    /// To be written on this condition.
    Try(Condition),
}

impl Copier {
    /// The condition that a write begins with, by what the manifest knows.
    pub(super) fn condition(&self, object: &Object<'_>) -> Condition {
        object.replaces.cloned().map_or(Condition::Absent, Condition::Unchanged)
    }

    /// After a write that did not happen: what is there decides. The same bytes are as good as
    /// written, which is how a write whose answer was lost ends.
    pub(super) async fn settle(
        &self,
        object: &Object<'_>,
        evidence: &Evidence,
        outcome: &WriteOutcome,
    ) -> Result<Settled, Setback> {
        if *outcome == WriteOutcome::Conflict {
            // Whoever crossed us needs a moment to end; chance keeps two of us from meeting again.
            tokio::time::sleep(std::time::Duration::from_millis(fastrand::u64(20..200))).await;
        }
        let Some(there) = self.there(object).await? else { return Ok(Settled::Try(Condition::Absent)) };
        let ours = stamp(&there);
        let same = there.size == evidence.size && there.crc32c == Some(evidence.crc32c);
        // Ours of another source version has the same bytes, but says other things beside them.
        if same && ours.is_none_or(|version| version == object.found.version.as_str()) {
            return Ok(Settled::Same(Box::new(there)));
        }
        if ours.is_none() && object.replaces != Some(&there.version) && self.options.foreign == Foreign::Keep
        {
            return Err(self.foreign(object).into());
        }
        // Somebody has copied the object since this version was pinned, and may have copied a newer one.
        // So the source is asked once more, after it was seen what is there: an older version is never
        // written over a newer.
        if ours.is_some() && object.replaces != Some(&there.version) && !self.is_current(object).await? {
            return Err(Setback::SourceMoved);
        }
        Ok(Settled::Try(Condition::Unchanged(there.version)))
    }

    async fn is_current(&self, object: &Object<'_>) -> Result<bool, Setback> {
        let now = self.look(&object.found.key).await?;
        Ok(now.is_some_and(|now| now.version == object.found.version))
    }

    pub(super) fn settled(&self, object: &Object<'_>, evidence: Evidence, there: SinkObject) -> Receipt {
        let origin = if stamp(&there).is_some() { Origin::Copied } else { Origin::Adopted };
        self.receipt(object, evidence, origin, there.version, None)
    }

    /// What is there, if a digest proves that it is the source's object, or if it is our own copy of
    /// this version whose receipt was lost.
    pub(super) async fn adopt(&self, object: &Object<'_>) -> Result<Option<Receipt>, Setback> {
        let Some(there) = self.there(object).await? else { return Ok(None) };
        let found = object.found;
        if there.size != found.size {
            return Ok(None);
        }
        let proven = match (found.digests.crc32c, there.crc32c) {
            (Some(source), Some(there)) if there.as_u32() == source => Some(Proven::Crc32c),
            (Some(_), Some(_)) => return Ok(None),
            _ => found.digests.md5.filter(|md5| is_md5(&there, md5)).map(|_| Proven::Md5),
        };
        let ours = stamp(&there);
        if ours.is_some_and(|version| version != found.version.as_str()) {
            return Ok(None);
        }
        // Our own copy became visible only as S3 had verified what we had read of that version.
        let (proven, unproven) = match (proven, ours) {
            (Some(proven), _) => (proven, None),
            (None, Some(_)) if found.digests.md5.is_some() => (Proven::Length, Some(Unproven::ReadInParts)),
            (None, Some(_)) => (Proven::Length, Some(Unproven::SourceHasNoDigest)),
            (None, None) => return Ok(None),
        };
        // Without a checksum of the whole object there is nothing to put into a receipt.
        let Some(crc32c) = there.crc32c.or(found.digests.crc32c.map(Crc32c::from_u32)) else {
            return Ok(None);
        };
        let evidence = Evidence { size: there.size, crc32c, proven, unproven, dropped: Vec::new() };
        Ok(Some(self.settled(object, evidence, there)))
    }

    async fn there(&self, object: &Object<'_>) -> Result<Option<SinkObject>, Setback> {
        let sink = &self.job.sink;
        Ok(attempt(Hop::Read, &**sink, || sink.head(&object.destination)).await?)
    }

    fn foreign(&self, object: &Object<'_>) -> Error {
        let message =
            format!("{}: another object is there that is not ours, and it stays", object.destination);
        Error::new(Hop::Write, Kind::Changed, self.job.sink.target(), message)
    }

    pub(super) fn undecided(&self, object: &Object<'_>) -> Error {
        crate::state::crossed(&*self.job.sink, object.destination.as_str())
    }
}

/// An entity tag of an object that was put in one piece is its MD5 ("Common response headers"), unless
/// it is encrypted with a key that S3 does not choose. Equal by chance it is not.
fn is_md5(there: &SinkObject, md5: &[u8; 16]) -> bool {
    let tag = there.version.as_str().trim_matches('"');
    crate::text::parse_md5(tag).as_ref() == Some(md5)
}
