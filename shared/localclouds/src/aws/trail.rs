//! What was asked of AWS, by whom: what CloudTrail would show.

use std::sync::{Mutex, PoisonError};

/// A call whose signature held, answered or refused.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recorded {
    /// The caller's role, by name.
    pub role: String,
    /// As IAM names it: `sts:GetWebIdentityToken`.
    pub action: String,
}

#[derive(Default)]
pub struct Trail(Mutex<Vec<Recorded>>);

impl Trail {
    pub(super) fn record(&self, role: &str, service: &str, action: &str) {
        let recorded = Recorded { role: role.to_owned(), action: format!("{service}:{action}") };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(recorded);
    }

    /// In the order they came.
    pub fn calls(&self) -> Vec<Recorded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
