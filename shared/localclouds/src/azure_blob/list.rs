//! List Blobs.

use super::Blobs;
use super::access::Place;
use super::error::BlobError;
use super::properties::Properties;
use super::request::Call;
use super::xml;
use crate::folder::digest::Digests;
use crate::folder::page::{self, Bounds, Entry};
use crate::folder::sidecar::{self, Sidecar};
use crate::folder::walk::Order;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderValue, Response, header};
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A page is never longer, whatever is asked.
const LONGEST_PAGE: usize = 5000;

/// What `include` may name. Only `metadata` changes the answer here: there are no snapshots.
const INCLUDABLE: &[&str] = &[
    "snapshots",
    "metadata",
    "uncommittedblobs",
    "copy",
    "deleted",
    "tags",
    "versions",
    "deletedwithversions",
    "immutabilitypolicy",
    "legalhold",
    "permissions",
];

pub(crate) struct Parameters {
    pub prefix: Option<String>,
    pub delimiter: Option<String>,
    pub marker: Option<String>,
    pub start_from: Option<String>,
    pub max_results: Option<usize>,
    pub include_metadata: bool,
    /// The name the page begins at.
    from: String,
}

#[expect(clippy::large_enum_variant, reason = "nearly every item is a blob: boxing it would save nothing")]
pub(crate) enum Item {
    Blob { name: String, properties: Properties },
    Prefix { name: String },
}

pub(crate) struct Page {
    pub items: Vec<Item>,
    pub next_marker: Option<String>,
}

pub(crate) async fn list_blobs(
    blobs: Arc<Blobs>,
    call: Call,
    place: Place,
) -> Result<Response<Body>, BlobError> {
    let parameters = Parameters::of(&call)?;
    let document = tokio::task::spawn_blocking(move || {
        let page = page(&blobs, &place, &parameters)?;
        Ok::<_, io::Error>(xml::enumeration(&place, &parameters, &page))
    })
    .await
    .map_err(|panicked| BlobError::internal(&io::Error::other(panicked)))?
    .map_err(|error| BlobError::internal(&error))?;
    let mut response = Response::new(Body::from(document));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    Ok(response)
}

impl Parameters {
    fn of(call: &Call) -> Result<Self, BlobError> {
        let owned = |name| call.parameter(name).filter(|text| !text.is_empty()).map(str::to_owned);
        let (marker, start_from) = (owned("marker"), owned("startFrom"));
        let from = match (&marker, &start_from) {
            (Some(marker), _) => name_of(marker).ok_or_else(|| BlobError::invalid_query("marker", marker))?,
            (None, Some(name)) => name.clone(),
            (None, None) => String::new(),
        };
        Ok(Self {
            prefix: owned("prefix"),
            delimiter: owned("delimiter"),
            max_results: owned("maxresults").map(|text| max_results(&text)).transpose()?,
            include_metadata: includes_metadata(call)?,
            marker,
            start_from,
            from,
        })
    }

    fn prefix(&self) -> &str {
        self.prefix.as_deref().unwrap_or_default()
    }
}

fn max_results(text: &str) -> Result<usize, BlobError> {
    match text.parse::<i64>() {
        Ok(number) if number > 0 => Ok(usize::try_from(number).unwrap_or(LONGEST_PAGE)),
        Ok(_) => Err(BlobError::query_out_of_range("maxresults", text)),
        Err(_) => Err(BlobError::invalid_query("maxresults", text)),
    }
}

fn includes_metadata(call: &Call) -> Result<bool, BlobError> {
    let include = call.parameter("include").unwrap_or_default();
    let mut metadata = false;
    for part in include.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        if !INCLUDABLE.contains(&part) || (part == "snapshots" && call.parameter("delimiter").is_some()) {
            return Err(BlobError::invalid_query("include", include));
        }
        metadata |= part == "metadata";
    }
    Ok(metadata)
}

/// Markers are the service's own business: clients must not read one.
fn marker_of(name: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("1!{name}"))
}

fn name_of(marker: &str) -> Option<String> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(marker).ok()?).ok()?;
    text.strip_prefix("1!").map(str::to_owned)
}

fn page(blobs: &Blobs, place: &Place, parameters: &Parameters) -> io::Result<Page> {
    let bounds = Bounds {
        prefix: parameters.prefix(),
        delimiter: parameters.delimiter.as_deref(),
        from: &parameters.from,
        until: None,
        limit: parameters.max_results.unwrap_or(LONGEST_PAGE).min(LONGEST_PAGE),
        directories: place.hierarchical,
        order: if place.hierarchical { Order::SlashFirst } else { Order::Lexical },
    };
    let listed = page::page(&place.folder, &bounds)?;
    let mut look = Look { digests: &blobs.digests, sidecars: HashMap::new() };
    let mut items = Vec::with_capacity(listed.entries.len());
    for entry in listed.entries {
        match look.item(entry) {
            Ok(item) => items.push(item),
            // Deleted between the walk and the look: it is not there.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Page { items, next_marker: listed.next.as_deref().map(marker_of) })
}

/// At the files of a page; each folder's sidecar is read once.
struct Look<'a> {
    digests: &'a Digests,
    sidecars: HashMap<PathBuf, Sidecar>,
}

impl Look<'_> {
    fn item(&mut self, entry: Entry) -> io::Result<Item> {
        Ok(match entry {
            Entry::Prefix { name } => Item::Prefix { name },
            Entry::File { name, path } => Item::Blob { name, properties: self.properties(&path)? },
            Entry::Directory { name, path } => {
                Item::Blob { name, properties: Properties::of_directory(&path.symlink_metadata()?)? }
            }
        })
    }

    fn properties(&mut self, path: &Path) -> io::Result<Properties> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let sidecar = sidecar::cached(&mut self.sidecars, path)?;
        Properties::of_file(path, &file, &metadata, sidecar, self.digests)
    }
}
