//! The promise: whatever crashes, fails and changes in between, the runs end with the destination equal
//! to the source, and at no moment is there an object that the source never had.

mod support;

use bytes::Bytes;
use carnet_objects::Kind;
use carnet_objects::memory::PutOptions;
use carnet_sync::BatchLimits;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use support::{Break, Engine, STATE, World, contents, key, noise};

/// Names that have cost others days: spaces, slashes at both ends, two forms of one letter, leading
/// dots, a folder and its namesakes around the slash, the longest.
fn names() -> Vec<String> {
    let odd = ["a", "a b", "/a", "a/", "a//b", "a-b", "a/b", ".a", "...", "\u{e9}", "e\u{301}", "%2f", "🦀"];
    odd.iter().map(|name| (*name).to_owned()).chain([format!("long/{}", "x".repeat(1019))]).collect()
}

#[derive(Clone, Debug)]
enum Change {
    /// Name, seed, length; with a digest of which kind.
    Put(usize, u64, usize, u8),
    Remove(usize),
}

#[derive(Clone, Debug)]
enum Fault {
    DieBefore,
    DieAfter,
    Fail,
    Throttle,
    Conflict,
    LoseAnswer,
    Change(Change),
}

#[derive(Clone, Debug)]
struct Round {
    before: Vec<Change>,
    faults: Vec<(usize, Fault)>,
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => (0..names().len(), 0u64..4, prop_oneof![Just(0usize), 1usize..16, 17usize..60], 0u8..3)
            .prop_map(|(name, seed, length, digest)| Change::Put(name, seed, length, digest)),
        1 => (0..names().len()).prop_map(Change::Remove),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        3 => Just(Fault::DieBefore),
        3 => Just(Fault::DieAfter),
        1 => Just(Fault::Fail),
        1 => Just(Fault::Throttle),
        2 => Just(Fault::Conflict),
        2 => Just(Fault::LoseAnswer),
        2 => change().prop_map(Fault::Change),
    ]
}

fn round() -> impl Strategy<Value = Round> {
    (prop::collection::vec(change(), 0..8), prop::collection::vec((0usize..120, fault()), 0..4))
        .prop_map(|(before, faults)| Round { before, faults })
}

/// Every body that a name ever had.
type History = Arc<Mutex<BTreeMap<String, BTreeSet<Bytes>>>>;

fn apply(source: &carnet_objects::memory::Memory, history: &History, change: &Change) {
    match *change {
        Change::Remove(name) => drop(source.remove(&key(&names()[name]))),
        Change::Put(name, seed, length, digest) => {
            let (name, body) = (names()[name].clone(), noise(seed + 1, length));
            history.lock().unwrap().entry(name.clone()).or_default().insert(body.clone());
            match digest {
                0 => drop(source.put(
                    &key(&name),
                    body,
                    PutOptions { without_digest: true, ..PutOptions::default() },
                )),
                1 => drop(source.put(&key(&name), body, PutOptions::default())),
                _ => {
                    let request =
                        carnet_objects::sink::PutRequest::new(carnet_objects::sink::Crc32c::of(&body));
                    let name = key(&name);
                    let put = carnet_objects::ObjectSink::put(source, &name, body, &request);
                    // Memory answers at once.
                    let outcome = futures_util::FutureExt::now_or_never(put).unwrap().unwrap();
                    assert!(outcome.written().is_some());
                }
            }
        }
    }
}

async fn nothing_is_partial(world: &World, history: &History, foreign: &BTreeMap<String, Bytes>) {
    for (name, body) in contents(&world.sink).await {
        if name.starts_with(STATE) {
            continue;
        }
        let known = history.lock().unwrap().get(&name).is_some_and(|bodies| bodies.contains(&body));
        assert!(known || foreign.get(&name) == Some(&body), "{name:.20} was never this at the source");
    }
}

/// Who does a run: one process, or an engine that calls each step as a process of its own and again
/// where it fails.
#[derive(Clone, Copy, Debug)]
enum By {
    Command,
    Engine,
}

async fn one_run(world: &World, by: By, round: usize) {
    match by {
        By::Command => tokio::select! {
            biased;
            () = world.frail.died.notified() => {}
            _ = world.run_and_pass() => {}
        },
        By::Engine => {
            let engine = Engine::new(world, &format!("execution-{round}"));
            let Ok(summary) = engine.all().await else { return };
            if summary.refusal.is_some() {
                let passed = Some(summary.deletions_digest);
                let again = Engine { passed, ..Engine::new(world, &format!("execution-{round}-passed")) };
                drop(again.all().await);
            }
        }
    }
}

async fn play(rounds: Vec<Round>, foreign: Vec<(usize, u64)>, by: By) {
    let mut world = World::new();
    world.options.plan.batches = BatchLimits { objects: 3, bytes: 20, spread: matches!(by, By::Engine) };
    let history = History::default();
    let mut others = BTreeMap::new();
    for (name, seed) in foreign {
        let (name, body) = (names()[name].clone(), noise(seed + 1, 10));
        world.sink.put(&key(&name), body.clone(), PutOptions::default());
        others.insert(name, body);
    }
    for (round, Round { before, faults }) in rounds.into_iter().enumerate() {
        before.iter().for_each(|change| apply(&world.source, &history, change));
        for (call, fault) in faults {
            world.frail.at(
                call,
                match fault {
                    Fault::DieBefore => Break::DieBefore,
                    Fault::DieAfter => Break::DieAfter,
                    Fault::Fail => Break::Fail(Kind::Forbidden),
                    Fault::Throttle => Break::Fail(Kind::Throttled),
                    Fault::Conflict => Break::Conflict,
                    Fault::LoseAnswer => Break::LoseAnswer,
                    Fault::Change(change) => {
                        let (source, history) = (world.source.clone(), history.clone());
                        Break::First(Box::new(move || apply(&source, &history, &change)))
                    }
                },
            );
        }
        one_run(&world, by, round).await;
        nothing_is_partial(&world, &history, &others).await;
        world.frail.revive();
        world.later();
    }
    // Nothing breaks and nothing changes any more. One run may find what the last one left open.
    for _ in 0..2 {
        let summary = world.run_and_pass().await.unwrap();
        assert!(summary.refusal.is_none() && summary.counts.failed == 0, "{summary:?}");
        world.later();
    }
    let (held, wanted) = (world.held().await, world.wanted().await);
    for (name, body) in &wanted {
        assert!(held.get(name) == Some(body), "{name:.20} is not the source's");
    }
    for (name, body) in held.iter().filter(|(name, _)| !wanted.contains_key(*name)) {
        assert!(others.get(name) == Some(body), "{name:.20} is at the destination and not at the source");
    }
    let calm = world.run().await.unwrap();
    assert_eq!(calm.ending, carnet_sync::Ending::NothingToDo, "{calm:?}");
    assert_eq!(calm.objects, calm.planned.keep);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, ..ProptestConfig::default() })]
    #[test]
    fn any_interleaving_ends_equal_and_shows_nothing_partial(
        rounds in prop::collection::vec(round(), 1..6),
        foreign in prop::collection::vec((0usize..14, 0u64..4), 0..3),
        by in prop_oneof![Just(By::Command), Just(By::Engine)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(play(rounds, foreign, by));
    }
}
