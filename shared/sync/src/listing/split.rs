//! A listing in ranges that are read at the same time and joined in order.

use super::pages::{Bounds, Names, Pages};
use crate::error::{Disorder, Result, SyncError};
use carnet_federation::deadline;
use carnet_objects::ObjectSource;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Keys from one on and before another, by bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct KeyRange {
    /// Itself included; `None`: from the beginning.
    pub from: Option<String>,
    /// Itself excluded; `None`: to the end.
    pub until: Option<String>,
}

impl KeyRange {
    pub fn holds(&self, name: &str) -> bool {
        self.from.as_deref().is_none_or(|from| from.as_bytes() <= name.as_bytes())
            && self.until.as_deref().is_none_or(|until| name.as_bytes() < until.as_bytes())
    }

    /// Whether names from one to another, both included, may lie in it.
    pub(crate) fn meets(&self, first: &str, last: &str) -> bool {
        self.from.as_deref().is_none_or(|from| from.as_bytes() <= last.as_bytes())
            && self.until.as_deref().is_none_or(|until| first.as_bytes() < until.as_bytes())
    }

    /// The whole, cut at these names, which ascend.
    pub fn cut(at: impl IntoIterator<Item = String>) -> Vec<Self> {
        let mut ranges = vec![Self::default()];
        for name in at {
            if let Some(last) = ranges.last_mut() {
                last.until = Some(name.clone());
            }
            ranges.push(Self { from: Some(name), until: None });
        }
        ranges
    }

    pub(super) fn is_bounded(&self) -> bool {
        self.from.is_some() || self.until.is_some()
    }

    /// What of these ranges may hold names after this one.
    pub(super) fn rest(ranges: Vec<Self>, after: Option<&str>) -> Vec<Self> {
        let Some(after) = after else { return ranges };
        let mut rest: Vec<Self> = ranges
            .into_iter()
            .filter(|range| range.until.as_deref().is_none_or(|until| after.as_bytes() < until.as_bytes()))
            .collect();
        if let Some(first) = rest.first_mut()
            && first.holds(after)
        {
            first.from = Some(after.to_owned());
        }
        rest
    }
}

pub(super) struct Split {
    source: Arc<dyn ObjectSource>,
    waiting: VecDeque<KeyRange>,
    /// Being read, in order.
    reading: VecDeque<mpsc::Receiver<Result<Chunk>>>,
    ahead: usize,
    /// Dropped with this, so that nothing reads on for nobody.
    tasks: JoinSet<()>,
    /// Where the last range ended.
    joint: Option<Bounds>,
}

enum Chunk {
    Names(Names),
    End(Bounds),
}

impl Split {
    pub fn new(source: Arc<dyn ObjectSource>, ranges: Vec<KeyRange>, ahead: usize) -> Self {
        Self {
            source,
            waiting: ranges.into(),
            reading: VecDeque::new(),
            ahead: ahead.max(1),
            tasks: JoinSet::new(),
            joint: None,
        }
    }

    pub async fn next(&mut self) -> Result<Option<Names>> {
        loop {
            while self.reading.len() < self.ahead
                && let Some(range) = self.waiting.pop_front()
            {
                self.begin(range);
            }
            let Some(current) = self.reading.front_mut() else { return Ok(None) };
            match current.recv().await {
                Some(Ok(Chunk::Names(names))) => return Ok(Some(names)),
                Some(Ok(Chunk::End(bounds))) => {
                    self.reading.pop_front();
                    self.join(bounds)?;
                }
                Some(Err(error)) => return Err(error),
                // Its task panicked or was ended with the runtime: the listing is not complete.
                None => return Err(SyncError::Machine("a listing ended without its end".to_owned())),
            }
        }
    }

    fn begin(&mut self, range: KeyRange) {
        // One page waits while the next is read.
        let (sender, receiver) = mpsc::channel(1);
        let mut pages = Pages::new(self.source.clone(), range);
        let work = async move {
            loop {
                let chunk = match pages.next().await {
                    Ok(Some(names)) => Ok(Chunk::Names(names)),
                    Ok(None) => Ok(Chunk::End(pages.bounds())),
                    Err(error) => Err(error),
                };
                let last = !matches!(chunk, Ok(Chunk::Names(_)));
                if sender.send(chunk).await.is_err() || last {
                    return;
                }
            }
        };
        match deadline::remaining() {
            Some(left) => self.tasks.spawn(deadline::within(left, work)),
            None => self.tasks.spawn(work),
        };
        self.reading.push_back(receiver);
    }

    /// A range must go on with the very object that the one before it ended at. A listing that
    /// changes in this moment fails too, and is read again in one piece.
    fn join(&mut self, bounds: Bounds) -> Result<()> {
        if let Some(before) = self.joint.take()
            && before.beyond != bounds.first
        {
            return Err(SyncError::Disorder(Disorder::Unknown {
                before: before.beyond.unwrap_or_default(),
                after: bounds.first.unwrap_or_default(),
            }));
        }
        self.joint = Some(bounds);
        Ok(())
    }
}
