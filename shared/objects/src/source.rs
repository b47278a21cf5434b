//! The trait that stores implement.

use crate::key::Key;
use crate::list::{ListRequest, Page};
use crate::object::{Conditions, ObjectMeta, Version};
use crate::range::ByteRange;
use bytes::Bytes;
use carnet_federation::{BoxFuture, Result};
use futures_util::Stream;
use std::ops::Range;
use std::pin::Pin;

/// The bytes of one answer, as they come.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

/// A container or bucket that can be read.
///
/// A method is one upstream call (two where it says so) and fails with the kind of what went
/// wrong. It does not retry, refresh, resume or check: [`read`](crate::read()),
/// [`head`](crate::head), [`list_page`](crate::list_page) and [`list_all`](crate::list_all) do,
/// the same for every source. Programs call those.
pub trait ObjectSource: Send + Sync {
    /// What errors call it, e.g. `account.blob.core.windows.net/container`.
    fn target(&self) -> &str;

    /// One page of a listing. It may hold fewer objects than asked for, even none, and still have
    /// a next page.
    fn list<'a>(&'a self, request: &'a ListRequest) -> BoxFuture<'a, Result<Page>>;

    fn head<'a>(&'a self, key: &'a Key, conditions: &'a Conditions) -> BoxFuture<'a, Result<ObjectMeta>>;

    /// What is known of the object, and its bytes as a stream. A range of the last bytes may cost a
    /// call more, for the size, where the store does not know such ranges.
    fn open<'a>(&'a self, key: &'a Key, request: &'a ReadRequest) -> BoxFuture<'a, Result<Opened>>;

    /// The store answered 401: the token at hand is to be forgotten. Called once before the one
    /// call that follows.
    fn credential_rejected(&self);
}

/// What to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadRequest {
    /// `None`: the whole object.
    pub range: Option<ByteRange>,
    /// Set: this version or [`Kind::Changed`](crate::Kind::Changed).
    pub version: Option<Version>,
    pub conditions: Conditions,
}

/// The answer to [`ObjectSource::open`].
pub struct Opened {
    /// Of the whole object, whatever part of it follows.
    pub meta: ObjectMeta,
    /// The bytes that the store says it sends.
    pub range: Range<u64>,
    pub body: ByteStream,
}
