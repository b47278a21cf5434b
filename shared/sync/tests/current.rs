//! Objects that somebody heard of: what is current is copied, whatever comes twice, late or at once.

mod support;

use carnet_federation::BoxFuture;
use carnet_objects::memory::PutOptions;
use carnet_objects::{Kind, ObjectSink as _};
use carnet_sync::{Copier, Current, Filter, FilterSpec, Foreign, RunId, Silent, Stop};
use proptest::prelude::*;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime};
use support::{Break, World, key, noise};

fn copier(world: &World) -> Copier {
    let run = RunId::parse("run-1").unwrap();
    Copier::new(world.job(), run, world.options.copy.clone(), Arc::new(Silent), Stop::new())
}

fn everything() -> Filter {
    Filter::new(FilterSpec::default(), SystemTime::UNIX_EPOCH).unwrap()
}

async fn current(world: &World, name: &str) -> Current {
    copier(world).current(&key(name), &everything()).await
}

async fn stamp(world: &World, name: &str) -> Option<String> {
    let there = world.sink.head(&key(name)).await.unwrap()?;
    there.attributes.metadata.get("carnet-source-version").cloned()
}

#[tokio::test]
async fn a_second_event_finds_the_copy_and_reads_nothing() {
    for (name, length) in [("small", 5), ("big", 60)] {
        let world = World::new();
        world.put(name, noise(1, length));
        assert!(matches!(current(&world, name).await, Current::Copied(_)));
        world.frail.log();
        assert!(matches!(current(&world, name).await, Current::Same));
        assert_eq!(world.frail.log(), [format!("head {name}"), format!("source head {name}")]);
        world.put(name, noise(2, length));
        assert!(matches!(current(&world, name).await, Current::Copied(_)));
        world.assert_same().await;
    }
}

#[tokio::test]
async fn a_deleted_source_is_told_and_its_copy_stays() {
    let world = World::new();
    world.put("a", "x");
    assert!(matches!(current(&world, "a").await, Current::Copied(_)));
    world.source.remove(&key("a"));
    assert!(matches!(current(&world, "a").await, Current::Gone));
    assert!(stamp(&world, "a").await.is_some());
    world.frail.on("source head a", Break::Fail(Kind::Forbidden));
    let Current::Failed(error) = current(&world, "a").await else { panic!("a denial is no deletion") };
    assert_eq!(error.kind(), Some(Kind::Forbidden));
}

#[tokio::test]
async fn what_the_filter_leaves_out_is_left_alone() {
    let world = World::new();
    world.put("a.tmp", "x");
    let spec = FilterSpec { exclude: vec!["*.tmp".into()], ..FilterSpec::default() };
    let filter = Filter::new(spec, SystemTime::UNIX_EPOCH).unwrap();
    assert!(matches!(copier(&world).current(&key("a.tmp"), &filter).await, Current::Excluded));
    assert!(world.held().await.is_empty());
}

#[tokio::test]
async fn an_object_that_is_not_ours_is_kept_where_that_is_asked_for() {
    let mut world = World::new();
    world.put("a", "new");
    world.sink.put(&key("a"), "foreign", PutOptions::default());
    world.options.copy.foreign = Foreign::Keep;
    let Current::Failed(error) = current(&world, "a").await else { panic!("it was replaced") };
    assert_eq!(error.kind(), Some(Kind::Changed));
    world.options.copy.foreign = Foreign::Replace;
    assert!(matches!(current(&world, "a").await, Current::Copied(_)));
    world.assert_same().await;
}

/// The one that matters: an older version that was read before a newer one was written is not written
/// after it.
#[tokio::test(start_paused = true)]
async fn the_newer_version_wins_over_one_that_was_read_before() {
    for (name, length) in [("small", 5), ("big", 60)] {
        let world = World::new();
        world.put(name, noise(1, length));
        let mut slow: Following<'_> = Box::pin(current(&world, name));
        while !world.frail.log().iter().any(|line| line.starts_with("source open")) {
            assert!(advance(&mut slow).await.is_none());
        }
        world.put(name, noise(2, length));
        let fast = current(&world, name).await;
        let slow = slow.await;
        assert!(matches!(fast, Current::Copied(_)), "{name}: {fast:?}");
        assert!(!matches!(slow, Current::Failed(_) | Current::Gone), "{name}: {slow:?}");
        world.assert_same().await;
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// A new version at the source, with so many bytes.
    Put(usize),
    Remove,
    /// An event arrives, and somebody begins to follow it.
    Deliver,
    /// One of those who follow gets as far as its next upstream call.
    Advance(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => prop_oneof![Just(5), Just(7), Just(60)].prop_map(Step::Put),
        1 => Just(Step::Remove),
        3 => Just(Step::Deliver),
        24 => (0..6usize).prop_map(Step::Advance),
    ];
    prop::collection::vec(step, 1..120)
}

type Following<'w> = BoxFuture<'w, Current>;

/// Polls once, and gives the runtime a turn: what was woken by it may go on at the next poll.
async fn advance(following: &mut Following<'_>) -> Option<Current> {
    let polled = std::future::poll_fn(|context| Poll::Ready(following.as_mut().poll(context))).await;
    tokio::task::yield_now().await;
    match polled {
        Poll::Ready(current) => Some(current),
        Poll::Pending => None,
    }
}

/// In which order those are let go on who are still under way at the end.
#[derive(Clone, Copy, Debug)]
enum Last {
    InTurns,
    /// Each to its end, the one that came last before the others.
    NewestFirst,
    OldestFirst,
}

async fn play(steps: &[Step], last: Last) {
    let world = World::new();
    let (mut following, mut failed): (Vec<Following<'_>>, usize) = (Vec::new(), 0);
    let mut puts = 0;
    // Every change is followed by an event, at the latest now.
    for step in steps.iter().chain([&Step::Put(5), &Step::Deliver]) {
        match step {
            Step::Put(length) => {
                puts += 1;
                world.put("a", noise(puts, *length));
            }
            Step::Remove => drop(world.source.remove(&key("a"))),
            Step::Deliver => following.push(Box::pin(current(&world, "a"))),
            Step::Advance(_) if following.is_empty() => {}
            Step::Advance(who) => {
                let who = who % following.len();
                if let Some(current) = advance(&mut following[who]).await {
                    failed += usize::from(matches!(current, Current::Failed(_)));
                    drop(following.remove(who));
                }
            }
        }
    }
    let mut rounds = 0;
    while !following.is_empty() {
        let who = match last {
            Last::InTurns => rounds % following.len(),
            Last::NewestFirst => following.len() - 1,
            Last::OldestFirst => 0,
        };
        if let Some(current) = advance(&mut following[who]).await {
            failed += usize::from(matches!(current, Current::Failed(_)));
            drop(following.remove(who));
        }
        rounds += 1;
        // Whoever waits for a while before it tries again.
        if rounds % 50 == 0 {
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert!(rounds < 100_000, "somebody waits for ever");
    }
    // What failed comes again from the queue.
    if failed > 0 {
        assert!(!matches!(current(&world, "a").await, Current::Failed(_)));
    }
    world.assert_same().await;
    let newest = carnet_objects::head(&*world.source, &key("a"), &Default::default()).await.unwrap();
    assert_eq!(stamp(&world, "a").await.as_deref(), Some(newest.version.as_str()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn whoever_follows_whatever_event_in_whatever_order_the_newest_version_wins(
        steps in steps(),
        last in prop_oneof![Just(Last::InTurns), Just(Last::NewestFirst), Just(Last::OldestFirst)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(play(&steps, last));
    }
}
