//! Which objects take part.
//!
//! What a filter leaves out is left alone at the destination too: it is not missing at the source.

use crate::error::{Result, SyncError};
use crate::listing::Found;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::time::{Duration, SystemTime};

/// As people state it. Globs are matched against the whole key: `*` and `?` stop at a slash, `**`
/// does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FilterSpec {
    /// Empty: everything.
    pub include: Vec<String>,
    /// Wins over `include`.
    pub exclude: Vec<String>,
    pub min_size: Option<u64>,
    pub max_size: Option<u64>,
    /// Only objects that were last modified at least so long ago.
    pub min_age: Option<Duration>,
    /// Only objects that were last modified at most so long ago.
    pub max_age: Option<Duration>,
}

/// Ready to match.
#[derive(Clone, Debug)]
pub struct Filter {
    include: Option<GlobSet>,
    exclude: Option<GlobSet>,
    spec: FilterSpec,
    /// One moment for the whole run, so that an object does not grow too old on the way.
    now: SystemTime,
}

impl Filter {
    pub fn new(spec: FilterSpec, now: SystemTime) -> Result<Self> {
        if let (Some(min), Some(max)) = (spec.min_size, spec.max_size)
            && min > max
        {
            return Err(SyncError::Settings(format!("no object has at least {min} and at most {max} bytes")));
        }
        if let (Some(min), Some(max)) = (spec.min_age, spec.max_age)
            && min > max
        {
            return Err(SyncError::Settings(
                "no object is older than min_age and younger than max_age".into(),
            ));
        }
        Ok(Self { include: globs(&spec.include)?, exclude: globs(&spec.exclude)?, spec, now })
    }

    pub fn takes(&self, found: &Found) -> bool {
        let key = found.key.as_str();
        // A date in the future, from a clock that is ahead, is as young as can be.
        let age = self.now.duration_since(found.modified).unwrap_or_default();
        let spec = &self.spec;
        self.include.as_ref().is_none_or(|globs| globs.is_match(key))
            && !self.exclude.as_ref().is_some_and(|globs| globs.is_match(key))
            && spec.min_size.is_none_or(|min| found.size >= min)
            && spec.max_size.is_none_or(|max| found.size <= max)
            && spec.min_age.is_none_or(|min| age >= min)
            && spec.max_age.is_none_or(|max| age <= max)
    }
}

fn globs(patterns: &[String]) -> Result<Option<GlobSet>> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let wrong = |error: globset::Error| SyncError::Settings(error.to_string());
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(
            GlobBuilder::new(pattern)
                .literal_separator(true)
                .backslash_escape(true)
                .build()
                .map_err(wrong)?,
        );
    }
    set.build().map(Some).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use carnet_objects::{Digests, Key, Version};

    const NOW: Duration = Duration::from_secs(1_000_000);

    fn found(name: &str, size: u64, age: u64) -> Found {
        Found {
            key: Key::parse(name).unwrap(),
            size,
            version: Version::parse("v").unwrap(),
            modified: SystemTime::UNIX_EPOCH + NOW - Duration::from_secs(age),
            digests: Digests::NONE,
        }
    }

    fn filter(spec: FilterSpec) -> Filter {
        Filter::new(spec, SystemTime::UNIX_EPOCH + NOW).unwrap()
    }

    fn matching<'n>(include: &[&str], exclude: &[&str], names: &[&'n str]) -> Vec<&'n str> {
        let owned = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect();
        let filter =
            filter(FilterSpec { include: owned(include), exclude: owned(exclude), ..FilterSpec::default() });
        names.iter().copied().filter(|name| filter.takes(&found(name, 1, 1))).collect()
    }

    #[test]
    fn globs_match_whole_keys() {
        let names =
            ["a.csv", "x/a.csv", "x/y/a.csv", "/a.csv", "x//a.csv", "a.csv/", ".a.csv", "a csv", "ü.csv"];
        assert_eq!(matching(&[], &[], &names), names);
        assert_eq!(matching(&["*.csv"], &[], &names), ["a.csv", ".a.csv", "ü.csv"]);
        assert_eq!(matching(&["x/**"], &[], &names), ["x/a.csv", "x/y/a.csv", "x//a.csv"]);
        assert_eq!(matching(&["**/a.csv"], &["x/y/*"], &names), ["a.csv", "x/a.csv", "/a.csv", "x//a.csv"]);
        assert_eq!(matching(&["a?csv"], &[], &names), ["a.csv", "a csv"]);
        assert_eq!(matching(&["{a,ü}.csv"], &[], &names), ["a.csv", "ü.csv"]);
        assert!(
            Filter::new(FilterSpec { include: vec!["[".into()], ..FilterSpec::default() }, SystemTime::now())
                .is_err()
        );
    }

    #[test]
    fn sizes_and_ages_bound() {
        let sized = filter(FilterSpec { min_size: Some(2), max_size: Some(4), ..FilterSpec::default() });
        assert_eq!([1, 2, 4, 5].map(|size| sized.takes(&found("a", size, 0))), [false, true, true, false]);
        let seconds = Duration::from_secs;
        let aged = filter(FilterSpec {
            min_age: Some(seconds(2)),
            max_age: Some(seconds(4)),
            ..FilterSpec::default()
        });
        assert_eq!([1, 2, 4, 5].map(|age| aged.takes(&found("a", 1, age))), [false, true, true, false]);
        let young = Found { modified: SystemTime::UNIX_EPOCH + NOW * 2, ..found("a", 1, 0) };
        assert!(!aged.takes(&young));
        for spec in [
            FilterSpec { min_size: Some(3), max_size: Some(2), ..FilterSpec::default() },
            FilterSpec { min_age: Some(seconds(3)), max_age: Some(seconds(2)), ..FilterSpec::default() },
        ] {
            assert!(matches!(Filter::new(spec, SystemTime::now()), Err(SyncError::Settings(_))));
        }
    }
}
