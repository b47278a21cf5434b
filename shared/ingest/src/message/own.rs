//! Messages of our own: what a long list becomes, and what anybody may put into the queue by hand.

use super::{Event, ListObject, malformed, no_json};
use crate::hint::{Hint, What, parse_url};
use carnet_federation::Result;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
#[serde(tag = "carnet", rename_all = "lowercase", deny_unknown_fields)]
enum Own {
    /// `{"carnet":"ingest","url":"gs://bucket/key"}`
    Ingest { url: String },
    /// What is left of a list.
    List { bucket: String, key: String, version: String, line: usize },
}

pub(super) fn read(text: &str) -> Result<Event> {
    Ok(match serde_json::from_str(text).map_err(no_json)? {
        Own::Ingest { url } => {
            let (store, name) = parse_url(&url).map_err(|why| malformed(format!("{url:?}: {why}")))?;
            let id = "carnet".to_owned();
            Event::Objects(vec![Hint { store, name, what: What::Changed, id, time: None }])
        }
        Own::List { bucket, key, version, line } => {
            Event::List(ListObject { bucket, key, from: Some((version, line)) })
        }
    })
}

/// The message that has an object copied.
pub fn ingest(url: &str) -> String {
    text(&Own::Ingest { url: url.to_owned() })
}

/// The rest of a list, from a line on, while it is this version.
pub struct Rest<'l> {
    pub list: &'l ListObject,
    pub version: &'l str,
    pub line: usize,
}

impl Rest<'_> {
    pub fn message(&self) -> String {
        let ListObject { bucket, key, .. } = self.list.clone();
        text(&Own::List { bucket, key, version: self.version.to_owned(), line: self.line })
    }
}

fn text(own: &Own) -> String {
    // Texts and numbers under fixed names: there is nothing that could not be written.
    serde_json::to_string(own).unwrap_or_default()
}
