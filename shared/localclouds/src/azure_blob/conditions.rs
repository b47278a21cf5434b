//! The conditional headers, in the order of RFC 9110.

use super::error::BlobError;
use http::{HeaderMap, header};
use std::time::{Duration, SystemTime};

pub(crate) fn check(headers: &HeaderMap, etag: &str, last_modified: SystemTime) -> Result<(), BlobError> {
    let modified = whole_seconds(last_modified);
    match text(headers, &header::IF_MATCH) {
        Some(tags) if !names(tags, etag) => return Err(BlobError::condition_not_met()),
        Some(_) => {}
        None => {
            if let Some(limit) = date(headers, &header::IF_UNMODIFIED_SINCE)?
                && modified > limit
            {
                return Err(BlobError::condition_not_met());
            }
        }
    }
    match text(headers, &header::IF_NONE_MATCH) {
        Some(tags) if names(tags, etag) => Err(BlobError::not_modified()),
        Some(_) => Ok(()),
        None => match date(headers, &header::IF_MODIFIED_SINCE)? {
            Some(limit) if modified <= limit => Err(BlobError::not_modified()),
            _ => Ok(()),
        },
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn names(tags: &str, etag: &str) -> bool {
    tags.split(',')
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag == "*" || tag.trim_matches('"') == etag)
}

fn date(headers: &HeaderMap, name: &header::HeaderName) -> Result<Option<SystemTime>, BlobError> {
    let Some(value) = text(headers, name) else { return Ok(None) };
    match httpdate::parse_http_date(value) {
        Ok(time) => Ok(Some(time)),
        Err(_) => Err(BlobError::invalid_header(name.as_str(), value)),
    }
}

/// What a `Last-Modified` can say.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn tags_match_with_or_without_quotes_and_in_lists() {
        let now = SystemTime::now();
        for tags in ["\"0x8D1\"", "0x8D1", "\"0x8D0\", \"0x8D1\"", "*"] {
            assert!(check(&headers(header::IF_MATCH, tags), "0x8D1", now).is_ok(), "{tags}");
            assert!(check(&headers(header::IF_NONE_MATCH, tags), "0x8D1", now).is_err(), "{tags}");
        }
        assert!(check(&headers(header::IF_MATCH, "\"0x8D2\""), "0x8D1", now).is_err());
        assert!(check(&headers(header::IF_NONE_MATCH, "\"0x8D2\""), "0x8D1", now).is_ok());
    }

    #[test]
    fn a_date_compares_in_whole_seconds() {
        let second = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let stated = httpdate::fmt_http_date(second);
        let modified = second + Duration::from_millis(900);
        assert!(check(&headers(header::IF_UNMODIFIED_SINCE, &stated), "x", modified).is_ok());
        assert!(check(&headers(header::IF_MODIFIED_SINCE, &stated), "x", modified).is_err());
        let later = modified + Duration::from_secs(1);
        assert!(check(&headers(header::IF_UNMODIFIED_SINCE, &stated), "x", later).is_err());
        assert!(check(&headers(header::IF_MODIFIED_SINCE, &stated), "x", later).is_ok());
    }
}
