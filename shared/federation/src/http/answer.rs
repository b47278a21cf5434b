//! What the token services' answers have in common.

use crate::error::{Error, Hop, Kind};
use crate::hints;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;
use std::time::{Duration, SystemTime};

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// The form as it is sent. It holds the proof, and lives as long as the request does.
pub(crate) fn form(pairs: &[(&str, &str)]) -> Vec<u8> {
    url::form_urlencoded::Serializer::new(String::with_capacity(4096))
        .extend_pairs(pairs)
        .finish()
        .into_bytes()
}

pub(crate) fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Seconds, or a date (RFC 9110, 10.2.3).
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

pub(crate) fn redirected(hop: Hop, target: &str, status: StatusCode) -> Error {
    Error::new(hop, Kind::Refused, target, "the answer is a redirect")
        .with_status(status.as_u16())
        .with_hint(&hints::REDIRECTED)
}

/// A page of a proxy or gateway may be gone at the next try; a broken document of the token
/// service itself will not. Neither is quoted: what it is, is not known.
pub(crate) fn not_json(hop: Hop, target: &str, body: &[u8]) -> Error {
    let is_page = body.trim_ascii_start().starts_with(b"<");
    let (kind, message) = if is_page {
        (Kind::Unavailable, "a page answered instead of the token service")
    } else {
        (Kind::Malformed, "the answer is no token document")
    };
    Error::new(hop, kind, target, message).with_hint(&hints::NOT_A_TOKEN_SERVICE)
}

/// A document of the token service that cannot be right.
pub(crate) fn malformed(hop: Hop, target: &str, message: &str) -> Error {
    Error::new(hop, Kind::Malformed, target, message).with_hint(&hints::NOT_A_TOKEN_SERVICE)
}

/// A number, or one in quotes: some endpoints send text.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Seconds {
    Number(u64),
    Text(String),
    Other(serde::de::IgnoredAny),
}

impl Seconds {
    pub(crate) fn seconds(&self) -> Option<Duration> {
        match self {
            Self::Number(seconds) => Some(Duration::from_secs(*seconds)),
            Self::Text(text) => text.parse().ok().map(Duration::from_secs),
            Self::Other(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_come_as_number_or_text() {
        let seconds = |json| serde_json::from_str::<Seconds>(json).unwrap().seconds().map(|d| d.as_secs());
        assert_eq!(seconds("3599"), Some(3599));
        assert_eq!(seconds(r#""3599""#), Some(3599));
        assert_eq!(seconds("-1"), None);
        assert_eq!(seconds(r#""soon""#), None);
        assert_eq!(seconds("null"), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let after = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers)
        };
        assert_eq!(after("7"), Some(Duration::from_secs(7)));
        assert_eq!(after("Thu, 01 Jan 1970 00:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(after("soon"), None);
    }

    #[test]
    fn a_page_may_be_gone_at_the_next_try_and_is_never_quoted() {
        let page = not_json(Hop::Exchange, "here", b" <html>eyJ</html>");
        assert_eq!(page.kind(), Kind::Unavailable);
        assert_eq!(not_json(Hop::Exchange, "here", b"{").kind(), Kind::Malformed);
        assert!(!page.to_string().contains("eyJ"));
    }
}
