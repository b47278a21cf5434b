//! The environment of this function, and what is made of it.

use crate::ingest::Ingest;
use carnet_federation::config::{self, Env, Faults};
use carnet_federation::{Error, Hop, Kind, Result, hints};
use carnet_ingest::list::Lists;
use carnet_ingest::{Follower, Inbox, Queue, Scope};
use carnet_objects::{PlaceUrl, way};
use carnet_sync::{CopyOptions, Filter, FilterSpec, Job, State, SyncError};
use reqwest::Url;
use std::sync::Arc;
use std::time::SystemTime;

const SOURCE: &str = "CARNET_SYNC_SOURCE";
const DESTINATION: &str = "CARNET_SYNC_DESTINATION";

pub struct Settings {
    source: PlaceUrl,
    destination: PlaceUrl,
    inbox: Option<Inbox>,
    queue: Option<Url>,
    filter: Filter,
    options: CopyOptions,
}

/// | variable | meaning |
/// |---|---|
/// | `CARNET_SYNC_SOURCE` | the place that events may name: `azure://` or `gs://` |
/// | `CARNET_SYNC_DESTINATION` | `s3://bucket/prefix` |
/// | `CARNET_INGEST_INBOX` | where lists may lie: `s3://bucket/prefix`; without it none is taken |
/// | `CARNET_EVENTS_QUEUE_URL` | the queue that a list's lines go to; needed with an inbox |
/// | `CARNET_SYNC_INCLUDE`, `CARNET_SYNC_EXCLUDE` | as the scheduled runs have them: globs, by commas |
/// | `CARNET_SYNC_STORAGE_CLASS`, `CARNET_SYNC_KMS_KEY_ID` | as the scheduled runs have them |
///
/// Every fault of these is reported, together.
pub fn read(env: &Env) -> Result<Settings> {
    config::gather(|faults| {
        let source = place(env, faults, SOURCE, "azure://account/container/prefix or gs://bucket/prefix");
        let destination = place(env, faults, DESTINATION, "s3://bucket/prefix");
        let inbox = Inbox::read(env, destination.as_ref(), faults);
        let needs_queue = env.get("CARNET_INGEST_INBOX").is_some();
        let queue = needs_queue.then(|| Queue::read_url(env, faults));
        let filter = filter(env, faults);
        let options = CopyOptions {
            storage_class: env.get("CARNET_SYNC_STORAGE_CLASS").map(str::to_owned),
            kms_key_id: env.get("CARNET_SYNC_KMS_KEY_ID").map(str::to_owned),
            ..CopyOptions::default()
        };
        Some(Settings {
            source: source?,
            destination: destination?,
            inbox,
            queue: queue.map_or(Some(None), |url| url.map(Some))?,
            filter: filter?,
            options,
        })
    })
}

fn place(env: &Env, faults: &mut Faults, name: &str, form: &str) -> Option<PlaceUrl> {
    let Some(text) = env.get(name) else {
        faults.add(name, &format!("is not set; it is {form}"));
        return None;
    };
    match PlaceUrl::parse(text) {
        Ok(place) if matches!(place, PlaceUrl::S3 { .. }) == (name == DESTINATION) => Some(place),
        Ok(_) => {
            faults.add(name, &format!("is not {form}"));
            None
        }
        Err(why) => {
            faults.add(name, &format!("is not {form}: {why}"));
            None
        }
    }
}

fn filter(env: &Env, faults: &mut Faults) -> Option<Filter> {
    let globs = |name: &str| -> Vec<String> {
        let entries = env.get(name).unwrap_or_default().split(',').map(str::trim);
        entries.filter(|glob| !glob.is_empty()).map(str::to_owned).collect()
    };
    let mut sound = true;
    let mut spec = FilterSpec::default();
    for (name, kept) in
        [("CARNET_SYNC_INCLUDE", &mut spec.include), ("CARNET_SYNC_EXCLUDE", &mut spec.exclude)]
    {
        *kept = globs(name);
        let alone = FilterSpec { include: kept.clone(), ..FilterSpec::default() };
        if let Err(why) = Filter::new(alone, SystemTime::now()) {
            faults.add(name, &why.to_string());
            sound = false;
        }
    }
    if !sound {
        return None;
    }
    Filter::new(spec, SystemTime::now()).ok()
}

impl Settings {
    pub async fn open(self, env: &Env) -> Result<Ingest> {
        let ends = way::ends(env, &self.source).await?;
        let PlaceUrl::S3 { bucket, prefix } = &self.destination else {
            return Err(fault(DESTINATION, "is not s3://bucket/prefix"));
        };
        let sink = ends.buckets.bucket(bucket)?;
        let state = State::new(sink.clone(), format!("{prefix}.carnet-sync/")).map_err(settings)?;
        let (from, to) = (self.source.to_string(), self.destination.to_string());
        let job =
            Job::new(ends.from.objects.clone(), from, sink.clone(), to, prefix, state).map_err(settings)?;
        let queue = match &self.queue {
            Some(url) => Some(Arc::new(Queue::new(ends.buckets.session(), url)?)),
            None => None,
        };
        let lists = Lists { inbox: self.inbox, bucket: sink.clone(), queue: queue.clone() };
        let follower = Follower {
            job: Arc::new(job),
            scope: Scope::new(self.source),
            filter: self.filter,
            options: self.options,
            lists,
        };
        Ok(Ingest::new(follower, ends.from, sink, queue))
    }
}

fn settings(error: SyncError) -> Error {
    match error {
        SyncError::Store(error) => error,
        other => fault(DESTINATION, &other.to_string()),
    }
}

fn fault(variable: &str, why: &str) -> Error {
    Error::new(Hop::Config, Kind::NotConfigured, variable, format!("{variable}: {why}"))
        .with_hint(&hints::CONFIGURATION)
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
        let nothing = faults(&[]);
        assert!(nothing.contains(SOURCE) && nothing.contains(DESTINATION), "{nothing}");
        let wrong = faults(&[
            (SOURCE, "s3://bucket/in"),
            (DESTINATION, "gs://bucket"),
            ("CARNET_INGEST_INBOX", "s3://bucket"),
            ("CARNET_SYNC_INCLUDE", "a[,b"),
            ("CARNET_SYNC_EXCLUDE", "{"),
        ]);
        for name in [
            SOURCE,
            DESTINATION,
            "CARNET_INGEST_INBOX",
            "CARNET_EVENTS_QUEUE_URL",
            "CARNET_SYNC_INCLUDE",
            "CARNET_SYNC_EXCLUDE",
        ] {
            assert!(wrong.contains(name), "{name} in {wrong}");
        }
    }

    #[test]
    fn a_pair_of_places_is_enough() {
        assert_eq!(faults(&[(SOURCE, "gs://bucket/in"), (DESTINATION, "s3://bucket/out")]), "");
    }
}
