//! In which order a listing comes, proven as it is read.
//!
//! Comparing two sorted streams finds what is missing only if both are sorted the same way. In
//! another order it would take live objects for deleted ones. So nothing is taken on trust: every
//! name is compared with the one before it.

use crate::error::Disorder;
use std::cmp::Ordering;

/// The orders that stores are known to list in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// By the bytes of the names: Cloud Storage, S3, Azure accounts with a flat namespace.
    #[default]
    Bytes,
    /// The same, but `/` comes before every other character, so that a folder's contents follow the
    /// folder: Azure accounts with a hierarchical namespace.
    Hierarchical,
}

impl Order {
    pub fn compare(self, left: &str, right: &str) -> Ordering {
        match self {
            Order::Bytes => left.as_bytes().cmp(right.as_bytes()),
            Order::Hierarchical => left.bytes().map(rank).cmp(right.bytes().map(rank)),
        }
    }
}

/// Names hold no NUL, so nothing else takes the place of `/` at the front.
fn rank(byte: u8) -> u8 {
    if byte == b'/' { 0 } else { byte }
}

/// Reads names and knows which orders they are still in. No name comes twice in any order.
#[derive(Clone, Debug)]
pub struct Witness {
    last: Option<String>,
    bytes: bool,
    hierarchical: bool,
}

impl Witness {
    pub fn new() -> Self {
        Self { last: None, bytes: true, hierarchical: true }
    }

    /// What follows a name that was seen before, as after a checkpoint.
    pub fn after(name: Option<String>) -> Self {
        Self { last: name, ..Self::new() }
    }

    /// Takes the next name, or says that it is in no known order.
    pub fn see(&mut self, name: &str) -> Result<(), Disorder> {
        if let Some(last) = &mut self.last {
            self.bytes &= Order::Bytes.compare(last, name) == Ordering::Less;
            self.hierarchical &= Order::Hierarchical.compare(last, name) == Ordering::Less;
            if !self.bytes && !self.hierarchical {
                return Err(Disorder::Unknown { before: last.clone(), after: name.to_owned() });
            }
            last.clear();
            last.push_str(name);
        } else {
            self.last = Some(name.to_owned());
        }
        Ok(())
    }

    /// Whether all names so far were in this order. A short listing may be in both.
    pub fn holds(&self, order: Order) -> bool {
        match order {
            Order::Bytes => self.bytes,
            Order::Hierarchical => self.hierarchical,
        }
    }
}

impl Default for Witness {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seen(names: &[&str]) -> (bool, bool) {
        let mut witness = Witness::new();
        match names.iter().try_for_each(|name| witness.see(name)) {
            Ok(()) => (witness.holds(Order::Bytes), witness.holds(Order::Hierarchical)),
            Err(_) => (false, false),
        }
    }

    #[test]
    fn orders_are_told_apart() {
        assert_eq!(seen(&[]), (true, true));
        assert_eq!(seen(&["a", "b/c", "d"]), (true, true));
        assert_eq!(seen(&["Path A-B", "Path A/dat1"]), (true, false));
        assert_eq!(seen(&["Path A/dat1", "Path A-B"]), (false, true));
        assert_eq!(seen(&["b", "a"]), (false, false));
        assert_eq!(seen(&["a", "a"]), (false, false));
        // Each pair is in one of the orders, the whole in none.
        assert_eq!(seen(&["x/y", "x-y", "z-", "z/"]), (false, false));
    }

    proptest! {
        #[test]
        fn a_sorted_listing_is_recognised(names in prop::collection::btree_set("[a/ .-]{1,6}", 0..40)) {
            let mut names: Vec<_> = names.iter().map(String::as_str).collect();
            prop_assert!(seen(&names).0);
            names.sort_by(|a, b| Order::Hierarchical.compare(a, b));
            prop_assert!(seen(&names).1);
        }
    }
}
