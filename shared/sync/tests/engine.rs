//! The three steps called one by one, as an engine calls them: each by a process of its own, each more
//! than once.

mod support;

use carnet_objects::memory::PutOptions;
use carnet_objects::{Kind, ObjectSource};
use carnet_sync::steps::{Planned, Step};
use carnet_sync::verify::{Finding, verify};
use carnet_sync::{BatchLimits, Ending, Stop, SyncError, listing, status};
use std::sync::Arc;
use support::{Break, Engine, STATE, World, key, noise};

#[tokio::test]
async fn the_steps_one_by_one_are_a_run() {
    let mut world = World::new();
    world.options.plan.batches.objects = 3;
    for number in 0..10 {
        world.put(&format!("{number}"), noise(number, 7));
    }
    world.put("big", noise(1, 60));
    let first = Engine::new(&world, "execution-1").all().await.unwrap();
    assert_eq!((first.ending, first.counts.copied), (Ending::Done, 11));
    world.assert_same().await;
    assert!(world.manifest().await.shards().len() > 1, "merged by ranges");
    world.remove("3");
    world.put("4", "changed");
    let second = Engine::new(&world, "execution-2").all().await.unwrap();
    assert_eq!((second.ending, second.counts.copied, second.counts.deleted), (Ending::Done, 1, 1));
    world.assert_same().await;
    let seen = status(&world.job().state).await.unwrap();
    assert_eq!((seen.unfinished.len(), seen.lease), (0, None));
    let third = Engine::new(&world, "execution-3").all().await.unwrap();
    assert_eq!(third.ending, Ending::NothingToDo);
    // The command goes on with what the engine left, and the engine with the command's.
    world.put("5", "changed");
    assert_eq!(world.run().await.unwrap().counts.copied, 1);
    assert_eq!(Engine::new(&world, "execution-4").all().await.unwrap().ending, Ending::NothingToDo);
}

/// Called again after its end, as an engine does whose answer was lost.
#[tokio::test]
async fn every_step_may_be_called_again() {
    let mut world = World::new();
    world.options.plan.batches.objects = 2;
    for number in 0..5 {
        world.put(&format!("{number}"), noise(number, 7));
    }
    let engine = Engine::new(&world, "execution-1");
    let waves = engine.plan().await.unwrap();
    assert_eq!(waves, engine.plan().await.unwrap());
    for item in waves.concat().iter().flat_map(|item| [item, item]) {
        engine.copy(item).await.unwrap();
    }
    let log = world.frail.log();
    let puts = log.iter().filter(|line| line.starts_with("put "));
    let (state, copies): (Vec<_>, Vec<_>) = puts.partition(|line| line.contains(STATE));
    assert_eq!(copies.len(), 5, "nothing is copied twice");
    let receipts = state.iter().filter(|line| line.contains("/receipts/"));
    assert_eq!(receipts.count(), 3, "a whole file of receipts is not written again");
    let summary = engine.commit().await.unwrap();
    assert_eq!(engine.commit().await.unwrap(), summary);
    let over = engine.copy(&waves[0][0]).await.unwrap_err();
    assert!(matches!(over, SyncError::RunIsOver { .. }), "{over}");
    assert_eq!(status(&engine.state()).await.unwrap().lease, None);
}

/// One that the engine gave up is still at work: when it ends, what was gathered holds.
#[tokio::test]
async fn a_worker_that_was_given_up_changes_nothing_that_is_referred_to() {
    let mut world = World::new();
    world.options.plan.batches.objects = 3;
    for number in 0..3 {
        world.put(&format!("{number}"), noise(number, 7));
    }
    let engine = Engine::new(&world, "execution-1");
    let item = engine.plan().await.unwrap()[0][0].clone();
    // It has copied all, and is about to write its receipts, when another one is called and comes to its end.
    let (given_up, stop) = (engine.steps(), Stop::new());
    let (paused, go_on) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
    world.frail.on("put .carnet/runs/execution-1/receipts/", Break::Wait(paused.clone(), go_on.clone()));
    let late = given_up.copy(&item, &stop);
    let rest = async {
        paused.notified().await;
        engine.copy(&item).await.unwrap();
        let gathered = engine.steps().gather(&engine.run).await.unwrap();
        go_on.notify_one();
        gathered
    };
    let (late, gathered) = tokio::join!(late, rest);
    late.unwrap();
    for number in 0..gathered.count {
        engine.steps().merge(&engine.run, number).await.unwrap();
    }
    assert_eq!(engine.commit().await.unwrap().ending, Ending::Done);
    world.assert_same().await;
}

#[tokio::test]
async fn a_plan_stops_in_time_and_goes_on_from_its_checkpoint() {
    let mut world = World::new();
    world.options.plan.batches.objects = 2;
    for number in 0..9 {
        world.put(&format!("{number}"), noise(number, 7));
    }
    let engine = Engine::new(&world, "execution-1");
    let stopped = Stop::new();
    stopped.stop();
    let began = std::time::SystemTime::UNIX_EPOCH;
    for _ in 0..3 {
        let planned = engine.steps().plan(&engine.run, began, None, &stopped).await.unwrap();
        assert_eq!(planned, Planned::Stopped);
    }
    assert_eq!(engine.all().await.unwrap().counts.copied, 9);
    world.assert_same().await;
}

#[tokio::test]
async fn a_big_object_is_copied_by_several_workers() {
    let mut world = World::new();
    world.options.plan.batches = BatchLimits { objects: 3, bytes: 20, spread: true };
    world.put("a", noise(1, 7));
    world.put("big", noise(2, 93));
    world.put("c", noise(3, 7));
    let engine = Engine::new(&world, "execution-1");
    let waves = engine.plan().await.unwrap();
    let parts: Vec<_> = waves[0].iter().filter_map(|item| item.first_part.zip(item.last_part)).collect();
    // 19 parts of 5 bytes, 4 of them for each worker.
    assert_eq!(parts, [(1, 4), (5, 8), (9, 12), (13, 16), (17, 19)]);
    assert_eq!((waves[0].len(), waves[1].len()), (7, 1));
    // All at once: whoever begins the upload first, the others send their parts to it.
    let copies = waves[0].iter().map(|item| engine.copy(item));
    futures_util::future::try_join_all(copies).await.unwrap();
    assert!(!world.held().await.contains_key("big"), "invisible until it is finished");
    engine.copy(&waves[1][0]).await.unwrap();
    let summary = engine.commit().await.unwrap();
    assert_eq!((summary.ending, summary.counts.copied), (Ending::Done, 3));
    world.assert_same().await;
    assert_eq!(world.uploads().await, 0, "no upload is left behind");
    let sent = world.frail.log().iter().filter(|line| line.starts_with("part ")).count();
    assert_eq!(sent, 19, "each part is sent once");
}

/// It changes at the source while its parts are sent.
#[tokio::test]
async fn a_big_object_that_changes_is_copied_by_whoever_finishes_it() {
    let mut world = World::new();
    world.options.plan.batches = BatchLimits { objects: 3, bytes: 20, spread: true };
    world.put("big", noise(2, 93));
    let engine = Engine::new(&world, "execution-1");
    let waves = engine.plan().await.unwrap();
    engine.copy(&waves[0][0]).await.unwrap();
    world.put("big", noise(3, 61));
    for item in waves.concat().iter().skip(1) {
        engine.copy(item).await.unwrap();
    }
    assert_eq!(engine.commit().await.unwrap().counts.copied, 1);
    world.assert_same().await;
    assert_eq!(world.uploads().await, 0);
}

#[tokio::test]
async fn a_batch_that_no_worker_finished_is_said_and_nothing_is_deleted() {
    let mut world = World::new();
    world.put("old", "x");
    world.run().await.unwrap();
    world.remove("old");
    world.options.plan.batches.objects = 2;
    for number in 0..5 {
        world.put(&format!("{number}"), noise(number, 7));
    }
    let engine = Engine::new(&world, "execution-1");
    let waves = engine.plan().await.unwrap();
    // A worker dies, and nobody takes its batch again. It has left a note of what it may have written.
    world.frail.on("put 0", Break::DieAfter);
    tokio::select! {
        biased;
        () = world.frail.died.notified() => world.frail.revive(),
        outcome = async { engine.steps().copy(&waves[0][0], &Stop::new()).await } => panic!("{outcome:?}"),
    }
    for item in &waves[0][1..] {
        engine.copy(item).await.unwrap();
    }
    let summary = engine.commit().await.unwrap();
    let kept: Vec<_> =
        world.state_files().await.into_iter().filter(|path| path.starts_with("runs/")).collect();
    assert_eq!(kept, ["runs/execution-1/begun/00000000.json"], "the next run looks at that batch alone");
    assert_eq!((summary.ending, summary.counts.failed), (Ending::PartlyFailed, 2));
    assert_eq!((summary.counts.copied, summary.counts.not_deleted), (3, 1));
    assert_eq!(Engine::new(&world, "execution-2").all().await.unwrap().ending, Ending::Done);
    world.assert_same().await;
}

#[tokio::test]
async fn a_second_run_is_refused_before_it_copies() {
    let world = World::new();
    world.put("a", "x");
    let (first, second) = (Engine::new(&world, "execution-1"), Engine::new(&world, "execution-2"));
    let waves = first.plan().await.unwrap();
    let refused = second.plan().await.unwrap_err();
    assert!(matches!(refused, SyncError::Held { .. }), "{refused}");
    // The lease ends while nobody works, and nobody takes it: the first goes on, as when it is redriven.
    world.later();
    first.copy(&waves[0][0]).await.unwrap();
    world.later();
    world.later();
    // Now the second takes over what the first has done.
    assert_eq!(second.all().await.unwrap().objects, 1);
    let over = first.commit().await.unwrap_err();
    assert!(matches!(over, SyncError::RunIsOver { .. }), "{over}");
    world.assert_same().await;
}

#[tokio::test]
async fn deletions_stop_in_time_and_go_on() {
    let mut world = World::new();
    for number in 0..600 {
        world.put(&format!("{number:03}"), "x");
    }
    world.run().await.unwrap();
    for number in 100..600 {
        world.remove(&format!("{number:03}"));
    }
    world.options.guard.max_percent = 10;
    let engine = Engine::new(&world, "execution-1");
    let refused = engine.all().await.unwrap();
    assert_eq!((refused.ending, refused.counts.deleted), (Ending::RefusedByGuard, 0));
    // Somebody looked at the plan, and starts a run with its digest.
    let passed = Some(refused.deletions_digest.clone());
    let engine = Engine { passed, ..Engine::new(&world, "execution-2") };
    engine.plan().await.unwrap();
    let gathered = engine.steps().gather(&engine.run).await.unwrap();
    for number in 0..gathered.count {
        engine.steps().merge(&engine.run, number).await.unwrap();
    }
    // Told to stop after the first of them.
    let stop = Stop::new();
    let asked = stop.clone();
    world.frail.on("delete 300", Break::First(Box::new(move || asked.stop())));
    let step = engine.steps().conclude(&engine.run, &stop).await.unwrap();
    assert!(matches!(step, Step::Stopped));
    let held = world.held().await.len();
    assert!((101..600).contains(&held), "{held} objects are left");
    let summary = engine.commit().await.unwrap();
    assert_eq!((summary.ending, summary.counts.deleted), (Ending::Done, 500));
    world.assert_same().await;
}

/// A put that was done, whose every answer was lost: the run calls it failed, and the source deletes
/// the object before the next one.
#[tokio::test(start_paused = true)]
async fn what_was_written_without_a_receipt_is_found_and_deleted() {
    let world = World::new();
    world.put("a", "x");
    world.put("b", "x");
    world.frail.on("put b", Break::LoseAnswer);
    for _ in 0..3 {
        world.frail.on("put b", Break::Fail(Kind::Unavailable));
    }
    let summary = world.run().await.unwrap();
    assert_eq!((summary.ending, summary.counts.failed), (Ending::PartlyFailed, 1));
    assert_eq!(world.held().await.len(), 2);
    world.remove("b");
    let summary = world.run().await.unwrap();
    assert_eq!((summary.counts.deleted, summary.planned.delete), (1, 1));
    world.assert_same().await;
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_fails_stays_pending_until_the_key_lives_again() {
    let world = World::new();
    world.put("a", "x");
    world.put("b", "x");
    world.run().await.unwrap();
    world.remove("a");
    world.frail.on("delete a", Break::Fail(Kind::Forbidden));
    let summary = world.run().await.unwrap();
    assert_eq!((summary.ending, summary.counts.not_deleted, summary.objects), (Ending::PartlyFailed, 1, 1));
    assert_eq!(status(&world.job().state).await.unwrap().manifest.unwrap().pending, 1);
    // It is back, and whoever would look whether it is gone is not let to.
    world.put("a", "new");
    world.frail.on("source head a", Break::Fail(Kind::Forbidden));
    let summary = world.run().await.unwrap();
    assert_eq!(summary.counts.copied, 1);
    assert_eq!(status(&world.job().state).await.unwrap().manifest.unwrap().pending, 0);
    world.assert_same().await;
}

#[tokio::test]
async fn a_listing_is_cut_at_the_folders_of_the_source() {
    let mut world = World::new();
    for name in ["a/1", "a/2", "b/1", "c", "d/e/f"] {
        world.put(name, "x");
    }
    let cuts = listing::folders(&*world.source).await.unwrap();
    assert_eq!(cuts, ["a/", "b/", "d/"]);
    world.options.plan.cuts = cuts;
    world.run().await.unwrap();
    let lists = world.frail.log().into_iter().filter(|line| line == "source list").count();
    assert_eq!(lists, 4);
    world.assert_same().await;
}

#[tokio::test]
async fn verifying_reads_both_sides_again() {
    let world = World::new();
    for name in ["changed", "fine", "missing", "moved"] {
        world.put(name, "one");
    }
    world.run().await.unwrap();
    let job = world.job();
    let there: Arc<dyn ObjectSource> = world.sink.clone();
    let all = verify(&job, &there, 4, &Stop::new(), |_, _| {}).await.unwrap();
    assert!(all.is_good() && (all.same, all.same_bytes) == (4, 12), "{all:?}");
    world.sink.put(&key("changed"), "two", PutOptions::default());
    assert!(world.sink.remove(&key("missing")));
    world.put("moved", "two");
    let mut found = Vec::new();
    let each = |receipt: &carnet_sync::Receipt, finding: &carnet_sync::Result<Finding>| {
        found.push((receipt.key.as_str().to_owned(), *finding.as_ref().unwrap()));
    };
    let some = verify(&job, &there, 4, &Stop::new(), each).await.unwrap();
    assert!(!some.is_good());
    let findings = [Finding::Different, Finding::Same, Finding::MissingAtDestination, Finding::SourceMoved];
    let expected = ["changed", "fine", "missing", "moved"].map(str::to_owned);
    assert_eq!(found, expected.into_iter().zip(findings).collect::<Vec<_>>());
    let stopped = Stop::new();
    stopped.stop();
    assert!(verify(&job, &there, 4, &stopped, |_, _| {}).await.unwrap().stopped);
}

/// Several processes at once: the pieces of one plan, by real tasks.
#[tokio::test]
async fn batches_may_be_copied_at_the_same_time() {
    let world = Arc::new(World::new());
    for number in 0..30 {
        world.put(&format!("{number:02}"), noise(number, 7));
    }
    let mut options = world.options.clone();
    options.plan.batches.objects = 2;
    options.batches_at_once = 8;
    let summary = carnet_sync::run(world.job(), options, world.progress(), Stop::new()).await.unwrap();
    assert_eq!(summary.counts.copied, 30);
    world.assert_same().await;
}
