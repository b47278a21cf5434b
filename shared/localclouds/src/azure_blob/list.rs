//! List Blobs.

use super::Blobs;
use super::access::Place;
use super::error::BlobError;
use super::properties::{self, Properties, Sidecar};
use super::request::Call;
use super::walk::{Found, Order, Wanted, walk};
use super::xml;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderValue, Response, header};
use std::collections::HashMap;
use std::io;
use std::ops::ControlFlow;
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
    let wanted = Wanted {
        prefix: parameters.prefix(),
        from: &parameters.from,
        by_level: parameters.delimiter.as_deref() == Some("/"),
        directories: place.hierarchical,
        order: if place.hierarchical { Order::SlashFirst } else { Order::Lexical },
    };
    let limit = parameters.max_results.unwrap_or(LONGEST_PAGE).min(LONGEST_PAGE);
    let mut making =
        Making { blobs, parameters, limit, sidecars: HashMap::new(), items: Vec::new(), next: None };
    walk(&place.folder, &wanted, &mut |found| making.take(found))?;
    Ok(Page { items: making.items, next_marker: making.next.as_deref().map(marker_of) })
}

/// A page while it is made.
struct Making<'a> {
    blobs: &'a Blobs,
    parameters: &'a Parameters,
    limit: usize,
    sidecars: HashMap<PathBuf, Sidecar>,
    items: Vec<Item>,
    /// Where the next page begins.
    next: Option<String>,
}

impl Making<'_> {
    fn take(&mut self, found: Found) -> io::Result<ControlFlow<()>> {
        let name = match &found {
            Found::Level { prefix } => prefix.clone(),
            Found::Blob { name, .. } | Found::Directory { name, .. } => {
                self.common_prefix(name).unwrap_or_else(|| name.clone())
            }
        };
        if let Some(Item::Prefix { name: last }) = self.items.last()
            && *last == name
        {
            return Ok(ControlFlow::Continue(()));
        }
        if self.items.len() == self.limit {
            self.next = Some(name);
            return Ok(ControlFlow::Break(()));
        }
        match self.item(name, found) {
            Ok(item) => self.items.push(item),
            // Deleted between the walk and the look: it is not there.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Up to and with the first delimiter after the prefix.
    fn common_prefix(&self, name: &str) -> Option<String> {
        let delimiter = self.parameters.delimiter.as_deref()?;
        let prefix = self.parameters.prefix();
        let at = name[prefix.len()..].find(delimiter)?;
        Some(name[..prefix.len() + at + delimiter.len()].to_owned())
    }

    fn item(&mut self, name: String, found: Found) -> io::Result<Item> {
        let properties = match found {
            Found::Blob { name: own, path } if own == name => self.properties(&path)?,
            Found::Directory { name: own, path } if own == name => {
                Properties::of_directory(&path.symlink_metadata()?)?
            }
            _ => return Ok(Item::Prefix { name }),
        };
        Ok(Item::Blob { name, properties })
    }

    fn properties(&mut self, path: &Path) -> io::Result<Properties> {
        let directory = path.parent().unwrap_or(path);
        if !self.sidecars.contains_key(directory) {
            self.sidecars.insert(directory.to_path_buf(), properties::sidecar(directory)?);
        }
        let metadata = path.symlink_metadata()?;
        Properties::of_file(path, &metadata, &self.sidecars[directory], &self.blobs.digests)
    }
}
