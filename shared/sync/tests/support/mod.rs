//! A world in memory: a source, a destination that holds the state too, a clock that is moved by hand,
//! and upstream calls that break as told.

#![allow(dead_code, reason = "each test takes what it needs")]

mod frail;
mod steps;

#[allow(unused_imports, reason = "each test takes what it needs")]
pub use frail::Break;
pub use frail::Frail;
#[allow(unused_imports, reason = "each test takes what it needs")]
pub use steps::Engine;

use bytes::Bytes;
use carnet_objects::memory::{Memory, PutOptions};
use carnet_objects::sink::{Crc32c, PutRequest, SinkListRequest};
use carnet_objects::{Key, ObjectSink as _, ObjectSource, Version};
use carnet_sync::{
    Clock, CopyOptions, Event, Guard, Job, Manifest, Progress, RunOptions, State, Stop, Summary, SyncError,
    run,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

pub const STATE: &str = ".carnet/";

pub struct World {
    pub source: Arc<Memory>,
    pub sink: Arc<Memory>,
    pub frail: Arc<Frail>,
    pub prefix: String,
    pub options: RunOptions,
    pub events: Arc<Mutex<Vec<String>>>,
    seconds: Arc<AtomicU64>,
}

pub fn key(name: &str) -> Key {
    Key::parse(name).unwrap_or_else(|why| panic!("{name:?}: {why}"))
}

/// Bytes that are the same for the same seed, and differ otherwise.
pub fn noise(seed: u64, length: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) as u8
    };
    (0..length).map(step).collect()
}

impl World {
    /// Objects over 16 bytes are big, and have parts of 5.
    pub fn new() -> Self {
        let source = Arc::new(Memory::new());
        let sink = Arc::new(Memory::with_min_part(1));
        let copy = CopyOptions { whole_up_to: 16, part_size: 5, ..CopyOptions::default() };
        let guard = Guard { max_deletes: u64::MAX, max_percent: 100, ..Guard::default() };
        Self {
            frail: Arc::new(Frail::new(source.clone(), sink.clone())),
            source,
            sink,
            prefix: String::new(),
            options: RunOptions { copy, guard, ..RunOptions::default() },
            events: Arc::default(),
            seconds: Arc::new(AtomicU64::new(1_800_000_000)),
        }
    }

    pub fn job(&self) -> Arc<Job> {
        self.job_from(self.frail.clone())
    }

    pub fn job_from(&self, source: Arc<dyn ObjectSource>) -> Arc<Job> {
        let seconds = self.seconds.clone();
        let clock =
            Clock::new(move || SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.load(Ordering::SeqCst)));
        let state = State::new(self.frail.clone(), STATE).unwrap();
        let sink = self.frail.clone();
        let job = Job::new(source, "memory://source", sink, "memory://sink", &self.prefix, state).unwrap();
        Arc::new(job.with_clock(clock))
    }

    pub fn progress(&self) -> Arc<dyn Progress> {
        let events = self.events.clone();
        Arc::new(move |event: &Event<'_>| {
            events.lock().unwrap().push(serde_json::to_string(event).unwrap());
        })
    }

    pub fn heard(&self, what: &str) -> bool {
        self.events.lock().unwrap().iter().any(|event| event.contains(what))
    }

    pub async fn run(&self) -> Result<Summary, SyncError> {
        run(self.job(), self.options.clone(), self.progress(), Stop::new()).await
    }

    /// Passes the guard where it refuses, as a person would who has looked.
    pub async fn run_and_pass(&self) -> Result<Summary, SyncError> {
        let summary = self.run().await?;
        if summary.refusal.is_none() {
            return Ok(summary);
        }
        let mut options = self.options.clone();
        options.guard.passed = Some(summary.deletions_digest);
        run(self.job(), options, self.progress(), Stop::new()).await
    }

    /// An hour passes: every lease ends.
    pub fn later(&self) {
        self.seconds.fetch_add(3600, Ordering::SeqCst);
    }

    pub fn put(&self, name: &str, body: impl Into<Bytes>) -> Version {
        self.source.put(&key(name), body, PutOptions::default())
    }

    /// With a CRC32C, as Cloud Storage keeps it.
    pub async fn put_with_crc32c(&self, name: &str, body: impl Into<Bytes>) {
        let body = body.into();
        let request = PutRequest::new(Crc32c::of(&body));
        let outcome =
            carnet_objects::ObjectSink::put(&*self.source, &key(name), body, &request).await.unwrap();
        assert!(outcome.written().is_some());
    }

    pub fn remove(&self, name: &str) {
        assert!(self.source.remove(&key(name)), "{name}");
    }

    /// What the destination holds, without the state.
    pub async fn held(&self) -> BTreeMap<String, Bytes> {
        let mut held = contents(&self.sink).await;
        held.retain(|name, _| !name.starts_with(STATE));
        held
    }

    /// What it should hold.
    pub async fn wanted(&self) -> BTreeMap<String, Bytes> {
        let source = contents(&self.source).await;
        source.into_iter().map(|(name, body)| (format!("{}{name}", self.prefix), body)).collect()
    }

    pub async fn assert_same(&self) {
        assert_eq!(self.held().await, self.wanted().await);
    }

    pub async fn manifest(&self) -> Manifest {
        Manifest::load(&State::new(self.sink.clone(), STATE).unwrap()).await.unwrap()
    }

    /// Names of the state's files.
    pub async fn state_files(&self) -> Vec<String> {
        let held = contents(&self.sink).await;
        held.into_keys().filter_map(|name| name.strip_prefix(STATE).map(str::to_owned)).collect()
    }

    pub async fn uploads(&self) -> usize {
        self.sink.list_uploads("", None).await.unwrap().uploads.len()
    }
}

pub async fn contents(memory: &Memory) -> BTreeMap<String, Bytes> {
    let mut request = SinkListRequest::default();
    let mut contents = BTreeMap::new();
    loop {
        let page = carnet_objects::ObjectSink::list(memory, &request).await.unwrap();
        for entry in page.objects {
            let carnet_objects::sink::Got::Object { body, .. } =
                memory.get(&entry.key, None, usize::MAX).await.unwrap()
            else {
                panic!("{} was listed and is not there", entry.key)
            };
            contents.insert(entry.key.as_str().to_owned(), body);
        }
        match page.next {
            Some(next) => request.page_token = Some(next),
            None => return contents,
        }
    }
}
