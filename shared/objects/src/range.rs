//! Byte ranges, as RFC 9110 section 14 has them.

use std::ops::Range;

/// One range of bytes. Ends are inclusive, as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// `bytes=5-`
    From(u64),
    /// `bytes=5-9`
    Between { first: u64, last: u64 },
    /// `bytes=-5`: the last five.
    Last(u64),
}

impl ByteRange {
    /// Reads a `Range` header. `None` means that it is to be ignored: another unit, malformed, or
    /// several ranges (which a server may always ignore). Numbers too large for 64 bits are huge
    /// but valid, and clamped.
    pub fn from_header(header: &str) -> Option<Self> {
        let (unit, set) = header.trim().split_once('=')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (first, last) = set.trim().split_once('-')?;
        match (first, last) {
            ("", last) => Some(ByteRange::Last(number(last)?)),
            (first, "") => Some(ByteRange::From(number(first)?)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(ByteRange::Between { first, last })
            }
        }
    }

    /// The bytes meant, of an object of this size; `None` if there is not one of them (416).
    pub fn resolve(self, size: u64) -> Option<Range<u64>> {
        let range = match self {
            ByteRange::From(first) => first..size,
            ByteRange::Between { first, last } => first..last.saturating_add(1).min(size),
            ByteRange::Last(count) => size.saturating_sub(count)..size,
        };
        (range.start < range.end).then_some(range)
    }
}

fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::ByteRange::*;
    use super::*;

    #[test]
    fn headers_are_read_or_ignored() {
        for (header, range) in [
            ("bytes=0-0", Some(Between { first: 0, last: 0 })),
            ("bytes=5-", Some(From(5))),
            ("BYTES=-7", Some(Last(7))),
            ("bytes=-0", Some(Last(0))),
            ("bytes=0-99999999999999999999999", Some(Between { first: 0, last: u64::MAX })),
            ("bytes=9-5", None),
            ("bytes=0-1,5-6", None),
            ("bytes=", None),
            ("bytes=-", None),
            ("bytes=+1-2", None),
            ("bytes=1-x", None),
            ("items=0-1", None),
            ("0-1", None),
        ] {
            assert_eq!(ByteRange::from_header(header), range, "{header}");
        }
    }

    #[test]
    fn ranges_are_clamped_or_unsatisfiable() {
        assert_eq!(From(3).resolve(10), Some(3..10));
        assert_eq!(From(10).resolve(10), None);
        assert_eq!(Between { first: 0, last: u64::MAX }.resolve(10), Some(0..10));
        assert_eq!(Between { first: 9, last: 9 }.resolve(10), Some(9..10));
        assert_eq!(Between { first: 10, last: 12 }.resolve(10), None);
        assert_eq!(Last(4).resolve(10), Some(6..10));
        assert_eq!(Last(40).resolve(10), Some(0..10));
        assert_eq!(Last(0).resolve(10), None);
        for range in [From(0), Between { first: 0, last: 0 }, Last(1)] {
            assert_eq!(range.resolve(0), None);
        }
    }
}
