//! The three steps called one by one, as an engine calls them: each by a process of its own, each more
//! than once.

mod support;

use carnet_objects::memory::PutOptions;
use carnet_objects::{Kind, ObjectSource};
use carnet_sync::commit::{Merged, merge, recover};
use carnet_sync::plan::step::advance;
use carnet_sync::run::{Copied, conclude, decide};
use carnet_sync::verify::{Finding, verify};
use carnet_sync::{
    Batch, BatchLimits, Copier, Ending, Lease, Manifest, PlanOptions, PlanState, RunId, Stop, Summary,
    listing, status,
};
use std::sync::Arc;
use std::time::Duration;
use support::{Break, World, key, noise};

const TERM: Duration = Duration::from_secs(900);

/// One run by separate steps. Everything that passes between them goes through JSON or the state.
async fn run_by_steps(world: &World, name: &str) -> Summary {
    let run = RunId::parse(name).unwrap();
    let batches = BatchLimits { objects: 3, bytes: u64::MAX };
    let options = PlanOptions { batches, ..PlanOptions::default() };

    // sync-plan, called until the plan is complete.
    let absorbed = {
        let job = world.job();
        let mut lease = Lease::take(&job.state, &job.clock, "execution", &run, TERM).await.unwrap();
        let mut manifest = Manifest::of(&job.state, &job.from, &job.to).await.unwrap();
        let absorbed = recover(&job, &mut manifest, &mut lease, &run, &*world.progress()).await.unwrap();
        PlanState::begin(run.clone(), job.clock.now(), &manifest, &options).store(&job.state).await.unwrap();
        serde_json::to_string(&absorbed).unwrap()
    };
    loop {
        let job = world.job();
        Lease::resume(&job.state, &job.clock, &run, TERM).await.unwrap();
        let manifest = Manifest::of(&job.state, &job.from, &job.to).await.unwrap();
        let plan = PlanState::load(&job.state, &run).await.unwrap().unwrap();
        let progress = world.progress();
        let plan =
            advance(&job, &manifest, &options, plan, &job.state, &*progress, &Stop::new()).await.unwrap();
        plan.store(&job.state).await.unwrap();
        if plan.complete {
            break;
        }
    }
    let plan = PlanState::load(&world.job().state, &run).await.unwrap().unwrap();

    // sync-copy, a process a batch, the last batches first.
    let mut reports = Vec::new();
    for number in (plan.first_batch..plan.next_batch).rev() {
        let job = world.job();
        let batch = Batch::load(&job.state, &run, number).await.unwrap();
        let copier = Copier::new(job, run.clone(), world.options.copy.clone(), world.progress(), Stop::new());
        let mut report = copier.batch(&batch).await.unwrap();
        if report.is_unfinished() {
            // As the engine retries.
            report = copier.batch(&batch).await.unwrap();
        }
        reports.push(serde_json::to_string(&report).unwrap());
    }

    // sync-commit: a process a range, then one that concludes.
    let job = world.job();
    let mut lease = Lease::resume(&job.state, &job.clock, &run, TERM).await.unwrap();
    let mut manifest = Manifest::of(&job.state, &job.from, &job.to).await.unwrap();
    let mut copied = Copied::default();
    for report in &reports {
        copied.add(serde_json::from_str(report).unwrap());
    }
    let decision = decide(&manifest, &plan, &copied, &world.options.guard);
    let mut merged = Merged::default();
    for (number, range) in manifest.ranges(4).iter().enumerate() {
        let part =
            merge::range(&job, &manifest, &run, &decision.harvest, range, number as u32).await.unwrap();
        merged.join(serde_json::from_str(&serde_json::to_string(&part).unwrap()).unwrap());
    }
    let absorbed = serde_json::from_str(&absorbed).unwrap();
    let progress = world.progress();
    let summary = conclude(
        &job,
        &mut manifest,
        &mut lease,
        &plan,
        copied,
        absorbed,
        decision,
        Some(merged),
        &*progress,
    )
    .await
    .unwrap();
    lease.release().await.unwrap();
    summary
}

#[tokio::test]
async fn the_steps_one_by_one_are_a_run() {
    let world = World::new();
    for number in 0..10 {
        world.put(&format!("{number}"), noise(number, 7));
    }
    world.put("big", noise(1, 60));
    let first = run_by_steps(&world, "execution-1").await;
    assert_eq!((first.ending, first.counts.copied), (Ending::Done, 11));
    world.assert_same().await;
    world.remove("3");
    world.put("4", "changed");
    world.frail.on("source open 4", Break::Fail(Kind::Forbidden));
    let second = run_by_steps(&world, "execution-2").await;
    assert_eq!((second.ending, second.counts.copied, second.counts.deleted), (Ending::Done, 1, 1));
    world.assert_same().await;
    let seen = status(&world.job().state).await.unwrap();
    assert_eq!((seen.unfinished.len(), seen.lease), (0, None));
    assert_eq!(run_by_steps(&world, "execution-3").await.ending, Ending::NothingToDo);
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
    for _ in 0..2 {
        world.frail.on("source head a", Break::Fail(Kind::Forbidden));
    }
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
