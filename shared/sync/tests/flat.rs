//! Copying in flat memory: an object far larger than what a copy may hold, from a source that makes it
//! up, to a destination that only looks at it.

use bytes::Bytes;
use carnet_objects::memory::Memory;
use carnet_objects::sink::{
    Attributes, CompleteRequest, Crc32c, Deletion, EntryPage, Got, Part, PartPage, PutRequest,
    SinkListRequest, SinkObject, Upload, UploadId, UploadMarker, UploadPage, WriteOutcome, Written,
};
use carnet_objects::{
    BoxFuture, ByteRange, ByteStream, Conditions, Digests, Key, ListRequest, ObjectMeta, ObjectSink,
    ObjectSource, Opened, Page, ReadRequest, Result, Version,
};
use carnet_sync::plan::Reason;
use carnet_sync::{Copier, CopyOptions, Ending, Job, RunId, RunOptions, Silent, State, Stop, Task, run};
use futures_util::{StreamExt as _, stream};
use md5::{Digest as _, Md5};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

const SIZE: u64 = 200 << 20;
const CHUNK: u64 = 64 * 1024;

/// One object; each of its chunks is of one byte.
struct MadeUp(Digests);

fn meta(digests: Digests) -> ObjectMeta {
    ObjectMeta {
        key: Key::parse("big").unwrap(),
        size: SIZE,
        version: Version::parse("v1").unwrap(),
        last_modified: SystemTime::UNIX_EPOCH,
        content_type: None,
        content_encoding: None,
        cache_control: None,
        content_disposition: None,
        metadata: BTreeMap::new(),
        digests,
    }
}

fn chunk(at: u64, end: u64) -> Bytes {
    let length = (CHUNK - at % CHUNK).min(end - at);
    Bytes::from(vec![(at / CHUNK) as u8; length as usize])
}

fn whole() -> Crc32c {
    (0..SIZE / CHUNK).fold(Crc32c::EMPTY, |crc, at| crc.append(&chunk(at * CHUNK, SIZE)))
}

impl ObjectSource for MadeUp {
    fn target(&self) -> &str {
        "made up"
    }
    fn list<'a>(&'a self, _: &'a ListRequest) -> BoxFuture<'a, Result<Page>> {
        Box::pin(async { Ok(Page { objects: vec![meta(self.0)], ..Page::default() }) })
    }
    fn head<'a>(&'a self, _: &'a Key, _: &'a Conditions) -> BoxFuture<'a, Result<ObjectMeta>> {
        Box::pin(async { Ok(meta(self.0)) })
    }
    fn open<'a>(&'a self, _: &'a Key, request: &'a ReadRequest) -> BoxFuture<'a, Result<Opened>> {
        let range = request.range.unwrap_or(ByteRange::From(0)).resolve(SIZE).unwrap();
        let end = range.end;
        let chunks = stream::unfold(range.start, move |at| async move {
            (at < end).then(|| {
                let chunk = chunk(at, end);
                let next = at + chunk.len() as u64;
                (Ok(chunk), next)
            })
        });
        Box::pin(async move { Ok(Opened { meta: meta(self.0), range, body: Box::pin(chunks) }) })
    }
    fn credential_rejected(&self) {}
}

/// Keeps small objects; of parts only what they are.
#[derive(Default)]
struct Bottomless {
    memory: Memory,
    parts: Mutex<BTreeMap<u32, Part>>,
}

impl ObjectSink for Bottomless {
    fn target(&self) -> &str {
        "bottomless"
    }
    fn head<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<SinkObject>>> {
        ObjectSink::head(&self.memory, key)
    }
    fn get<'a>(
        &'a self,
        key: &'a Key,
        held: Option<&'a Version>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Got>> {
        self.memory.get(key, held, limit)
    }
    fn put<'a>(
        &'a self,
        key: &'a Key,
        body: Bytes,
        request: &'a PutRequest,
    ) -> BoxFuture<'a, Result<WriteOutcome>> {
        ObjectSink::put(&self.memory, key, body, request)
    }
    fn begin_upload<'a>(&'a self, key: &'a Key, _: &'a Attributes) -> BoxFuture<'a, Result<Upload>> {
        Box::pin(async move { Ok(Upload { key: key.clone(), id: UploadId::new("one") }) })
    }
    fn put_part<'a>(
        &'a self,
        _: &'a Upload,
        number: u32,
        size: u64,
        mut body: ByteStream,
    ) -> BoxFuture<'a, Result<Part>> {
        Box::pin(async move {
            let (mut crc32c, mut length) = (Crc32c::EMPTY, 0);
            while let Some(chunk) = body.next().await {
                let chunk = chunk?;
                tokio::task::yield_now().await;
                (crc32c, length) = (crc32c.append(&chunk), length + chunk.len() as u64);
            }
            assert_eq!(length, size);
            let tag = Version::parse(&format!("{number}")).unwrap();
            let part = Part { number, size, tag, crc32c: Some(crc32c) };
            self.parts.lock().unwrap().insert(number, part.clone());
            Ok(part)
        })
    }
    fn list_parts<'a>(&'a self, _: &'a Upload, _: Option<u32>) -> BoxFuture<'a, Result<PartPage>> {
        let parts = self.parts.lock().unwrap().values().cloned().collect();
        Box::pin(async { Ok(PartPage { parts, next: None }) })
    }
    fn complete<'a>(
        &'a self,
        _: &'a Upload,
        parts: &'a [Part],
        request: &'a CompleteRequest,
    ) -> BoxFuture<'a, Result<WriteOutcome>> {
        assert_eq!(parts, self.parts.lock().unwrap().values().cloned().collect::<Vec<_>>());
        let crc32c = Crc32c::of_parts(parts.iter().map(|part| (part.crc32c.unwrap(), part.size)));
        assert_eq!((crc32c, request.size), (request.crc32c, SIZE));
        let version = Version::parse("done").unwrap();
        let written = Written { version, version_id: None, crc32c: Some(crc32c), request_id: None };
        Box::pin(async { Ok(WriteOutcome::Written(written)) })
    }
    fn abort<'a>(&'a self, _: &'a Upload) -> BoxFuture<'a, Result<()>> {
        unreachable!("nothing here is given up")
    }
    fn list_uploads<'a>(
        &'a self,
        _: &'a str,
        _: Option<&'a UploadMarker>,
    ) -> BoxFuture<'a, Result<UploadPage>> {
        unreachable!("nothing here lists uploads")
    }
    fn delete<'a>(&'a self, key: &'a Key, if_match: Option<&'a Version>) -> BoxFuture<'a, Result<Deletion>> {
        self.memory.delete(key, if_match)
    }
    fn list<'a>(&'a self, request: &'a SinkListRequest) -> BoxFuture<'a, Result<EntryPage>> {
        ObjectSink::list(&self.memory, request)
    }
}

/// The most memory this process ever had, in KiB.
fn high_water() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn job(digests: Digests) -> Arc<Job> {
    let sink = Arc::new(Bottomless::default());
    let state = State::new(sink.clone(), ".carnet/").unwrap();
    let job = Job::new(Arc::new(MadeUp(digests)), "from", sink, "to", "", state).unwrap();
    Arc::new(job)
}

/// In parts that are read one by one, and in one stream where only an MD5 could prove it; and in parts
/// that are each more than may be held.
#[tokio::test]
async fn a_copy_takes_flat_memory_whatever_the_size() {
    let crc32c = Digests { crc32c: Some(whole().as_u32()), ..Digests::NONE };
    let mut md5 = Md5::new();
    (0..SIZE / CHUNK).for_each(|at| md5.update(chunk(at * CHUNK, SIZE)));
    let md5 = Digests { md5: Some(md5.finalize().into()), ..Digests::NONE };
    for (digests, proven) in [(crc32c, [1, 0, 0]), (md5, [0, 1, 0]), (Digests::NONE, [0, 0, 1])] {
        let job = job(digests);
        let summary = run(job, RunOptions::default(), Arc::new(Silent), Stop::new()).await.unwrap();
        assert_eq!((summary.ending, summary.counts.copied_bytes), (Ending::Done, SIZE));
        let counts = &summary.counts;
        assert_eq!([counts.proven_crc32c, counts.proven_md5, counts.proven_length], proven);
    }

    // An upload that was begun in two parts, as those of objects beyond 10,000 ordinary parts are large.
    for (digests, proven) in [(crc32c, [1, 0, 0]), (md5, [0, 1, 0])] {
        let job = job(digests);
        let options = CopyOptions { part_size: SIZE / 2, ..CopyOptions::default() };
        let id = RunId::new(SystemTime::now());
        let copier = Copier::new(job.clone(), id, options, Arc::new(Silent), Stop::new());
        let task = Task { found: meta(digests).into(), reason: Reason::New, replaces: None };
        copier.begin(&task).await.unwrap();
        let summary = run(job, RunOptions::default(), Arc::new(Silent), Stop::new()).await.unwrap();
        assert_eq!((summary.ending, summary.counts.copied_bytes), (Ending::Done, SIZE));
        let counts = &summary.counts;
        assert_eq!([counts.proven_crc32c, counts.proven_md5, counts.proven_length], proven);
    }
    assert!(high_water() < 64 * 1024, "{} KiB", high_water());
}
