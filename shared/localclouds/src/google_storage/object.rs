//! What an object says about itself: the resource "Objects" of the JSON API.

use super::access::Place;
use crate::folder::digest::{Digests, Version};
use crate::folder::sidecar::{self, Sidecar};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
use std::time::SystemTime;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Nothing here changes an object without replacing it.
pub(crate) const METAGENERATION: i64 = 1;

/// What stays as it is in a name inside a URL.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub name: String,
    pub generation: i64,
    pub updated: SystemTime,
    pub size: u64,
    pub content_type: String,
    pub content_encoding: Option<String>,
    pub content_disposition: Option<String>,
    pub cache_control: Option<String>,
    /// Composite objects have none.
    pub md5: Option<String>,
    pub crc32c: String,
    pub metadata: BTreeMap<String, String>,
}

impl Object {
    pub(crate) fn of_file(
        name: String,
        path: &Path,
        file: &File,
        metadata: &Metadata,
        sidecar: &Sidecar,
        digests: &Digests,
    ) -> io::Result<Self> {
        let stated = sidecar::stated(sidecar, path);
        let digests = digests.of(path, file, metadata)?;
        Ok(Self {
            name,
            generation: generation(metadata),
            updated: metadata.modified()?,
            size: metadata.len(),
            content_type: sidecar::content_type(&stated, path),
            content_encoding: stated.content_encoding,
            content_disposition: stated.content_disposition,
            cache_control: stated.cache_control,
            crc32c: digests.crc32c.clone(),
            md5: stated.content_md5.of(|| Ok(digests))?,
            metadata: stated.metadata,
        })
    }

    /// As it is stored: whoever does not take gzip is given it decompressed ("Transcoding of
    /// gzip-compressed files"), unless its Cache-Control forbids that.
    pub(crate) fn is_transcoded(&self) -> bool {
        let fixed = self.cache_control.as_deref().is_some_and(|control| control.contains("no-transform"));
        self.content_encoding.as_deref() == Some("gzip") && !fixed
    }

    /// The two numbers of a version, as the service writes them: two varints of a protocol buffer.
    pub(crate) fn etag(&self) -> String {
        let mut bytes = vec![0x08];
        varint(&mut bytes, self.generation as u64);
        bytes.push(0x10);
        varint(&mut bytes, METAGENERATION as u64);
        STANDARD.encode(bytes)
    }

    pub(crate) fn resource(&self, place: &Place) -> Value {
        let Place { bucket, base_url, .. } = place;
        let encoded = utf8_percent_encode(&self.name, UNRESERVED);
        let (generation, updated) = (self.generation, rfc3339(self.updated));
        let mut resource = json!({
            "kind": "storage#object",
            "id": format!("{bucket}/{}/{generation}", self.name),
            "selfLink": format!("{base_url}/storage/v1/b/{bucket}/o/{encoded}"),
            "mediaLink": format!(
                "{base_url}/download/storage/v1/b/{bucket}/o/{encoded}?generation={generation}&alt=media"
            ),
            "name": self.name,
            "bucket": bucket,
            "generation": generation.to_string(),
            "metageneration": METAGENERATION.to_string(),
            "contentType": self.content_type,
            "storageClass": "STANDARD",
            "size": self.size.to_string(),
            "crc32c": self.crc32c,
            "etag": self.etag(),
            "timeCreated": updated,
            "updated": updated,
            "timeStorageClassUpdated": updated,
        });
        let optional = [
            ("contentEncoding", &self.content_encoding),
            ("contentDisposition", &self.content_disposition),
            ("cacheControl", &self.cache_control),
            ("md5Hash", &self.md5),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                resource[name] = json!(value);
            }
        }
        if self.md5.is_none() {
            // How composite objects are told apart; of how many parts is not known here.
            resource["componentCount"] = json!(2);
        }
        if !self.metadata.is_empty() {
            resource["metadata"] = json!(self.metadata);
        }
        resource
    }
}

/// Microseconds since the epoch, as the service's own are; the last second of it tells versions
/// apart that were written within one tick of the file system's clock.
fn generation(metadata: &Metadata) -> i64 {
    let version = Version::of(metadata);
    let within_a_second = (version.hash() % 1_000_000) as i64;
    version.modified_microseconds() / 1_000_000 * 1_000_000 + within_a_second
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn rfc3339(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time);
    let time = time.replace_millisecond(time.millisecond()).unwrap_or(time);
    time.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A version that was seen in a real bucket's listing.
    #[test]
    fn the_etag_is_the_two_numbers() {
        let object = Object {
            name: "a".into(),
            generation: 1_719_254_245_340_314,
            updated: SystemTime::UNIX_EPOCH,
            size: 0,
            content_type: String::new(),
            content_encoding: None,
            content_disposition: None,
            cache_control: None,
            md5: None,
            crc32c: String::new(),
            metadata: BTreeMap::new(),
        };
        assert_eq!(object.etag(), "CJrpyZTx9IYDEAE=", "as the service writes it");
    }
}
