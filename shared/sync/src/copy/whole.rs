//! A small object: read into memory, verified, put in one piece.

use super::settle::{DECISIONS, Settled};
use super::{Copier, Evidence, Object, Setback, attributes};
use crate::progress::Event;
use crate::receipt::{Origin, Proven, Receipt, Unproven};
use crate::state::attempt;
use bytes::Bytes;
use carnet_federation::{Error, Hop, Kind};
use carnet_objects::read::read_to_vec;
use carnet_objects::sink::{Crc32c, PutRequest, WriteOutcome, Written};
use carnet_objects::{Algorithm, ReadRequest, Verdict};

impl Copier {
    pub(super) async fn whole(&self, object: &Object<'_>) -> Result<Receipt, Setback> {
        let found = object.found;
        let _memory = self.limits.memory(found.size).await;
        self.limits.pace(found.size).await;
        let request = ReadRequest { version: Some(found.version.clone()), ..ReadRequest::default() };
        let limit = usize::try_from(found.size).unwrap_or(usize::MAX);
        let (meta, bytes, verdict) = read_to_vec(self.job.source.clone(), &found.key, request, limit)
            .await
            .map_err(|error| match error.kind() {
            // It was read twice already.
            Kind::Malformed => error.into(),
            _ => Setback::reading(error),
        })?;
        let body = Bytes::from(bytes);
        let mapped = attributes::map(&meta, &self.options);
        let (proven, unproven) = match verdict {
            Verdict::Verified { algorithm: Algorithm::Crc32c } => (Proven::Crc32c, None),
            Verdict::Verified { algorithm: Algorithm::Md5 } => (Proven::Md5, None),
            _ => (Proven::Length, Some(Unproven::SourceHasNoDigest)),
        };
        let crc32c = Crc32c::of(&body);
        let evidence = Evidence { size: meta.size, crc32c, proven, unproven, dropped: mapped.dropped };
        let mut request =
            PutRequest::new(crc32c).with_attributes(mapped.attributes).on(self.condition(object));
        let sink = &self.job.sink;
        for _ in 0..DECISIONS {
            let put = || sink.put(&object.destination, body.clone(), &request);
            let outcome = attempt(Hop::Write, &**sink, put).await?;
            if let WriteOutcome::Written(written) = outcome {
                let written = self.confirmed(object, &evidence, written)?;
                self.progress.hear(&Event::Bytes { bytes: evidence.size });
                return Ok(self.receipt(
                    object,
                    evidence,
                    Origin::Copied,
                    written.version,
                    written.version_id,
                ));
            }
            match self.settle(object, &evidence, &outcome).await? {
                Settled::Same(there) => return Ok(self.settled(object, evidence, *there)),
                Settled::Try(condition) => request.condition = condition,
            }
        }
        Err(self.undecided(object).into())
    }

    /// What the destination says it has written.
    pub(super) fn confirmed(
        &self,
        object: &Object<'_>,
        evidence: &Evidence,
        written: Written,
    ) -> Result<Written, Error> {
        match written.crc32c {
            Some(crc32c) if crc32c != evidence.crc32c => {
                let message = format!(
                    "{}: it was sent with CRC32C {} and is said to have {crc32c}",
                    object.destination, evidence.crc32c
                );
                Err(Error::new(Hop::Write, Kind::Malformed, self.job.sink.target(), message))
            }
            _ => Ok(written),
        }
    }
}
