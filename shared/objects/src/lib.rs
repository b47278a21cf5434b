//! One reading trait over the clouds' object stores: verified, resumable streams.
//!
//! A map of the crate, in the order a read walks it:
//!
//! | module | what happens there |
//! |---|---|
//! | [`place`] | names for URLs: `assets = azure://account/container/prefix` |
//! | [`key`] | the name of an object: data, checked once, never part of a host |
//! | [`object`], [`range`] | what is known of an object; versions, conditions, byte ranges |
//! | [`source`] | [`ObjectSource`]: one upstream call a method, nothing clever |
//! | [`rooted`] | a source seen from below a prefix, which callers cannot leave |
//! | [`list`](mod@list) | listing pages, one or all |
//! | [`read`](mod@read) | a body that resumes, is counted and is checked |
//! | [`attempt`] | trying again by the error's kind, and once after a 401 |
//! | [`azure`] | Azure Blob Storage, over the official `azure_storage_blob` |
//! | [`google`] | Cloud Storage, over the official `google-cloud-storage` |
//! | [`sink`] | [`ObjectSink`]: a destination; one upstream call a method, nothing clever |
//! | [`s3`] | Amazon S3, over the official `aws-sdk-s3` |
//! | [`way`](mod@way) | the ways to all of these, from the environment |
//! | [`memory`] | a store in memory, source and sink, complete but for durability |
//! | [`conformance`] | the suites that every source and every sink must pass (feature `conformance`) |
//!
//! A source does what one HTTP call does. Everything that must hold for all of them (resuming,
//! counting, checking, refreshing) is in [`read`](mod@read) and [`attempt`], once.

pub mod attempt;
#[cfg(feature = "azure")]
pub mod azure;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod digest;
#[cfg(feature = "google")]
pub mod google;
pub mod key;
pub mod list;
pub mod memory;
pub mod object;
pub mod place;
pub mod range;
pub mod read;
pub mod rooted;
#[cfg(feature = "s3")]
pub mod s3;
pub mod sink;
pub mod source;
#[cfg(all(feature = "azure", feature = "google", feature = "s3"))]
pub mod way;

pub use attempt::head;
pub use digest::{Algorithm, Digest, Digests, Verdict};
pub use key::{InvalidKey, Key};
pub use list::{ListRequest, Page, PageToken, list_all, list_page};
pub use object::{Conditions, InvalidVersion, Match, ObjectMeta, Version};
pub use place::{Place, PlaceUrl, Places};
pub use range::ByteRange;
pub use read::{Reading, read, read_to_vec};
pub use rooted::Rooted;
pub use sink::ObjectSink;
pub use source::{ByteStream, ObjectSource, Opened, ReadRequest};

pub use carnet_federation::{BoxFuture, Error, Hop, Kind, Result};
