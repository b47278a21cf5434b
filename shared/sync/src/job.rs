//! The pair of places that is kept the same, and where its state is.

use crate::clock::Clock;
use crate::error::{Result, SyncError};
use crate::plan::Skipped;
use crate::state::State;
use carnet_objects::{Key, ObjectSink, ObjectSource};
use std::sync::Arc;

pub struct Job {
    pub source: Arc<dyn ObjectSource>,
    pub sink: Arc<dyn ObjectSink>,
    pub state: State,
    pub clock: Clock,
    /// What people call the two, e.g. `gs://bucket/prefix`: the state belongs to them.
    pub from: String,
    pub to: String,
    /// Before every key at the destination: empty, or ends with a slash.
    prefix: String,
    /// Whether the state lies in the very place that is written.
    shared: bool,
}

impl Job {
    /// `prefix` is a folder: a slash is put after it if it has none. `state` may lie in it; what the
    /// source has of the same names is then skipped.
    pub fn new(
        source: Arc<dyn ObjectSource>,
        from: impl Into<String>,
        sink: Arc<dyn ObjectSink>,
        to: impl Into<String>,
        prefix: &str,
        state: State,
    ) -> Result<Self> {
        let mut prefix = prefix.to_owned();
        if !prefix.is_empty() && !prefix.ends_with('/') {
            prefix.push('/');
        }
        if !prefix.is_empty() && Key::parse(&prefix).is_err() {
            return Err(SyncError::Settings(format!("{prefix:?} can be no destination's prefix")));
        }
        let shared = sink.target() == state.sink().target();
        if shared && state.folder().is_empty() {
            return Err(SyncError::Settings(
                "a state in the destination's bucket needs a folder of its own".into(),
            ));
        }
        let clock = Clock::default();
        Ok(Self { source, sink, state, clock, from: from.into(), to: to.into(), prefix, shared })
    }

    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The name at the destination, or why there is none.
    pub fn destination_of(&self, key: &Key) -> Result<Key, Skipped> {
        let name = format!("{}{key}", self.prefix);
        if self.shared && name.starts_with(self.state.folder()) {
            return Err(Skipped::Reserved);
        }
        // Only its length can be wrong now.
        Key::parse(&name).map_err(|_| Skipped::NameTooLong)
    }
}
