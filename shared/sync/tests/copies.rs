//! One object on its way, and what can go wrong with it.

mod support;

use carnet_objects::memory::PutOptions;
use carnet_objects::{Kind, ObjectSink as _};
use carnet_sync::{
    Batch, Copier, Ending, Found, Outcome, Proven, Receipt, RunId, Silent, Stop, SyncError, Task, Unproven,
    plan,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;
use support::{Break, World, key, noise};

fn copier(world: &World) -> Copier {
    let run = RunId::parse("run-1").unwrap();
    Copier::new(world.job(), run, world.options.copy.clone(), Arc::new(Silent), Stop::new())
}

async fn task(world: &World, name: &str) -> Task {
    let meta = carnet_objects::head(&*world.source, &key(name), &Default::default()).await.unwrap();
    Task::new(Found::from(meta), plan::Reason::New, None)
}

async fn copy(world: &World, name: &str) -> Receipt {
    match copier(world).object(&task(world, name).await).await {
        Outcome::Done(receipt) => *receipt,
        outcome => panic!("{outcome:?}"),
    }
}

#[tokio::test]
async fn attributes_and_the_time_of_change_go_along() {
    let mut world = World::new();
    world.options.copy.storage_class = Some("STANDARD_IA".into());
    let options = PutOptions {
        content_type: Some("text/csv".into()),
        content_encoding: Some("gzip".into()),
        cache_control: Some("no-store".into()),
        content_disposition: Some("attachment".into()),
        metadata: BTreeMap::from([("Owner".to_owned(), "Jane".to_owned())]),
        ..PutOptions::default()
    };
    for (name, length) in [("small", 5), ("big", 60)] {
        world.source.put(&key(name), noise(1, length), options.clone());
        let receipt = copy(&world, name).await;
        let there = world.sink.head(&key(name)).await.unwrap().unwrap().attributes;
        assert_eq!(there.content_type.as_deref(), Some("text/csv"));
        assert_eq!(there.content_encoding.as_deref(), Some("gzip"));
        assert_eq!(there.cache_control.as_deref(), Some("no-store"));
        assert_eq!(there.content_disposition.as_deref(), Some("attachment"));
        assert_eq!(there.storage_class.as_deref(), Some("STANDARD_IA"));
        assert_eq!(there.metadata["owner"], "Jane");
        assert_eq!(there.metadata["carnet-source-version"], receipt.source_version.as_str());
        assert!(there.metadata["carnet-source-modified"].ends_with('Z'));
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_another_crosses_starts_over() {
    for name in ["small", "big"] {
        let world = World::new();
        world.put(name, noise(1, if name == "big" { 60 } else { 5 }));
        world.frail.on(if name == "big" { "complete big" } else { "put small" }, Break::Conflict);
        copy(&world, name).await;
        world.assert_same().await;
        assert_eq!(world.uploads().await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_was_lost_is_done() {
    for (name, call) in [("small", "put small"), ("big", "complete big")] {
        let world = World::new();
        world.put(name, noise(1, if name == "big" { 60 } else { 5 }));
        world.frail.on(call, Break::LoseAnswer);
        let receipt = copy(&world, name).await;
        let there = world.sink.head(&key(name)).await.unwrap().unwrap();
        assert_eq!((receipt.etag, receipt.origin), (there.version, carnet_sync::Origin::Copied));
        let writes: Vec<_> = world.frail.log().into_iter().filter(|line| line.starts_with(call)).collect();
        assert_eq!(writes.len(), 2, "{writes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_that_flip_on_the_way_are_refused_and_sent_again() {
    for (name, call) in [("small", "put small"), ("big", "part 3 big")] {
        let world = World::new();
        world.put(name, noise(1, if name == "big" { 60 } else { 5 }));
        world.frail.on(call, Break::Corrupt);
        copy(&world, name).await;
        world.assert_same().await;
        let sent = world.frail.log().into_iter().filter(|line| line.starts_with(call)).count();
        assert_eq!(sent, 2);
    }
}

#[tokio::test]
async fn an_object_that_changes_under_way_is_begun_again() {
    for (name, length) in [("small", 5), ("big", 60)] {
        let world = World::new();
        world.put(name, noise(1, length));
        let task = task(&world, name).await;
        let (source, new) = (world.source.clone(), noise(2, length + 1));
        let body = new.clone();
        world.frail.on(
            "source open",
            Break::First(Box::new(move || {
                source.put(&key(name), body, PutOptions::default());
            })),
        );
        let Outcome::Done(receipt) = copier(&world).object(&task).await else { panic!("{name}") };
        assert_ne!(receipt.source_version, task.found.version);
        assert_eq!(world.held().await[name], new);
        assert_eq!(world.uploads().await, 0);
    }
}

/// Between two parts: the first was read of the old version, the second cannot be.
#[tokio::test]
async fn parts_of_two_versions_never_meet() {
    let mut world = World::new();
    world.options.copy.parts_at_once = 1;
    world.put_with_crc32c("big", noise(1, 60)).await;
    let task = task(&world, "big").await;
    let source = world.source.clone();
    world.frail.on(
        "part 2 big",
        Break::First(Box::new(move || {
            source.put(
                &key("big"),
                noise(2, 60),
                PutOptions { without_digest: true, ..PutOptions::default() },
            );
        })),
    );
    let Outcome::Done(receipt) = copier(&world).object(&task).await else { panic!("it failed") };
    assert_eq!(world.held().await["big"], noise(2, 60));
    assert_eq!((receipt.proven, receipt.unproven), (Proven::Length, Some(Unproven::SourceHasNoDigest)));
    assert_eq!(world.uploads().await, 0);
}

#[tokio::test]
async fn an_object_that_always_changes_is_reported() {
    let world = World::new();
    world.put("a", "0");
    let task = task(&world, "a").await;
    for number in 0..9u64 {
        let source = world.source.clone();
        world.frail.on(
            "source open",
            Break::First(Box::new(move || {
                source.put(&key("a"), noise(number, 5), PutOptions::default());
            })),
        );
    }
    let Outcome::Failed(error) = copier(&world).object(&task).await else { panic!("it ended") };
    assert_eq!(error.kind(), Some(Kind::Changed));
}

#[tokio::test]
async fn an_object_that_is_deleted_under_way_is_reported_and_fails_nothing() {
    for (name, length) in [("small", 5), ("big", 60)] {
        let world = World::new();
        world.put(name, noise(1, length));
        world.put("other", "x");
        let source = world.source.clone();
        world.frail.on(
            &format!("source open {name}"),
            Break::First(Box::new(move || {
                source.remove(&key(name));
            })),
        );
        let summary = world.run().await.unwrap();
        assert_eq!((summary.ending, summary.counts.gone, summary.counts.copied), (Ending::Done, 1, 1));
        assert!(world.heard("\"event\":\"gone\""));
        world.assert_same().await;
        assert_eq!(world.uploads().await, 0);
        assert!(!world.state_files().await.iter().any(|file| file.starts_with("uploads/")));
    }
}

#[tokio::test]
async fn a_denial_is_not_a_deletion() {
    let world = World::new();
    world.put("a", "x");
    world.frail.on("source open a", Break::Fail(Kind::NotFound));
    world.frail.on("source head a", Break::Fail(Kind::Forbidden));
    let Outcome::Failed(error) = copier(&world).object(&task(&world, "a").await).await else {
        panic!("gone")
    };
    assert_eq!(error.kind(), Some(Kind::Forbidden));
}

#[tokio::test]
async fn finished_parts_are_the_checkpoint_for_another_process() {
    for with_crc32c in [false, true] {
        let mut world = World::new();
        world.options.copy.parts_at_once = 1;
        match with_crc32c {
            true => world.put_with_crc32c("big", noise(1, 60)).await,
            false => drop(world.put("big", noise(1, 60))),
        }
        world.frail.on("part 5 big", Break::DieBefore);
        tokio::select! {
            biased;
            () = world.frail.died.notified() => {}
            _ = world.run() => panic!("it lived"),
        }
        assert!(world.held().await.is_empty());
        assert_eq!(world.uploads().await, 1);
        world.frail.revive();
        world.later();
        world.frail.log();
        let summary = world.run().await.unwrap();
        let log = world.frail.log();
        let parts: Vec<_> =
            log.iter().filter(|line| line.starts_with("part ")).map(|line| &line[5..7]).collect();
        assert_eq!(parts, ["5 ", "6 ", "7 ", "8 ", "9 ", "10", "11", "12"]);
        assert!(log.iter().all(|line| !line.starts_with("begin")));
        world.assert_same().await;
        assert_eq!((world.uploads().await, summary.counts.copied), (0, 1));
        // The MD5 is of the whole, which no process has seen.
        let proven = (summary.counts.proven_crc32c, summary.counts.proven_length);
        assert_eq!(proven, if with_crc32c { (1, 0) } else { (0, 1) });
        assert!(!world.state_files().await.iter().any(|file| file.starts_with("uploads/")));
    }
}

#[tokio::test]
async fn parts_of_another_version_are_given_up() {
    let mut world = World::new();
    world.options.copy.parts_at_once = 1;
    world.put("big", noise(1, 60));
    world.frail.on("part 5 big", Break::DieBefore);
    tokio::select! {
        biased;
        () = world.frail.died.notified() => {}
        _ = world.run() => panic!("it lived"),
    }
    world.frail.revive();
    world.later();
    world.put("big", noise(2, 60));
    let summary = world.run().await.unwrap();
    assert_eq!((summary.counts.proven_md5, world.uploads().await), (1, 0));
    world.assert_same().await;
}

/// A failure that a later try may get over keeps the parts, any other ends the upload.
#[tokio::test(start_paused = true)]
async fn a_failed_upload_is_ended_unless_it_can_go_on() {
    for (kind, uploads) in [(Kind::Unavailable, 1), (Kind::OutOfRange, 0)] {
        let world = World::new();
        world.put("big", noise(1, 60));
        // In the stream of the whole, then four times by itself.
        for _ in 0..5 {
            world.frail.on("part 2 big", Break::Fail(kind));
        }
        let Outcome::Failed(_) = copier(&world).object(&task(&world, "big").await).await else {
            panic!("done")
        };
        assert_eq!(world.uploads().await, uploads, "{kind}");
        world.frail.revive();
        copy(&world, "big").await;
        world.assert_same().await;
        assert_eq!(world.uploads().await, 0);
    }
}

#[tokio::test]
async fn several_processes_share_one_big_object() {
    let world = World::new();
    world.put_with_crc32c("big", noise(1, 60)).await;
    let task = task(&world, "big").await;
    let big = copier(&world).begin(&task).await.unwrap();
    // As it travels between functions.
    let big: carnet_sync::BigCopy = serde_json::from_str(&serde_json::to_string(&big).unwrap()).unwrap();
    assert_eq!(big.numbers(), 1..=12);
    assert!(copier(&world).parts(&big, 7..=12).await.unwrap());
    assert!(copier(&world).parts(&big, 1..=6).await.unwrap());
    assert!(copier(&world).parts(&big, 1..=6).await.unwrap());
    world.frail.log();
    let Outcome::Done(receipt) = copier(&world).object(&task).await else { panic!("it failed") };
    assert_eq!(receipt.proven, Proven::Crc32c);
    assert!(world.frail.log().iter().all(|line| !line.starts_with("part ")));
    world.assert_same().await;
}

#[tokio::test]
async fn a_batch_that_is_copied_again_copies_what_is_left() {
    let world = World::new();
    let mut tasks = Vec::new();
    for name in ["a", "b", "c"] {
        world.put(name, noise(1, 5));
        tasks.push(task(&world, name).await);
    }
    let batch = Batch { run: RunId::parse("run-1").unwrap(), number: 7, tasks };
    world.frail.on("source open b", Break::Fail(Kind::Forbidden));
    let first = copier(&world).batch(&batch).await.unwrap();
    assert!(first.is_unfinished() && first.failures[0].key == "b");
    assert_eq!((first.counts.copied, first.receipts.unwrap().records), (2, 2));
    world.frail.log();
    let second = copier(&world).batch(&batch).await.unwrap();
    assert_eq!((second.counts.copied, second.counts.failed, second.receipts.unwrap().records), (3, 0, 3));
    let opened: Vec<_> =
        world.frail.log().into_iter().filter(|line| line.starts_with("source open")).collect();
    assert_eq!(opened, ["source open b"]);
}

#[tokio::test]
async fn stopping_leaves_the_parts_that_have_arrived() {
    let mut world = World::new();
    world.options.copy.parts_at_once = 1;
    world.put_with_crc32c("big", noise(1, 60)).await;
    let stop = Stop::new();
    let asked = stop.clone();
    world.frail.on("part 4 big", Break::First(Box::new(move || asked.stop())));
    let run = RunId::parse("run-1").unwrap();
    let stopping = Copier::new(world.job(), run, world.options.copy.clone(), Arc::new(Silent), stop);
    let task = task(&world, "big").await;
    assert!(matches!(stopping.object(&task).await, Outcome::Left));
    assert_eq!(world.uploads().await, 1);
    world.frail.log();
    copy(&world, "big").await;
    let parts = world.frail.log().into_iter().filter(|line| line.starts_with("part ")).count();
    assert!(parts <= 9, "{parts}");
    world.assert_same().await;
}

/// A source whose listing has a digest that the bytes do not have.
#[tokio::test]
async fn wrong_bytes_are_read_once_more_and_never_written() {
    let world = World::new();
    world.put("a", noise(1, 60));
    let mut task = task(&world, "a").await;
    task.found.digests.crc32c = Some(7);
    let Outcome::Failed(error) = copier(&world).object(&task).await else { panic!("written") };
    assert_eq!(error.kind(), Some(Kind::Malformed), "{error}");
    assert!(world.held().await.is_empty());
    let begun = world.frail.log().into_iter().filter(|line| line.starts_with("begin")).count();
    assert_eq!((begun, world.uploads().await), (2, 0));
}

#[tokio::test]
async fn errors_can_be_told_apart() {
    let run = RunId::parse("20260102T030405Z-1a2b3c4d").expect("a run");
    let error = SyncError::Held { holder: "host".into(), run, until: SystemTime::UNIX_EPOCH };
    assert_eq!(
        error.to_string(),
        "another run, 20260102T030405Z-1a2b3c4d of host, holds the lease until 1970-01-01T00:00:00Z"
    );
    assert_eq!(error.kind(), None);
}
