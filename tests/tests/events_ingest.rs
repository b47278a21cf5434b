//! Events followed by the real function: twice, late, out of order, of objects that are gone or of no
//! concern. The two that need a queue have moto's.

use carnet_localclouds::faults::Hop;
use carnet_localclouds::lambda::Function;
use carnet_localclouds::push::event_grid::{Happened, Schema, Subscription};
use carnet_localclouds::push::pubsub::{PayloadFormat, notification};
use carnet_objects::sink::{Crc32c, Got, PutRequest, SinkListRequest};
use carnet_objects::{Key, ObjectSink as _};
use carnet_tests::events::{AUDIENCE, Sqs, answer, batch, failed, invoke, log, sample};
use carnet_tests::{ACCOUNT, BUCKET, CONTAINER, S3_BUCKET, Stage, secrecy};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// A cloud to copy from: both have the same objects.
#[derive(Clone, Copy)]
enum From {
    Azure,
    Google,
}

impl From {
    fn place(self) -> String {
        match self {
            From::Azure => format!("azure://{ACCOUNT}/{CONTAINER}"),
            From::Google => format!("gs://{BUCKET}"),
        }
    }

    /// An event in one of that cloud's shapes.
    fn event(self, stage: &Stage, name: &str, deleted: bool) -> Value {
        match self {
            From::Azure => {
                let happened = if deleted { Happened::Deleted } else { Happened::Created };
                azure(stage, Schema::EventGrid).event(ACCOUNT, CONTAINER, name, happened)
            }
            From::Google => {
                let event = if deleted { "OBJECT_DELETE" } else { "OBJECT_FINALIZE" };
                notification(BUCKET, name, event, "1", PayloadFormat::None)
            }
        }
    }
}

fn azure(stage: &Stage, schema: Schema) -> Subscription {
    Subscription::new(stage.local.shared.clone(), stage.client(), "", schema, AUDIENCE)
}

const TO: &str = "copies/";

async fn following(stage: &Stage, from: From, more: &[(&str, &str)]) -> Function {
    following_within(stage, from, more, Duration::from_secs(60)).await
}

async fn following_within(stage: &Stage, from: From, more: &[(&str, &str)], timeout: Duration) -> Function {
    stage.ingest(&from.place(), &format!("s3://{S3_BUCKET}/{TO}"), more, timeout).await
}

/// What has been copied, by name.
async fn copies(stage: &Stage) -> BTreeMap<String, Vec<u8>> {
    let bucket = stage.s3().await.unwrap();
    let request = SinkListRequest { prefix: TO.to_owned(), ..SinkListRequest::default() };
    let page = bucket.list(&request).await.unwrap();
    let mut copies = BTreeMap::new();
    for entry in page.objects {
        let Got::Object { body, .. } = bucket.get(&entry.key, None, 1 << 20).await.unwrap() else {
            panic!("{} was listed and is not there", entry.key)
        };
        copies.insert(entry.key.as_str()[TO.len()..].to_owned(), body.to_vec());
    }
    copies
}

fn names(copies: &BTreeMap<String, Vec<u8>>) -> Vec<&str> {
    copies.keys().map(String::as_str).collect()
}

/// No log line of a function holds a token, a signature or a secret.
fn assert_kept_secret(function: &Function) {
    for line in function.logs().lines() {
        for secret in secrecy::SECRETS {
            assert!(!line.contains(secret), "{line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_recorded_batch_ends_as_its_readme_says() {
    for (from, case, copied, bad) in [
        (From::Azure, "azure", vec!["empty", "hello.txt", "reports/new.csv"], ["0007", "0008"]),
        (From::Google, "google", vec!["empty", "hello.txt"], ["0006", "0007"]),
    ] {
        let stage = Stage::new().await;
        for name in ["hello.txt", "empty", "reports/new.csv"] {
            stage.put(name, format!("bytes of {name}"));
        }
        let function = following(&stage, from, &[]).await;
        let event = sample(&format!("ingest-object.{case}"));
        let told = invoke(&function, &event).await;
        let ends: Vec<&str> = failed(&told).iter().map(|id| &id[id.len() - 4..]).collect();
        assert_eq!(ends, bad, "{case}: {told}");
        let copies = copies(&stage).await;
        assert_eq!(names(&copies), copied, "{case}");
        assert!(copies.iter().all(|(name, bytes)| *bytes == format!("bytes of {name}").into_bytes()));
        let lines = log(&function);
        let refused: Vec<&str> = lines.iter().filter_map(|line| line["error"].as_str()).collect();
        assert!(refused.iter().any(|error| error.contains("#event-outside")), "{refused:?}");
        assert!(refused.iter().any(|error| error.contains("#event-malformed")), "{refused:?}");
        assert_kept_secret(&function);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_message_has_one_object_copied_and_the_doctor_walks_the_way() {
    let stage = Stage::new().await;
    stage.put("hello.txt", "x");
    let function = following(&stage, From::Azure, &[]).await;
    let told = invoke(&function, &sample("ingest-object.own")).await;
    assert_eq!((&told["copied"], &told["gone"]), (&json!(1), &json!(0)), "{told}");
    assert_eq!(names(&copies(&stage).await), ["hello.txt"]);
    let report = invoke(&function, &sample("ingest-object.doctor")).await;
    assert_eq!(report["ok"], true, "{report}");
    let hops: Vec<&str> =
        report["hops"].as_array().unwrap().iter().filter_map(|hop| hop["hop"].as_str()).collect();
    assert_eq!(hops, ["mint", "exchange", "list", "write"]);
    // By itself it fails as a whole, and by name.
    let elsewhere = json!({ "carnet": "ingest", "url": "gs://elsewhere/hello.txt" });
    let output = function.invoke(elsewhere.to_string()).await;
    assert_eq!(output.function_error, Some("Unhandled"));
    assert_eq!(answer(&output)["errorType"], "Carnet.Forbidden");
}

/// Fault 25.
#[tokio::test(flavor = "multi_thread")]
async fn duplicates_and_events_out_of_order_end_with_the_newest_version() {
    for from in [From::Azure, From::Google] {
        let stage = Stage::new().await;
        let function = following(&stage, from, &[]).await;
        let event = |name| from.event(&stage, name, false);
        stage.put("a", "first");
        let early = event("a");
        let told = invoke(&function, &batch(&[("1", early.clone()), ("2", early.clone())])).await;
        assert!(failed(&told).is_empty(), "{told}");
        stage.put("a", "second, which is longer");
        let late = event("a");
        // The newer event comes first, then the older one, twice.
        for body in [late, early.clone(), early] {
            let told = invoke(&function, &batch(&[("3", body)])).await;
            assert!(failed(&told).is_empty(), "{told}");
        }
        assert_eq!(copies(&stage).await["a"], b"second, which is longer");
        let lines = log(&function);
        let said = |message: &str| lines.iter().filter(|line| line["message"] == message).count();
        assert_eq!((said("copied"), said("the current version is there already")), (2, 2), "{lines:#?}");
    }
}

/// Fault 25, at once: two environments, the older bytes read slowly, the newer written meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_deliveries_at_once_the_newer_version_wins() {
    let stage = Stage::new().await;
    let function = following(&stage, From::Azure, &[]).await;
    stage.put("a", "old");
    let event = batch(&[("1", From::Azure.event(&stage, "a", false))]);
    // The first write to S3 of the object waits, until the second has been done.
    stage.fault("aws.s3/carnet-test-copies/copies/a=delay:3000*1+1");
    let slow = invoke(&function, &event);
    let fast = async {
        // The slow one has read the old version once its write is under way.
        while stage.local.shared.faults.seen(Hop::S3).iter().all(|seen| seen.method != "PUT") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        stage.put("a", "the newer bytes");
        invoke(&function, &event).await
    };
    let (slow, fast) = tokio::join!(slow, fast);
    assert!(failed(&slow).is_empty() && failed(&fast).is_empty(), "{slow} {fast}");
    assert_eq!(copies(&stage).await["a"], b"the newer bytes");
    // They did cross: the slow one was refused by its condition, read anew, and found the copy there.
    let seen = stage.local.shared.faults.seen(Hop::S3);
    let puts = seen.iter().filter(|seen| seen.method == "PUT" && seen.path.ends_with("/copies/a")).count();
    assert_eq!(puts, 3, "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_source_is_reported_and_its_copy_stays() {
    for from in [From::Azure, From::Google] {
        let stage = Stage::new().await;
        stage.put("a", "x");
        let function = following(&stage, from, &[]).await;
        invoke(&function, &batch(&[("1", from.event(&stage, "a", false))])).await;
        std::fs::remove_file(stage.blobs().join("a")).unwrap();
        let told = invoke(&function, &batch(&[("2", from.event(&stage, "a", true))])).await;
        assert!(failed(&told).is_empty(), "{told}");
        assert_eq!(names(&copies(&stage).await), ["a"]);
        let lines = log(&function);
        let gone = lines.iter().find(|line| line["message"] == "deleted at the source; its copy stays");
        let gone = gone.unwrap_or_else(|| panic!("{lines:#?}"));
        assert_eq!(
            (&gone["object"], &gone["expected"]),
            (&json!(format!("{}/a", from.place())), &json!(true))
        );
        let counted = lines.iter().any(|line| line["Events.DeletedAtSource"] == 1);
        assert!(counted, "{lines:#?}");
        // A denial is no deletion: the message comes again.
        stage.fault(match from {
            From::Azure => "azure.blob=status:403:x-ms-error-code=AuthorizationFailure",
            From::Google => "google.storage=status:403",
        });
        let told = invoke(&function, &batch(&[("3", from.event(&stage, "a", true))])).await;
        assert_eq!(failed(&told), ["3"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_begun_before_the_deadline_comes_again() {
    let stage = Stage::new().await;
    for name in ["a", "b"] {
        stage.put(name, "x");
    }
    let function = following_within(&stage, From::Azure, &[], Duration::from_secs(15)).await;
    let event =
        batch(&[("1", From::Azure.event(&stage, "a", false)), ("2", From::Azure.event(&stage, "b", false))]);
    // The bytes of one of them never come.
    stage.fault("azure.blob/carnettest/assets/b=hang");
    let told = invoke(&function, &event).await;
    assert_eq!(failed(&told), ["2"], "{told}");
    assert_eq!(names(&copies(&stage).await), ["a"]);
    stage.local.shared.faults.set(Vec::new());
    let told = invoke(&function, &event).await;
    assert!(failed(&told).is_empty(), "{told}");
    assert_eq!(names(&copies(&stage).await), ["a", "b"]);
}

/// Fault 26.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "cargo xtask test runs it: it needs moto"]
async fn one_poison_message_among_ten_goes_to_the_dead_letters_and_nine_succeed() {
    let stage = Stage::new().await;
    let sqs = Sqs::start().await;
    let function = following(&stage, From::Azure, &[]).await;
    for number in 0..9 {
        let name = format!("object {number}");
        stage.put(&name, format!("bytes {number}"));
        sqs.send(&From::Azure.event(&stage, &name, false).to_string()).await;
    }
    let poison = r#"{"poison":true}"#;
    sqs.send(poison).await;
    let first = function.poll(&sqs.events).await.unwrap();
    assert_eq!((first.received, first.failed.len()), (10, 1), "{first:?}");
    assert_eq!(copies(&stage).await.len(), 9);
    sqs.drain(&function).await;
    assert_eq!(Sqs::take(&sqs.dead).await, [poison]);
    let lines = log(&function);
    let refused = lines.iter().filter(|line| line["message"] == "this message is not done");
    assert_eq!(refused.count(), 3, "it came three times");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "cargo xtask test runs it: it needs moto"]
async fn a_list_becomes_messages_of_which_each_is_followed() {
    let stage = Stage::new().await;
    let sqs = Sqs::start().await;
    let inbox = format!("s3://{S3_BUCKET}/lists");
    let more = [
        ("CARNET_INGEST_INBOX", inbox.as_str()),
        ("AWS_ENDPOINT_URL_SQS", &sqs.url),
        ("CARNET_EVENTS_QUEUE_URL", &sqs.events.queue_url),
    ];
    let function = following(&stage, From::Google, &more).await;
    let mut list = String::new();
    for number in 0..25 {
        let name = format!("of a list/{number:02}");
        stage.put(&name, format!("bytes {number}"));
        list.push_str(&format!("gs://{BUCKET}/{name}\r\n"));
    }
    write(&stage, "lists/monday.txt", &list).await;
    let told = invoke(&function, &sample("ingest-object.list")).await;
    assert_eq!((&told["queued"], &told["copied"]), (&json!(25), &json!(0)), "{told}");
    assert!(copies(&stage).await.is_empty(), "a list is not copied in place");
    sqs.drain(&function).await;
    assert_eq!(copies(&stage).await.len(), 25);
    assert!(Sqs::take(&sqs.dead).await.is_empty());

    // One wrong line, and none of the list is taken; one that lies elsewhere is not even read.
    let mut event = sample("ingest-object.list");
    write(&stage, "lists/bad.txt", &format!("gs://{BUCKET}/of a list/00\ngs://elsewhere/a\n")).await;
    event["detail"]["object"]["key"] = "lists/bad.txt".into();
    let output = function.invoke(event.to_string()).await;
    assert_eq!(answer(&output)["errorType"], "Carnet.Malformed", "{output:?}");
    for (bucket, key) in [(S3_BUCKET, "copies/of a list/00"), ("other-bucket", "lists/monday.txt")] {
        event["detail"]["bucket"]["name"] = bucket.into();
        event["detail"]["object"]["key"] = key.into();
        let output = function.invoke(event.to_string()).await;
        assert_eq!(answer(&output)["errorType"], "Carnet.Forbidden", "{output:?}");
    }
    assert_eq!(Sqs::count(&sqs.events).await, 0);
    let report = invoke(&function, &sample("ingest-object.doctor")).await;
    assert_eq!((&report["ok"], &report["hops"][4]["hop"]), (&json!(true), &json!("queue")), "{report}");
}

/// There is time for the first lines only; what is left is a message like any other.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "cargo xtask test runs it: it needs moto"]
async fn a_list_that_is_too_long_for_one_call_goes_on_in_the_next() {
    let stage = Stage::new().await;
    let sqs = Sqs::start().await;
    let inbox = format!("s3://{S3_BUCKET}/lists");
    let more = [
        ("CARNET_INGEST_INBOX", inbox.as_str()),
        ("AWS_ENDPOINT_URL_SQS", &sqs.url),
        ("CARNET_EVENTS_QUEUE_URL", &sqs.events.queue_url),
    ];
    stage.put("a", "x");
    write(&stage, "lists/monday.txt", &format!("gs://{BUCKET}/a\n").repeat(250)).await;
    let hurried = following_within(&stage, From::Google, &more, Duration::from_secs(5)).await;
    let told = invoke(&hurried, &sample("ingest-object.list")).await;
    assert_eq!(told["queued"], 100, "{told}");
    assert_eq!(Sqs::count(&sqs.events).await, 101);
    let function = following(&stage, From::Google, &more).await;
    sqs.drain(&function).await;
    let lines = log(&function);
    let lists: Vec<&Value> = lines.iter().filter(|line| line["message"] == "a list").collect();
    let of_the_rest = (lists.len(), &lists[0]["lines"], &lists[0]["sent"]);
    assert_eq!(of_the_rest, (1, &json!(250), &json!(150)));
    assert_eq!(names(&copies(&stage).await), ["a"]);
    assert!(Sqs::take(&sqs.dead).await.is_empty());
}

async fn write(stage: &Stage, name: &str, text: &str) {
    let body = bytes::Bytes::from(text.to_owned());
    let request = PutRequest::new(Crc32c::of(&body));
    let written = stage.s3().await.unwrap().put(&Key::parse(name).unwrap(), body, &request).await;
    assert!(written.unwrap().written().is_some());
}
