//! Events followed: each object they name is copied as it is now, once, however often it is named.

use crate::hint::{Hint, What};
use crate::list::Lists;
use crate::message::{self, Event, ListObject};
use crate::scope::Scope;
use carnet_federation::telemetry::metrics;
use carnet_federation::{BoxFuture, Error, Hop, Kind};
use carnet_objects::Key;
use carnet_sync::{Copier, CopyOptions, Current, Filter, Job, RunId, Silent, Stop, SyncError};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Follows events of one pair of places.
pub struct Follower {
    pub job: Arc<Job>,
    pub scope: Scope,
    pub filter: Filter,
    pub options: CopyOptions,
    pub lists: Lists,
}

/// A message, and what whoever has it calls it.
#[derive(Clone, Copy, Debug)]
pub struct Message<'m> {
    pub id: &'m str,
    pub body: &'m str,
}

/// What became of some messages.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Followed {
    pub copied: u32,
    /// At the destination already.
    pub same: u32,
    /// Deleted at the source. Nothing is deleted here.
    pub gone: u32,
    /// Of no concern: other kinds of events, and what the filter leaves out.
    pub ignored: u32,
    /// Lines of lists that were put into the queue.
    pub queued: u32,
    /// Ids of messages to be delivered again, and why the first of them was not done.
    #[serde(skip)]
    pub failed: BTreeSet<String>,
    #[serde(skip)]
    pub first_failure: Option<Error>,
}

/// What the messages ask for, and which message asked for what.
#[derive(Default)]
struct Asked<'m> {
    objects: BTreeMap<Key, Named<'m>>,
    lists: Vec<(ListObject, &'m str)>,
}

struct Named<'m> {
    hint: Hint,
    by: BTreeSet<&'m str>,
}

impl Follower {
    /// Follows them all. What is not done when it is to stop is among the failed.
    pub async fn follow(&self, messages: &[Message<'_>], stop: &Stop) -> Followed {
        let mut done = Followed::default();
        let asked = self.read(messages, &mut done);
        let run = RunId::new(self.job.clock.now());
        let copier = Copier::new(self.job.clone(), run, self.options.clone(), Arc::new(Silent), stop.clone());
        let (copier, filter) = (&copier, &self.filter);
        let copies: Vec<BoxFuture<'_, (&Named<'_>, Current)>> = asked
            .objects
            .iter()
            .map(|(key, named)| async move { (named, copier.current(key, filter).await) }.boxed())
            .collect();
        let mut copies = stream::iter(copies).buffer_unordered(self.options.objects_at_once.max(1));
        while let Some((named, current)) = copies.next().await {
            done.note(named, current);
        }
        drop(copies);
        for (list, by) in &asked.lists {
            match self.lists.spread(list, &self.scope, stop).await {
                Ok(lines) => done.queued += lines,
                Err(error) => done.fail([*by], error),
            }
        }
        done.count();
        done
    }

    fn read<'m>(&self, messages: &[Message<'m>], done: &mut Followed) -> Asked<'m> {
        let mut asked = Asked::default();
        for Message { id, body } in messages {
            let items = match message::read(body) {
                Ok(items) => items,
                Err(error) => {
                    done.fail([*id], error);
                    continue;
                }
            };
            for item in items {
                match item.event {
                    Event::Ignored { kind } => {
                        tracing::info!(message_id = id, kind, "an event of no concern");
                        done.ignored += 1;
                    }
                    Event::List(list) => asked.lists.push((list, id)),
                    Event::Objects(hints) => {
                        for hint in hints {
                            match self.scope.key(&hint) {
                                Ok(key) => asked.object(key, hint, id),
                                Err(error) => done.fail([*id], error),
                            }
                        }
                    }
                }
            }
        }
        asked
    }
}

impl<'m> Asked<'m> {
    fn object(&mut self, key: Key, hint: Hint, by: &'m str) {
        let named = self.objects.entry(key).or_insert_with(|| Named { hint, by: BTreeSet::new() });
        named.by.insert(by);
    }
}

impl Followed {
    fn note(&mut self, named: &Named<'_>, current: Current) {
        let hint = &named.hint;
        let (object, event) = (hint.to_string(), hint.id.as_str());
        let (said, time) = (hint.what.as_str(), hint.time.as_deref());
        match current {
            Current::Copied(receipt) => {
                self.copied += 1;
                let (version, bytes) = (receipt.source_version.as_str(), receipt.size);
                tracing::info!(object, event, said, time, version, bytes, "copied");
            }
            Current::Same => {
                self.same += 1;
                tracing::info!(object, event, said, time, "the current version is there already");
            }
            Current::Excluded => {
                self.ignored += 1;
                tracing::info!(object, event, said, time, "the filter leaves it out");
            }
            Current::Gone => {
                self.gone += 1;
                let expected = hint.what == What::Deleted;
                tracing::warn!(object, event, said, time, expected, "deleted at the source; its copy stays");
            }
            Current::Left => {
                let message = "there was no time for it; it comes again";
                self.fail(named.by.iter().copied(), Error::new(Hop::Write, Kind::Deadline, object, message));
            }
            Current::Failed(error) => self.fail(named.by.iter().copied(), as_error(error, &object)),
        }
    }

    fn fail<'m>(&mut self, ids: impl IntoIterator<Item = &'m str>, error: Error) {
        for id in ids {
            tracing::error!(
                message_id = id,
                %error,
                kind = error.kind().as_str(),
                code = error.code(),
                field = error.field(),
                "this message is not done"
            );
            self.failed.insert(id.to_owned());
        }
        self.first_failure.get_or_insert(error);
    }

    fn count(&self) {
        let failed = u32::try_from(self.failed.len()).unwrap_or(u32::MAX);
        for (name, count) in [
            ("Events.Copied", self.copied),
            ("Events.Same", self.same),
            ("Events.DeletedAtSource", self.gone),
            ("Events.Ignored", self.ignored),
            ("Events.Listed", self.queued),
            ("Events.Failed", failed),
        ] {
            if count > 0 {
                metrics::count(name, "Count", u64::from(count));
            }
        }
    }
}

fn as_error(error: SyncError, object: &str) -> Error {
    match error {
        SyncError::Store(error) => error,
        other => Error::new(Hop::Write, Kind::NotConfigured, object, other.to_string()),
    }
}
