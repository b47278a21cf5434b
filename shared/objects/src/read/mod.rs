//! Reading: one upstream call to open, then a stream in flat memory that resumes where it was cut,
//! counts its bytes and checks their digest.
//!
//! The last chunk is held back until the count and the digest are right, so a consumer that takes
//! the end of the stream for the end of the object never has a wrong object in hand: a failure is
//! always an `Err` before that.

mod resume;
#[cfg(test)]
mod tests;

use crate::attempt::attempt;
use crate::digest::{Check, Verdict};
use crate::key::Key;
use crate::object::ObjectMeta;
use crate::source::{ByteStream, ObjectSource, Opened, ReadRequest};
use bytes::Bytes;
use carnet_federation::{BoxFuture, Error, Hop, Kind, Result, deadline};
use futures_util::{Stream, StreamExt};
use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::time::{Instant, Sleep};

/// Resumes in a row that bring no byte, before the read fails. One that brings bytes starts the
/// count anew; the deadline bounds them all.
const FRUITLESS_RESUMES: u32 = 3;

/// An object being read: a stream of its bytes. Drop it to stop reading.
///
/// The deadline that held when it was opened holds until it ends.
pub struct Reading {
    meta: ObjectMeta,
    range: Range<u64>,
    verdict: Verdict,
    source: Arc<dyn ObjectSource>,
    state: State,
    check: Option<Check>,
    /// The next byte to come.
    position: u64,
    /// Whether a byte has been handed out.
    delivered: bool,
    /// The chunk that completes the range, until it is known to be right.
    held: Option<Bytes>,
    fruitless: u32,
    /// Whether a wrong object may still be read anew.
    second_chance: bool,
    deadline: Option<(Instant, Pin<Box<Sleep>>)>,
}

enum State {
    Receiving(ByteStream),
    Reopening(BoxFuture<'static, Result<Opened>>),
    Ended,
}

/// Opens an object, or a part of it. Transient failures are tried again, a 401 once.
pub async fn read(source: Arc<dyn ObjectSource>, key: &Key, request: ReadRequest) -> Result<Reading> {
    let opened = attempt(&*source, Hop::Read, || source.open(key, &request)).await?;
    Reading::start(source, &request, opened)
}

/// A whole small object in memory, at most `limit` bytes, checked. One that comes wrong (its
/// length, its digest) is read a second time before that is an error.
pub async fn read_to_vec(
    source: Arc<dyn ObjectSource>,
    key: &Key,
    request: ReadRequest,
    limit: usize,
) -> Result<(ObjectMeta, Vec<u8>, Verdict)> {
    match collect(source.clone(), key, request.clone(), limit).await {
        Err(error) if error.kind() == Kind::Malformed => collect(source, key, request, limit).await,
        outcome => outcome,
    }
}

async fn collect(
    source: Arc<dyn ObjectSource>,
    key: &Key,
    request: ReadRequest,
    limit: usize,
) -> Result<(ObjectMeta, Vec<u8>, Verdict)> {
    let mut reading = read(source, key, request).await?;
    reading.second_chance = false;
    let length = reading.range.end - reading.range.start;
    if length > limit as u64 {
        let message = format!("{key} has {length} bytes to read, and {limit} is the limit");
        return Err(Error::new(Hop::Read, Kind::OutOfRange, reading.source.target(), message));
    }
    let mut bytes = Vec::with_capacity(length as usize);
    while let Some(chunk) = reading.next().await {
        bytes.extend_from_slice(&chunk?);
    }
    Ok((reading.meta, bytes, reading.verdict))
}

impl Reading {
    fn start(source: Arc<dyn ObjectSource>, request: &ReadRequest, opened: Opened) -> Result<Self> {
        let Opened { meta, range, body } = opened;
        let asked = match request.range {
            None => Some(0..meta.size),
            Some(range) => range.resolve(meta.size),
        };
        if asked.as_ref() != Some(&range) {
            let message = format!("asked for {asked:?} of {} bytes and was given {range:?}", meta.size);
            return Err(Error::new(Hop::Read, Kind::Malformed, source.target(), message));
        }
        let whole = range == (0..meta.size);
        let digest = meta.digests.to_check();
        let verdict = match digest {
            _ if !whole => Verdict::RangeNotChecked,
            None => Verdict::NothingToCheck,
            Some(digest) => Verdict::Verified { algorithm: digest.algorithm() },
        };
        let deadline = deadline::remaining().map(|left| {
            let at = Instant::now() + left;
            (at, Box::pin(tokio::time::sleep_until(at)))
        });
        Ok(Self {
            check: digest.filter(|_| whole).map(Check::new),
            position: range.start,
            state: State::Receiving(body),
            delivered: false,
            held: None,
            fruitless: 0,
            second_chance: true,
            meta,
            range,
            verdict,
            source,
            deadline,
        })
    }

    pub fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    /// The bytes of the object that the stream is made of.
    pub fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    /// What the end of the stream will mean, known from the start: a stream that fails the check
    /// does not reach its end.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// One item of the upstream body. `Some` is what the consumer gets.
    fn receive(&mut self, item: Option<Result<Bytes>>) -> Option<Result<Bytes>> {
        let left = self.range.end - self.position;
        match item {
            Some(Ok(chunk)) if chunk.is_empty() => None,
            Some(Ok(chunk)) if chunk.len() as u64 > left => self.wrong("the body is longer than the object"),
            Some(Ok(chunk)) => {
                if let Some(check) = &mut self.check {
                    check.update(&chunk);
                }
                self.fruitless = 0;
                self.position += chunk.len() as u64;
                if self.position == self.range.end {
                    self.held = Some(chunk);
                    return None;
                }
                self.delivered = true;
                Some(Ok(chunk))
            }
            // Every byte is there: how the connection ended no longer matters.
            None | Some(Err(_)) if left == 0 => self.complete(),
            None => self.cut(None),
            Some(Err(error)) => self.cut(Some(error)),
        }
    }

    fn complete(&mut self) -> Option<Result<Bytes>> {
        if let Some(Err(algorithm)) = self.check.as_mut().map(Check::finish) {
            return self.wrong(&format!("the bytes do not have the {algorithm} that the store keeps"));
        }
        self.state = State::Ended;
        self.held.take().map(Ok)
    }

    fn fail(&mut self, error: Error) -> Option<Result<Bytes>> {
        self.state = State::Ended;
        self.held = None;
        Some(Err(error))
    }

    fn error(&self, kind: Kind, message: &str) -> Error {
        Error::new(Hop::Read, kind, self.source.target(), format!("{}: {message}", self.meta.key))
    }
}

impl Stream for Reading {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let this = self.get_mut();
        loop {
            let item = match &mut this.state {
                State::Ended => return Poll::Ready(None),
                State::Receiving(body) => match body.as_mut().poll_next(cx) {
                    Poll::Ready(item) => this.receive(item),
                    Poll::Pending => Some(Err(ready!(this.poll_deadline(cx)))),
                },
                State::Reopening(opening) => match opening.as_mut().poll(cx) {
                    Poll::Ready(outcome) => this.reopened(outcome),
                    Poll::Pending => Some(Err(ready!(this.poll_deadline(cx)))),
                },
            };
            if let Some(item) = item {
                if item.is_err() {
                    this.state = State::Ended;
                }
                return Poll::Ready(Some(item));
            }
        }
    }
}

impl Reading {
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let Some((_, sleep)) = &mut self.deadline else { return Poll::Pending };
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(deadline::exceeded(Hop::Read, self.source.target()))
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading")
            .field("key", &self.meta.key)
            .field("range", &self.range)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}
