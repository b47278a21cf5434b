//! Deletions at the destination: only what the manifest said we wrote, and only if it still is that.

use crate::error::{Result, SyncError};
use crate::job::Job;
use crate::lease::Lease;
use crate::piece::{Cut, Piece, Pieces, Records};
use crate::plan::Deletion;
use crate::progress::{Event, Failure, Progress};
use crate::state::{RunId, attempt};
use crate::stop::Stop;
use carnet_federation::{Hop, Kind};
use carnet_objects::sink::Deletion as Answer;
use carnet_objects::{Conditions, head};
use futures_util::{FutureExt as _, StreamExt as _, stream};

/// At once, and between two looks at the lease.
const AT_ONCE: usize = 16;
const CHUNK: usize = 256;
/// How often one is tried that another write crosses.
const TRIES: u32 = 4;

/// What became of the pending deletions.
#[derive(Clone, Debug, Default)]
pub struct Deleted {
    pub deleted: u64,
    /// No longer what was written: they stay.
    pub not_ours: u64,
    pub failures: Vec<Failure>,
    /// Still to be deleted.
    pub pending: Vec<Piece>,
    /// Some were not tried.
    pub stopped: bool,
}

enum Fate {
    Deleted,
    NotOurs,
    /// At the source again: it stays, and stays pending, since no manifest knows it any more. The next merge
    /// takes it out if it lives; if it has gone again by then, it is still to be deleted.
    Returned,
    Failed(SyncError),
}

/// Makes the pending deletions. What cannot be deleted now stays pending.
pub async fn make(
    job: &Job,
    lease: &mut Lease,
    run: &RunId,
    pending: &[Piece],
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Deleted> {
    let mut outcome = Deleted::default();
    // Not the names under which they are pending: those files are never changed.
    let stem = format!("pending/{run}-left-{:08x}-", fastrand::u32(..));
    let mut left = Pieces::new(&job.state, stem, Cut::default());
    for piece in pending {
        if stop.is_asked() {
            outcome.stopped = true;
            left.take_over(piece.clone()).await?;
            continue;
        }
        let mut records = Records::<Deletion>::new(&job.state, vec![piece.clone()]);
        while let Some(chunk) = next_chunk(&mut records).await? {
            if stop.is_asked() {
                outcome.stopped = true;
                for deletion in chunk {
                    left.push(&deletion).await?;
                }
                continue;
            }
            if lease.is_due() {
                lease.renew().await?;
            }
            let lease = &*lease;
            let mut fates = stream::iter(chunk)
                .map(|deletion| {
                    async move {
                        let fate = one(job, lease, &deletion).await;
                        (deletion, fate)
                    }
                    .boxed()
                })
                .buffered(AT_ONCE);
            while let Some((deletion, fate)) = fates.next().await {
                if outcome.count(deletion.key.as_str(), fate, progress) {
                    left.push(&deletion).await?;
                }
            }
        }
    }
    outcome.pending = left.finish().await?;
    Ok(outcome)
}

async fn next_chunk(records: &mut Records<Deletion>) -> Result<Option<Vec<Deletion>>> {
    let mut chunk = Vec::new();
    while chunk.len() < CHUNK
        && let Some(deletion) = records.next().await?
    {
        chunk.push(deletion);
    }
    Ok(Some(chunk).filter(|chunk| !chunk.is_empty()))
}

impl Deleted {
    /// Whether it is still to be deleted.
    fn count(&mut self, key: &str, fate: Fate, progress: &dyn Progress) -> bool {
        match fate {
            Fate::Deleted => {
                self.deleted += 1;
                progress.hear(&Event::Deleted { key });
            }
            Fate::NotOurs => {
                self.not_ours += 1;
                progress.hear(&Event::NotOurs { key });
            }
            Fate::Returned => return true,
            Fate::Failed(error) => {
                let failure = Failure::new(key, &error);
                progress.hear(&Event::Failed(&failure));
                self.failures.push(failure);
                return true;
            }
        }
        false
    }
}

async fn one(job: &Job, lease: &Lease, deletion: &Deletion) -> Fate {
    // The listing said so some time ago. Only a plain "no such object" counts: a refusal is none.
    match head(&*job.source, &deletion.key, &Conditions::default()).await {
        Ok(_) => return Fate::Returned,
        Err(error) if error.kind() == Kind::NotFound => {}
        Err(error) => return Fate::Failed(error.into()),
    }
    let Ok(key) = job.destination_of(&deletion.key) else { return Fate::NotOurs };
    for _ in 0..TRIES {
        // A process that slept past its lease must not delete what another has written since.
        if !lease.is_live() {
            return Fate::Failed(SyncError::LeaseLost);
        }
        let delete = || job.sink.delete(&key, Some(&deletion.etag));
        match attempt(Hop::Write, &*job.sink, delete).await {
            Ok(Answer::Deleted | Answer::Gone) => return Fate::Deleted,
            Ok(Answer::Changed) => return Fate::NotOurs,
            Ok(Answer::Conflict) => {}
            Err(error) => return Fate::Failed(error.into()),
        }
    }
    Fate::Failed(crate::state::crossed(&*job.sink, key.as_str()).into())
}
