//! Upstream calls, counted, that break at the n-th.

use bytes::Bytes;
use carnet_objects::memory::Memory;
use carnet_objects::sink::{
    Attributes, CompleteRequest, Deletion, EntryPage, Got, Part, PartPage, PutRequest, SinkListRequest,
    SinkObject, Upload, UploadMarker, UploadPage, WriteOutcome,
};
use carnet_objects::{
    BoxFuture, ByteStream, Conditions, Error, Hop, Key, Kind, ListRequest, ObjectMeta, ObjectSink,
    ObjectSource, Opened, Page, ReadRequest, Result, Version,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// What happens at one call.
pub enum Break {
    /// The process dies before the call reaches the store.
    DieBefore,
    /// The store does it, and the process dies before it hears so.
    DieAfter,
    /// It does not reach the store.
    Fail(Kind),
    /// The store does it, and the answer is lost.
    LoseAnswer,
    /// Something else happens in the world first.
    First(Box<dyn FnOnce() + Send>),
    /// The store answers that another write crosses (409).
    Conflict,
    /// A byte flips on its way to the store.
    Corrupt,
    /// Says that it is due, and waits until it may go on.
    Wait(Arc<Notify>, Arc<Notify>),
}

pub struct Frail {
    source: Arc<Memory>,
    sink: Arc<Memory>,
    calls: AtomicUsize,
    breaks: Mutex<BTreeMap<usize, Break>>,
    /// Calls whose name and target contain a text, once.
    named: Mutex<Vec<(String, Break)>>,
    log: Mutex<Vec<String>>,
    pub died: Notify,
    dead: std::sync::atomic::AtomicBool,
}

impl Frail {
    pub fn new(source: Arc<Memory>, sink: Arc<Memory>) -> Self {
        Self {
            source,
            sink,
            calls: AtomicUsize::new(0),
            breaks: Mutex::default(),
            named: Mutex::default(),
            log: Mutex::default(),
            died: Notify::new(),
            dead: false.into(),
        }
    }

    /// Breaks the n-th call from now on.
    pub fn at(&self, call: usize, what: Break) {
        let now = self.calls.load(Ordering::SeqCst);
        self.breaks.lock().unwrap().insert(now + call, what);
    }

    /// Breaks the next call whose line in the log contains this.
    pub fn on(&self, call: &str, what: Break) {
        self.named.lock().unwrap().push((call.to_owned(), what));
    }

    /// A new process: nothing is broken any more.
    pub fn revive(&self) {
        self.breaks.lock().unwrap().clear();
        self.named.lock().unwrap().clear();
        self.dead.store(false, Ordering::SeqCst);
    }

    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Every call, e.g. `put .carnet/root.json`; forgotten by asking.
    pub fn log(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock().unwrap())
    }

    fn due(&self, line: &str) -> Option<Break> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        self.log.lock().unwrap().push(line.to_owned());
        if let Some(broken) = self.breaks.lock().unwrap().remove(&call) {
            return Some(broken);
        }
        let mut named = self.named.lock().unwrap();
        let at = named.iter().position(|(text, _)| line.contains(text.as_str()))?;
        Some(named.remove(at).1)
    }

    async fn die<T>(&self) -> T {
        self.dead.store(true, Ordering::SeqCst);
        self.died.notify_one();
        std::future::pending().await
    }

    /// A turn for whoever waits for something else, as a network would give; and what breaks.
    async fn turn(&self, line: &str) -> Option<Break> {
        tokio::task::yield_now().await;
        if self.dead.load(Ordering::SeqCst) {
            return std::future::pending().await;
        }
        self.due(line)
    }

    async fn call<T>(&self, line: String, work: impl Future<Output = Result<T>>) -> Result<T> {
        let broken = self.turn(&line).await;
        self.broken(broken, work).await
    }

    async fn write(
        &self,
        line: String,
        work: impl Future<Output = Result<WriteOutcome>>,
    ) -> Result<WriteOutcome> {
        match self.turn(&line).await {
            Some(Break::Conflict) => Ok(WriteOutcome::Conflict),
            broken => self.broken(broken, work).await,
        }
    }

    async fn broken<T>(&self, broken: Option<Break>, work: impl Future<Output = Result<T>>) -> Result<T> {
        match broken {
            // Only writes can be crossed, and only bytes be damaged: see there.
            None | Some(Break::Conflict | Break::Corrupt) => work.await,
            Some(Break::First(first)) => {
                first();
                work.await
            }
            Some(Break::Wait(due, go_on)) => {
                due.notify_one();
                go_on.notified().await;
                work.await
            }
            Some(Break::DieBefore) => self.die().await,
            Some(Break::DieAfter) => {
                drop(work.await);
                self.die().await
            }
            Some(Break::Fail(kind)) => Err(Error::new(Hop::Write, kind, "frail", "as told")),
            Some(Break::LoseAnswer) => {
                drop(work.await);
                Err(Error::new(Hop::Write, Kind::Unavailable, "frail", "the answer was lost"))
            }
        }
    }

    fn damaged(&self, line: &str, body: Bytes) -> Bytes {
        let mut named = self.named.lock().unwrap();
        let at = named
            .iter()
            .position(|(text, what)| line.contains(text.as_str()) && matches!(what, Break::Corrupt));
        match at {
            None => body,
            Some(at) => {
                named.remove(at);
                let mut body = body.to_vec();
                body[0] ^= 1;
                body.into()
            }
        }
    }
}

impl ObjectSource for Frail {
    fn target(&self) -> &str {
        "source"
    }
    fn list<'a>(&'a self, request: &'a ListRequest) -> BoxFuture<'a, Result<Page>> {
        Box::pin(self.call("source list".into(), ObjectSource::list(&*self.source, request)))
    }
    fn head<'a>(&'a self, key: &'a Key, conditions: &'a Conditions) -> BoxFuture<'a, Result<ObjectMeta>> {
        Box::pin(self.call(format!("source head {key}"), ObjectSource::head(&*self.source, key, conditions)))
    }
    fn open<'a>(&'a self, key: &'a Key, request: &'a ReadRequest) -> BoxFuture<'a, Result<Opened>> {
        Box::pin(self.call(format!("source open {key}"), self.source.open(key, request)))
    }
    fn credential_rejected(&self) {}
}

impl ObjectSink for Frail {
    fn target(&self) -> &str {
        "sink"
    }
    fn head<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<SinkObject>>> {
        Box::pin(self.call(format!("head {key}"), ObjectSink::head(&*self.sink, key)))
    }
    fn get<'a>(
        &'a self,
        key: &'a Key,
        if_none_match: Option<&'a Version>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Got>> {
        Box::pin(self.call(format!("get {key}"), self.sink.get(key, if_none_match, limit)))
    }
    fn put<'a>(
        &'a self,
        key: &'a Key,
        body: Bytes,
        request: &'a PutRequest,
    ) -> BoxFuture<'a, Result<WriteOutcome>> {
        let line = format!("put {key}");
        let body = self.damaged(&line, body);
        Box::pin(self.write(line, ObjectSink::put(&*self.sink, key, body, request)))
    }
    fn begin_upload<'a>(&'a self, key: &'a Key, attributes: &'a Attributes) -> BoxFuture<'a, Result<Upload>> {
        Box::pin(self.call(format!("begin {key}"), self.sink.begin_upload(key, attributes)))
    }
    fn put_part<'a>(
        &'a self,
        upload: &'a Upload,
        number: u32,
        size: u64,
        body: ByteStream,
    ) -> BoxFuture<'a, Result<Part>> {
        let line = format!("part {number} {}", upload.key);
        Box::pin(async move {
            match self.turn(&line).await {
                Some(Break::Corrupt) => {
                    let message = "the bytes that came are not those of the checksum";
                    Err(Error::new(Hop::Write, Kind::Unavailable, "frail", message))
                }
                broken => self.broken(broken, self.sink.put_part(upload, number, size, body)).await,
            }
        })
    }
    fn list_parts<'a>(&'a self, upload: &'a Upload, after: Option<u32>) -> BoxFuture<'a, Result<PartPage>> {
        Box::pin(self.call(format!("parts {}", upload.key), self.sink.list_parts(upload, after)))
    }
    fn complete<'a>(
        &'a self,
        upload: &'a Upload,
        parts: &'a [Part],
        request: &'a CompleteRequest,
    ) -> BoxFuture<'a, Result<WriteOutcome>> {
        Box::pin(self.write(format!("complete {}", upload.key), self.sink.complete(upload, parts, request)))
    }
    fn abort<'a>(&'a self, upload: &'a Upload) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.call(format!("abort {}", upload.key), self.sink.abort(upload)))
    }
    fn list_uploads<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a UploadMarker>,
    ) -> BoxFuture<'a, Result<UploadPage>> {
        Box::pin(self.call("uploads".into(), self.sink.list_uploads(prefix, after)))
    }
    fn delete<'a>(&'a self, key: &'a Key, if_match: Option<&'a Version>) -> BoxFuture<'a, Result<Deletion>> {
        Box::pin(self.call(format!("delete {key}"), self.sink.delete(key, if_match)))
    }
    fn list<'a>(&'a self, request: &'a SinkListRequest) -> BoxFuture<'a, Result<EntryPage>> {
        Box::pin(self.call(format!("list {}", request.prefix), ObjectSink::list(&*self.sink, request)))
    }
}
