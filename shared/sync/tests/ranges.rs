//! A harvest merged range by range is the same as merged in one go, wherever the ranges are cut.

mod support;

use carnet_sync::commit::{Harvest, Merged, merge, merge_all, swap};
use carnet_sync::order::Order;
use carnet_sync::piece::{Cut, Piece, Pieces, Records};
use carnet_sync::plan::Deletion;
use carnet_sync::plan::step::advance;
use carnet_sync::run::Copied;
use carnet_sync::synthetic::{Synthetic, commit_all};
use carnet_sync::{
    Batch, BatchLimits, Copier, Job, KeyRange, Manifest, PlanOptions, PlanState, Receipt, RunId, Silent, Stop,
};
use std::sync::Arc;
use support::{World, key, noise};

/// Plans and copies in batches of three.
async fn harvest(world: &World, job: &Arc<Job>, manifest: &Manifest, run: &RunId) -> Harvest {
    let batches = BatchLimits { objects: 3, bytes: u64::MAX, spread: false };
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

/// In ranges that are cut at these names: what they give, joined.
async fn in_ranges(job: &Job, manifest: &Manifest, run: &RunId, harvest: &Harvest, cuts: &[&str]) -> Merged {
    let mut merged = Merged::default();
    for (number, range) in KeyRange::cut(cuts.iter().map(|&cut| cut.to_owned())).iter().enumerate() {
        merged.join(merge::range(job, manifest, run, harvest, range, number as u32).await.unwrap());
    }
    merged
}

#[tokio::test]
async fn a_harvest_in_ranges_is_the_harvest() {
    let world = World::new();
    for number in 0..31 {
        world.put(&format!("{:03}", number * 10), noise(number, 7));
    }
    let (job, run) = (world.job(), RunId::parse("first").unwrap());
    let mut manifest = world.manifest().await;
    let first = harvest(&world, &job, &manifest, &run).await;
    // There are no shards yet to cut at.
    let merged = in_ranges(&job, &manifest, &run, &first, &["050", "055", "100", "200"]).await;
    // Between two of the cuts is one object, and an empty range makes no shard.
    assert_eq!((merged.shards.len(), names(&job, &merged.shards).await.len()), (5, 31));
    swap(&job, &mut manifest, &run, merged, Order::Bytes, vec![run.clone()]).await.unwrap();

    // More that is new than there was, changed and gone.
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
    let all: Vec<String> = (0..305).map(|number| format!("{number:03}")).collect();
    for each in [1, 2, 3, 5, 8, 13, 21, 40, 79] {
        let cuts: Vec<&str> = all.iter().skip(each).step_by(each).map(String::as_str).collect();
        let merged = in_ranges(&job, &manifest, &run, &second, &cuts).await;
        assert_eq!(names(&job, &merged.shards).await, wanted, "cut at every {each}th");
        assert_eq!(pending(&job, &merged.pending).await, gone, "cut at every {each}th");
        let sums = |merged: &Merged| (merged.bytes_added, merged.bytes_removed);
        assert_eq!(sums(&merged), sums(&whole), "cut at every {each}th");
        assert!(merged.shards.is_sorted_by(|a, b| a.last < b.first), "cut at every {each}th");
    }
}

/// A full shard that gets a name would leave a small one behind it, and the root would grow with every
/// run instead of with the objects.
#[tokio::test]
async fn names_between_old_ones_do_not_crumble_the_shards() {
    let world = World::new();
    let job = world.job_from(Arc::new(Synthetic::new(50_100)));
    commit_all(&job, 50_100).await.unwrap();
    let mut manifest = world.manifest().await;
    let records =
        |manifest: &Manifest| manifest.shards().iter().map(|shard| shard.records).collect::<Vec<_>>();
    assert_eq!(records(&manifest), [50_000, 100]);
    let mut all = Records::<Receipt>::new(&job.state, manifest.shards().to_vec());
    let known = all.next().await.unwrap().unwrap();
    let (run, mut receipts) =
        (RunId::parse("some").unwrap(), Pieces::new(&job.state, "some/", Cut::default()));
    for number in 0..4 {
        let name = format!("measurements/0000/0000000100.parquet.{number}");
        receipts.push(&Receipt { key: key(&name), ..known.clone() }).await.unwrap();
    }
    let harvest = Harvest { receipts: receipts.finish().await.unwrap(), ..Harvest::default() };
    let merged = merge_all(&job, &manifest, &run, &harvest).await.unwrap();
    swap(&job, &mut manifest, &run, merged, Order::Bytes, vec![run.clone()]).await.unwrap();
    assert_eq!(records(&manifest), [50_004, 100]);

    // Very much more is more shards, all of about a size.
    let (run, mut receipts) =
        (RunId::parse("much").unwrap(), Pieces::new(&job.state, "much/", Cut::default()));
    for number in 0..30_000 {
        let name = format!("measurements/0000/0000000100.parquet.x.{number:06}");
        receipts.push(&Receipt { key: key(&name), ..known.clone() }).await.unwrap();
    }
    let harvest = Harvest { receipts: receipts.finish().await.unwrap(), ..Harvest::default() };
    let merged = merge_all(&job, &manifest, &run, &harvest).await.unwrap();
    let sizes: Vec<u64> = merged.shards.iter().map(|shard| shard.records).collect();
    assert_eq!(sizes, [40_002, 40_002, 100]);
}
