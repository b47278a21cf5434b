//! The pages of one range of keys.

use super::{Found, KeyRange, Listed};
use crate::error::{Disorder, Result, SyncError};
use crate::order::{Order, Witness};
use carnet_objects::{ListRequest, ObjectSource, Page, list_all};
use futures_util::{Stream, StreamExt as _};
use std::pin::Pin;
use std::sync::Arc;

/// Reads a range page by page. What it yields is what lies in the range.
pub(super) struct Pages {
    stream: Pin<Box<dyn Stream<Item = carnet_objects::Result<Page>> + Send>>,
    range: KeyRange,
    witness: Witness,
    bounds: Bounds,
}

/// By what a range is joined to its neighbours: where one ends, the next must go on with the same
/// object. Otherwise a store in another order could hide names between two ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bounds {
    /// The first object that the store listed, in the range or beyond it.
    pub first: Option<String>,
    /// The first object beyond the range; `None` if the listing ended before.
    pub beyond: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Names {
    pub objects: Vec<Found>,
    pub unaddressable: Vec<String>,
}

impl Pages {
    pub fn new(source: Arc<dyn ObjectSource>, range: KeyRange) -> Self {
        let request = ListRequest { start_from: range.from.clone(), ..ListRequest::default() };
        Self {
            stream: Box::pin(list_all(source, request)),
            witness: Witness::new(),
            range,
            bounds: Bounds::default(),
        }
    }

    /// The next page, or `None` at the end of the range.
    pub async fn next(&mut self) -> Result<Option<Names>> {
        if self.bounds.beyond.is_some() {
            return Ok(None);
        }
        let Some(page) = self.stream.next().await.transpose()? else { return Ok(None) };
        let mut names = Names {
            objects: Vec::with_capacity(page.objects.len()),
            unaddressable: page.unaddressable.into_iter().filter(|name| self.range.holds(name)).collect(),
        };
        for found in page.objects.into_iter().map(Found::from) {
            if self.places(found.key.as_str())? {
                names.objects.push(found);
            }
        }
        Ok(Some(names))
    }

    pub fn bounds(&self) -> Bounds {
        self.bounds.clone()
    }

    /// Whether an object lies in the range. One that comes before its beginning, or after an object
    /// beyond its end, proves another order.
    fn places(&mut self, name: &str) -> Result<bool> {
        if self.bounds.first.is_none() {
            self.bounds.first = Some(name.to_owned());
            if let Some(from) = self.range.from.as_deref().filter(|from| *from != name) {
                self.witness = Witness::after(Some(from.to_owned()));
            }
        }
        self.witness.see(name).map_err(SyncError::Disorder)?;
        if self.range.is_bounded() && !self.witness.holds(Order::Bytes) {
            return Err(SyncError::Disorder(Disorder::Hierarchical));
        }
        let inside = self.range.holds(name);
        if !inside && self.bounds.beyond.is_none() {
            self.bounds.beyond = Some(name.to_owned());
        }
        Ok(inside)
    }
}

impl Names {
    /// Both kinds as one sequence by bytes, if each is one.
    pub fn merged(self) -> impl Iterator<Item = Listed> {
        let mut objects = self.objects.into_iter().map(Listed::Object).peekable();
        let mut others = self.unaddressable.into_iter().map(Listed::Unaddressable).peekable();
        std::iter::from_fn(move || match (objects.peek(), others.peek()) {
            (Some(object), Some(other)) if other.name().as_bytes() < object.name().as_bytes() => {
                others.next()
            }
            (Some(_), _) => objects.next(),
            (None, _) => others.next(),
        })
    }
}
