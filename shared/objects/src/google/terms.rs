//! Versions and conditions as generations.
//!
//! The JSON API knows an object's version by a number, its generation, and compares nothing else. A
//! version of ours is that number as an entity tag, so a tag that is none can match nothing: then it
//! is decided here, of an object that exists.

use crate::object::{Conditions, Match, Version};
use carnet_federation::Kind;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Terms {
    /// `ifGenerationMatch`
    pub is: Option<i64>,
    /// `ifGenerationNotMatch`
    pub is_not: Option<i64>,
    /// How it ends if the object exists and what the store compares holds.
    pub decided: Option<Kind>,
}

impl Terms {
    pub(super) fn of(conditions: &Conditions, pinned: Option<&Version>) -> Self {
        let wanted = match &conditions.if_match {
            Some(Match::Version(version)) => Some(version),
            // Of an object that exists this holds.
            Some(Match::Any) | None => None,
        };
        if pinned.zip(wanted).is_some_and(|(pinned, wanted)| pinned != wanted) {
            return Self { decided: Some(Kind::Changed), ..Self::default() };
        }
        let is = match pinned.or(wanted).map(generation) {
            Some(None) => return Self { decided: Some(Kind::Changed), ..Self::default() },
            Some(generation) => generation,
            None => None,
        };
        match &conditions.if_none_match {
            Some(Match::Any) => Self { is, is_not: None, decided: Some(Kind::NotModified) },
            // Compared weakly, as RFC 9110 has it: proxies that compress weaken tags.
            Some(Match::Version(held)) => Self { is, is_not: weak_generation(held), decided: None },
            None => Self { is, is_not: None, decided: None },
        }
    }
}

/// The number in a tag; `None` for a tag that no object can have. Zero means "no object" to the store.
pub(super) fn generation(version: &Version) -> Option<i64> {
    parse(version.as_str())
}

fn weak_generation(version: &Version) -> Option<i64> {
    let tag = version.as_str();
    parse(tag.strip_prefix("W/").unwrap_or(tag))
}

fn parse(tag: &str) -> Option<i64> {
    let digits = tag.strip_prefix('"')?.strip_suffix('"')?;
    let canonical = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    digits.parse().ok().filter(|_| canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> Match {
        Match::Version(Version::parse(text).unwrap())
    }

    fn terms(if_match: Option<&str>, if_none_match: Option<&str>, pinned: Option<&str>) -> Terms {
        let condition = |text: &str| if text == "*" { Match::Any } else { tag(text) };
        let conditions =
            Conditions { if_match: if_match.map(condition), if_none_match: if_none_match.map(condition) };
        Terms::of(&conditions, pinned.map(|text| Version::parse(text).unwrap()).as_ref())
    }

    #[test]
    fn a_tag_is_a_generation_or_matches_nothing() {
        let is = |is| Terms { is: Some(is), ..Terms::default() };
        let decided = |kind| Terms { decided: Some(kind), ..Terms::default() };
        assert_eq!(terms(None, None, None), Terms::default());
        assert_eq!(terms(Some("*"), None, None), Terms::default());
        assert_eq!(terms(Some("17"), None, None), is(17));
        assert_eq!(terms(None, None, Some("17")), is(17));
        assert_eq!(terms(Some("17"), None, Some("17")), is(17));
        assert_eq!(terms(Some("18"), None, Some("17")), decided(Kind::Changed));
        for none in ["0", "017", "+17", "-17", "0x17", "a", "W/\"17\"", "99999999999999999999"] {
            assert_eq!(terms(Some(none), None, None), decided(Kind::Changed), "{none}");
            assert_eq!(terms(None, None, Some(none)), decided(Kind::Changed), "{none}");
        }
    }

    #[test]
    fn what_the_caller_has_is_not_sent_again() {
        let is_not = |is_not| Terms { is_not, ..Terms::default() };
        assert_eq!(terms(None, Some("17"), None), is_not(Some(17)));
        assert_eq!(terms(None, Some("W/\"17\""), None), is_not(Some(17)));
        assert_eq!(terms(None, Some("none"), None), is_not(None));
        let any = Terms { is: Some(17), is_not: None, decided: Some(Kind::NotModified) };
        assert_eq!(terms(Some("17"), Some("*"), None), any);
    }
}
