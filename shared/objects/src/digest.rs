//! Checking bytes against the digest the store keeps.

use md5::{Digest as _, Md5};
use std::fmt;

/// A digest of a whole object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Digest {
    Md5([u8; 16]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Algorithm {
    Md5,
}

/// What a stream that ends without an error has been checked against, besides its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The bytes have the digest that the store keeps.
    Verified { algorithm: Algorithm },
    /// The store keeps no digest of this object.
    NothingToCheck,
    /// A part was read, and the store's digest is of the whole.
    RangeNotChecked,
}

impl Digest {
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Digest::Md5(_) => Algorithm::Md5,
        }
    }
}

impl Algorithm {
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Verified { algorithm } => write!(f, "verified by {algorithm}"),
            Verdict::NothingToCheck => f.write_str("the store keeps no digest to check"),
            Verdict::RangeNotChecked => f.write_str("a part of the object, which no digest covers"),
        }
    }
}

/// Digests bytes as they pass, in place.
pub(crate) struct Check {
    expected: Digest,
    running: Md5,
}

impl Check {
    pub(crate) fn new(expected: Digest) -> Self {
        Self { expected, running: Md5::new() }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.running.update(bytes);
    }

    /// Whether all that passed is what the store has. Begins anew.
    pub(crate) fn finish(&mut self) -> Result<(), Algorithm> {
        let Digest::Md5(expected) = self.expected;
        if <[u8; 16]>::from(self.running.finalize_reset()) == expected { Ok(()) } else { Err(Algorithm::Md5) }
    }

    pub(crate) fn restart(&mut self) {
        self.running.reset();
    }
}

pub(crate) fn md5(bytes: &[u8]) -> Digest {
    Digest::Md5(Md5::digest(bytes).into())
}
