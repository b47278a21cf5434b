//! Into which parts an object is cut: always the same for the same size, so that another process goes
//! on with the same parts.

use carnet_objects::sink::{MAX_PARTS, Part};
use std::ops::Range;

const MIB: u64 = 1 << 20;

/// How many parts an object of this size has, and of how many bytes.
pub(crate) fn parts_of(size: u64, preferred: u64) -> (u32, u64) {
    let parts = Parts::new(size, preferred);
    (parts.count(), parts.part_size())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    size: u64,
    part: u64,
}

impl Parts {
    /// Parts of `preferred` bytes, or more where there would be too many of them.
    pub fn new(size: u64, preferred: u64) -> Self {
        let parts = Self::of(size, preferred);
        if size.div_ceil(parts.part) <= u64::from(MAX_PARTS) {
            return parts;
        }
        Self::of(size, size.div_ceil(u64::from(MAX_PARTS)).div_ceil(MIB) * MIB)
    }

    /// Parts as another process has cut them.
    pub fn of(size: u64, part: u64) -> Self {
        Self { size, part: part.max(1) }
    }

    pub fn part_size(&self) -> u64 {
        self.part
    }

    pub fn count(&self) -> u32 {
        // At most MAX_PARTS, by the choice of their size.
        u32::try_from(self.size.div_ceil(self.part).max(1)).unwrap_or(u32::MAX)
    }

    /// Numbered from 1.
    pub fn range(&self, number: u32) -> Range<u64> {
        let from = u64::from(number.saturating_sub(1)).saturating_mul(self.part).min(self.size);
        from..from.saturating_add(self.part).min(self.size)
    }

    /// Whether a part that has arrived is one of these: of the right size, and with a checksum that
    /// can be combined.
    pub fn owns(&self, part: &Part) -> bool {
        let range = self.range(part.number);
        (1..=self.count()).contains(&part.number)
            && part.size == range.end - range.start
            && part.crc32c.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_cover_the_object_within_s3s_limits(size in 1u64..(50 << 40), preferred in 0u64..(64 << 20)) {
            let parts = Parts::new(size, preferred);
            let count = parts.count();
            prop_assert!((1..=MAX_PARTS).contains(&count));
            prop_assert!(parts.part_size() >= preferred);
            prop_assert_eq!(parts.range(1).start, 0);
            prop_assert_eq!(parts.range(count).end, size);
            prop_assert!(!parts.range(count).is_empty());
            let some = 1 + (size % u64::from(count)) as u32;
            prop_assert!(some == count || parts.range(some).end == parts.range(some + 1).start);
        }
    }

    #[test]
    fn an_ordinary_object_has_parts_of_the_preferred_size() {
        assert_eq!(Parts::new(1 << 30, 8 << 20).part_size(), 8 << 20);
        assert_eq!(Parts::new(78 << 30, 8 << 20).part_size(), 8 << 20);
        assert_eq!(Parts::new(5 << 40, 8 << 20).part_size(), 525 << 20);
    }
}
