//! Deletions at the destination: only what the manifest said we wrote, and only if it still is that.

use crate::error::{Result, SyncError};
use crate::job::Job;
use crate::lease::Lease;
use crate::piece::{Cut, Piece, Pieces, Records};
use crate::plan::Deletion;
use crate::progress::{Event, Failure, Progress};
use crate::state::{RunId, attempt};
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
    /// At the source again: they stay, and the next plan finds them.
    pub returned: u64,
    pub failures: Vec<Failure>,
    /// Still to be deleted.
    pub pending: Vec<Piece>,
}

enum Fate {
    Deleted,
    NotOurs,
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
) -> Result<Deleted> {
    let mut outcome = Deleted::default();
    let mut records = Records::<Deletion>::new(&job.state, pending.to_vec());
    // Not the names under which they are pending: those files are never changed.
    let stem = format!("pending/{run}-left-{:08x}-", fastrand::u32(..));
    let mut left = Pieces::new(&job.state, stem, Cut::default());
    loop {
        let mut chunk = Vec::new();
        while chunk.len() < CHUNK
            && let Some(deletion) = records.next().await?
        {
            chunk.push(deletion);
        }
        if chunk.is_empty() {
            outcome.pending = left.finish().await?;
            return Ok(outcome);
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
            let key = deletion.key.as_str();
            match fate {
                Fate::Deleted => {
                    outcome.deleted += 1;
                    progress.hear(&Event::Deleted { key });
                }
                Fate::NotOurs => {
                    outcome.not_ours += 1;
                    progress.hear(&Event::NotOurs { key });
                }
                Fate::Returned => outcome.returned += 1,
                Fate::Failed(error) => {
                    let failure = Failure::new(key, &error);
                    progress.hear(&Event::Failed(&failure));
                    outcome.failures.push(failure);
                    left.push(&deletion).await?;
                }
            }
        }
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
