//! The lease: one run at a time, by an object that says who is at work and until when.
//!
//! Times are wall-clock, since other machines read them. A lease is stolen only some time after it
//! ended, so that clocks need not agree to the second. That a run which was stopped for hours does no
//! harm when it goes on rests on more than this: every write of it has a condition.

use crate::clock::Clock;
use crate::error::{Result, SyncError};
use crate::state::{RunId, State};
use carnet_objects::Version;
use carnet_objects::sink::{Condition, Deletion, WriteOutcome};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};

pub(crate) const LEASE: &str = "lease.json";

/// How often a process of several looks again, whose renewal another of them has crossed.
const SHARES: u32 = 8;

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// For people: a host and process, or an execution's name.
    pub holder: String,
    pub run: RunId,
    #[serde(with = "crate::clock::stamp")]
    pub expires: SystemTime,
    /// How long it is taken and renewed for.
    pub term_seconds: u64,
}

impl Holder {
    /// How long after its end it is left alone: clocks may disagree by a tenth of its term.
    fn grace(&self) -> Duration {
        Duration::from_secs(self.term_seconds / 10)
    }
}

/// A lease that is held. Another process of the same run may take it over: see [`Lease::resume`].
#[derive(Debug)]
pub struct Lease {
    state: State,
    clock: Clock,
    term: Duration,
    held: Holder,
    version: Version,
}

impl Lease {
    pub async fn take(
        state: &State,
        clock: &Clock,
        holder: impl Into<String>,
        run: &RunId,
        term: Duration,
    ) -> Result<Self> {
        let mine = Holder {
            holder: holder.into(),
            run: run.clone(),
            expires: clock.now() + term,
            term_seconds: term.as_secs(),
        };
        let condition = match state.get_json::<Holder>(LEASE).await? {
            None => Condition::Absent,
            // Ours already: the answer to a first try was lost, or a step of the run is called again.
            Some((found, version)) if found.run == mine.run => Condition::Unchanged(version),
            Some((found, version)) if found.expires + found.grace() < clock.now() => {
                tracing::warn!(target: "carnet_sync", holder = found.holder, run = %found.run, "taking over a lease that ended");
                Condition::Unchanged(version)
            }
            Some((found, _)) => return Err(held_by(found)),
        };
        match Self::write(state, &mine, condition).await? {
            Some(version) => {
                Ok(Self { state: state.clone(), clock: clock.clone(), term, held: mine, version })
            }
            None => match state.get_json::<Holder>(LEASE).await? {
                Some((found, _)) => Err(held_by(found)),
                None => Err(SyncError::LeaseLost),
            },
        }
    }

    /// The lease of a run that another process of it took.
    pub async fn resume(state: &State, clock: &Clock, run: &RunId, term: Duration) -> Result<Self> {
        match state.get_json::<Holder>(LEASE).await? {
            Some((held, version)) if held.run == *run => {
                let mut lease = Self { state: state.clone(), clock: clock.clone(), term, held, version };
                lease.renew().await?;
                Ok(lease)
            }
            _ => Err(SyncError::LeaseLost),
        }
    }

    /// Takes the lease away from a run that is known to be dead, which whoever says so must name. `None`:
    /// it has no lease (any more).
    pub async fn break_held(state: &State, run: &RunId) -> Result<Option<Holder>> {
        let Some((held, version)) = state.get_json::<Holder>(LEASE).await? else { return Ok(None) };
        if held.run != *run {
            return Ok(None);
        }
        match state.delete(LEASE, Some(&version)).await? {
            Deletion::Deleted | Deletion::Gone => Ok(Some(held)),
            // Renewed, so it is not dead; or another took it.
            Deletion::Changed | Deletion::Conflict => Ok(None),
        }
    }

    /// For one of many processes of a run at once: the lease is still the run's, or was nobody's, and is
    /// renewed where half of its term is over. That another of them was quicker is as good.
    pub async fn share(
        state: &State,
        clock: &Clock,
        holder: &str,
        run: &RunId,
        term: Duration,
    ) -> Result<()> {
        for _ in 0..SHARES {
            let outcome = match state.get_json::<Holder>(LEASE).await? {
                Some((held, version)) if held.run == *run => {
                    let mut lease = Self { state: state.clone(), clock: clock.clone(), term, held, version };
                    if !lease.is_due() {
                        return Ok(());
                    }
                    lease.renew().await
                }
                _ => Self::take(state, clock, holder, run, term).await.map(drop),
            };
            match outcome {
                Err(SyncError::LeaseLost) => {}
                Err(SyncError::Held { run: other, .. }) if other == *run => {}
                outcome => return outcome,
            }
        }
        Err(SyncError::LeaseLost)
    }

    pub fn holder(&self) -> &Holder {
        &self.held
    }

    /// Whether it is still ours by our own clock. Asked before what cannot be undone.
    pub fn is_live(&self) -> bool {
        self.clock.now() < self.held.expires
    }

    /// Half of its term is over.
    pub fn is_due(&self) -> bool {
        self.clock.now() + self.term / 2 >= self.held.expires
    }

    pub async fn renew(&mut self) -> Result<()> {
        let mine = Holder { expires: self.clock.now() + self.term, ..self.held.clone() };
        let condition = Condition::Unchanged(self.version.clone());
        self.version = Self::write(&self.state, &mine, condition).await?.ok_or(SyncError::LeaseLost)?;
        self.held = mine;
        Ok(())
    }

    /// Keeps the lease while `work` is done, and drops the work if the lease is lost.
    pub async fn during<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                outcome = &mut work => return outcome,
                () = tokio::time::sleep(self.term / 3) => match self.renew().await {
                    // A store that cannot be reached has not given the lease to another.
                    Err(SyncError::Store(error)) if self.is_live() => {
                        tracing::warn!(target: "carnet_sync", %error, "the lease could not be renewed yet");
                    }
                    outcome => outcome?,
                },
            }
        }
    }

    pub async fn release(self) -> Result<()> {
        // Whatever the answer: it is not ours any more.
        self.state.delete(LEASE, Some(&self.version)).await.map(drop)
    }

    /// Its version, or `None` if somebody else has it.
    async fn write(state: &State, mine: &Holder, condition: Condition) -> Result<Option<Version>> {
        match state.put_json(LEASE, mine, condition).await? {
            WriteOutcome::Written(written) => Ok(Some(written.version)),
            // The write may have been done and its answer lost.
            _ => match state.get_json::<Holder>(LEASE).await? {
                Some((found, version)) if found == *mine => Ok(Some(version)),
                _ => Ok(None),
            },
        }
    }
}

fn held_by(found: Holder) -> SyncError {
    SyncError::Held { holder: found.holder, run: found.run, until: found.expires }
}
