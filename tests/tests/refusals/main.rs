//! Every way the clouds can be told to say no, one row each: what the error must say so that a
//! person knows what to change, without reading a log.

mod azure;
mod google;

use carnet_federation::{Error, Hop, Kind};
use carnet_tests::secrecy;

/// What must be said.
struct Said<'s> {
    hop: Hop,
    kind: Kind,
    code: &'s str,
    field: &'s str,
    /// Part of what was presented; empty where there is nothing to present.
    presented: &'s str,
    /// The row of the troubleshooting page, where the code does not name it.
    anchor: Option<&'static str>,
}

/// One line that names the field, what was presented, what to change, and where it is explained.
#[track_caller]
fn check(error: &Error, said: &Said) {
    secrecy::assert_kept(error);
    let line = error.to_string();
    assert_eq!((error.hop(), error.kind(), error.code()), (said.hop, said.kind, Some(said.code)), "{line}");
    assert_eq!(error.field().unwrap_or_default(), said.field, "{line}");
    let hint = error.hint().unwrap_or_else(|| panic!("no hint: {line}"));
    assert_eq!(error.presented().is_none(), said.presented.is_empty(), "{line}");
    assert!(error.presented().unwrap_or_default().contains(said.presented), "{}: {line}", said.presented);
    assert_eq!(line.lines().count(), 1, "{line}");
    for part in [said.code, said.field, said.presented, hint.advice, &hint.link()] {
        assert!(line.contains(part), "{part} is missing: {line}");
    }
    let lower = said.code.to_lowercase();
    let own = lower.trim_end_matches("exception");
    if let Some(anchor) = said.anchor {
        assert_eq!(hint.anchor, anchor, "{line}");
        return;
    }
    assert!(hint.anchor.contains(own) || SHARED.contains(&hint.anchor), "{} for {}", hint.anchor, said.code);
}

/// Rows of the page that more than one code leads to, or that are named otherwise.
const SHARED: [&str; 3] = ["expiredtoken", "invalidauthenticationinfo", "clock"];
