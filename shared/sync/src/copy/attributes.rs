//! What an object says of itself besides its bytes, from the source's terms into S3's.
//!
//! | at the source | in S3 |
//! |---|---|
//! | content type, encoding, disposition, cache control | the same headers |
//! | user metadata | user metadata: names in lower case; values that are not ASCII as RFC 2047 encoded words |
//! | last modified | user metadata `carnet-source-modified`, RFC 3339 |
//! | ETag or generation | user metadata `carnet-source-version`, by which our own objects are known |
//!
//! What does not fit is named in the receipt: S3 holds 2 KB of user metadata ("Working with object
//! metadata"), Azure 8 KiB.

use super::CopyOptions;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use carnet_objects::ObjectMeta;
use carnet_objects::sink::{Attributes, SinkObject};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::SystemTime;

const VERSION: &str = "carnet-source-version";
const MODIFIED: &str = "carnet-source-modified";
/// "Working with object metadata": the bytes of all names and values together.
const MAX_METADATA: usize = 2 * 1024;
/// RFC 2047, section 2: an encoded word is at most 75 characters. So many bytes fit into one.
const WORD_BYTES: usize = 45;

pub(super) struct Mapped {
    pub attributes: Attributes,
    /// What S3 cannot hold, by name.
    pub dropped: Vec<String>,
}

pub(super) fn map(meta: &ObjectMeta, options: &CopyOptions) -> Mapped {
    let mut dropped = Vec::new();
    let mut header = |name: &str, value: &Option<String>| {
        let fits = value.as_deref().is_none_or(is_plain);
        if !fits {
            dropped.push(name.to_owned());
        }
        value.clone().filter(|_| fits)
    };
    let mut attributes = Attributes {
        content_type: header("content-type", &meta.content_type),
        content_encoding: header("content-encoding", &meta.content_encoding),
        cache_control: header("cache-control", &meta.cache_control),
        content_disposition: header("content-disposition", &meta.content_disposition),
        metadata: BTreeMap::from([
            (VERSION.to_owned(), meta.version.as_str().to_owned()),
            (MODIFIED.to_owned(), crate::clock::rfc3339(meta.last_modified)),
        ]),
        storage_class: options.storage_class.clone(),
        kms_key_id: options.kms_key_id.clone(),
        tags: options.tags.clone(),
    };
    let weight = |name: &str, value: &str| name.len() + value.len();
    let mut held: usize = attributes.metadata.iter().map(|(name, value)| weight(name, value)).sum();
    for (name, value) in &meta.metadata {
        let (lower, value) = (name.to_ascii_lowercase(), encode(value));
        let fits = held + weight(&lower, &value) <= MAX_METADATA;
        if fits && is_token(&lower) && !attributes.metadata.contains_key(&lower) {
            held += weight(&lower, &value);
            attributes.metadata.insert(lower, value);
        } else {
            dropped.push(format!("metadata {name}"));
        }
    }
    Mapped { attributes, dropped }
}

/// When the source's object was modified that this one was copied from.
pub(crate) fn modified(object: &SinkObject) -> Option<SystemTime> {
    crate::clock::parse(object.attributes.metadata.get(MODIFIED)?)
}

/// The source version that an object at the destination was copied from; `None` if it is not ours.
pub(crate) fn stamp(object: &SinkObject) -> Option<&str> {
    object.attributes.metadata.get(VERSION).map(String::as_str)
}

fn is_plain(value: &str) -> bool {
    value.bytes().all(|b| matches!(b, b' '..=b'~')) && value.trim() == value
}

/// As RFC 9110 has the names of headers.
fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

fn encode(value: &str) -> String {
    if is_plain(value) {
        return value.to_owned();
    }
    let (mut words, mut rest) = (String::new(), value);
    while !rest.is_empty() {
        let mut end = rest.len().min(WORD_BYTES);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let (word, after) = rest.split_at(end);
        let space = if words.is_empty() { "" } else { " " };
        // Writing into a string cannot fail.
        let _ = write!(words, "{space}=?UTF-8?B?{}?=", STANDARD.encode(word));
        rest = after;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use carnet_objects::{Digests, Key, Version};
    use std::time::Duration;

    fn mapped(metadata: &[(&str, &str)]) -> Mapped {
        let meta = ObjectMeta {
            key: Key::parse("a").unwrap(),
            size: 0,
            version: Version::parse("v1").unwrap(),
            last_modified: SystemTime::UNIX_EPOCH + Duration::from_secs(1),
            content_type: Some("text/plain; charset=utf-8".into()),
            content_encoding: Some("gzip".into()),
            cache_control: Some("no-store".into()),
            content_disposition: Some("attachment; filename=\"ü\"".into()),
            metadata: metadata
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            digests: Digests::NONE,
        };
        map(&meta, &CopyOptions::default())
    }

    #[test]
    fn what_s3_can_hold_is_carried_and_the_rest_is_named() {
        let Mapped { attributes, dropped } = mapped(&[
            ("Owner", "Jane"),
            ("place", "Köln"),
            ("big", &"x".repeat(MAX_METADATA)),
            ("no name", "x"),
            ("owner", "shadowed"),
            (VERSION, "forged"),
        ]);
        assert_eq!(attributes.content_type.as_deref(), Some("text/plain; charset=utf-8"));
        assert_eq!(attributes.content_encoding.as_deref(), Some("gzip"));
        assert_eq!(attributes.cache_control.as_deref(), Some("no-store"));
        assert_eq!(attributes.content_disposition, None);
        let expected = [
            (MODIFIED, "1970-01-01T00:00:01Z"),
            (VERSION, "\"v1\""),
            ("owner", "Jane"),
            ("place", "=?UTF-8?B?S8O2bG4=?="),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(attributes.metadata, BTreeMap::from(expected));
        let names = [
            "content-disposition",
            "metadata big",
            &format!("metadata {VERSION}"),
            "metadata no name",
            "metadata owner",
        ];
        assert_eq!(dropped, names);
    }

    #[test]
    fn long_values_become_several_words() {
        let encoded = encode(&"ü".repeat(60));
        assert!(encoded.split(' ').all(|word| word.len() <= 75), "{encoded}");
        assert_eq!(encoded.split(' ').count(), 3);
    }
}
