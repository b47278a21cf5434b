//! Ranges of bytes, as RFC 9110 section 14 has them. Which forms a store knows is its own matter.

use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// `bytes=5-`, `bytes=5-9`: the last one is inclusive.
    From { first: u64, last: Option<u64> },
    /// `bytes=-5`
    Last(u64),
}

impl Asked {
    /// `None` for a header of another form, which servers ignore.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let (first, last) = value.trim().strip_prefix("bytes=")?.split_once('-')?;
        if first.is_empty() {
            return Some(Asked::Last(number(last)?));
        }
        let first = number(first)?;
        if last.is_empty() {
            return Some(Asked::From { first, last: None });
        }
        let last = number(last)?;
        (first <= last).then_some(Asked::From { first, last: Some(last) })
    }

    /// The bytes of so long an object; `None` if there is not one of them.
    pub(crate) fn resolve(self, length: u64) -> Option<Range<u64>> {
        let range = match self {
            Asked::From { first, last: None } => first..length,
            Asked::From { first, last: Some(last) } => first..last.saturating_add(1).min(length),
            Asked::Last(count) => length.saturating_sub(count)..length,
        };
        (range.start < range.end).then_some(range)
    }
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

    #[test]
    fn ranges_are_clamped_unsatisfiable_or_ignored() {
        let of = |value: &str, length| Asked::parse(value).map(|asked| asked.resolve(length));
        assert_eq!(of("bytes=0-", 10), Some(Some(0..10)));
        assert_eq!(of("bytes=3-5", 10), Some(Some(3..6)));
        assert_eq!(of("bytes=3-99999999999999999999999", 10), Some(Some(3..10)));
        assert_eq!(of("bytes=-3", 10), Some(Some(7..10)));
        assert_eq!(of("bytes=-30", 10), Some(Some(0..10)));
        for none in ["bytes=10-", "bytes=99999999999999999999999-", "bytes=-0"] {
            assert_eq!(of(none, 10), Some(None), "{none}");
        }
        assert_eq!((of("bytes=0-0", 0), of("bytes=-1", 0)), (Some(None), Some(None)));
        for ignored in
            ["bytes=5-3", "bytes=a-b", "bytes=0-1,4-5", "items=0-1", "bytes=+1-2", "bytes=-", "5-6"]
        {
            assert_eq!(of(ignored, 10), None, "{ignored}");
        }
    }
}
