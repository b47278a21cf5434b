//! The one suite that every sink must pass: memory, the stand-in, other people's S3, a real bucket.
//!
//! [`run`] panics at the first thing that is not as it must be, and says which. It writes below names
//! of its own that begin with `conformance/`, so the bucket need not be empty; it may be run again.
//!
//! | module | what it asks |
//! |---|---|
//! | `objects` | what was written is there, conditions, checksums, deletes, names of every kind |
//! | `uploads` | parts, in order and out of it, replaced, listed; completion and its conditions |
//! | `listing` | order, pages of every size, beginnings |

mod listing;
mod objects;
mod uploads;

use super::{key, noise};
use crate::key::Key;
use crate::object::Version;
use crate::sink::{Attributes, Crc32c, Deletion, ObjectSink, PutRequest, WriteOutcome, Written};
use bytes::Bytes;
use std::sync::Arc;

/// What a server of S3's protocol may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SinkAbility {
    /// Bytes are compared with their checksum before they are visible.
    VerifiesChecksums,
    /// The checksum of an object is kept, and told again.
    KeepsChecksums,
    /// The checksum of a whole object is compared when its parts are completed, and so is its size.
    VerifiesWholeObject,
    /// The checksum of an object that came in parts is kept, and told again. (One that tells another
    /// cannot be read back: what is read is compared with it.)
    KeepsWholeObjectChecksum,
    /// [`Condition::Absent`](crate::sink::Condition::Absent).
    IfAbsent,
    /// [`Condition::Unchanged`](crate::sink::Condition::Unchanged).
    IfUnchanged,
    /// The same two when parts are completed.
    ConditionalCompletion,
    /// Deletes that name a version.
    ConditionalDelete,
    /// Uploads in parts at all, as the official client reads their answers.
    Uploads,
    /// A part of an upload that is over is refused as such, and so is its completion.
    TellsEndedUploads,
    /// Uploads that are not over can be listed.
    ListsUploads,
    /// The parts that have arrived can be listed.
    ListsParts,
    /// The stated parts are compared with those that arrived.
    VerifiesParts,
    /// Encoding, disposition and caching of the content are kept beside its type.
    ContentHeaders,
    /// Every name that S3 takes. (Some servers keep objects as files.)
    AnyName,
    /// Begins in the middle of a listing.
    StartAfter,
}

/// Runs every case but those that need what this destination lacks.
pub async fn run(sink: Arc<dyn ObjectSink>, lacks: &[SinkAbility]) {
    let suite = Suite { sink, lacks };
    objects::run(&suite).await;
    if suite.can(SinkAbility::Uploads) {
        uploads::run(&suite).await;
    }
    listing::run(&suite).await;
}

struct Suite<'f> {
    sink: Arc<dyn ObjectSink>,
    lacks: &'f [SinkAbility],
}

impl Suite<'_> {
    fn can(&self, ability: SinkAbility) -> bool {
        !self.lacks.contains(&ability)
    }

    /// Writes an object whatever is there.
    async fn put(&self, key: &Key, body: impl Into<Bytes>) -> Written {
        let body = body.into();
        let request = PutRequest::new(Crc32c::of(&body));
        let outcome = self.sink.put(key, body, &request).await.expect("a put");
        written(outcome)
    }

    /// As if the suite had never run.
    async fn clear(&self, key: &Key) {
        let outcome = self.sink.delete(key, None).await.expect("a delete");
        assert!(matches!(outcome, Deletion::Deleted | Deletion::Gone), "{key}: {outcome:?}");
    }

    /// The whole object, and its version.
    async fn body(&self, key: &Key) -> Option<(Bytes, Version)> {
        match self.sink.get(key, None, 64 << 20).await.expect("a get") {
            crate::sink::Got::Object { object, body } => Some((body, object.version)),
            crate::sink::Got::Missing => None,
            other => panic!("{key}: {other:?}"),
        }
    }
}

fn written(outcome: WriteOutcome) -> Written {
    match outcome {
        WriteOutcome::Written(written) => written,
        other => panic!("not written: {other:?}"),
    }
}

fn attributes() -> Attributes {
    Attributes {
        content_type: Some("text/x-carnet".into()),
        content_encoding: Some("identity".into()),
        cache_control: Some("max-age=60".into()),
        content_disposition: Some("attachment; filename=\"a b\"".into()),
        metadata: [("owner".to_owned(), "carnet".to_owned())].into(),
        ..Attributes::default()
    }
}

#[cfg(test)]
mod tests {
    use crate::memory::Memory;
    use std::sync::Arc;

    #[tokio::test]
    async fn memory_conforms_as_a_sink() {
        super::run(Arc::new(Memory::new()), &[]).await;
    }

    /// The suite leaves nothing behind that a second run would trip over.
    #[tokio::test]
    async fn the_suite_can_be_run_again() {
        let memory = Arc::new(Memory::new());
        super::run(memory.clone(), &[]).await;
        super::run(memory, &[]).await;
    }
}
