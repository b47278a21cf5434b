//! The very state machine of `template.yaml`, executed by moto's interpreter, with the real functions behind
//! its tasks under the roles that the template gives them.

use carnet_localclouds::faults::Hop;
use carnet_tests::deployment::{Deployment, until};
use carnet_tests::machine::Machine;
use serde_json::{Value, json};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(900);

/// Batches of four objects; what is over 8 MiB is shared by several workers; ranges of five objects.
const SMALL: &[(&str, &str)] = &[
    ("CARNET_SYNC_BATCH_OBJECTS", "4"),
    ("CARNET_SYNC_BATCH_BYTES", "8388608"),
    ("CARNET_SYNC_RANGE_OBJECTS", "5"),
];

fn fill(deployment: &Deployment, objects: usize) {
    for number in 0..objects {
        deployment.stage.put(&format!("{number:02}.txt"), format!("object {number}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "cargo xtask test runs it: it needs moto"]
async fn a_run_copies_and_the_next_one_keeps_and_deletes() {
    let deployment = Deployment::new(&[("SyncDelete", "true")], SMALL, LONG).await;
    fill(&deployment, 10);
    let big: Vec<u8> = (0..20_000_000u32).map(|i| (i % 251) as u8).collect();
    deployment.stage.put("big.bin", &big);
    let machine = Machine::new(&deployment).await;
    let execution = machine.start(json!({})).await;
    let first = machine.wait(&execution).await;
    assert_eq!(first.status, "SUCCEEDED", "{first:?} {:#}", machine.history(&execution).await);
    assert_eq!((&first.output["ending"], &first.output["copied"]), (&json!("done"), &json!(11)));
    deployment.assert_same().await;

    // The report says what was done, and where the time went.
    let report = first.output["report"].as_str().unwrap();
    let key = report.strip_prefix(&format!("s3://{}/", deployment.bucket)).unwrap();
    let report: Value = serde_json::from_slice(&deployment.object(key).await).unwrap();
    assert_eq!(report["summary"]["counts"]["proven_crc32c"], 11);
    // Three batches, and three shares of the big object with its end.
    assert_eq!(report["spent"]["calls"], 3 + 3 + 1);
    assert!(!deployment.names("copies/.carnet-sync/engine/").await.is_empty(), "the maps' results");

    deployment.stage.put("00.txt", "changed");
    std::fs::remove_file(deployment.stage.blobs().join("01.txt")).unwrap();
    let second = machine.run(json!({})).await;
    assert_eq!(second.status, "SUCCEEDED", "{second:?}");
    assert_eq!((&second.output["copied"], &second.output["deleted"]), (&json!(1), &json!(1)));
    deployment.assert_same().await;
    let third = machine.run(json!({})).await;
    assert_eq!(third.output["ending"], "nothing_to_do");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "cargo xtask test runs it: it needs moto"]
async fn workers_die_batches_fail_and_a_redrive_ends_equal() {
    let one_by_one = [("SyncToleratedFailurePercent", "0"), ("SyncConcurrency", "1")];
    let deployment = Deployment::new(&one_by_one, SMALL, LONG).await;
    fill(&deployment, 24);
    let machine = Machine::new(&deployment).await;
    // A batch that no retry cures: its file may not be read.
    let may_not_read = deployment.deny("sync-copy", "s3:GetObject", "*/batches/00000004.json");
    // A worker is killed while it copies another: that one is called again.
    deployment.stage.fault("google.media/00.txt=hang*1");
    let execution = machine.start(json!({})).await;
    until("a worker copies", || deployment.stage.count(Hop::GoogleMedia) > 0).await;
    for pid in deployment.stage.function("sync-copy").pids() {
        let _ = rustix::process::kill_process(
            rustix::process::Pid::from_raw(pid as i32).unwrap(),
            rustix::process::Signal::KILL,
        );
    }
    let failed = machine.wait(&execution).await;
    assert_eq!(
        (failed.status.as_str(), failed.error.as_str()),
        ("FAILED", "States.ExceedToleratedFailureThreshold")
    );
    let copied = deployment.copies().await.len();
    assert!((16..24).contains(&copied), "{copied}");
    deployment.allow(may_not_read);
    let redriven = machine.redrive(&execution).await;
    let ended = machine.wait(&redriven).await;
    assert_eq!(
        ended.status,
        "SUCCEEDED",
        "{ended:?} {:#?}",
        deployment.stage.function("sync-copy").logs().lines()
    );
    assert_eq!(ended.output["copied"], 24);
    deployment.assert_same().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "cargo xtask test runs it: it needs moto"]
async fn one_that_timed_out_is_redriven() {
    let deployment = Deployment::new(&[], SMALL, LONG).await;
    fill(&deployment, 8);
    let machine = Machine::new(&deployment).await;
    deployment.stage.fault("google.media=hang");
    let mut definition = machine.definition();
    // Long enough for the plan on a busy machine: a redrive is to begin with the copies.
    definition["TimeoutSeconds"] = json!(10);
    let execution = machine.start_of(definition, json!({})).await;
    assert_eq!(machine.wait(&execution).await.status, "TIMED_OUT");
    assert_eq!(deployment.copies().await.len(), 0);
    deployment.stage.local.shared.faults.clear();
    let redriven = machine.redrive(&execution).await;
    let ended = machine.wait(&redriven).await;
    assert_eq!(ended.status, "SUCCEEDED", "{ended:?} {:#}", machine.history(&redriven).await);
    deployment.assert_same().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "cargo xtask test runs it: it needs moto"]
async fn of_two_schedules_that_overlap_the_second_ends_in_peace() {
    let deployment = Deployment::new(&[], SMALL, LONG).await;
    fill(&deployment, 8);
    let machine = Machine::new(&deployment).await;
    deployment.stage.fault("google.media=hang*1");
    let first = machine.start(json!({})).await;
    until("the first copies", || deployment.stage.count(Hop::GoogleMedia) > 0).await;
    let execution = machine.start(json!({})).await;
    let second = machine.wait(&execution).await;
    assert_eq!(second.status, "SUCCEEDED", "{second:?}");
    assert!(!machine.history(&execution).await.to_string().contains("sync-copy"), "it copied something");
    assert!(second.output["held"]["Cause"].as_str().unwrap().contains("holds the lease"), "{second:?}");
    // What hung is over with its connection.
    deployment.stage.local.shared.faults.clear();
    let ended = machine.wait(&first).await;
    assert_eq!(ended.status, "SUCCEEDED", "{ended:?}");
    deployment.assert_same().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "cargo xtask test runs it: it needs moto"]
async fn the_guard_fails_the_execution_and_a_person_passes_the_plan() {
    let deployment = Deployment::new(&[("SyncDelete", "true")], SMALL, LONG).await;
    fill(&deployment, 12);
    let machine = Machine::new(&deployment).await;
    assert_eq!(machine.run(json!({})).await.status, "SUCCEEDED");
    for number in 0..12 {
        std::fs::remove_file(deployment.stage.blobs().join(format!("{number:02}.txt"))).unwrap();
    }
    let refused = machine.run(json!({})).await;
    assert_eq!((refused.status.as_str(), refused.error.as_str()), ("FAILED", "Carnet.RefusedByGuard"));
    assert_eq!(deployment.copies().await.len(), 12);
    let reports = deployment.names("copies/.carnet-sync/reports/").await;
    let last = format!("copies/.carnet-sync/reports/{}", reports.last().unwrap());
    let mut digests = Vec::new();
    for report in &reports {
        let report: Value = serde_json::from_slice(
            &deployment.object(&format!("copies/.carnet-sync/reports/{report}")).await,
        )
        .unwrap();
        if report["summary"]["ending"] == "refused_by_guard" {
            digests.push(report["summary"]["deletions_digest"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(digests.len(), 1, "{last}");
    let passed = machine.run(json!({ "confirm": digests[0] })).await;
    assert_eq!(passed.status, "SUCCEEDED", "{passed:?}");
    assert_eq!(passed.output["deleted"], 12);
    deployment.assert_same().await;
}
