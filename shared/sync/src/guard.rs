//! The guard: how much one run may delete without being asked.
//!
//! A mistake at the source (a wrong prefix, a lost permission that shows as emptiness, a container that
//! was cleared) must not empty the destination. A run that is refused has copied what there was to
//! copy, deletes nothing, and names its plan's digest: whoever has looked passes that one plan.

use crate::plan::{PlanDigest, Tally};
use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Guard {
    pub max_deletes: u64,
    /// Of the objects in the manifest.
    pub max_percent: u8,
    /// So few are never too large a share: in a small place one object is many percent.
    pub always: u64,
    /// The digest of a plan, or of its deletions alone, that somebody has looked at.
    pub passed: Option<PlanDigest>,
}

impl Default for Guard {
    fn default() -> Self {
        Self { max_deletes: 1_000, max_percent: 10, always: 10, passed: None }
    }
}

/// Why the deletions of a plan are not made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Refusal {
    /// The source lists nothing at all.
    SourceIsEmpty {
        deletes: u64,
    },
    TooMany {
        deletes: u64,
        allowed: u64,
    },
    TooLargeAShare {
        deletes: u64,
        objects: u64,
        percent: u8,
    },
}

impl Guard {
    /// Whether a complete plan may delete. `objects` are in the manifest.
    pub fn check(&self, tally: &Tally, digests: [&PlanDigest; 2], objects: u64) -> Result<(), Refusal> {
        let deletes = tally.delete;
        if deletes == 0 || self.passed.as_ref().is_some_and(|passed| digests.contains(&passed)) {
            return Ok(());
        }
        if tally.listed == 0 {
            return Err(Refusal::SourceIsEmpty { deletes });
        }
        if deletes > self.max_deletes {
            return Err(Refusal::TooMany { deletes, allowed: self.max_deletes });
        }
        let share = u128::from(deletes) * 100 > u128::from(self.max_percent) * u128::from(objects);
        if share && deletes > self.always {
            return Err(Refusal::TooLargeAShare { deletes, objects, percent: self.max_percent });
        }
        Ok(())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::SourceIsEmpty { deletes } => {
                write!(f, "the source lists nothing, and {deletes} objects would be deleted")
            }
            Refusal::TooMany { deletes, allowed } => {
                write!(f, "{deletes} objects would be deleted, and {allowed} are allowed at once")
            }
            Refusal::TooLargeAShare { deletes, objects, percent } => {
                write!(
                    f,
                    "{deletes} of {objects} objects would be deleted, and {percent} % are allowed at once"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(guard: &Guard, listed: u64, delete: u64, objects: u64) -> Result<(), Refusal> {
        let tally = Tally { listed, delete, ..Tally::default() };
        let (plan, deletions) = (PlanDigest::of(b"plan"), PlanDigest::of(b"deletions"));
        guard.check(&tally, [&plan, &deletions], objects)
    }

    #[test]
    fn caps_hold_and_a_passed_plan_lifts_them() {
        let guard = Guard { max_deletes: 50, max_percent: 10, always: 2, passed: None };
        assert_eq!(check(&guard, 100, 0, 0), Ok(()));
        assert_eq!(check(&guard, 90, 10, 100), Ok(()));
        assert_eq!(
            check(&guard, 89, 11, 100),
            Err(Refusal::TooLargeAShare { deletes: 11, objects: 100, percent: 10 })
        );
        assert_eq!(check(&guard, 1, 2, 3), Ok(()));
        assert_eq!(check(&guard, 9_000, 51, 10_000), Err(Refusal::TooMany { deletes: 51, allowed: 50 }));
        assert_eq!(check(&guard, 0, 1, 1_000), Err(Refusal::SourceIsEmpty { deletes: 1 }));
        for passed in [b"plan".as_slice(), b"deletions"] {
            let guard = Guard { passed: Some(PlanDigest::of(passed)), ..guard.clone() };
            assert_eq!(check(&guard, 0, 51, 51), Ok(()));
        }
        let other = Guard { passed: Some(PlanDigest::of(b"yesterday's")), ..guard };
        assert!(check(&other, 0, 1, 1_000).is_err());
    }
}
