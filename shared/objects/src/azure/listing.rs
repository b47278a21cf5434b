//! A page of "List Blobs": its XML.
//!
//! The client's own model of it cannot hold prefixes between blobs, so this one is ours.

use super::headers::parse_md5;
use crate::digest::Digests;
use crate::key::Key;
use crate::list::{Page, PageToken};
use crate::object::{ObjectMeta, Version};
use azure_core::time::parse_rfc7231;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::SystemTime;

#[derive(Deserialize)]
struct EnumerationResults {
    #[serde(rename = "Blobs")]
    blobs: Blobs,
    #[serde(rename = "NextMarker", default)]
    next_marker: String,
}

#[derive(Deserialize)]
struct Blobs {
    #[serde(rename = "$value", default)]
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[expect(clippy::large_enum_variant, reason = "nearly every entry is a blob: boxing it would save nothing")]
enum Entry {
    Blob(Blob),
    BlobPrefix(BlobPrefix),
}

#[derive(Deserialize)]
struct Blob {
    #[serde(rename = "Name")]
    name: Name,
    #[serde(rename = "Properties")]
    properties: Properties,
}

#[derive(Deserialize)]
struct BlobPrefix {
    #[serde(rename = "Name")]
    name: Name,
}

#[derive(Deserialize)]
struct Name {
    /// Percent-encoded, because it holds characters that XML cannot.
    #[serde(rename = "@Encoded", default)]
    encoded: bool,
    #[serde(rename = "$text", default)]
    text: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    etag: Option<String>,
    #[serde(rename = "Last-Modified")]
    last_modified: Option<String>,
    #[serde(rename = "Content-Length")]
    content_length: Option<u64>,
    #[serde(rename = "Content-Type")]
    content_type: Option<String>,
    #[serde(rename = "Content-Encoding")]
    content_encoding: Option<String>,
    #[serde(rename = "Cache-Control")]
    cache_control: Option<String>,
    #[serde(rename = "Content-Disposition")]
    content_disposition: Option<String>,
    #[serde(rename = "Content-MD5")]
    content_md5: Option<String>,
    /// `directory` in accounts with a hierarchical namespace.
    resource_type: Option<String>,
}

/// What is wrong with the answer, after "the answer has ...".
type Problem = &'static str;

pub(super) fn parse(xml: &[u8]) -> Result<Page, Problem> {
    // The parser's own error repeats the whole page: it is dropped.
    let results: EnumerationResults = azure_core::xml::from_xml(xml).map_err(|_| "no listing in it")?;
    let mut page = Page {
        next: Some(results.next_marker).filter(|marker| !marker.is_empty()).map(PageToken::new),
        ..Page::default()
    };
    for entry in results.blobs.entries {
        match entry {
            Entry::BlobPrefix(prefix) => page.prefixes.push(prefix.name.decode()?),
            Entry::Blob(blob) if blob.properties.resource_type.as_deref() == Some("directory") => {}
            Entry::Blob(blob) => add(&mut page, blob)?,
        }
    }
    Ok(page)
}

fn add(page: &mut Page, blob: Blob) -> Result<(), Problem> {
    let name = blob.name.decode()?;
    match Key::parse(&name) {
        Ok(key) => page.objects.push(meta(key, blob.properties)?),
        Err(_) => page.unaddressable.push(name),
    }
    Ok(())
}

fn meta(key: Key, properties: Properties) -> Result<ObjectMeta, Problem> {
    let present = |value: Option<String>| value.filter(|value| !value.is_empty());
    let last_modified = properties.last_modified.as_deref().and_then(|date| parse_rfc7231(date).ok());
    Ok(ObjectMeta {
        key,
        size: properties.content_length.ok_or("a blob without a length")?,
        // Listings leave out the quotes.
        version: properties.etag.and_then(|tag| Version::parse(&tag).ok()).ok_or("a blob without an ETag")?,
        last_modified: last_modified.map(SystemTime::from).ok_or("a blob without a date")?,
        content_type: present(properties.content_type),
        content_encoding: present(properties.content_encoding),
        cache_control: present(properties.cache_control),
        content_disposition: present(properties.content_disposition),
        metadata: BTreeMap::new(),
        digests: Digests {
            md5: properties.content_md5.as_deref().map(parse_md5).transpose()?.flatten(),
            crc32c: None,
        },
    })
}

impl Name {
    fn decode(self) -> Result<String, Problem> {
        if !self.encoded {
            return Ok(self.text);
        }
        let decoded = percent_decode_str(&self.text).decode_utf8().map_err(|_| "a name that is not UTF-8")?;
        Ok(decoded.into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(blobs: &str, next: &str) -> Result<Page, Problem> {
        let xml = format!(
            r#"<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="https://acct.blob.core.windows.net/" ContainerName="box"><Blobs>{blobs}</Blobs><NextMarker{next}</EnumerationResults>"#
        );
        parse(xml.as_bytes())
    }

    fn blob(name: &str) -> String {
        format!(
            "<Blob>{name}<Properties><Creation-Time>Sun, 06 Nov 1994 08:49:37 GMT</Creation-Time>\
             <Last-Modified>Sun, 06 Nov 1994 08:49:37 GMT</Last-Modified><Etag>0x8D</Etag>\
             <Content-Length>5</Content-Length><Content-Type>text/plain</Content-Type><Content-Encoding />\
             <Content-MD5>1B2M2Y8AsgTpgAmY7PhCfg==</Content-MD5><BlobType>BlockBlob</BlobType></Properties><OrMetadata /></Blob>"
        )
    }

    #[test]
    fn prefixes_may_stand_between_blobs() {
        let entries = [
            blob("<Name>a&amp;b  </Name>"),
            "<BlobPrefix><Name>d/</Name></BlobPrefix>".to_owned(),
            blob("<Name> e</Name>"),
            "<BlobPrefix><Name>f/</Name><Properties/></BlobPrefix>".to_owned(),
        ];
        let page = page(&entries.concat(), ">2!88!x&amp;y</NextMarker>").unwrap();
        let names: Vec<_> = page.objects.iter().map(|meta| meta.key.as_str()).collect();
        assert_eq!(names, ["a&b  ", " e"]);
        assert_eq!(page.prefixes, ["d/", "f/"]);
        assert_eq!(page.next.unwrap().as_str(), "2!88!x&y");
        let meta = &page.objects[0];
        assert_eq!((meta.size, meta.version.as_str()), (5, "\"0x8D\""));
        assert_eq!(
            (meta.content_type.as_deref(), meta.content_encoding.as_deref()),
            (Some("text/plain"), None)
        );
        assert_eq!(meta.digests, crate::digest::md5(b""));
    }

    #[test]
    fn names_that_xml_cannot_hold_come_encoded() {
        let names =
            blob("<Name Encoded=\"true\">a%EF%BF%BE%25</Name>") + &blob("<Name Encoded=\"true\">b%0A</Name>");
        let page = page(&names, "/>").unwrap();
        assert_eq!(page.objects[0].key.as_str(), "a\u{fffe}%");
        assert_eq!(page.unaddressable, ["b\n"]);
    }

    #[test]
    fn directories_of_a_hierarchical_namespace_are_no_objects() {
        let directory =
            blob("<Name>d</Name>").replace("<BlobType>", "<ResourceType>directory</ResourceType><BlobType>");
        let page = page(&(directory + &blob("<Name>d/x</Name>")), "></NextMarker>").unwrap();
        assert_eq!(page.objects.iter().map(|meta| meta.key.as_str()).collect::<Vec<_>>(), ["d/x"]);
        assert_eq!(page.next, None);
    }

    #[test]
    fn an_empty_page_is_one_and_garbage_is_none() {
        assert_eq!(page("", "/>"), Ok(Page::default()));
        assert!(parse(b"<html><body>Sign in</body></html>").is_err());
        assert!(parse(b"<EnumerationResults><Blobs><Blob>").is_err());
        assert!(page(&blob("<Name>a</Name>").replace("<Etag>0x8D</Etag>", ""), "/>").is_err());
        assert!(page(&blob("<Name>a</Name>").replace(">5<", ">-5<"), "/>").is_err());
    }
}
