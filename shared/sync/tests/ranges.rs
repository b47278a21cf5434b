//! A harvest merged range by range is the same as merged in one go, wherever the ranges are cut.

mod support;

use carnet_sync::commit::{Harvest, Merged, merge, merge_all, swap};
use carnet_sync::order::Order;
use carnet_sync::piece::{Piece, Records};
use carnet_sync::plan::Deletion;
use carnet_sync::plan::step::advance;
use carnet_sync::run::Copied;
use carnet_sync::{
    Batch, BatchLimits, Copier, Job, KeyRange, Manifest, PlanOptions, PlanState, Receipt, RunId, Silent, Stop,
};
use std::sync::Arc;
use support::{World, noise};

/// Plans and copies in batches of three.
async fn harvest(world: &World, job: &Arc<Job>, manifest: &Manifest, run: &RunId) -> Harvest {
    let batches = BatchLimits { objects: 3, bytes: u64::MAX };
    let options = PlanOptions { batches, ..PlanOptions::default() };
    let plan = PlanState::begin(run.clone(), job.clock.now(), manifest, &options);
    let plan = advance(job, manifest, &options, plan, &job.state, &Silent, &Stop::new()).await.unwrap();
    for number in plan.first_batch..plan.next_batch {
        let batch = Batch::load(&job.state, run, number).await.unwrap();
        let options = world.options.copy.clone();
        let copier = Copier::new(job.clone(), run.clone(), options, Arc::new(Silent), Stop::new());
        assert!(!copier.batch(&batch).await.unwrap().is_unfinished());
    }
    let receipts = Copied::gather(job, run).await.unwrap().receipts;
    Harvest { receipts, deletions: plan.deletions, left_behind: false }
}

async fn names(job: &Job, shards: &[Piece]) -> Vec<(String, String)> {
    let mut records = Records::<Receipt>::new(&job.state, shards.to_vec());
    let mut names = Vec::new();
    while let Some(receipt) = records.next().await.unwrap() {
        names.push((receipt.key.as_str().to_owned(), receipt.etag.to_string()));
    }
    names
}

async fn pending(job: &Job, pieces: &[Piece]) -> Vec<String> {
    let mut records = Records::<Deletion>::new(&job.state, pieces.to_vec());
    let mut names = Vec::new();
    while let Some(deletion) = records.next().await.unwrap() {
        names.push(deletion.key.as_str().to_owned());
    }
    names
}

/// In ranges of so many records: what they give, joined, and how many there were.
async fn in_ranges(
    job: &Job,
    manifest: &Manifest,
    run: &RunId,
    harvest: &Harvest,
    each: u64,
) -> (Merged, usize) {
    let ranges = merge::ranges(manifest, harvest, each);
    assert_follow_each_other(&ranges);
    let mut merged = Merged::default();
    for (number, range) in ranges.iter().enumerate() {
        merged.join(merge::range(job, manifest, run, harvest, range, number as u32).await.unwrap());
    }
    (merged, ranges.len())
}

fn assert_follow_each_other(ranges: &[KeyRange]) {
    assert_eq!((&ranges[0].from, &ranges[ranges.len() - 1].until), (&None, &None));
    for pair in ranges.windows(2) {
        assert!(pair[0].until == pair[1].from && pair[0].from < pair[0].until, "{pair:?}");
    }
}

#[tokio::test]
async fn a_harvest_in_ranges_is_the_harvest() {
    let world = World::new();
    for number in 0..31 {
        world.put(&format!("{:03}", number * 10), noise(number, 7));
    }
    // No shards: cut where receipts begin.
    let (job, run) = (world.job(), RunId::parse("first").unwrap());
    let mut manifest = world.manifest().await;
    let first = harvest(&world, &job, &manifest, &run).await;
    let (merged, ranges) = in_ranges(&job, &manifest, &run, &first, 6).await;
    assert_eq!(ranges, 6);
    assert_eq!(merged.shards.len(), 6);
    assert_eq!(names(&job, &merged.shards).await.len(), 31);
    swap(&job, &mut manifest, &run, merged, Order::Bytes, vec![run.clone()]).await.unwrap();

    // Shards, and more that is new than there was, changed and gone.
    for number in 0..100 {
        world.put(&format!("{:03}", 50 + number), noise(1000 + number, 7));
    }
    for number in [0, 3, 22, 30] {
        world.remove(&format!("{:03}", number * 10));
    }
    let (job, run) = (world.job(), RunId::parse("second").unwrap());
    let second = harvest(&world, &job, &manifest, &run).await;
    let whole = merge_all(&job, &manifest, &run, &second).await.unwrap();
    let (wanted, gone) = (names(&job, &whole.shards).await, pending(&job, &whole.pending).await);
    assert_eq!((wanted.len(), gone.len()), (world.wanted().await.len(), 4));
    let mut most = 0;
    for each in 1..80 {
        let (merged, ranges) = in_ranges(&job, &manifest, &run, &second, each).await;
        assert_eq!(names(&job, &merged.shards).await, wanted, "{each} records in a range");
        assert_eq!(pending(&job, &merged.pending).await, gone, "{each} records in a range");
        let sums = |merged: &Merged| (merged.bytes_added, merged.bytes_removed);
        assert_eq!(sums(&merged), sums(&whole), "{each} records in a range");
        assert!(merged.shards.is_sorted_by(|a, b| a.last < b.first), "{each} records in a range");
        most = most.max(ranges);
    }
    // Through shards, not only between them.
    assert!(most > manifest.shards().len(), "{most}");
}

/// What a range leaves untouched it takes over, but for shards that it cuts through.
#[tokio::test]
async fn untouched_shards_are_taken_over_by_whichever_range_has_them() {
    let world = World::new();
    for number in 0..30 {
        world.put(&format!("{number:03}"), noise(number, 7));
    }
    let (job, run) = (world.job(), RunId::parse("first").unwrap());
    let mut manifest = world.manifest().await;
    let first = harvest(&world, &job, &manifest, &run).await;
    let (merged, _) = in_ranges(&job, &manifest, &run, &first, 6).await;
    swap(&job, &mut manifest, &run, merged, Order::Bytes, vec![run.clone()]).await.unwrap();
    world.put("008", "changed");
    let (job, run) = (world.job(), RunId::parse("second").unwrap());
    let second = harvest(&world, &job, &manifest, &run).await;
    let (merged, ranges) = in_ranges(&job, &manifest, &run, &second, 10).await;
    assert!(ranges > 1);
    let kept = merged.shards.iter().filter(|shard| manifest.shards().contains(shard)).count();
    assert_eq!(kept, manifest.shards().len() - 1);
}
