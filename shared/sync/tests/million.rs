//! Planning in flat memory: a synthetic source, so that nothing but the plan takes any.

mod support;

use carnet_sync::synthetic::{Synthetic, commit_all};
use carnet_sync::{PlanOptions, dry_run};
use std::sync::Arc;
use std::time::Instant;
use support::World;

/// The most memory this process ever had, in KiB.
fn high_water() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// What planning adds to the memory, which holds the manifest already.
async fn growth(objects: u64, parallel: usize) -> u64 {
    let world = World::new();
    let job = world.job_from(Arc::new(Synthetic::new(objects)));
    let began = Instant::now();
    commit_all(&job, objects).await.unwrap();
    println!("{objects} objects committed in {:?}", began.elapsed());
    let (before, began) = (high_water(), Instant::now());
    let plan = dry_run(&job, &PlanOptions { parallel, ..PlanOptions::default() }, |_| {}).await.unwrap();
    let growth = high_water() - before;
    println!("{objects} objects planned in {:?}, {growth} KiB more, {before} KiB before", began.elapsed());
    assert_eq!((plan.tally().keep, plan.tally().listed), (objects, objects));
    growth
}

#[tokio::test]
async fn planning_takes_flat_memory() {
    // Kept in memory, the listing alone would take some 26 MiB, and the manifest twice that.
    let growth = growth(100_000, 4).await;
    assert!(growth < 20 * 1024, "{growth} KiB");
}

#[tokio::test]
#[ignore = "the million of the figures: cargo test --release -p carnet-sync --test million -- --ignored --nocapture"]
async fn a_million_unchanged_objects() {
    let growth = growth(1_000_000, 4).await;
    assert!(growth < 64 * 1024, "{growth} KiB");
}
