//! What an answer's headers say of an object.

use crate::digest::Digests;
use crate::key::Key;
use crate::object::{ObjectMeta, Version};
use crate::range::ByteRange;
use azure_core::http::headers::{HeaderName, Headers};
use azure_core::time::parse_rfc7231;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::SystemTime;

const METADATA: &str = "x-ms-meta-";

/// What is wrong with an answer, after "the answer has ...".
type Problem = &'static str;

/// Of an answer to HEAD.
pub(super) fn properties(key: &Key, headers: &Headers) -> Result<ObjectMeta, Problem> {
    meta(key, headers, length(headers)?, "content-md5")
}

/// Of an answer to GET, and which bytes follow. `None`: the object has no such bytes as were asked
/// for, whatever was sent. (The emulator answers such a range with 206 and nothing.)
pub(super) fn download(
    key: &Key,
    headers: &Headers,
    asked: Option<ByteRange>,
) -> Result<Option<(ObjectMeta, Range<u64>)>, Problem> {
    let Some(content_range) = text(headers, "content-range") else {
        let size = length(headers)?;
        let found = asked.is_none_or(|asked| asked.resolve(size).is_some());
        return found.then(|| Ok((meta(key, headers, size, "content-md5")?, 0..size))).transpose();
    };
    let (range, size) = content_range.strip_prefix("bytes ").and_then(size_of).ok_or(NO_CONTENT_RANGE)?;
    if asked.is_some_and(|asked| asked.resolve(size).is_none()) {
        return Ok(None);
    }
    let range = if size == 0 { 0..0 } else { within(range, size).ok_or(NO_CONTENT_RANGE)? };
    // Content-MD5 would be that of the range here.
    Ok(Some((meta(key, headers, size, "x-ms-blob-content-md5")?, range)))
}

const NO_CONTENT_RANGE: Problem = "a Content-Range that is none";

/// `0-9/10`: the range's text, and the size. A size of `*` is not enough: nothing could be counted.
fn size_of(content_range: &str) -> Option<(&str, u64)> {
    let (range, size) = content_range.split_once('/')?;
    Some((range, size.parse().ok()?))
}

fn within(range: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last && last < size).then_some(first..last + 1)
}

fn meta(key: &Key, headers: &Headers, size: u64, md5: &'static str) -> Result<ObjectMeta, Problem> {
    let version = text(headers, "etag").ok_or("no ETag")?;
    let last_modified = text(headers, "last-modified").and_then(|date| parse_rfc7231(date).ok());
    let owned = |name| text(headers, name).filter(|value| !value.is_empty()).map(str::to_owned);
    Ok(ObjectMeta {
        key: key.clone(),
        size,
        version: Version::parse(version).map_err(|_| "an ETag that is none")?,
        last_modified: last_modified.map(SystemTime::from).ok_or("no Last-Modified")?,
        content_type: owned("content-type"),
        content_encoding: owned("content-encoding"),
        cache_control: owned("cache-control"),
        content_disposition: owned("content-disposition"),
        metadata: metadata(headers),
        digests: Digests { md5: text(headers, md5).map(parse_md5).transpose()?.flatten(), crc32c: None },
    })
}

fn metadata(headers: &Headers) -> BTreeMap<String, String> {
    let pair = |name: &str, value: &str| Some((name.strip_prefix(METADATA)?.to_owned(), value.to_owned()));
    headers.iter().filter_map(|(name, value)| pair(name.as_str(), value.as_str())).collect()
}

fn length(headers: &Headers) -> Result<u64, Problem> {
    text(headers, "content-length").and_then(|length| length.parse().ok()).ok_or("no length")
}

/// The service's own, for its support and its logs.
pub(super) fn request_id(headers: &Headers) -> Option<&str> {
    text(headers, "x-ms-request-id")
}

pub(super) fn text<'h>(headers: &'h Headers, name: &'static str) -> Option<&'h str> {
    headers.get_optional_str(&HeaderName::from_static(name))
}

/// An MD5 in Base64; empty is none.
pub(super) fn parse_md5(text: &str) -> Result<Option<[u8; 16]>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let mut md5 = [0; 18];
    match STANDARD.decode_slice(text, &mut md5) {
        Ok(16) => {
            let [digest @ .., _, _] = md5;
            Ok(Some(digest))
        }
        _ => Err("a Content-MD5 that is none"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in pairs {
            headers.insert(*name, *value);
        }
        headers
    }

    const COMMON: [(&str, &str); 2] =
        [("etag", "\"0x8D\""), ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT")];
    const MD5_OF_NOTHING: &str = "1B2M2Y8AsgTpgAmY7PhCfg==";

    fn key() -> Key {
        Key::parse("a/b").unwrap()
    }

    fn whole(pairs: &[(&'static str, &'static str)]) -> Result<(ObjectMeta, Range<u64>), Problem> {
        Ok(download(&key(), &headers(pairs), None)?.expect("no range was asked for"))
    }

    #[test]
    fn a_whole_answer_has_its_length_and_its_md5() {
        let mut pairs = COMMON.to_vec();
        pairs.extend([
            ("content-length", "7"),
            ("content-md5", MD5_OF_NOTHING),
            ("x-ms-meta-owner", "me"),
            ("content-type", "text/plain"),
        ]);
        let (meta, range) = whole(&pairs).unwrap();
        assert_eq!((range, meta.size), (0..7, 7));
        assert_eq!(meta.digests, crate::digest::md5(b""));
        assert_eq!(meta.metadata["owner"], "me");
        assert_eq!(meta.content_type.as_deref(), Some("text/plain"));
        assert_eq!(meta.last_modified, SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(784_111_777));
    }

    #[test]
    fn the_md5_of_a_part_is_not_taken_for_that_of_the_whole() {
        let mut pairs = COMMON.to_vec();
        pairs.extend([
            ("content-length", "2"),
            ("content-range", "bytes 5-6/9"),
            ("content-md5", MD5_OF_NOTHING),
        ]);
        let (meta, range) = whole(&pairs).unwrap();
        assert_eq!((range, meta.size, meta.digests), (5..7, 9, Digests::NONE));
        pairs.push(("x-ms-blob-content-md5", MD5_OF_NOTHING));
        assert!(whole(&pairs).unwrap().0.digests.md5.is_some());
    }

    #[test]
    fn an_answer_that_cannot_be_counted_or_pinned_is_no_answer() {
        let without = |name: &str| {
            let mut pairs = COMMON.to_vec();
            pairs.push(("content-length", "7"));
            pairs.retain(|(present, _)| *present != name);
            whole(&pairs).map(|_| ())
        };
        assert_eq!(without("nothing"), Ok(()));
        for name in ["etag", "last-modified", "content-length"] {
            assert!(without(name).is_err(), "{name}");
        }
        for range in ["bytes 5-6/*", "bytes */9", "bytes 6-5/9", "bytes 5-9/9", "5-6/9", "bytes 5-6"] {
            let mut pairs = COMMON.to_vec();
            pairs.push(("content-range", range));
            assert!(whole(&pairs).is_err(), "{range}");
        }
        for range in ["bytes 9-8/9", "bytes 20-8/9", "bytes 0--1/0"] {
            let mut pairs = COMMON.to_vec();
            pairs.push(("content-range", range));
            let asked = Some(ByteRange::From(20));
            assert_eq!(download(&key(), &headers(&pairs), asked), Ok(None), "no byte is left there: {range}");
        }
        assert!(parse_md5("not base64").is_err());
        assert!(parse_md5("AAAA").is_err());
        assert_eq!(parse_md5(""), Ok(None));
    }
}
