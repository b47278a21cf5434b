//! The range of a read, as "Specifying the range header for Blob service operations" has it.

use super::error::BlobError;
use http::{HeaderMap, header};
use std::ops::Range;

/// `None` when the whole blob is meant. `x-ms-range` wins over `Range`; a header of another form
/// than `bytes=start-` and `bytes=start-end` is ignored, as RFC 9110 tells servers to.
pub(crate) fn asked(headers: &HeaderMap, length: u64) -> Result<Option<Range<u64>>, BlobError> {
    let value = headers.get("x-ms-range").or_else(|| headers.get(header::RANGE));
    let Some((start, last)) = value.and_then(|value| value.to_str().ok()).and_then(parse) else {
        return Ok(None);
    };
    if start >= length {
        return Err(BlobError::invalid_range(length));
    }
    let end = last.map_or(length, |last| last.saturating_add(1).min(length));
    Ok(Some(start..end))
}

fn parse(value: &str) -> Option<(u64, Option<u64>)> {
    let (start, last) = value.trim().strip_prefix("bytes=")?.split_once('-')?;
    let start = number(start)?;
    if last.is_empty() {
        return Some((start, None));
    }
    let last = number(last)?;
    (start <= last).then_some((start, Some(last)))
}

/// Digits only; a number past 64 bits is as good as the largest one.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
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
    fn ranges_are_clamped_refused_or_ignored() {
        assert_eq!(of("bytes=0-", 10).unwrap(), Some(0..10));
        assert_eq!(of("bytes=3-5", 10).unwrap(), Some(3..6));
        assert_eq!(of("bytes=3-99999999999999999999999", 10).unwrap(), Some(3..10));
        assert!(of("bytes=10-", 10).is_err());
        assert!(of("bytes=0-0", 0).is_err());
        assert!(of("bytes=99999999999999999999999-", 10).is_err());
        for ignored in ["bytes=-5", "bytes=5-3", "bytes=a-b", "bytes=0-1,4-5", "items=0-1", "bytes=+1-2"] {
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
