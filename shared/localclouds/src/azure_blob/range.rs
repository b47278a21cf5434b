//! The range of a read, as "Specifying the range header for Blob service operations" has it.

use super::error::BlobError;
use crate::folder::range::Asked;
use http::{HeaderMap, header};
use std::ops::Range;

/// `None` when the whole blob is meant. `x-ms-range` wins over `Range`; a header of another form
/// than `bytes=start-` and `bytes=start-end` is ignored, as RFC 9110 tells servers to.
pub(crate) fn asked(headers: &HeaderMap, length: u64) -> Result<Option<Range<u64>>, BlobError> {
    let value = headers.get("x-ms-range").or_else(|| headers.get(header::RANGE));
    match value.and_then(|value| value.to_str().ok()).and_then(Asked::parse) {
        None | Some(Asked::Last(_)) => Ok(None),
        Some(asked) => asked.resolve(length).map(Some).ok_or_else(|| BlobError::invalid_range(length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str, length: u64) -> Result<Option<Range<u64>>, BlobError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, value.parse().unwrap());
        asked(&headers, length)
    }

    #[test]
    fn ranges_are_given_refused_or_ignored() {
        assert_eq!(of("bytes=3-5", 10).unwrap(), Some(3..6));
        assert!(of("bytes=10-", 10).is_err());
        assert!(of("bytes=0-0", 0).is_err());
        for ignored in ["bytes=-5", "bytes=5-3", "items=0-1"] {
            assert_eq!(of(ignored, 10).unwrap(), None, "{ignored}");
        }
    }

    #[test]
    fn the_services_own_header_wins() {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, "bytes=0-1".parse().unwrap());
        headers.insert("x-ms-range", "bytes=4-5".parse().unwrap());
        assert_eq!(asked(&headers, 10).unwrap(), Some(4..6));
    }
}
