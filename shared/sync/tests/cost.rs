//! The rules by which calls are counted, against the calls that a run really makes.

mod support;

use carnet_objects::ObjectSink;
use carnet_objects::sink::{Crc32c, PutRequest};
use carnet_sync::cost::{Batches, Calls};
use carnet_sync::piece::{Piece, Records};
use carnet_sync::steps::{Item, Planned, Steps};
use carnet_sync::{BatchLimits, Ending, Receipt, RunId, Silent, State, Stop, Summary};
use std::sync::Arc;
use support::{STATE, World, key, noise};

/// Calls by what they are billed as, from the log of those that were made.
fn made(log: &[String]) -> Calls {
    let mut calls = Calls::default();
    for line in log {
        let counted = match line.split(' ').collect::<Vec<_>>()[..] {
            ["source", "list", ..] => &mut calls.source_lists,
            ["source", "head", ..] => &mut calls.source_heads,
            ["source", "open", ..] => &mut calls.source_reads,
            ["put" | "begin" | "part" | "complete" | "list" | "parts", ..] => &mut calls.s3_puts,
            ["get" | "head", ..] => &mut calls.s3_gets,
            ["delete" | "abort", ..] => &mut calls.s3_deletes,
            _ => panic!("{line}: who is billed for this?"),
        };
        *counted += 1;
    }
    calls
}

async fn receipts(world: &World, shards: &[Piece]) -> Vec<Receipt> {
    let state = State::new(world.sink.clone(), STATE).unwrap();
    let mut records = Records::<Receipt>::new(&state, shards.to_vec());
    let mut receipts = Vec::new();
    while let Some(receipt) = records.next().await.unwrap() {
        receipts.push(receipt);
    }
    receipts
}

/// A run, and what the rules say of it. `before` is the manifest that it began with; `swept` are files of
/// the state that nothing refers to afterwards.
async fn counted(world: &World, before: &[Piece], swept: u64) -> (Summary, Calls, Calls) {
    let mut options = world.options.copy.clone();
    // The first run looks by itself where the destination is not empty.
    options.adopt = before.is_empty() && !world.held().await.is_empty();
    world.frail.log();
    let summary = world.run().await.unwrap();
    let made = made(&world.frail.log());
    let manifest = world.manifest().await;
    let mut ruled = Calls::default();
    let changed = summary.ending == Ending::Done;
    ruled.run(before.is_empty(), changed);
    // One page has them all.
    ruled.listing(summary.planned.listed, 1, 1000);
    ruled.planned_with(before.len() as u64);
    let new: Vec<_> =
        receipts(world, manifest.shards()).await.into_iter().filter(|it| it.run == summary.run).collect();
    for receipt in &new {
        ruled.object(receipt, &options);
    }
    let batches = (new.len() as u64).div_ceil(world.options.plan.batches.objects as u64);
    ruled.batches(batches, batches, Batches::Handed);
    if changed {
        // Receipts, the one old shard, and the deletions, which are read for the merge and to be made.
        let pieces = u64::from(summary.counts.deleted > 0);
        ruled.merged(batches + before.len() as u64 + 2 * pieces, manifest.shards().len() as u64 + 2 * pieces);
    }
    ruled.deleted(summary.counts.deleted);
    ruled.swept(manifest.shards().len() as u64 + swept, swept);
    ruled.source_bytes = 0;
    (summary, made, ruled)
}

fn fill(world: &World) {
    for number in 0..7 {
        world.put(&format!("small/{number}"), noise(number, 3 + number as usize));
    }
    // Parts of 5 bytes: 4, 12 and 13 of them.
    for (number, size) in [(1, 17), (2, 60), (3, 61)] {
        world.put(&format!("big/{number}"), noise(number, size));
    }
}

#[tokio::test]
async fn runs_in_one_process_make_the_calls_that_the_rules_count() {
    let mut world = World::new();
    world.options.plan.batches = BatchLimits { objects: 3, bytes: u64::MAX, spread: false };
    world.options.plan.parallel = 1;
    fill(&world);
    // Four notes that a batch is begun, and four files of receipts.
    let (first, made, ruled) = counted(&world, &[], 4 + 4).await;
    assert_eq!((first.ending, first.counts.copied), (Ending::Done, 10));
    assert_eq!(made, ruled);
    // The memory's objects have an MD5: a big one is read in one go.
    assert_eq!(ruled.source_reads, 7 + 3);

    let before = world.manifest().await.shards().to_vec();
    let (nothing, made, ruled) = counted(&world, &before, 0).await;
    assert_eq!(nothing.ending, Ending::NothingToDo);
    assert_eq!(made, ruled);

    let before = world.manifest().await.shards().to_vec();
    world.put("small/3", "changed");
    world.remove("small/4");
    world.remove("small/5");
    // A note, receipts, the deletions as they were planned and as they were pending. The shard of the
    // manifest before stays for whoever is reading it.
    let (second, made, ruled) = counted(&world, &before, 4).await;
    assert_eq!((second.ending, second.counts.copied, second.counts.deleted), (Ending::Done, 1, 2));
    assert_eq!(made, ruled);
}

/// Of an object with a CRC32C each part is read by itself; of one that is there already nothing.
#[tokio::test]
async fn big_objects_with_a_crc32c_are_read_part_by_part() {
    let mut world = World::new();
    world.options.plan.parallel = 1;
    world.put_with_crc32c("big", noise(1, 60)).await;
    let (summary, made, ruled) = counted(&world, &[], 2).await;
    assert_eq!((summary.counts.proven_crc32c, ruled.source_reads), (1, 12));
    assert_eq!(made, ruled);
}

/// Batches that another process takes, as an engine has it: from the plan's end to the gathering.
#[tokio::test]
async fn stored_batches_make_the_calls_that_the_rules_count() {
    let mut world = World::new();
    fill(&world);
    world.options.plan.batches = BatchLimits { objects: 3, bytes: u64::MAX, spread: false };
    let run = RunId::parse("stored").unwrap();
    let steps = || Steps {
        job: world.job(),
        options: world.options.clone(),
        progress: Arc::new(Silent),
        range_objects: 1_000_000,
    };
    let now = world.job().clock.now();
    assert!(matches!(steps().plan(&run, now, None, &Stop::new()).await.unwrap(), Planned::Complete(_)));
    let written = world.frail.log().iter().filter(|line| line.contains("/batches/")).count() as u64;
    let mut ruled = Calls::default();
    for batch in 0..written {
        let item = Item { run: run.clone(), batch, first_part: None, last_part: None };
        assert_eq!(steps().copy(&item, &Stop::new()).await.unwrap().left, 0);
    }
    let mut made = made(&world.frail.log());
    // As the plan did.
    made.s3_puts += written;
    steps().gather(&run).await.unwrap();
    // Gathering reads what each of them reported.
    made.s3_gets += made_of(&world.frail.log(), "/reports/");
    steps().merge(&run, 0).await.unwrap();
    steps().conclude(&run, &Stop::new()).await.unwrap();
    for receipt in receipts(&world, world.manifest().await.shards()).await {
        ruled.object(&receipt, &world.options.copy);
    }
    ruled.batches(written, written, Batches::Stored);
    ruled.source_bytes = 0;
    assert_eq!(made, ruled);
}

fn made_of(log: &[String], what: &str) -> u64 {
    log.iter().filter(|line| line.starts_with("get ") && line.contains(what)).count() as u64
}

#[tokio::test]
async fn what_is_adopted_costs_a_look() {
    let mut world = World::new();
    world.options.plan.parallel = 1;
    world.put_with_crc32c("there", "the same").await;
    let request = PutRequest::new(Crc32c::of(b"the same"));
    let there = key("there");
    let put = ObjectSink::put(&*world.sink, &there, "the same".into(), &request);
    assert!(put.await.unwrap().written().is_some());
    world.put("new", "another");
    let (summary, made, ruled) = counted(&world, &[], 2).await;
    assert_eq!((summary.counts.adopted, summary.counts.copied), (1, 1));
    assert_eq!((made.source_reads, made.s3_gets - 3), (1, 2 + 1));
    assert_eq!(made, ruled);
}
