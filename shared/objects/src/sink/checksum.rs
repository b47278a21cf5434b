//! CRC32C, the one checksum of everything that is written.
//!
//! S3 keeps three kinds of CRC over a whole object that was uploaded in parts ("Checking object
//! integrity"): CRC32, CRC32C and CRC64NVME. CRC32C it is, since Cloud Storage keeps the same of its
//! objects: what was read there and what S3 has can be compared without reading either again.
//! CRC64NVME would miss fewer errors in very large objects, and could be compared with nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// A CRC32C (Castagnoli), of some bytes or of a whole object.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Crc32c(u32);

// Lengths of objects are counted in a `usize` here.
const _: () = assert!(usize::BITS >= u64::BITS);

/// Not four bytes in base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidChecksum;

impl Crc32c {
    /// Of no bytes: what a running checksum begins with.
    pub const EMPTY: Self = Self(0);

    pub fn of(bytes: &[u8]) -> Self {
        Self(crc32c::crc32c(bytes))
    }

    pub fn from_u32(value: u32) -> Self {
        Self(value)
    }

    pub fn as_u32(self) -> u32 {
        self.0
    }

    /// As these bytes follow those that were counted so far.
    #[must_use]
    pub fn append(self, bytes: &[u8]) -> Self {
        Self(crc32c::crc32c_append(self.0, bytes))
    }

    /// Of bytes with this checksum followed by `length` bytes with the checksum `next`.
    #[must_use]
    pub fn combine(self, next: Self, length: u64) -> Self {
        Self(crc32c::crc32c_combine(self.0, next.0, length as usize))
    }

    /// Of parts that follow each other, each with its length.
    pub fn of_parts(parts: impl IntoIterator<Item = (Self, u64)>) -> Self {
        parts.into_iter().fold(Self::EMPTY, |whole, (part, length)| whole.combine(part, length))
    }

    /// As S3 and Cloud Storage write it: base64 of four bytes, the highest first.
    pub fn to_base64(self) -> String {
        STANDARD.encode(self.0.to_be_bytes())
    }

    pub fn from_base64(text: &str) -> Result<Self, InvalidChecksum> {
        let bytes = STANDARD.decode(text).map_err(|_| InvalidChecksum)?;
        bytes.try_into().map(|bytes| Self(u32::from_be_bytes(bytes))).map_err(|_| InvalidChecksum)
    }
}

/// Eight hexadecimal digits.
impl fmt::Display for Crc32c {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl fmt::Debug for Crc32c {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Crc32c({self})")
    }
}

impl fmt::Display for InvalidChecksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a CRC32C is four bytes in base64")
    }
}

impl std::error::Error for InvalidChecksum {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_value_is_the_standards_and_written_as_the_stores_write_it() {
        // RFC 3720, appendix B.4: 32 bytes of zeroes.
        let zeroes = Crc32c::of(&[0; 32]);
        assert_eq!(zeroes.to_string(), "8a9136aa");
        assert_eq!(zeroes.to_base64(), "ipE2qg==");
        assert_eq!(Crc32c::from_base64("ipE2qg=="), Ok(zeroes));
        assert_eq!(Crc32c::of(b"").to_base64(), "AAAAAA==");
        for text in ["", "ipE2", "ipE2qg", "ipE2qqo=", "?"] {
            assert_eq!(Crc32c::from_base64(text), Err(InvalidChecksum), "{text}");
        }
    }

    proptest! {
        #[test]
        fn parts_combine_to_the_whole(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..8)) {
            let whole = Crc32c::of(&parts.concat());
            prop_assert_eq!(Crc32c::of_parts(parts.iter().map(|part| (Crc32c::of(part), part.len() as u64))), whole);
            prop_assert_eq!(parts.iter().fold(Crc32c::EMPTY, |crc, part| crc.append(part)), whole);
        }
    }
}
