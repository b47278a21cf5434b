//! EventBridge: "Amazon S3 events" of `aws.s3`. Only that an object was created, and only as a list of
//! others, is of use here. In EventBridge's events the key is not URL-encoded.

use super::{Event, malformed, no_json};
use carnet_federation::Result;
use serde::Deserialize;

/// An object of S3 whose lines are URLs of objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListObject {
    pub bucket: String,
    pub key: String,
    /// Set: the rest of this version, from this line on.
    pub from: Option<(String, usize)>,
}

#[derive(Deserialize)]
struct Bridge {
    source: String,
    #[serde(rename = "detail-type")]
    detail_type: String,
    #[serde(default)]
    detail: Option<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
struct Object {
    key: String,
}

pub(super) fn read(text: &str) -> Result<Event> {
    let event: Bridge = serde_json::from_str(text).map_err(no_json)?;
    if event.source != "aws.s3" {
        return Err(malformed(format!("an event of {:?} names no list", event.source)));
    }
    if event.detail_type != "Object Created" {
        return Ok(Event::Ignored { kind: event.detail_type });
    }
    let Some(Detail { bucket, object }) = event.detail else {
        return Err(malformed("it names no bucket and no object"));
    };
    Ok(Event::List(ListObject { bucket: bucket.name, key: object.key, from: None }))
}
