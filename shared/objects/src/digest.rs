//! Checking bytes against the digest the store keeps.

use md5::{Digest as _, Md5};
use std::fmt;

/// A digest of a whole object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Digest {
    Md5([u8; 16]),
    Crc32c(u32),
}

/// What a store keeps of one object, any of which may be missing: Azure knows no CRC32C, and Cloud
/// Storage has no MD5 of a composite object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    pub md5: Option<[u8; 16]>,
    pub crc32c: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Algorithm {
    Md5,
    Crc32c,
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
            Digest::Crc32c(_) => Algorithm::Crc32c,
        }
    }
}

impl Digests {
    pub const NONE: Self = Self { md5: None, crc32c: None };

    /// What a whole object is checked against. CRC32C first: the store has computed it itself, which
    /// an MD5 that an uploader stated need not be, and it costs a fraction of the time.
    pub fn to_check(&self) -> Option<Digest> {
        self.crc32c.map(Digest::Crc32c).or(self.md5.map(Digest::Md5))
    }

    /// As people compare it, e.g. with `md5sum`.
    pub fn md5_hex(&self) -> Option<String> {
        self.md5.map(|md5| md5.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    pub fn crc32c_hex(&self) -> Option<String> {
        self.crc32c.map(|crc32c| format!("{crc32c:08x}"))
    }
}

impl Algorithm {
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Crc32c => "CRC32C",
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
    running: Running,
}

enum Running {
    Md5(Md5),
    Crc32c(u32),
}

impl Check {
    pub(crate) fn new(expected: Digest) -> Self {
        Self { expected, running: Running::new(expected.algorithm()) }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match &mut self.running {
            Running::Md5(md5) => md5.update(bytes),
            Running::Crc32c(crc32c) => *crc32c = crc32c::crc32c_append(*crc32c, bytes),
        }
    }

    /// Whether all that passed is what the store has. Begins anew.
    pub(crate) fn finish(&mut self) -> Result<(), Algorithm> {
        let algorithm = self.expected.algorithm();
        let found = match std::mem::replace(&mut self.running, Running::new(algorithm)) {
            Running::Md5(md5) => Digest::Md5(md5.finalize().into()),
            Running::Crc32c(crc32c) => Digest::Crc32c(crc32c),
        };
        if found == self.expected { Ok(()) } else { Err(algorithm) }
    }

    pub(crate) fn restart(&mut self) {
        self.running = Running::new(self.expected.algorithm());
    }
}

impl Running {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Md5 => Running::Md5(Md5::new()),
            Algorithm::Crc32c => Running::Crc32c(0),
        }
    }
}

pub(crate) fn md5(bytes: &[u8]) -> Digests {
    Digests { md5: Some(Md5::digest(bytes).into()), crc32c: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3720, appendix B.4: the CRC32C of 32 bytes of zeroes.
    const ZEROES: u32 = 0x8a91_36aa;

    #[test]
    fn bytes_are_digested_as_they_pass() {
        let md5 = Digest::Md5(md5(&[0; 32]).md5.unwrap());
        for expected in [md5, Digest::Crc32c(ZEROES)] {
            let mut check = Check::new(expected);
            check.update(b"not this");
            assert_eq!(check.finish(), Err(expected.algorithm()));
            check.update(&[0; 31]);
            check.restart();
            for part in [5, 27] {
                check.update(&vec![0; part]);
            }
            assert_eq!(check.finish(), Ok(()), "{}", expected.algorithm());
        }
    }

    #[test]
    fn what_the_store_computed_itself_is_checked_first() {
        let both = Digests { crc32c: Some(ZEROES), ..md5(&[0; 32]) };
        assert_eq!(both.to_check(), Some(Digest::Crc32c(ZEROES)));
        assert!(matches!(md5(b"").to_check(), Some(Digest::Md5(_))));
        assert_eq!(Digests::NONE.to_check(), None);
        assert_eq!(both.crc32c_hex().as_deref(), Some("8a9136aa"));
        assert_eq!(md5(b"").md5_hex().as_deref(), Some("d41d8cd98f00b204e9800998ecf8427e"));
    }
}
