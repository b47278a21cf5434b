use super::*;
use crate::hint::What;
use serde_json::{Value, json};

fn event(text: &Value) -> Result<Event> {
    read(&text.to_string()).map(|mut items| items.remove(0).event)
}

fn objects(text: &Value) -> Vec<(String, What)> {
    match event(text) {
        Ok(Event::Objects(hints)) => hints.iter().map(|hint| (hint.to_string(), hint.what)).collect(),
        other => panic!("{text}: {other:?}"),
    }
}

const TOPIC: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/account";

fn grid(kind: &str, name: &str, data: Value) -> Value {
    json!({
        "topic": TOPIC, "subject": format!("/blobServices/default/containers/box/blobs/{name}"),
        "eventType": kind, "eventTime": "2026-11-21T10:15:00Z", "id": "1", "data": data,
        "dataVersion": "", "metadataVersion": "1",
    })
}

fn cloud(kind: &str, name: &str, data: Value) -> Value {
    json!({
        "source": TOPIC, "subject": format!("/blobServices/default/containers/box/blobs/{name}"),
        "type": kind, "time": "2026-11-21T10:15:00Z", "id": "1", "data": data, "specversion": "1.0",
    })
}

fn push(attributes: Value) -> Value {
    json!({ "message": { "attributes": attributes, "messageId": "1", "publishTime": "t" }, "subscription": "s" })
}

#[test]
fn both_schemas_of_event_grid_name_the_same_blob() {
    for make in [grid, cloud] {
        let named = objects(&make("Microsoft.Storage.BlobCreated", "a b/ü%20.txt", json!({ "url": "x" })));
        assert_eq!(named, [("azure://account/box/a b/ü%20.txt".to_owned(), What::Changed)]);
        let deleted = objects(&make("Microsoft.Storage.BlobDeleted", "a", json!({})));
        assert_eq!(deleted, [("azure://account/box/a".to_owned(), What::Deleted)]);
        let data = json!({ "sourceUrl": "https://account.dfs.core.windows.net/box/old/a" });
        let renamed = objects(&make("Microsoft.Storage.BlobRenamed", "new/a", data));
        let both = [
            ("azure://account/box/new/a".to_owned(), What::Changed),
            ("azure://account/box/old/a".to_owned(), What::Deleted),
        ];
        assert_eq!(renamed, both);
        for kind in ["Microsoft.Storage.BlobTierChanged", "Microsoft.EventGrid.SubscriptionDeletedEvent"] {
            assert!(matches!(event(&make(kind, "a", json!({}))), Ok(Event::Ignored { .. })), "{kind}");
        }
        assert!(event(&make("com.example.happened", "a", json!({}))).is_err());
    }
}

#[test]
fn a_notification_is_read_by_its_attributes() {
    let named = |kind: &str| {
        objects(&push(
            json!({ "eventType": kind, "bucketId": "bucket", "objectId": "a/b", "objectGeneration": "1" }),
        ))
    };
    for kind in ["OBJECT_FINALIZE", "OBJECT_METADATA_UPDATE"] {
        assert_eq!(named(kind), [("gs://bucket/a/b".to_owned(), What::Changed)]);
    }
    for kind in ["OBJECT_DELETE", "OBJECT_ARCHIVE"] {
        assert_eq!(named(kind), [("gs://bucket/a/b".to_owned(), What::Deleted)]);
    }
    let replaced = push(json!({
        "eventType": "OBJECT_DELETE", "bucketId": "bucket", "objectId": "a", "overwrittenByGeneration": "2",
    }));
    assert!(matches!(event(&replaced), Ok(Event::Ignored { .. })));
    for attributes in [
        json!({}),
        json!({ "eventType": "OBJECT_FINALIZE", "bucketId": "bucket" }),
        json!({ "eventType": "OBJECT_FINALIZE", "bucketId": "B/x", "objectId": "a" }),
        json!({ "eventType": "SOMETHING", "bucketId": "bucket", "objectId": "a" }),
    ] {
        assert!(event(&push(attributes.clone())).is_err(), "{attributes}");
    }
}

#[test]
fn our_own_messages_are_what_a_list_becomes() {
    let own: Value = serde_json::from_str(&ingest("gs://bucket/a \"b\"")).unwrap();
    assert_eq!(own, json!({ "carnet": "ingest", "url": "gs://bucket/a \"b\"" }));
    assert_eq!(objects(&own), [("gs://bucket/a \"b\"".to_owned(), What::Changed)]);
    let list = ListObject { bucket: "b".into(), key: "k".into(), from: None };
    let rest = Rest { list: &list, version: "\"v\"", line: 7 }.message();
    let Ok(Event::List(read)) = event(&serde_json::from_str(&rest).unwrap()) else { panic!("{rest}") };
    assert_eq!(read, ListObject { from: Some(("\"v\"".into(), 7)), ..list });
    for wrong in [
        json!({ "carnet": "doctor" }),
        json!({ "carnet": "ingest" }),
        json!({ "carnet": "ingest", "url": "s3://bucket/a" }),
        json!({ "carnet": "ingest", "url": "gs://bucket/a", "delete": true }),
    ] {
        assert!(event(&wrong).is_err(), "{wrong}");
    }
}

#[test]
fn every_event_of_a_body_is_kept_as_it_came() {
    let (one, two) = (grid("Microsoft.Storage.BlobCreated", "a", json!({})), ingest("gs://bucket/b"));
    let items = read(&format!("\u{feff} [{one},\n {two}] ")).unwrap();
    let texts: Vec<&str> = items.iter().map(|item| item.text.get()).collect();
    assert_eq!(texts, [one.to_string(), two]);
    for wrong in ["", "[]", "{}", "[{}]", "null", "7", "\"text\"", "[1]", "{\"carnet\":"] {
        let error = read(wrong).map(|_| ()).unwrap_err();
        assert_eq!(
            (error.kind(), error.hint().unwrap().anchor),
            (Kind::Malformed, "event-malformed"),
            "{wrong}"
        );
    }
    let long = grid("Microsoft.Storage.BlobCreated", &"x".repeat(LONGEST_EVENT), json!({}));
    assert!(read(&long.to_string()).is_err());
}

#[test]
fn only_the_handshake_has_a_code() {
    let handshake = |kind: &str, code: Value| {
        json!([{
            "id": "1", "topic": "/subscriptions/s", "subject": "", "data": { "validationCode": code },
            "eventType": kind, "eventTime": "t", "metadataVersion": "1", "dataVersion": "1",
        }])
    };
    let kind = "Microsoft.EventGrid.SubscriptionValidationEvent";
    assert_eq!(validation_code(&handshake(kind, json!("c")).to_string()).as_deref(), Some("c"));
    for none in [
        handshake("Microsoft.Storage.BlobCreated", json!("c")).to_string(),
        handshake(kind, json!(7)).to_string(),
        handshake(kind, json!("x".repeat(300))).to_string(),
        handshake(kind, json!("c"))[0].to_string(),
        "[]".to_owned(),
        String::new(),
    ] {
        assert_eq!(validation_code(&none), None, "{none}");
    }
}

#[test]
fn a_list_is_an_object_that_was_created_in_s3() {
    let bridge = |source: &str, kind: &str| {
        json!({
            "version": "0", "id": "1", "source": source, "detail-type": kind,
            "detail": { "bucket": { "name": "bucket" }, "object": { "key": "lists/a b.txt" } },
        })
    };
    let list = ListObject { bucket: "bucket".into(), key: "lists/a b.txt".into(), from: None };
    assert_eq!(event(&bridge("aws.s3", "Object Created")).unwrap(), Event::List(list));
    assert!(matches!(event(&bridge("aws.s3", "Object Deleted")), Ok(Event::Ignored { .. })));
    assert!(event(&bridge("aws.ec2", "Object Created")).is_err());
}
