//! Azure Event Grid: "Azure Blob Storage as an Event Grid source", in both schemas.
//!
//! An object is named by the event's subject and topic (CloudEvents: source), not by `data.url`: there
//! it is a part of a URL on one of two hosts, and what of it is percent-encoded is not documented.

use super::{Event, malformed, no_json};
use crate::hint::{Hint, What};
use carnet_federation::Result;
use carnet_objects::PlaceUrl;
use serde::Deserialize;
use serde_json::Value;

const VALIDATION: &str = "Microsoft.EventGrid.SubscriptionValidationEvent";
/// Such a code is a GUID; "randomly generated string" is all that is promised.
const LONGEST_CODE: usize = 256;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventGrid {
    id: String,
    topic: String,
    subject: String,
    event_type: String,
    event_time: String,
    #[serde(default)]
    data: Data,
}

#[derive(Deserialize)]
struct CloudEvent {
    specversion: String,
    id: String,
    source: String,
    #[serde(default)]
    subject: String,
    #[serde(rename = "type")]
    kind: String,
    time: Option<String>,
    #[serde(default)]
    data: Data,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    source_url: Option<String>,
    validation_code: Option<String>,
}

/// What both schemas say.
struct Said {
    id: String,
    /// The storage account's resource id.
    resource: String,
    subject: String,
    kind: String,
    time: Option<String>,
    source_url: Option<String>,
}

pub(super) fn read_event_grid(text: &str) -> Result<Event> {
    let event: EventGrid = serde_json::from_str(text).map_err(no_json)?;
    said(Said {
        id: event.id,
        resource: event.topic,
        subject: event.subject,
        kind: event.event_type,
        time: Some(event.event_time),
        source_url: event.data.source_url,
    })
}

pub(super) fn read_cloud_event(text: &str) -> Result<Event> {
    let event: CloudEvent = serde_json::from_str(text).map_err(no_json)?;
    if event.specversion != "1.0" {
        return Err(malformed(format!("CloudEvents {:?} is not known, 1.0 is", event.specversion)));
    }
    said(Said {
        id: event.id,
        resource: event.source,
        subject: event.subject,
        kind: event.kind,
        time: event.time,
        source_url: event.data.source_url,
    })
}

/// The code to be echoed, if the body is the handshake of Event Grid's own schema: "the array contains
/// only the validation event".
pub fn validation_code(body: &str) -> Option<String> {
    let events: Vec<Value> = serde_json::from_str(body.trim_start_matches('\u{feff}')).ok()?;
    let [only] = events.as_slice() else { return None };
    let event: EventGrid = serde_json::from_value(only.clone()).ok()?;
    let code = event.data.validation_code.filter(|_| event.event_type == VALIDATION)?;
    (code.len() <= LONGEST_CODE).then_some(code)
}

fn said(said: Said) -> Result<Event> {
    let Some(happened) = said.kind.strip_prefix("Microsoft.Storage.") else {
        // A subscription's own: validated, deleted.
        return match said.kind.starts_with("Microsoft.EventGrid.") {
            true => Ok(Event::Ignored { kind: said.kind }),
            false => Err(malformed(format!("{:?} is no event of a storage account", said.kind))),
        };
    };
    match happened {
        "BlobCreated" => Ok(Event::Objects(vec![said.hint(What::Changed)?])),
        "BlobDeleted" => Ok(Event::Objects(vec![said.hint(What::Deleted)?])),
        "BlobRenamed" => {
            let new = said.hint(What::Changed)?;
            let old = said.source_url.as_deref().and_then(|url| renamed_from(&new, url));
            Ok(Event::Objects(std::iter::once(new).chain(old).collect()))
        }
        // Tiers, policies, inventories; and folders, of whose objects nothing is said.
        _ => Ok(Event::Ignored { kind: said.kind }),
    }
}

impl Said {
    fn hint(&self, what: What) -> Result<Hint> {
        let account = self.resource.rsplit_once("/storageAccounts/").map(|(_, account)| account);
        let path = self.subject.strip_prefix("/blobServices/default/containers/");
        let (Some(account), Some((container, name))) = (account, path.and_then(|p| p.split_once("/blobs/")))
        else {
            return Err(malformed("its topic and subject name no blob"));
        };
        let store = PlaceUrl::parse(&format!("azure://{account}/{container}"))
            .map_err(|fault| malformed(format!("its topic and subject name no blob: {fault}")))?;
        let (name, id, time) = (name.to_owned(), self.id.clone(), self.time.clone());
        Ok(Hint { store, name, what, id, time })
    }
}

/// The blob that had the name before: `https://account.dfs.core.windows.net/container/name`.
fn renamed_from(new: &Hint, url: &str) -> Option<Hint> {
    let PlaceUrl::Azure { account, .. } = &new.store else { return None };
    let (_, path) = url.strip_prefix("https://")?.split_once('/')?;
    let (container, name) = path.split_once('/')?;
    let store = PlaceUrl::parse(&format!("azure://{account}/{container}")).ok()?;
    Some(Hint { store, name: name.to_owned(), what: What::Deleted, ..new.clone() })
}
