//! Whole runs: what they say, what they refuse, what they leave.

mod support;

use carnet_objects::memory::PutOptions;
use carnet_objects::{Kind, ObjectSink as _};
use carnet_sync::{Ending, Lease, RunId, State, Stop, SyncError, run, status};
use std::time::Duration;
use support::{Break, STATE, World, key, noise};

#[tokio::test]
async fn a_first_run_copies_and_a_second_has_nothing_to_do() {
    let mut world = World::new();
    world.prefix = "copy/of/".to_owned();
    world.put("a", "x");
    world.put("empty", "");
    world.put("big", noise(1, 100));
    world.put_with_crc32c("crc", noise(2, 100)).await;
    world.source.put(
        &key("bare"),
        noise(3, 100),
        PutOptions { without_digest: true, ..PutOptions::default() },
    );
    let first = world.run().await.unwrap();
    assert_eq!((first.ending, first.counts.copied, first.counts.copied_bytes), (Ending::Done, 5, 301));
    let proven = (first.counts.proven_md5, first.counts.proven_crc32c, first.counts.proven_length);
    assert_eq!(proven, (3, 1, 1));
    world.assert_same().await;
    assert_eq!(world.uploads().await, 0);
    // What only the run needed is gone.
    let files = world.state_files().await;
    assert_eq!(files.len(), 3, "{files:?}");
    assert!(
        files.iter().any(|file| file.starts_with("manifest/")) && !files.contains(&"lease.json".to_owned())
    );

    world.frail.log();
    let second = world.run().await.unwrap();
    assert_eq!((second.ending, second.planned.keep), (Ending::NothingToDo, 5));
    assert!(world.frail.log().iter().all(|call| !call.starts_with("source open")));
}

#[tokio::test]
async fn a_second_run_is_refused_before_it_copies_until_the_lease_ends() {
    let world = World::new();
    world.put("a", "x");
    let job = world.job();
    let other = RunId::parse("another").unwrap();
    let lease =
        Lease::take(&job.state, &job.clock, "host-1", &other, Duration::from_secs(300)).await.unwrap();
    let Err(SyncError::Held { holder, .. }) = world.run().await else { panic!("it ran") };
    assert_eq!(holder, "host-1");
    assert!(world.held().await.is_empty());
    world.later();
    world.run().await.unwrap();
    world.assert_same().await;
    // Whoever slept meanwhile learns of it.
    let mut lease = lease;
    assert!(!lease.is_live());
    assert!(matches!(lease.renew().await, Err(SyncError::LeaseLost)));
    assert!(matches!(
        Lease::resume(&job.state, &job.clock, &other, Duration::from_secs(300)).await,
        Err(SyncError::LeaseLost)
    ));
}

#[tokio::test]
async fn a_run_that_loses_its_lease_neither_commits_nor_deletes() {
    let world = World::new();
    world.put("a", "x");
    world.put("b", "x");
    world.run().await.unwrap();
    world.remove("a");
    world.put("c", "x");
    let (sink, before) = (world.sink.clone(), world.manifest().await.root);
    // While it copies, another run takes the lease, by the file that both of them read.
    world.frail.on(
        "source open c",
        Break::First(Box::new(move || {
            sink.put(
                &key(".carnet/lease.json"),
                "{\"schema\":1,\"holder\":\"x\",\"run\":\"x\",\"expires\":\"2999-01-01T00:00:00Z\",\"term_seconds\":300}",
                PutOptions::default(),
            );
        })),
    );
    assert!(matches!(world.run().await, Err(SyncError::LeaseLost)));
    assert_eq!(world.manifest().await.root, before);
    assert!(world.held().await.contains_key("a"));
}

#[tokio::test]
async fn a_failed_object_holds_deletions_back_and_the_next_run_makes_them() {
    let world = World::new();
    world.put("old", "x");
    world.run().await.unwrap();
    world.remove("old");
    world.put("forbidden", "x");
    world.put("fine", "x");
    world.frail.on("source open forbidden", Break::Fail(Kind::Forbidden));
    let summary = world.run().await.unwrap();
    assert_eq!(summary.ending, Ending::PartlyFailed);
    assert_eq!((summary.counts.copied, summary.counts.failed, summary.counts.not_deleted), (1, 1, 1));
    assert!(world.held().await.contains_key("old"));
    assert!(world.heard("\"event\":\"failed\",\"key\":\"forbidden\",\"kind\":\"forbidden\""));
    let summary = world.run().await.unwrap();
    assert_eq!((summary.ending, summary.counts.copied, summary.counts.deleted), (Ending::Done, 1, 1));
    world.assert_same().await;
}

#[tokio::test]
async fn what_comes_back_before_it_is_deleted_and_goes_again_is_deleted_by_a_later_run() {
    let world = World::new();
    world.put("fickle", "x");
    world.run().await.unwrap();
    world.remove("fickle");
    world.put("other", "x");
    let source = world.source.clone();
    // The plan has seen that it is gone.
    let back = move || drop(source.put(&key("fickle"), "x", PutOptions::default()));
    world.frail.on("source open other", Break::First(Box::new(back)));
    let summary = world.run().await.unwrap();
    assert_eq!((summary.counts.deleted, summary.planned.delete), (0, 1));
    assert!(world.held().await.contains_key("fickle"));
    world.remove("fickle");
    world.run().await.unwrap();
    world.assert_same().await;
}

#[tokio::test]
async fn only_what_we_wrote_is_deleted_and_only_as_we_wrote_it() {
    let world = World::new();
    // There before us, with the source's own digest: adopted, not ours to delete.
    world.put_with_crc32c("theirs", "same").await;
    world.sink.put(&key("unrelated"), "x", PutOptions::default());
    let request = carnet_objects::sink::PutRequest::new(carnet_objects::sink::Crc32c::of(b"same"));
    let put =
        carnet_objects::ObjectSink::put(&*world.sink, &key("theirs"), "same".into(), &request).await.unwrap();
    world.put("ours", "x");
    world.put("touched", "x");
    let first = world.run().await.unwrap();
    assert_eq!((first.counts.copied, first.counts.adopted), (2, 1));
    let there = world.sink.head(&key("theirs")).await.unwrap().unwrap();
    assert_eq!(Some(there.version), put.written().map(|written| written.version));
    // Somebody writes over one of ours.
    world.sink.put(&key("touched"), "not ours any more", PutOptions::default());
    for name in ["theirs", "ours", "touched"] {
        world.remove(name);
    }
    world.put("left", "x");
    let second = world.run().await.unwrap();
    assert_eq!((second.counts.deleted, second.counts.not_ours, second.planned.delete), (1, 1, 2));
    let held: Vec<String> = world.held().await.into_keys().collect();
    assert_eq!(held, ["left", "theirs", "touched", "unrelated"]);
}

#[tokio::test]
async fn adopting_asks_for_a_digest_and_never_for_the_size() {
    let world = World::new();
    world.source.put(&key("bare"), "1234", PutOptions { without_digest: true, ..PutOptions::default() });
    world.put_with_crc32c("other", "abcd").await;
    for name in ["bare", "other"] {
        world.sink.put(&key(name), "12x4", PutOptions::default());
    }
    let summary = world.run().await.unwrap();
    assert_eq!((summary.counts.adopted, summary.counts.copied), (0, 2));
    world.assert_same().await;
}

#[tokio::test]
async fn a_foreign_object_stays_where_that_is_asked_for() {
    let mut world = World::new();
    world.options.copy.foreign = carnet_sync::Foreign::Keep;
    world.put("a", "mine");
    world.sink.put(&key("a"), "theirs", PutOptions::default());
    let summary = world.run().await.unwrap();
    assert_eq!((summary.ending, summary.counts.failed), (Ending::PartlyFailed, 1));
    assert_eq!(world.held().await["a"], "theirs");
}

#[tokio::test]
async fn stopping_ends_cleanly_and_the_next_run_goes_on() {
    let world = World::new();
    for number in 0..20 {
        world.put(&format!("{number:02}"), noise(number, 10));
    }
    world.remove("19");
    let stop = Stop::new();
    let asked = stop.clone();
    world.frail.on("source open 07", Break::First(Box::new(move || asked.stop())));
    let mut options = world.options.clone();
    options.copy.objects_at_once = 1;
    options.plan.batches.objects = 4;
    options.batches_at_once = 1;
    let summary = run(world.job(), options, world.progress(), stop).await.unwrap();
    assert_eq!(summary.ending, Ending::Stopped);
    assert!(summary.counts.copied >= 7 && summary.counts.copied < 19, "{:?}", summary.counts);
    assert_eq!(summary.objects, summary.counts.copied);
    let next = world.run().await.unwrap();
    assert_eq!(next.counts.copied, 19 - summary.counts.copied);
    world.assert_same().await;
}

#[tokio::test]
async fn a_state_of_other_places_or_of_a_newer_program_is_refused() {
    let world = World::new();
    world.put("a", "x");
    world.run().await.unwrap();
    let state = State::new(world.sink.clone(), STATE).unwrap();
    let other = carnet_sync::Job::new(
        world.source.clone(),
        "gs://elsewhere",
        world.sink.clone(),
        "memory://sink",
        "",
        state,
    );
    let outcome = run(other.unwrap().into(), world.options.clone(), world.progress(), Stop::new()).await;
    assert!(matches!(outcome, Err(SyncError::OtherPlaces { .. })));

    let root = support::contents(&world.sink).await[".carnet/root.json"].clone();
    let newer = String::from_utf8(root.to_vec()).unwrap().replace("\"schema\": 1", "\"schema\": 2");
    world.sink.put(&key(".carnet/root.json"), newer, PutOptions::default());
    world.put("b", "x");
    let Err(error) = world.run().await else { panic!("it ran") };
    assert!(error.to_string().contains("schema version 2"), "{error}");
    assert!(!world.held().await.contains_key("b"));
}

#[tokio::test]
async fn a_shard_that_was_changed_is_noticed() {
    let world = World::new();
    world.put("a", "x");
    world.run().await.unwrap();
    let shard = world.manifest().await.root.unwrap().shards[0].path.clone();
    let name = format!("{STATE}{shard}");
    let mut body = support::contents(&world.sink).await[&name].to_vec();
    *body.last_mut().unwrap() ^= 1;
    world.sink.put(&key(&name), body, PutOptions::default());
    assert!(matches!(world.run().await, Err(SyncError::Corrupt { .. })));
}

#[tokio::test]
async fn the_status_tells_who_is_at_work_and_what_is_unfinished() {
    let world = World::new();
    let state = State::new(world.sink.clone(), STATE).unwrap();
    assert!(status(&state).await.unwrap().manifest.is_none());
    world.put("a", "x");
    world.put("big", noise(1, 60));
    world.frail.on("put .carnet/root.json", Break::DieBefore);
    tokio::select! {
        biased;
        () = world.frail.died.notified() => {}
        _ = world.run() => panic!("it lived"),
    }
    let seen = status(&state).await.unwrap();
    assert_eq!((seen.unfinished.len(), seen.manifest.is_none(), seen.lease.is_some()), (1, true, true));
    world.frail.revive();
    world.later();
    // Its receipts are not lost: nothing is copied again.
    let summary = world.run().await.unwrap();
    assert_eq!((summary.ending, summary.counts.copied, summary.objects), (Ending::NothingToDo, 0, 2));
    assert!(world.heard("\"event\":\"recovered\""));
    let seen = status(&state).await.unwrap();
    assert_eq!((seen.unfinished.len(), seen.lease, seen.last_run), (0, None, Some(summary)));
    assert_eq!(seen.manifest.unwrap().objects, 2);
}

/// A command or a function spawns it.
#[tokio::test]
async fn a_run_can_be_spawned() {
    let world = World::new();
    world.put("a", "x");
    let work = run(world.job(), world.options.clone(), world.progress(), Stop::new());
    assert_eq!(tokio::spawn(work).await.unwrap().unwrap().ending, Ending::Done);
}
