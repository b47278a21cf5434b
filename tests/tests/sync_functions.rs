//! The functions of the sync, called as the state machine's tasks: their deadline, SIGTERM, what they are
//! told wrongly, what they tell.

use carnet_localclouds::faults::Hop;
use carnet_tests::deployment::{Deployment, FUNCTIONS, until};
use carnet_tests::secrecy;
use serde_json::{Value, json};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

/// Fault 27: the deadline comes near while a store is silent.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_done_before_the_deadline_is_handed_back() {
    let deployment = Deployment::new(&[], &[], Duration::from_secs(12)).await;
    deployment.stage.put("a", "one");
    deployment.stage.put("second", "two");
    deployment.stage.fault("google.media/second=hang");
    let plan = deployment.plan("one", json!({})).await.unwrap();
    let items = deployment.array(plan["work"].as_str().unwrap()).await;
    let [item] = &items[..] else { panic!("{items:?}") };
    let answer = deployment.call("sync-copy", item.clone()).await.unwrap();
    assert_eq!((&answer["batch"], &answer["left"]), (&item["batch"], &json!(1)));
    assert_eq!(deployment.copies().await.into_keys().collect::<Vec<_>>(), ["a"]);
    deployment.stage.local.shared.faults.clear();
    // The answer is what it is called with next.
    assert_eq!(deployment.copy(answer).await.unwrap()["left"], 0);
    let ended = deployment.commit(plan["run"].as_str().unwrap()).await.unwrap();
    assert_eq!((&ended["ending"], &ended["copied"]), (&json!("done"), &json!(2)));
    deployment.assert_same().await;
}

/// Fault 27: the environment is ended while it works.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_told_to_end_leaves_nothing_half() {
    let deployment = Deployment::new(&[], &[("CARNET_SYNC_BATCH_BYTES", "8388608")], LONG).await;
    deployment.stage.put("a", "one");
    deployment.stage.put("big", vec![7; 18_000_000]);
    let plan = deployment.plan("one", json!({})).await.unwrap();
    let items = deployment.array(plan["work"].as_str().unwrap()).await;
    for item in &items {
        deployment.stage.fault("google.media=hang");
        let before = deployment.stage.count(Hop::GoogleMedia);
        let call = deployment.call("sync-copy", item.clone());
        let end = async {
            until("it reads", || deployment.stage.count(Hop::GoogleMedia) > before).await;
            for pid in deployment.stage.function("sync-copy").pids() {
                let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
                rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
            }
        };
        let (answer, ()) = tokio::join!(call, end);
        assert_eq!(answer.unwrap_err().0, "Runtime.ExitError");
        deployment.stage.local.shared.faults.clear();
        assert!(!deployment.copies().await.contains_key("big"));
        deployment.copy(item.clone()).await.unwrap();
    }
    for item in deployment.array(plan["big"].as_str().unwrap()).await {
        deployment.copy(item).await.unwrap();
    }
    let ended = deployment.commit(plan["run"].as_str().unwrap()).await.unwrap();
    assert_eq!((&ended["ending"], &ended["copied"]), (&json!("done"), &json!(2)));
    deployment.assert_same().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_is_refused_by_name() {
    let deployment = Deployment::new(&[], &[], LONG).await;
    deployment.stage.put("a", "one");
    for (function, event, says) in [
        ("sync-plan", json!({}), "execution"),
        ("sync-plan", json!({ "execution": "e", "began": "yesterday" }), "began"),
        (
            "sync-plan",
            json!({ "execution": "e", "began": "2026-11-22T10:00:00Z", "input": { "confirm": "yes" } }),
            "confirm",
        ),
        ("sync-copy", json!({ "batch": 1 }), "run"),
        ("sync-commit", json!({ "step": "merge", "run": "r" }), "range"),
        ("sync-commit", json!({ "step": "dance", "run": "r" }), "dance"),
    ] {
        let (name, message) = deployment.call(function, event.clone()).await.unwrap_err();
        assert_eq!(name, "Carnet.BadEvent", "{event}: {message}");
        assert!(message.contains(says), "{event}: {message}");
    }
    // A run that never was, or is over.
    for (function, event) in [
        ("sync-copy", json!({ "run": "none", "batch": 0 })),
        ("sync-commit", json!({ "step": "gather", "run": "none" })),
        ("sync-commit", json!({ "step": "merge", "run": "none", "range": 0 })),
        ("sync-commit", json!({ "step": "conclude", "run": "none" })),
    ] {
        let (name, message) = deployment.call(function, event.clone()).await.unwrap_err();
        assert_eq!(name, "Carnet.RunIsOver", "{event}: {message}");
    }
    // None of these took the lease.
    assert_eq!(deployment.run("one", json!({})).await.unwrap()["ending"], "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_ends_is_counted_and_no_log_has_a_secret() {
    let deployment = Deployment::new(&[], &[("AWS_LAMBDA_LOG_LEVEL", "TRACE")], LONG).await;
    deployment.stage.put("a", "one");
    deployment.run("one", json!({})).await.unwrap();
    let commit = deployment.stage.function("sync-commit");
    // What a process writes arrives a little after its answer.
    until("it is counted", || commit.logs().contains("SyncRuns")).await;
    let lines = commit.logs().lines();
    let metrics: Vec<Value> = lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let counted: Vec<_> = metrics.iter().filter(|line| line["SyncRuns"] == 1).collect();
    let [counted] = &counted[..] else { panic!("one line counts the run: {lines:#?}") };
    assert_eq!((&counted["SyncCopied"], &counted["SyncCopiedBytes"]), (&json!(1), &json!(3)));
    assert_eq!((&counted["SyncFailed"], &counted["Function"]), (&json!(0), &json!("sync-commit")));
    for (function, ..) in FUNCTIONS {
        let log = deployment.stage.function(function).logs().lines().join("\n");
        for secret in secrecy::SECRETS {
            assert!(!log.contains(secret), "{function} shows {secret}");
        }
    }
}
