//! The environment of this function, and what is made of it.

use crate::ingest::Ingest;
use carnet_federation::Result;
use carnet_federation::config::{self, Env};
use carnet_ingest::list::Lists;
use carnet_ingest::{Follower, Inbox, Queue, Scope};
use carnet_objects::way;
use carnet_schedule::Settings as Sync;
use reqwest::Url;
use std::sync::Arc;

pub struct Settings {
    /// The pair of places and how objects are written there, as the scheduled runs have it.
    sync: Sync,
    inbox: Option<Inbox>,
    queue: Option<Url>,
}

/// What [`Sync`] reads, and
///
/// | variable | meaning |
/// |---|---|
/// | `CARNET_INGEST_INBOX` | where lists may lie: `s3://bucket/prefix`; without it none is taken |
/// | `CARNET_EVENTS_QUEUE_URL` | the queue that a list's lines go to; needed with an inbox |
///
/// Every fault of these is reported, together.
pub fn read(env: &Env) -> Result<Settings> {
    config::gather(|faults| {
        let sync = Sync::read(env, faults);
        let destination = sync.as_ref().map(Sync::destination);
        let inbox = Inbox::read(env, destination.as_ref(), faults);
        let needs_queue = env.get("CARNET_INGEST_INBOX").is_some();
        let queue = needs_queue.then(|| Queue::read_url(env, faults));
        Some(Settings { sync: sync?, inbox, queue: queue.map_or(Some(None), |url| url.map(Some))? })
    })
}

impl Settings {
    pub async fn open(self, env: &Env) -> Result<Ingest> {
        let Self { sync, inbox, queue } = self;
        let ends = way::ends(env, &sync.source).await?;
        let bucket = ends.buckets.bucket(&sync.bucket)?;
        let job = sync.job(&ends.from, bucket.clone())?;
        let queue = match &queue {
            Some(url) => Some(Arc::new(Queue::new(ends.buckets.session(), url)?)),
            None => None,
        };
        let filter = sync.filter()?;
        let follower = Follower {
            job: Arc::new(job),
            scope: Scope::new(sync.source),
            filter,
            options: sync.options.copy,
            lists: Lists { inbox, bucket: bucket.clone(), queue: queue.clone() },
        };
        Ok(Ingest::new(follower, ends.from, bucket, queue))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(pairs: &[(&str, &str)]) -> String {
        match read(&pairs.iter().copied().collect()) {
            Ok(_) => String::new(),
            Err(error) => error.message().to_owned(),
        }
    }

    #[test]
    fn every_fault_is_reported_together() {
        let wrong = faults(&[
            ("CARNET_SYNC_SOURCE", "s3://bucket/in"),
            ("CARNET_SYNC_DESTINATION", "gs://bucket"),
            ("CARNET_INGEST_INBOX", "s3://bucket"),
            ("CARNET_SYNC_INCLUDE", "a[,b"),
        ]);
        for name in [
            "CARNET_SYNC_SOURCE",
            "CARNET_SYNC_DESTINATION",
            "CARNET_INGEST_INBOX",
            "CARNET_EVENTS_QUEUE_URL",
            "CARNET_SYNC_INCLUDE",
        ] {
            assert!(wrong.contains(name), "{name} in {wrong}");
        }
    }

    #[test]
    fn a_pair_of_places_is_enough_and_an_inbox_lies_beside_the_copies() {
        let pair = [("CARNET_SYNC_SOURCE", "gs://bucket/in"), ("CARNET_SYNC_DESTINATION", "s3://bucket/out")];
        assert_eq!(faults(&pair), "");
        let queue = ("CARNET_EVENTS_QUEUE_URL", "https://sqs.eu-central-1.amazonaws.com/111122223333/events");
        let with = |inbox| faults(&[pair[0], pair[1], queue, ("CARNET_INGEST_INBOX", inbox)]);
        assert_eq!(with("s3://bucket/.carnet-inbox"), "");
        assert!(with("s3://bucket/out/lists").contains("overlaps"));
    }
}
