//! What was asked of AWS, by whom: what CloudTrail would show.

use std::sync::{Mutex, PoisonError};

/// A call whose signature held, answered or refused. One that takes a role has no signature: it is
/// recorded under the role it took.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recorded {
    /// The caller's role, by name.
    pub role: String,
    /// As IAM names it: `sts:GetWebIdentityToken`.
    pub action: String,
    /// The session's name: where CloudTrail shows who took a role.
    pub session: String,
}

#[derive(Default)]
pub struct Trail(Mutex<Vec<Recorded>>);

impl Trail {
    pub(crate) fn record(&self, role: &str, session: &str, action: &str) {
        let recorded =
            Recorded { role: role.to_owned(), action: action.to_owned(), session: session.to_owned() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(recorded);
    }

    /// Forgets what came so far.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// In the order they came.
    pub fn calls(&self) -> Vec<Recorded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
