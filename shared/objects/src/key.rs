//! The name of an object inside its container or bucket.

use std::fmt;
use std::sync::Arc;

/// The longest name, in bytes of UTF-8. Cloud Storage and S3 stop there; Azure counts 1,024
/// characters, so only names beyond ASCII could be longer there.
pub const MAX_BYTES: usize = 1024;

/// A name that can be asked for: see [`Key::parse`]. Cheap to clone.
///
/// A key is data. Clients percent-encode it as one piece of a path; it never becomes part of a
/// host, a query or a header.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Arc<str>);

/// Why a name is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidKey {
    Empty,
    /// Longer than [`MAX_BYTES`].
    TooLong,
    /// A control character: no store needs one, and CR, LF and NUL have cut requests in two.
    ControlCharacter,
    /// A segment `.` or `..`: URL parsers and proxies resolve it, so that the store would be asked
    /// for another object than the one that was checked.
    DotSegment,
}

impl Key {
    /// Accepts any UTF-8 text of 1 to [`MAX_BYTES`] bytes without control characters and without
    /// the path segments `.` and `..`. Spaces, `%`, `+`, `#`, `?`, leading dots, empty segments and
    /// leading or trailing slashes are all allowed: they are encoded, not interpreted.
    pub fn parse(name: &str) -> Result<Self, InvalidKey> {
        if name.is_empty() {
            return Err(InvalidKey::Empty);
        }
        if name.len() > MAX_BYTES {
            return Err(InvalidKey::TooLong);
        }
        if name.chars().any(char::is_control) {
            return Err(InvalidKey::ControlCharacter);
        }
        // A backslash divides segments too: URL parsers turn it into a slash.
        if name.split(['/', '\\']).any(|segment| matches!(segment, "." | "..")) {
            return Err(InvalidKey::DotSegment);
        }
        Ok(Self(name.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Key {
    type Err = InvalidKey;
    fn from_str(name: &str) -> Result<Self, InvalidKey> {
        Self::parse(name)
    }
}

impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InvalidKey::Empty => "an object's name cannot be empty",
            InvalidKey::TooLong => "an object's name is at most 1024 bytes long",
            InvalidKey::ControlCharacter => "an object's name holds no control characters",
            InvalidKey::DotSegment => "an object's name holds no segment \".\" or \"..\"",
        })
    }
}

impl std::error::Error for InvalidKey {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_and_odd_names_are_data() {
        let long = "a".repeat(MAX_BYTES);
        for name in [
            "a",
            "a/b",
            "/a",
            "a/",
            "a//b",
            ".hidden",
            "..a",
            "a..",
            "...",
            "a b",
            "a+b",
            "a%2fb",
            "%2e%2e",
            "%252f",
            "a#b?c",
            "@host",
            "http://x/",
            "Grüße/日本語",
            "🦀",
            &long,
        ] {
            assert_eq!(Key::parse(name).map(|key| key.as_str().to_owned()).as_deref(), Ok(name));
        }
    }

    #[test]
    fn what_could_name_something_else_is_refused() {
        assert_eq!(Key::parse(""), Err(InvalidKey::Empty));
        assert_eq!(Key::parse(&"a".repeat(MAX_BYTES + 1)), Err(InvalidKey::TooLong));
        for name in ["a\r\nb", "a\nb", "a\0", "\u{7f}", "a\u{85}b", "\ta"] {
            assert_eq!(Key::parse(name), Err(InvalidKey::ControlCharacter), "{name:?}");
        }
        for name in [".", "..", "../a", "a/../b", "a/..", "./a", "a/./b", "a\\..\\b"] {
            assert_eq!(Key::parse(name), Err(InvalidKey::DotSegment), "{name:?}");
        }
    }
}
