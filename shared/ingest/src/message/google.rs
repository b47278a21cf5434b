//! Pub/Sub's push ("Push subscriptions": a wrapped message) with a notification of Cloud Storage
//! ("Pub/Sub notifications for Cloud Storage"). Everything that is needed is among the attributes,
//! whatever `payloadFormat` says, so `data` is not looked at.

use super::{Event, Texts, malformed, no_json};
use crate::hint::{Hint, What};
use carnet_federation::Result;
use carnet_objects::PlaceUrl;
use serde::Deserialize;

#[derive(Deserialize)]
struct Push {
    message: Message,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    #[serde(default)]
    attributes: Texts,
    #[serde(default)]
    message_id: String,
    publish_time: Option<String>,
}

pub(super) fn read(text: &str) -> Result<Event> {
    let Push { message } = serde_json::from_str(text).map_err(no_json)?;
    let attribute = |name: &str| {
        message.attributes.get(name).ok_or_else(|| malformed(format!("it has no attribute {name}")))
    };
    let kind = attribute("eventType")?;
    let what = match kind.as_str() {
        "OBJECT_FINALIZE" | "OBJECT_METADATA_UPDATE" => What::Changed,
        "OBJECT_DELETE" | "OBJECT_ARCHIVE" => What::Deleted,
        _ => return Err(malformed(format!("{kind:?} is no event of Cloud Storage"))),
    };
    let (bucket, name) = (attribute("bucketId")?, attribute("objectId")?);
    // A version that a newer one replaced: the newer one has an event of its own.
    if what == What::Deleted && message.attributes.contains_key("overwrittenByGeneration") {
        return Ok(Event::Ignored { kind: format!("{kind} of a replaced generation") });
    }
    let store = PlaceUrl::parse(&format!("gs://{bucket}"))
        .map_err(|fault| malformed(format!("its attributes name no bucket: {fault}")))?;
    let time = message.attributes.get("eventTime").cloned().or(message.publish_time);
    Ok(Event::Objects(vec![Hint { store, name: name.clone(), what, id: message.message_id, time }]))
}
