//! One object by itself, because somebody heard that it changed: what is current is copied.
//!
//! Whoever heard may be late, and several may have heard at once. So the order of the two looks matters:
//! the destination first, then the source. What is written is then written over what was at the
//! destination before the source was seen to have that version; a newer copy that came in between makes
//! the condition fail, and the source is looked at again.

use super::attributes::stamp;
use super::{Copier, Foreign, Outcome};
use crate::error::SyncError;
use crate::filter::Filter;
use crate::plan::{Reason, Task};
use crate::receipt::Receipt;
use crate::state::attempt;
use carnet_federation::{Error, Hop};
use carnet_objects::Key;

/// What became of it.
#[derive(Clone, Debug)]
pub enum Current {
    Copied(Box<Receipt>),
    /// The destination has our copy of the source's current version.
    Same,
    /// The source has none. What the destination has stays there.
    Gone,
    /// The filter leaves it out.
    Excluded,
    Failed(SyncError),
    /// It was to stop first. Parts that have arrived stay.
    Left,
}

impl Copier {
    /// Copies what the source has of this key, if the destination does not have it yet.
    pub async fn current(&self, key: &Key, filter: &Filter) -> Current {
        let task = match self.stop.or(self.due(key, filter)).await {
            None => return Current::Left,
            Some(Ok(task)) => task,
            Some(Err(settled)) => return settled,
        };
        match self.object(&task).await {
            Outcome::Done(receipt) => Current::Copied(receipt),
            Outcome::Gone => Current::Gone,
            Outcome::Failed(error) => Current::Failed(error),
            Outcome::Left => Current::Left,
        }
    }

    /// What is to be copied, or why nothing is.
    async fn due(&self, key: &Key, filter: &Filter) -> Result<Task, Current> {
        let failed = |error: Error| Current::Failed(error.into());
        let destination = self
            .job
            .destination_of(key)
            .map_err(|why| Current::Failed(SyncError::Settings(format!("{key}: {why}"))))?;
        let sink = &self.job.sink;
        let there = attempt(Hop::Read, &**sink, || sink.head(&destination)).await.map_err(failed)?;
        let Some(found) = self.look(key).await.map_err(Current::Failed)? else { return Err(Current::Gone) };
        if !filter.takes(&found) {
            return Err(Current::Excluded);
        }
        let Some(there) = there else { return Ok(Task::new(found, Reason::New, None)) };
        match stamp(&there) {
            Some(version) if version == found.version.as_str() => Err(Current::Same),
            None if self.options.foreign == Foreign::Keep => {
                // As any copy does without a manifest that knows what is there: the same bytes are
                // adopted, any others stay.
                Ok(Task::new(found, Reason::New, None))
            }
            _ => Ok(Task::new(found, Reason::OtherVersion, Some(there.version))),
        }
    }
}
