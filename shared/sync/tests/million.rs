//! Planning in flat memory: a synthetic source, so that nothing but the plan takes any.

mod support;

use carnet_objects::sink::Crc32c;
use carnet_objects::{
    BoxFuture, Conditions, Digests, Key, ListRequest, ObjectMeta, ObjectSource, Opened, Page, PageToken,
    ReadRequest, Result, Version,
};
use carnet_sync::commit::{Harvest, merge_all, swap};
use carnet_sync::order::Order;
use carnet_sync::piece::{Cut, Pieces};
use carnet_sync::{Job, Manifest, Origin, PlanOptions, Proven, Receipt, RunId, dry_run};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime};
use support::{World, key};

/// So many objects that never were.
struct Synthetic(u64);

const PAGE: u64 = 5000;

fn name(number: u64) -> Key {
    key(&format!("measurements/{:04}/{number:010}.parquet", number / 1000))
}

fn number(name: &str) -> u64 {
    name.rsplit('/')
        .next()
        .and_then(|file| file.split('.').next())
        .and_then(|digits| digits.parse().ok())
        .unwrap()
}

fn version(number: u64) -> Version {
    Version::parse(&format!("0x8D{:016X}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15))).unwrap()
}

fn meta(number: u64) -> ObjectMeta {
    ObjectMeta {
        key: name(number),
        size: 4096,
        version: version(number),
        last_modified: SystemTime::UNIX_EPOCH,
        content_type: Some("application/octet-stream".into()),
        content_encoding: None,
        cache_control: None,
        content_disposition: None,
        metadata: BTreeMap::new(),
        digests: Digests::NONE,
    }
}

impl ObjectSource for Synthetic {
    fn target(&self) -> &str {
        "synthetic"
    }
    fn list<'a>(&'a self, request: &'a ListRequest) -> BoxFuture<'a, Result<Page>> {
        let from = request.page_token.as_ref().map(PageToken::as_str).or(request.start_from.as_deref());
        let first = from.map_or(0, number);
        let end = (first + PAGE).min(self.0);
        let next = (end < self.0).then(|| PageToken::new(name(end).as_str()));
        Box::pin(
            async move { Ok(Page { objects: (first..end).map(meta).collect(), next, ..Page::default() }) },
        )
    }
    fn head<'a>(&'a self, _: &'a Key, _: &'a Conditions) -> BoxFuture<'a, Result<ObjectMeta>> {
        unreachable!("a plan heads nothing")
    }
    fn open<'a>(&'a self, _: &'a Key, _: &'a ReadRequest) -> BoxFuture<'a, Result<Opened>> {
        unreachable!("a plan opens nothing")
    }
    fn credential_rejected(&self) {}
}

/// As a run would have left it that copied them all.
async fn commit_all(job: &Job, objects: u64) {
    let run = RunId::parse("seed").unwrap();
    let mut receipts = Pieces::<Receipt>::new(&job.state, "seed/", Cut::default());
    for number in 0..objects {
        let receipt = Receipt {
            key: name(number),
            source_version: version(number),
            source_modified: SystemTime::UNIX_EPOCH,
            size: 4096,
            crc32c: Crc32c::of(&number.to_be_bytes()),
            md5: None,
            etag: version(!number),
            version_id: None,
            proven: Proven::Length,
            unproven: None,
            origin: Origin::Copied,
            dropped: Vec::new(),
            written_at: SystemTime::UNIX_EPOCH,
            run: run.clone(),
        };
        receipts.push(&receipt).await.unwrap();
    }
    let harvest = Harvest { receipts: receipts.finish().await.unwrap(), ..Harvest::default() };
    let mut manifest = Manifest { root: None, version: None };
    let merged = merge_all(job, &manifest, &run, &harvest).await.unwrap();
    swap(job, &mut manifest, &run, merged, Order::Bytes, vec![run.clone()]).await.unwrap();
}

/// The most memory this process ever had, in KiB.
fn high_water() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// What planning adds to the memory, which holds the manifest already.
async fn growth(objects: u64, parallel: usize) -> u64 {
    let world = World::new();
    let job = world.job_from(Arc::new(Synthetic(objects)));
    let began = Instant::now();
    commit_all(&job, objects).await;
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
