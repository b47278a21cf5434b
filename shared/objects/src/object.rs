//! What is known of an object, and which of its versions is meant.

use crate::digest::Digests;
use crate::key::Key;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectMeta {
    pub key: Key,
    pub size: u64,
    pub version: Version,
    pub last_modified: SystemTime,
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    pub cache_control: Option<String>,
    pub content_disposition: Option<String>,
    /// The uploader's own pairs. Always empty in listings, where they would cost a call's worth.
    pub metadata: BTreeMap<String, String>,
    /// Of the whole object, as the store keeps them. Azure never checks its MD5 against the bytes,
    /// and any store may lack any.
    pub digests: Digests,
}

/// One version of an object: its entity tag, quotes included. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version(Arc<str>);

/// Not an entity tag: it could not be sent in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidVersion;

impl Version {
    /// An entity tag as RFC 9110 has it, `"..."` or `W/"..."`; bare text is quoted.
    pub fn parse(tag: &str) -> Result<Self, InvalidVersion> {
        let opaque = |text: &str| {
            !text.is_empty() && text.len() <= 256 && text.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x7e))
        };
        let quoted =
            |text: &str| text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).is_some_and(opaque);
        if quoted(tag) || tag.strip_prefix("W/").is_some_and(quoted) {
            Ok(Self(tag.into()))
        } else if opaque(tag) {
            Ok(Self(format!("\"{tag}\"").into()))
        } else {
            Err(InvalidVersion)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for InvalidVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a version is an entity tag: visible ASCII, at most 256 characters")
    }
}

impl std::error::Error for InvalidVersion {}

/// `*`, or one version. (Azure takes no lists.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    Any,
    Version(Version),
}

impl Match {
    /// Whether it holds for an object that exists in this version.
    pub fn holds(&self, version: &Version) -> bool {
        match self {
            Match::Any => true,
            Match::Version(wanted) => wanted == version,
        }
    }

    pub fn as_str(&self) -> &str {
        match self {
            Match::Any => "*",
            Match::Version(version) => version.as_str(),
        }
    }
}

/// The caller's conditions. Unmet, `if_match` gives [`Kind::Changed`](crate::Kind::Changed) and
/// `if_none_match` gives [`Kind::NotModified`](crate::Kind::NotModified).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    pub if_match: Option<Match>,
    pub if_none_match: Option<Match>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_an_entity_tag_and_nothing_else() {
        assert_eq!(Version::parse("\"0x8D\"").unwrap().as_str(), "\"0x8D\"");
        assert_eq!(Version::parse("0x8D").unwrap().as_str(), "\"0x8D\"");
        assert_eq!(Version::parse("W/\"a\"").unwrap().as_str(), "W/\"a\"");
        for tag in ["", "\"", "\"\"", "a\r\nb", "a b", "\"a\"b\"", "ü", &"a".repeat(257)] {
            assert_eq!(Version::parse(tag), Err(InvalidVersion), "{tag:?}");
        }
    }
}
