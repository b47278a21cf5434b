//! Objects and listings as the JSON API writes them ("Objects", "Objects: list").

use super::terms::generation;
use crate::digest::Digests;
use crate::key::Key;
use crate::list::{Page, PageToken};
use crate::object::{ObjectMeta, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::SystemTime;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What of an object is asked for: all that is known of one here, and nothing else.
pub(super) const FIELDS: &str = "name,generation,size,updated,contentType,contentEncoding,cacheControl,\
                                 contentDisposition,md5Hash,crc32c,metadata";

pub(super) const LIST_FIELDS: &str = "nextPageToken,prefixes,items(name,generation,size,updated,contentType,\
                                      contentEncoding,cacheControl,contentDisposition,md5Hash,crc32c)";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    name: String,
    /// Numbers of 64 bits are strings in JSON.
    generation: String,
    size: String,
    updated: String,
    content_type: Option<String>,
    content_encoding: Option<String>,
    cache_control: Option<String>,
    content_disposition: Option<String>,
    md5_hash: Option<String>,
    crc32c: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listing {
    next_page_token: Option<String>,
    #[serde(default)]
    prefixes: Vec<String>,
    #[serde(default)]
    items: Vec<Resource>,
}

/// What is wrong with the answer, after "the answer has ...".
type Problem = &'static str;

pub(super) fn object(key: &Key, json: &[u8]) -> Result<ObjectMeta, Problem> {
    // The parser's own error may repeat parts of the answer: it is dropped.
    let mut resource: Resource = serde_json::from_slice(json).map_err(|_| "no object in it")?;
    if resource.name != key.as_str() {
        return Err("another object in it");
    }
    let metadata = std::mem::take(&mut resource.metadata);
    Ok(ObjectMeta { metadata, ..resource.meta(key.clone())? })
}

pub(super) fn page(json: &[u8]) -> Result<Page, Problem> {
    let listing: Listing = serde_json::from_slice(json).map_err(|_| "no listing in it")?;
    let mut page = Page {
        prefixes: listing.prefixes,
        next: listing.next_page_token.filter(|token| !token.is_empty()).map(PageToken::new),
        ..Page::default()
    };
    for resource in listing.items {
        match Key::parse(&resource.name) {
            Ok(key) => page.objects.push(resource.meta(key)?),
            Err(_) => page.unaddressable.push(resource.name),
        }
    }
    Ok(page)
}

impl Resource {
    /// All but the uploader's own pairs.
    fn meta(self, key: Key) -> Result<ObjectMeta, Problem> {
        let present = |value: Option<String>| value.filter(|value| !value.is_empty());
        let version = Version::parse(&self.generation).ok().filter(|version| generation(version).is_some());
        Ok(ObjectMeta {
            key,
            size: self.size.parse().map_err(|_| "a size that is none")?,
            version: version.ok_or("a generation that is none")?,
            last_modified: date(&self.updated).ok_or("a date that is none")?,
            content_type: present(self.content_type),
            content_encoding: present(self.content_encoding),
            cache_control: present(self.cache_control),
            content_disposition: present(self.content_disposition),
            metadata: BTreeMap::new(),
            digests: Digests {
                md5: present(self.md5_hash).map(|text| bytes(&text)).transpose()?,
                // "Hashes and ETags": the four bytes of it in big-endian order.
                crc32c: present(self.crc32c).map(|text| bytes(&text)).transpose()?.map(u32::from_be_bytes),
            },
        })
    }
}

fn date(text: &str) -> Option<SystemTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok().map(SystemTime::from)
}

/// A digest of this many bytes, in base64.
fn bytes<const N: usize>(text: &str) -> Result<[u8; N], Problem> {
    let decoded = STANDARD.decode(text).map_err(|_| "a digest that is none")?;
    decoded.try_into().map_err(|_| "a digest that is none")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::time::Duration;

    fn resource(name: &str) -> Value {
        json!({
            "name": name, "generation": "1719254245340314", "size": "5", "updated": "1994-11-06T08:49:37.500Z",
            "contentType": "text/plain", "contentEncoding": "", "crc32c": "SZYC0g==",
            "md5Hash": "1B2M2Y8AsgTpgAmY7PhCfg==", "metadata": {"owner": "me"},
        })
    }

    fn with(name: &str, value: Value) -> Result<ObjectMeta, Problem> {
        let mut resource = resource("a/b");
        resource[name] = value;
        object(&Key::parse("a/b").unwrap(), resource.to_string().as_bytes())
    }

    #[test]
    fn an_object_is_read() {
        let meta = with("nothing", json!(null)).unwrap();
        assert_eq!((meta.size, meta.version.as_str()), (5, "\"1719254245340314\""));
        assert_eq!(meta.digests, Digests { crc32c: Some(1_234_567_890), ..crate::digest::md5(b"") });
        assert_eq!(
            (meta.content_type.as_deref(), meta.content_encoding.as_deref()),
            (Some("text/plain"), None)
        );
        assert_eq!(meta.last_modified, SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_500));
        assert_eq!(meta.metadata["owner"], "me");
        assert_eq!(with("md5Hash", json!(null)).unwrap().digests.md5, None);
    }

    #[test]
    fn an_answer_that_cannot_be_counted_pinned_or_checked_is_no_answer() {
        for (name, value) in [
            ("name", json!("a/c")),
            ("generation", json!("0")),
            ("generation", json!("latest")),
            ("generation", json!(null)),
            ("size", json!("-5")),
            ("updated", json!("yesterday")),
            ("crc32c", json!("AAAA")),
            ("md5Hash", json!("not base64")),
        ] {
            assert!(with(name, value.clone()).is_err(), "{name} {value}");
        }
    }

    #[test]
    fn a_listing_is_read() {
        let listing = json!({
            "items": [resource("a"), resource("b\n"), resource("c/")], "prefixes": ["d/"], "nextPageToken": "t",
        });
        let page = page(listing.to_string().as_bytes()).unwrap();
        assert_eq!(page.objects.iter().map(|meta| meta.key.as_str()).collect::<Vec<_>>(), ["a", "c/"]);
        assert!(page.objects[0].metadata.is_empty());
        assert_eq!((page.unaddressable, page.prefixes), (vec!["b\n".to_owned()], vec!["d/".to_owned()]));
        assert_eq!(page.next, Some(PageToken::new("t")));
        assert_eq!(super::page(b"{}"), Ok(Page::default()));
        for wrong in ["", "<html>", "[]", r#"{"items": [{}]}"#] {
            assert!(super::page(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
