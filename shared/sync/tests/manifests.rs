//! What is in the files of the state, and what of them is written anew.

mod support;

use carnet_objects::ObjectSink as _;
use carnet_sync::commit::{Harvest, merge_all};
use carnet_sync::{KeyRange, Manifest};
use std::collections::BTreeMap;
use std::io::Read as _;
use support::{STATE, World, contents, key};

async fn lines(world: &World, path: &str) -> Vec<serde_json::Value> {
    let body = contents(&world.sink).await[&format!("{STATE}{path}")].clone();
    let mut text = String::new();
    flate2::read::GzDecoder::new(&body[..]).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_shard_is_sorted_json_lines_that_any_tool_reads() {
    let world = World::new();
    for name in ["b", "a/x", "a-x"] {
        world.put(name, "hello");
    }
    world.run().await.unwrap();
    let root = world.manifest().await.root.unwrap();
    let [shard] = &root.shards[..] else { panic!("{:?}", root.shards) };
    assert_eq!((shard.first.as_str(), shard.last.as_str(), shard.records), ("a-x", "b", 3));
    let lines = lines(&world, &shard.path).await;
    let keys: Vec<_> = lines.iter().map(|line| line["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["a-x", "a/x", "b"]);
    let line = &lines[0];
    assert_eq!(line["md5"], "5d41402abc4b2a76b9719d911017c592");
    assert_eq!(line["crc32c"], "mnG7TA==");
    assert_eq!(
        (&line["size"], &line["proven"], &line["origin"]),
        (&5.into(), &"md5".into(), &"copied".into())
    );
    assert!(line["etag"].as_str().unwrap().starts_with('"'));
    assert!(line["written_at"].as_str().unwrap().ends_with('Z'));
}

/// Shards of some 50,000 records would make slow tests: the manifest's own ranges do.
#[tokio::test]
async fn shards_that_nothing_touches_are_taken_over() {
    let world = World::new();
    for number in 0..300 {
        world.put(&format!("{number:04}"), "x");
    }
    world.run().await.unwrap();
    let manifest = world.manifest().await;
    let old = manifest.root.clone().unwrap();
    // Nothing to merge: the very same shards.
    let job = world.job();
    let run = carnet_sync::RunId::parse("next").unwrap();
    let merged = merge_all(&job, &manifest, &run, &Harvest::default()).await.unwrap();
    assert_eq!((merged.shards, merged.bytes_added, merged.bytes_removed), (old.shards.clone(), 0, 0));

    world.put("0150", "yy");
    world.remove("0007");
    world.put("0300", "x");
    world.run().await.unwrap();
    let new = world.manifest().await.root.unwrap();
    assert_eq!((new.objects, new.bytes), (300, 301));
    assert_ne!(new.shards, old.shards);
    // The last manifest's shards stay for whoever reads them, and no older ones.
    let retired: Vec<_> = old.shards.iter().map(|shard| shard.path.clone()).collect();
    assert_eq!(new.retired, retired);
    world.put("0150", "zz");
    world.run().await.unwrap();
    let files = world.state_files().await;
    assert!(retired.iter().all(|path| !files.contains(path)), "{files:?}");
    assert_eq!(files.iter().filter(|file| file.starts_with("manifest/")).count(), 2);
}

/// As an engine does that merges range by range.
#[tokio::test]
async fn ranges_merged_apart_are_the_whole() {
    let world = World::new();
    for number in 0..50 {
        world.put(&format!("{number:04}"), "x");
    }
    world.run().await.unwrap();
    let manifest = world.manifest().await;
    let (job, run) = (world.job(), carnet_sync::RunId::parse("next").unwrap());
    // There is one shard, so that there is one range; before there was any, ranges may be cut anywhere.
    assert_eq!(manifest.ranges(4), [KeyRange::default()]);
    let empty = Manifest { root: None, version: None };
    let shards = manifest.shards().to_vec();
    let harvest = Harvest { receipts: shards, ..Harvest::default() };
    let mut joined = carnet_sync::commit::Merged::default();
    for (number, range) in KeyRange::cut(["0010".to_owned(), "0040".to_owned()]).iter().enumerate() {
        let merged =
            carnet_sync::commit::merge::range(&job, &empty, &run, &harvest, range, number as u32).await;
        joined.join(merged.unwrap());
    }
    let records: Vec<_> = joined.shards.iter().map(|shard| (shard.first.as_str(), shard.records)).collect();
    assert_eq!(records, [("0000", 10), ("0010", 30), ("0040", 10)]);
    assert_eq!(joined.bytes_added, 50);
}

#[tokio::test]
async fn the_root_is_swapped_only_if_it_is_the_one_that_was_read() {
    let world = World::new();
    world.put("a", "x");
    world.run().await.unwrap();
    let state = world.job();
    let (mut mine, mut theirs) = (world.manifest().await, world.manifest().await);
    let root = mine.root.clone().unwrap();
    let changed = carnet_sync::Root { objects: 7, ..root.clone() };
    theirs.swap(&state.state, changed).await.unwrap();
    let outcome = mine.swap(&state.state, root).await;
    assert!(matches!(outcome, Err(carnet_sync::SyncError::ManifestMoved)), "{outcome:?}");
}

#[tokio::test]
async fn a_report_of_each_run_stays() {
    let world = World::new();
    world.put("a", "x");
    let summary = world.run().await.unwrap();
    let name = format!("{STATE}reports/{}.json", summary.run);
    let report: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(&contents(&world.sink).await[&name]).unwrap();
    assert_eq!(report["summary"]["ending"], "done");
    assert_eq!(report["summary"]["counts"]["copied"], 1);
    assert_eq!(report["schema"], 1);
    assert!(world.sink.head(&key(&name)).await.unwrap().is_some());
}
