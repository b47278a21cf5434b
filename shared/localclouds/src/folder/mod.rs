//! A plain folder as a store of objects: what the stand-ins for the stores share.
//!
//! | module | what happens there |
//! |---|---|
//! | [`files`] | names to files and back, never outside the folder |
//! | [`walk`] | the files in the order a store lists them, from any name on |
//! | [`page`] | one page of a listing: prefix, delimiter, bounds, limit |
//! | [`sidecar`] | what a file cannot say of itself |
//! | [`digest`] | the digests of a file, taken once per version of it |
//! | [`range`] | the ranges of bytes that can be asked for |
//! | [`stream`] | bytes of a file as a body |
//!
//! It knows no cloud: each stand-in says what is wrong in its own cloud's words.

pub(crate) mod digest;
pub(crate) mod files;
pub(crate) mod page;
pub(crate) mod range;
pub(crate) mod sidecar;
pub(crate) mod stream;
pub(crate) mod walk;

pub use files::SIDECAR;
