//! The bodies of messages, one event or an array of them.
//!
//! | module | the shape |
//! |---|---|
//! | `azure` | Event Grid's own schema and CloudEvents 1.0: `Microsoft.Storage.*` |
//! | `google` | a Pub/Sub push with a Cloud Storage notification |
//! | `aws` | EventBridge: an object of S3 that lists others |
//! | `own` | `{"carnet":"ingest","url":"gs://bucket/key"}`, and the rest of a long list |
//!
//! Every shape is known by fields that no other has. What has none of them is refused: nobody should
//! guess what a message of another kind might mean.

mod aws;
mod azure;
mod google;
mod own;

pub use aws::ListObject;
pub use azure::validation_code;
pub use own::{Rest, ingest};

use crate::hint::Hint;
use carnet_federation::{Error, Hop, Kind, Result, hints};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// An event of a storage service is about 1 KiB, and at most a name of 1 KiB more, escaped; Pub/Sub
/// adds the object's metadata, of which Cloud Storage keeps 8 KiB.
pub const LONGEST_EVENT: usize = 64 << 10;

/// One event as it came, and what it says.
pub struct Item {
    /// The event's own text.
    pub text: Box<RawValue>,
    pub event: Event,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Objects that something happened to: two, where one was renamed.
    Objects(Vec<Hint>),
    /// An object of S3 that lists others, from its beginning or from further on.
    List(ListObject),
    /// Of a documented kind that says nothing of an object's bytes.
    Ignored { kind: String },
}

/// What tells the shapes apart.
#[derive(Deserialize)]
struct Marks<'e> {
    #[serde(borrow)]
    carnet: Option<&'e RawValue>,
    #[serde(borrow)]
    specversion: Option<&'e RawValue>,
    #[serde(borrow, rename = "eventType")]
    event_type: Option<&'e RawValue>,
    #[serde(borrow, rename = "detail-type")]
    detail_type: Option<&'e RawValue>,
    #[serde(borrow)]
    message: Option<&'e RawValue>,
}

/// All events of a body.
pub fn read(body: &str) -> Result<Vec<Item>> {
    let body = body.trim_start_matches('\u{feff}').trim();
    let events: Vec<Box<RawValue>> = match body.starts_with('[') {
        true => serde_json::from_str(body).map_err(no_json)?,
        false => vec![serde_json::from_str(body).map_err(no_json)?],
    };
    if events.is_empty() {
        return Err(malformed("the body is an empty list"));
    }
    events.into_iter().map(|text| Ok(Item { event: event(text.get())?, text })).collect()
}

fn event(text: &str) -> Result<Event> {
    if text.len() > LONGEST_EVENT {
        return Err(malformed(format!("an event of {} bytes is none of a storage service", text.len())));
    }
    let marks: Marks = serde_json::from_str(text).map_err(no_json)?;
    match marks {
        Marks { carnet: Some(_), .. } => own::read(text),
        Marks { specversion: Some(_), .. } => azure::read_cloud_event(text),
        Marks { event_type: Some(_), .. } => azure::read_event_grid(text),
        Marks { detail_type: Some(_), .. } => aws::read(text),
        Marks { message: Some(_), .. } => google::read(text),
        _ => Err(malformed("it is no event of Event Grid, Cloud Storage or EventBridge, and none of ours")),
    }
}

/// A message that cannot be understood, now or later.
pub(crate) fn malformed(why: impl Into<String>) -> Error {
    Error::new(Hop::Receive, Kind::Malformed, "message", why).with_hint(&hints::EVENT_MALFORMED)
}

/// Where the text stops to be JSON, or lacks a field; the text itself is not repeated.
fn no_json(error: serde_json::Error) -> Error {
    malformed(format!("it is not of the shape: {error}"))
}

/// Attributes and the like: texts by name.
type Texts = BTreeMap<String, String>;

#[cfg(test)]
mod tests;
