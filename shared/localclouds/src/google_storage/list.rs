//! Objects: list.

use super::access::Place;
use super::error::StorageError;
use super::object::Object;
use super::request::Call;
use super::{Buckets, json};
use crate::folder::digest::Digests;
use crate::folder::page::{self, Bounds, Entry};
use crate::folder::sidecar::{self, Sidecar};
use crate::folder::walk::Order;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Response;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A page is never longer, whatever is asked.
const LONGEST_PAGE: usize = 1000;

/// What would change a listing here and is not known: better refused than ignored.
const NOT_HERE: [&str; 4] =
    ["matchGlob", "softDeleted", "includeTrailingDelimiter", "includeFoldersAsPrefixes"];

struct Parameters {
    prefix: String,
    delimiter: Option<String>,
    from: String,
    until: Option<String>,
    limit: usize,
}

pub(crate) async fn objects(
    buckets: Arc<Buckets>,
    call: Call,
    place: Place,
) -> Result<Response<Body>, StorageError> {
    let parameters = Parameters::of(&call)?;
    let listed = tokio::task::spawn_blocking(move || page(&buckets, &place, &parameters))
        .await
        .map_err(|panicked| StorageError::internal(&io::Error::other(panicked)))?
        .map_err(|error| StorageError::internal(&error))?;
    json(&call, listed)
}

impl Parameters {
    fn of(call: &Call) -> Result<Self, StorageError> {
        if let Some(name) =
            NOT_HERE.into_iter().find(|name| call.parameter(name).is_some_and(|it| it != "false"))
        {
            return Err(StorageError::not_here(name));
        }
        let owned = |name| call.parameter(name).map(str::to_owned);
        let token = call.parameter("pageToken");
        let resumed = token.map(|token| name_of(token).ok_or_else(StorageError::invalid_page_token));
        let from = owned("startOffset").unwrap_or_default();
        Ok(Self {
            prefix: owned("prefix").unwrap_or_default(),
            delimiter: owned("delimiter"),
            from: resumed.transpose()?.unwrap_or_default().max(from),
            until: owned("endOffset"),
            limit: limit(call)?,
        })
    }
}

fn limit(call: &Call) -> Result<usize, StorageError> {
    match call.number("maxResults")? {
        None => Ok(LONGEST_PAGE),
        Some(number) if number > 0 => Ok(usize::try_from(number).unwrap_or(LONGEST_PAGE).min(LONGEST_PAGE)),
        Some(number) => Err(StorageError::invalid_number("maxResults", &number.to_string())),
    }
}

/// Tokens are the service's own business: clients must not read one.
fn token_of(name: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("1!{name}"))
}

fn name_of(token: &str) -> Option<String> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    text.strip_prefix("1!").map(str::to_owned)
}

fn page(buckets: &Buckets, place: &Place, parameters: &Parameters) -> io::Result<Value> {
    let bounds = Bounds {
        prefix: &parameters.prefix,
        delimiter: parameters.delimiter.as_deref(),
        from: &parameters.from,
        until: parameters.until.as_deref(),
        limit: parameters.limit,
        directories: false,
        order: Order::Lexical,
    };
    let listed = page::page(&place.folder, &bounds)?;
    let mut look = Look { digests: &buckets.digests, sidecars: HashMap::new() };
    let (mut items, mut prefixes) = (Vec::new(), Vec::new());
    for entry in listed.entries {
        match entry {
            Entry::Prefix { name } => prefixes.push(name),
            Entry::File { name, path } | Entry::Directory { name, path } => match look.object(name, &path) {
                Ok(object) => items.push(object.resource(place)),
                // Deleted between the walk and the look: it is not there.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            },
        }
    }
    let mut answer = json!({"kind": "storage#objects"});
    // What is empty is left out.
    if !items.is_empty() {
        answer["items"] = Value::Array(items);
    }
    if !prefixes.is_empty() {
        answer["prefixes"] = json!(prefixes);
    }
    if let Some(next) = listed.next {
        answer["nextPageToken"] = json!(token_of(&next));
    }
    Ok(answer)
}

/// At the files of a page; each folder's sidecar is read once.
struct Look<'a> {
    digests: &'a Digests,
    sidecars: HashMap<PathBuf, Sidecar>,
}

impl Look<'_> {
    fn object(&mut self, name: String, path: &Path) -> io::Result<Object> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        let sidecar = sidecar::cached(&mut self.sidecars, path)?;
        Object::of_file(name, path, &file, &metadata, sidecar, self.digests)
    }
}
