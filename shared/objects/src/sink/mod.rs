//! Destinations: what S3 can be told to do, one upstream call a method.
//!
//! | module | what is there |
//! |---|---|
//! | this one | [`ObjectSink`], the trait that destinations implement |
//! | [`checksum`] | [`Crc32c`]: of bytes, of parts, combined |
//! | [`request`] | what is written beside the bytes, and on which condition |
//! | [`outcome`] | what became of it: a condition that did not hold is an answer, not an error |
//! | [`upload`] | a big object in parts, which are the checkpoint |
//!
//! Nothing here retries: whoever writes decides, since only it knows what a second try may
//! overwrite. [`Kind::is_transient`](crate::Kind::is_transient) says which errors are worth one.

pub mod checksum;
pub mod outcome;
pub mod request;
pub mod upload;

pub use checksum::{Crc32c, InvalidChecksum};
pub use outcome::{Deletion, Entry, EntryPage, Got, SinkObject, WriteOutcome, Written};
pub use request::{Attributes, Condition, PutRequest, SinkListRequest};
pub use upload::{CompleteRequest, Part, PartPage, Pending, Upload, UploadId, UploadMarker, UploadPage};

use crate::key::Key;
use crate::object::Version;
use crate::source::ByteStream;
use bytes::Bytes;
use carnet_federation::{BoxFuture, Result};

/// A bucket that can be written.
///
/// A method is one upstream call. Errors have the kind of what went wrong; the answers that a writer
/// decides by (a condition that does not hold, an object that is gone, a write that another one
/// crossed) are values, so that none of them can be taken for a failure or the other way round.
///
/// Every byte that is sent goes with its [`Crc32c`], which the destination checks before anything
/// becomes visible. Bytes that did not arrive as they left are refused with
/// [`Kind::Unavailable`](crate::Kind::Unavailable): sent again, they may arrive.
pub trait ObjectSink: Send + Sync {
    /// What errors call it, e.g. `s3://bucket`.
    fn target(&self) -> &str;

    /// What is known of an object; `None` if there is none.
    fn head<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<SinkObject>>>;

    /// A small object, whole: manifests, the root. One of more than `limit` bytes is
    /// [`Kind::OutOfRange`](crate::Kind::OutOfRange). The bytes are those of the checksum, where the
    /// destination keeps one.
    fn get<'a>(
        &'a self,
        key: &'a Key,
        if_none_match: Option<&'a Version>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Got>>;

    /// An object in one piece, at most [`MAX_PUT`] bytes.
    fn put<'a>(
        &'a self,
        key: &'a Key,
        body: Bytes,
        request: &'a PutRequest,
    ) -> BoxFuture<'a, Result<WriteOutcome>>;

    /// Begins an upload in parts, whose checksum will be one [`Crc32c`] of the whole object. What is
    /// written beside the bytes is stated here and no more later.
    fn begin_upload<'a>(&'a self, key: &'a Key, attributes: &'a Attributes) -> BoxFuture<'a, Result<Upload>>;

    /// One part; sent again under the same number it replaces the former. Its bytes are sent as they
    /// come, summed up on their way, and their [`Crc32c`] behind them. Where they end early or fail,
    /// the call fails and the part has not arrived; the error need not be that of the bytes. An upload
    /// that is over is [`Kind::NotFound`](crate::Kind::NotFound).
    fn put_part<'a>(
        &'a self,
        upload: &'a Upload,
        number: u32,
        size: u64,
        body: ByteStream,
    ) -> BoxFuture<'a, Result<Part>>;

    /// The parts that have arrived, by number, those after `after`. An upload that is over is
    /// [`Kind::NotFound`](crate::Kind::NotFound).
    fn list_parts<'a>(&'a self, upload: &'a Upload, after: Option<u32>) -> BoxFuture<'a, Result<PartPage>>;

    /// Makes the parts one object, if they are what was stated and the condition holds. An upload
    /// that is over, completed or not, is [`Kind::NotFound`](crate::Kind::NotFound): who lost the
    /// answer to this call finds out by [`head`](Self::head).
    fn complete<'a>(
        &'a self,
        upload: &'a Upload,
        parts: &'a [Part],
        request: &'a CompleteRequest,
    ) -> BoxFuture<'a, Result<WriteOutcome>>;

    /// Gives the upload and its parts up. One that is over already is none the worse.
    fn abort<'a>(&'a self, upload: &'a Upload) -> BoxFuture<'a, Result<()>>;

    /// Uploads that were begun and are not over, by key.
    fn list_uploads<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a UploadMarker>,
    ) -> BoxFuture<'a, Result<UploadPage>>;

    /// Deletes an object, if it is still that version. Without a version an object that is not there
    /// counts as [`Deletion::Deleted`]: a destination need not tell.
    fn delete<'a>(&'a self, key: &'a Key, if_match: Option<&'a Version>) -> BoxFuture<'a, Result<Deletion>>;

    /// One page of a listing, sorted by the bytes of the names.
    fn list<'a>(&'a self, request: &'a SinkListRequest) -> BoxFuture<'a, Result<EntryPage>>;
}

/// The most that one [`put`](ObjectSink::put) may carry ("Uploading objects": 5 GB in a single
/// operation; "Amazon S3 multipart upload limits" gives a part the same).
pub const MAX_PUT: u64 = 5 << 30;

/// "Amazon S3 multipart upload limits".
pub const MAX_PARTS: u32 = 10_000;
/// "Amazon S3 multipart upload limits"; the last part may be smaller.
pub const MIN_PART: u64 = 5 << 20;
/// "Amazon S3 multipart upload limits".
pub const MAX_PART: u64 = 5 << 30;
