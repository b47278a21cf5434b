//! Copying: the source's pinned version, streamed in flat memory, written with a checksum that the
//! destination verifies, on a condition. A receipt says what was proven.
//!
//! | module | what happens there |
//! |---|---|
//! | this one | [`Copier`]: one object, begun again where the source changed under it |
//! | [`whole`] | a small object: one read, one put |
//! | [`big`] | a big object: an upload in parts, which are the checkpoint |
//! | [`parts`] | how it is cut |
//! | [`part`], [`row`] | a part, sent while it is read; all of them from one stream |
//! | [`sending`] | parts on their way, while the next one is read |
//! | [`spread`] | the same over several processes |
//! | [`settle`] | what is at the destination when a condition does not hold; adopting it |
//! | [`attributes`] | what goes along with the bytes |
//! | [`keeping`] | storage class and key, as people state them |
//! | [`limits`] | objects at once, bytes in memory, bytes a second |
//! | [`batch`] | a batch, whose receipts are one file |
//! | [`current`] | one object because of an event: what is current of it |

pub(crate) mod attributes;
pub mod batch;
mod big;
mod current;
pub mod keeping;
mod limits;
mod part;
mod parts;
mod row;
mod sending;
mod settle;
mod spread;
mod whole;

pub use batch::BatchReport;
pub use big::BigCopy;
pub use current::Current;
pub(crate) use parts::parts_of;

use crate::error::SyncError;
use crate::job::Job;
use crate::listing::Found;
use crate::plan::Task;
use crate::progress::{Event, Failure, Progress};
use crate::receipt::{Origin, Proven, Receipt, Unproven};
use crate::state::RunId;
use crate::stop::Stop;
use carnet_federation::{BoxFuture, Error, Hop, Kind};
use carnet_objects::sink::Crc32c;
use carnet_objects::{Conditions, Key, Version, head};
use limits::Limits;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How often one object is begun anew because it changed, before it is reported.
const RESTARTS: u32 = 4;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CopyOptions {
    /// Up to this size an object is read into memory and put in one piece.
    pub whole_up_to: u64,
    /// Of big objects; larger where there would be more than 10,000 of them. S3 takes none below
    /// [`MIN_PART`](carnet_objects::sink::MIN_PART).
    pub part_size: u64,
    pub objects_at_once: usize,
    /// Parts of one object that are under way at once.
    pub parts_at_once: usize,
    /// Bytes of objects in memory, over all copies. An object of one piece that is larger than this
    /// is copied alone.
    pub memory: u64,
    pub bytes_per_second: Option<u64>,
    /// Looks at the destination before it copies, and adopts what has the source's digest. Big
    /// objects are always looked for.
    pub adopt: bool,
    /// An object at the destination that is neither ours nor the source's.
    pub foreign: Foreign,
    pub storage_class: Option<String>,
    pub kms_key_id: Option<String>,
    pub tags: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Foreign {
    /// Is replaced, if it is still what was seen.
    #[default]
    Replace,
    /// Stays, and the copy fails.
    Keep,
}

impl Default for CopyOptions {
    fn default() -> Self {
        Self {
            whole_up_to: 8 << 20,
            part_size: 8 << 20,
            objects_at_once: 32,
            parts_at_once: 4,
            memory: 32 << 20,
            bytes_per_second: None,
            adopt: false,
            foreign: Foreign::default(),
            storage_class: None,
            kms_key_id: None,
            tags: BTreeMap::new(),
        }
    }
}

/// Copies objects for one run. Cheap to clone; clones share their limits.
#[derive(Clone)]
pub struct Copier {
    job: Arc<Job>,
    run: RunId,
    options: Arc<CopyOptions>,
    limits: Limits,
    progress: Arc<dyn Progress>,
    stop: Stop,
}

/// What became of one object.
#[derive(Clone, Debug)]
pub enum Outcome {
    Done(Box<Receipt>),
    /// Deleted at the source since it was listed.
    Gone,
    Failed(SyncError),
    /// It was to stop first. Parts that have arrived stay.
    Left,
}

/// Why an object has to be begun anew, or cannot be copied.
#[derive(Debug)]
enum Setback {
    /// The source has another version now, or none.
    SourceMoved,
    /// The bytes are not those of the source's digest.
    WrongBytes(Error),
    /// The upload is over, whoever ended it; or another write crossed it.
    UploadOver(Error),
    Failed(SyncError),
}

impl From<Error> for Setback {
    fn from(error: Error) -> Self {
        Setback::Failed(error.into())
    }
}

impl From<SyncError> for Setback {
    fn from(error: SyncError) -> Self {
        Setback::Failed(error)
    }
}

impl Setback {
    /// Of a read of the pinned version.
    fn reading(error: Error) -> Self {
        match error.kind() {
            Kind::Changed | Kind::NotFound => Setback::SourceMoved,
            Kind::Malformed => Setback::WrongBytes(error),
            _ => error.into(),
        }
    }

    /// Of a call about an upload in parts.
    fn uploading(error: Error) -> Self {
        match error.kind() {
            Kind::NotFound => Setback::UploadOver(error),
            _ => error.into(),
        }
    }
}

/// What was read, for the receipt.
struct Evidence {
    size: u64,
    crc32c: Crc32c,
    proven: Proven,
    unproven: Option<Unproven>,
    dropped: Vec<String>,
}

impl Copier {
    pub fn new(
        job: Arc<Job>,
        run: RunId,
        options: CopyOptions,
        progress: Arc<dyn Progress>,
        stop: Stop,
    ) -> Self {
        let limits = Limits::new(options.objects_at_once, options.memory, options.bytes_per_second);
        Self { job, run, options: Arc::new(options), limits, progress, stop }
    }

    /// Copies one object, whatever its size.
    pub async fn object(&self, task: &Task) -> Outcome {
        let work = async {
            let _one_of_so_many = self.limits.object().await;
            self.rounds(task).await
        };
        let outcome = match self.stop.or(work).await {
            None => Outcome::Left,
            Some(Ok(Some(receipt))) => Outcome::Done(Box::new(receipt)),
            Some(Ok(None)) => Outcome::Gone,
            Some(Err(error)) => Outcome::Failed(error),
        };
        self.report(task.found.key.as_str(), &outcome);
        outcome
    }

    fn report(&self, key: &str, outcome: &Outcome) {
        match outcome {
            Outcome::Done(receipt) => self.progress.hear(&Event::Copied {
                key,
                bytes: receipt.size,
                origin: receipt.origin,
                proven: receipt.proven,
            }),
            Outcome::Gone => self.progress.hear(&Event::Gone { key }),
            Outcome::Failed(error) => self.progress.hear(&Event::Failed(&Failure::new(key, error))),
            Outcome::Left => {}
        }
    }

    /// Its receipt, or `None` if it is gone from the source.
    async fn rounds(&self, task: &Task) -> Result<Option<Receipt>, SyncError> {
        let mut found = task.found.clone();
        let mut wrong = false;
        let mut last = None;
        for _ in 0..=RESTARTS {
            let destination = match self.job.destination_of(&found.key) {
                Ok(key) => key,
                Err(why) => return Err(SyncError::Settings(format!("{}: {why}", found.key))),
            };
            let object = Object { found: &found, destination, replaces: task.replaces.as_ref() };
            let setback = match self.once(&object).await {
                Ok(receipt) => return Ok(Some(receipt)),
                Err(setback) => setback,
            };
            match setback {
                Setback::Failed(error) => return Err(error),
                Setback::WrongBytes(error) if wrong => return Err(error.into()),
                Setback::WrongBytes(error) => {
                    tracing::warn!(target: "carnet_sync", %error, "reading anew");
                    wrong = true;
                    last = Some(error);
                }
                Setback::UploadOver(error) => last = Some(error),
                Setback::SourceMoved => match self.look(&found.key).await? {
                    Some(now) => found = now,
                    None => {
                        self.abandon(&found.key).await;
                        return Ok(None);
                    }
                },
            }
        }
        let message = format!("{} changed each time it was copied", found.key);
        let error = Error::new(Hop::Read, Kind::Changed, self.job.source.target(), message);
        Err(last.unwrap_or(error).into())
    }

    /// Boxed: a big object's future is large, and most objects are small.
    fn once<'a>(&'a self, object: &'a Object<'_>) -> BoxFuture<'a, Result<Receipt, Setback>> {
        Box::pin(self.one_try(object))
    }

    async fn one_try(&self, object: &Object<'_>) -> Result<Receipt, Setback> {
        let small = object.found.size <= self.options.whole_up_to;
        if (self.options.adopt || !small)
            && let Some(receipt) = self.adopt(object).await?
        {
            return Ok(receipt);
        }
        if small { self.whole(object).await } else { self.big(object).await }
    }

    /// The source's object as it is now; `None` if there is none. A refusal is never taken for that.
    async fn look(&self, key: &Key) -> Result<Option<Found>, SyncError> {
        match head(&*self.job.source, key, &Conditions::default()).await {
            Ok(meta) => Ok(Some(meta.into())),
            Err(error) if error.kind() == Kind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn receipt(
        &self,
        object: &Object<'_>,
        evidence: Evidence,
        origin: Origin,
        etag: Version,
        version_id: Option<String>,
    ) -> Receipt {
        let found = object.found;
        Receipt {
            key: found.key.clone(),
            source_version: found.version.clone(),
            source_modified: found.modified,
            size: evidence.size,
            crc32c: evidence.crc32c,
            md5: found.digests.md5,
            etag,
            version_id,
            proven: evidence.proven,
            unproven: evidence.unproven,
            origin,
            dropped: evidence.dropped,
            written_at: self.job.clock.now(),
            run: self.run.clone(),
        }
    }
}

/// One object on its way.
struct Object<'o> {
    found: &'o Found,
    destination: Key,
    /// What the manifest says is there.
    replaces: Option<&'o Version>,
}
