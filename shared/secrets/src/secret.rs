//! A secret: what may be shown of it, and what may not.

use carnet_federation::{Error, Hop, Kind, Result, Secret};
use std::fmt;
use std::time::SystemTime;
use zeroize::Zeroizing;

/// A version, without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// As its service names it.
    pub id: String,
    pub created: Option<SystemTime>,
    /// Key Vault's; Secret Manager has none.
    pub content_type: Option<String>,
    pub state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Enabled,
    Disabled,
    /// Its value is gone for good.
    Destroyed,
    /// Key Vault gives the value of these two all the same: whoever asks decides.
    NotYet(SystemTime),
    Expired(SystemTime),
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            State::Enabled => "enabled",
            State::Disabled => "disabled",
            State::Destroyed => "destroyed",
            State::NotYet(_) => "not yet valid",
            State::Expired(_) => "expired",
        }
    }
}

/// What a secret is: `Debug` redacts it, its memory is zeroed on drop.
#[derive(Clone)]
pub enum Value {
    Text(Secret),
    Binary(Zeroizing<Vec<u8>>),
}

impl Value {
    /// Text if it is UTF-8.
    pub fn of_bytes(bytes: Zeroizing<Vec<u8>>) -> Self {
        match std::str::from_utf8(&bytes) {
            Ok(text) => Self::Text(Secret::new(text)),
            Err(_) => Self::Binary(bytes),
        }
    }

    /// The value itself, for the one place that hands it on. Never format the result.
    pub fn expose(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.expose().as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// Where only text will do.
    pub fn into_text(self, target: &str) -> Result<Secret> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Binary(_) => Err(Error::new(
                Hop::Read,
                Kind::Malformed,
                target,
                "the secret is binary, and text is needed",
            )),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A version and its value.
#[derive(Clone, Debug)]
pub struct Reading {
    pub version: Version,
    pub value: Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_text_if_it_can_be_and_is_never_shown() {
        let text = Value::of_bytes(Zeroizing::new("pässword".into()));
        let binary = Value::of_bytes(Zeroizing::new(vec![0xff, 0, 1]));
        assert!(matches!(text, Value::Text(_)) && matches!(binary, Value::Binary(_)));
        let shown = format!("{text:?} {binary:?}");
        assert_eq!(shown, "[redacted] [redacted]");
        assert!(binary.into_text("here").is_err());
    }
}
