//! The document of a listing.

use super::access::Place;
use super::list::{Item, Page, Parameters};
use super::properties::Properties;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use quick_xml::escape::escape;

/// What stays as it is in a name that has to be percent-encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// Begins with a byte order mark, as the service's documents do.
pub(crate) fn enumeration(place: &Place, parameters: &Parameters, page: &Page) -> String {
    let mut out = String::from("\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>");
    out.push_str(&format!(
        "<EnumerationResults ServiceEndpoint=\"{}\" ContainerName=\"{}\">",
        escape(place.service_endpoint.as_str()),
        escape(place.container.as_str())
    ));
    if let Some(prefix) = &parameters.prefix {
        name(&mut out, "Prefix", prefix);
    }
    if let Some(marker) = &parameters.marker {
        element(&mut out, "Marker", marker);
    }
    if let Some(from) = &parameters.start_from {
        name(&mut out, "StartFrom", from);
    }
    if let Some(number) = parameters.max_results {
        element(&mut out, "MaxResults", &number.to_string());
    }
    if let Some(delimiter) = &parameters.delimiter {
        name(&mut out, "Delimiter", delimiter);
    }
    out.push_str("<Blobs>");
    for item in &page.items {
        match item {
            Item::Blob { name, properties } => blob(&mut out, name, properties, place, parameters),
            Item::Prefix { name: prefix } => {
                out.push_str("<BlobPrefix>");
                name(&mut out, "Name", prefix);
                out.push_str("</BlobPrefix>");
            }
        }
    }
    out.push_str("</Blobs>");
    element(&mut out, "NextMarker", page.next_marker.as_deref().unwrap_or_default());
    out.push_str("</EnumerationResults>");
    out
}

fn blob(out: &mut String, own_name: &str, properties: &Properties, place: &Place, parameters: &Parameters) {
    out.push_str("<Blob>");
    name(out, "Name", own_name);
    out.push_str("<Properties>");
    element(out, "Creation-Time", &httpdate::fmt_http_date(properties.created));
    element(out, "Last-Modified", &httpdate::fmt_http_date(properties.last_modified));
    element(out, "Etag", &properties.etag);
    if place.hierarchical {
        element(out, "ResourceType", if properties.directory { "directory" } else { "file" });
    }
    element(out, "Content-Length", &properties.length.to_string());
    element(out, "Content-Type", &properties.content_type);
    element(out, "Content-Encoding", properties.content_encoding.as_deref().unwrap_or_default());
    element(out, "Content-Language", "");
    element(out, "Content-CRC64", "");
    element(out, "Content-MD5", properties.content_md5.as_deref().unwrap_or_default());
    element(out, "Cache-Control", properties.cache_control.as_deref().unwrap_or_default());
    element(out, "Content-Disposition", properties.content_disposition.as_deref().unwrap_or_default());
    element(out, "BlobType", "BlockBlob");
    element(out, "AccessTier", "Hot");
    element(out, "AccessTierInferred", "true");
    element(out, "LeaseStatus", "unlocked");
    element(out, "LeaseState", "available");
    element(out, "ServerEncrypted", "true");
    out.push_str("</Properties>");
    if parameters.include_metadata && !properties.metadata.is_empty() {
        out.push_str("<Metadata>");
        for (key, value) in &properties.metadata {
            element(out, key, value);
        }
        out.push_str("</Metadata>");
    }
    out.push_str("<OrMetadata /></Blob>");
}

fn element(out: &mut String, tag: &str, text: &str) {
    match text.is_empty() {
        true => out.push_str(&format!("<{tag} />")),
        false => out.push_str(&format!("<{tag}>{}</{tag}>", escape(text))),
    }
}

/// A name, percent-encoded and marked so where XML could not carry it.
fn name(out: &mut String, tag: &str, text: &str) {
    if text.chars().all(carried) {
        element(out, tag, text);
    } else {
        out.push_str(&format!("<{tag} Encoded=\"true\">{}</{tag}>", utf8_percent_encode(text, ENCODED)));
    }
}

/// Tab and line ends are legal in XML, but a reader may turn them into spaces.
fn carried(character: char) -> bool {
    !character.is_control() && !matches!(character, '\u{fffe}' | '\u{ffff}')
}
