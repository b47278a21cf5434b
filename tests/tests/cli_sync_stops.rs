//! `carnet sync` that is stopped, killed, or not alone: what was done is kept, what was begun is gone
//! on with, and nothing is ever half there.

mod cli_support;

use carnet_localclouds::faults::{Fault, Hop, Rule};
use carnet_tests::each;
use cli_support::copies::{
    AZURE, Copies, GOOGLE, LEASE_HELD, NOTHING_TO_DO, PART, STOPPED, Side, noise, summary_of, until,
};
use cli_support::{Run, carnet_with};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::process::Child;

each!(AZURE as azure, GOOGLE as google: (
    a_big_object_goes_on_from_its_parts_after_a_kill,
    parts_of_another_version_are_never_used,
    ctrl_c_and_sigterm_end_a_run_that_the_next_one_goes_on_with,
));

const BIG: &str = "big.bin";
const PARTS: usize = 6;
const SMALL_PARTS: [&str; 2] = ["--part-size", "5MiB"];

/// After so many requests about the big object, S3 answers no more about it.
fn stuck(after: u64) -> Rule {
    Rule::always(Hop::S3, Fault::Hang).path(format!("copies/{BIG}")).skip(after)
}

fn signal(child: &Child, signal: Signal) {
    let pid = child.id().expect("it runs").try_into().expect("a process id");
    kill_process(Pid::from_raw(pid).expect("a process id"), signal).expect("it can be told");
}

async fn end(child: Child) -> Run {
    let output = child.wait_with_output().await.expect("an end");
    let stderr = String::from_utf8(output.stderr).expect("text");
    Run { code: output.status.code().unwrap_or(-1), stdout: output.stdout, stderr }
}

/// One big object of which some parts have arrived, and a run that can do no more about it.
async fn half_way(side: Side, more: &[&str]) -> (Copies, Vec<u8>, Child) {
    let copies = Copies::new(side).await;
    let big = noise(PARTS * PART - 3);
    copies.stage.put(BIG, &big);
    // One looks whether it is there, one begins the upload.
    copies.faults(vec![stuck(4)]);
    let child = copies.begin(&[&SMALL_PARTS, more].concat());
    // Four at once: the last one goes out when two have arrived.
    until(async || copies.asked("PUT", BIG) == PARTS).await;
    (copies, big, child)
}

async fn a_big_object_goes_on_from_its_parts_after_a_kill(side: Side) {
    let (copies, big, mut child) = half_way(side, &[]).await;
    child.start_kill().expect("a kill");
    child.wait().await.expect("an end");
    assert!(copies.all().await.is_empty(), "nothing of it is visible");
    copies.faults(Vec::new());
    copies.stage.local.shared.faults.forget_seen();

    // It could not give its lease back. Whoever knows that it is dead says so.
    let held = copies.sync(&[&SMALL_PARTS[..], &["--format", "json"]].concat()).await;
    assert_eq!(held.code, LEASE_HELD, "{held:?}");
    let error = held.error();
    assert_eq!(error["kind"], "lease_held", "{error}");
    assert!(error["help"].as_str().is_some_and(|help| help.ends_with("#sync-lease-held")), "{error}");
    let dead = error["run"].as_str().expect("the run that has it");
    let other = ["--break-lease", "20260102T030405Z-00000000"];
    assert_eq!(
        copies.sync(&[&SMALL_PARTS[..], &other].concat()).await.code,
        LEASE_HELD,
        "another run's name"
    );

    let again = [&SMALL_PARTS[..], &["--break-lease", dead, "--format", "json"]].concat();
    let run = copies.sync(&again).await.ok();
    assert!(copies.all().await[BIG] == big);
    assert_eq!(copies.asked("PUT", BIG), PARTS - 2, "only the parts that had not arrived");
    assert_eq!(copies.arrived().await, None, "no upload is left");
    let counts = &summary_of(&run)["counts"];
    // An MD5 of the whole cannot be checked by whoever reads the rest; CRC32Cs of parts combine.
    let proven = if side.scheme == "gs" { "proven_crc32c" } else { "proven_length" };
    assert_eq!((&counts["copied"], &counts[proven]), (&json!(1), &json!(1)), "{counts}");
    assert_eq!(copies.sync(&SMALL_PARTS).await.code, NOTHING_TO_DO);
}

async fn parts_of_another_version_are_never_used(side: Side) {
    let (copies, big, child) = half_way(side, &[]).await;
    signal(&child, Signal::INT);
    assert_eq!(end(child).await.code, STOPPED);
    copies.faults(Vec::new());
    copies.stage.local.shared.faults.forget_seen();
    let other: Vec<u8> = big.iter().rev().copied().collect();
    copies.stage.put(BIG, &other);
    copies.sync(&SMALL_PARTS).await.ok();
    assert!(copies.all().await[BIG] == other);
    assert_eq!(copies.asked("PUT", BIG), PARTS, "all of it");
    assert_eq!(copies.arrived().await, None, "the other upload was ended");
}

async fn ctrl_c_and_sigterm_end_a_run_that_the_next_one_goes_on_with(side: Side) {
    for told in [Signal::INT, Signal::TERM] {
        let (copies, big, child) = half_way(side, &[]).await;
        signal(&child, told);
        let run = end(child).await;
        assert_eq!(run.code, STOPPED, "{run:?}");
        assert!(
            run.text().contains("stopped:") && run.text().contains("1 object: for the next run"),
            "{run:?}"
        );
        assert!(copies.all().await.is_empty());
        assert!(!copies.state().await.contains(&"lease.json".to_owned()), "the lease is given back");
        copies.faults(Vec::new());
        copies.stage.local.shared.faults.forget_seen();
        copies.sync(&SMALL_PARTS).await.ok();
        assert!(copies.all().await[BIG] == big);
        assert_eq!(copies.asked("PUT", BIG), PARTS - 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_is_refused_while_one_is_at_work() {
    let (copies, _, child) = half_way(GOOGLE, &[]).await;
    let second = copies.sync(&[]).await;
    assert_eq!(second.code, LEASE_HELD, "{second:?}");
    let process = format!("of process {} on ", child.id().expect("it runs"));
    for part in ["another run, ", &process, "holds the lease until", "--break-lease", "#sync-lease-held"] {
        assert!(second.stderr.contains(part), "{part} in {}", second.stderr);
    }
    assert!(second.stdout.is_empty());
    // Looking is nobody's turn.
    copies.sync(&["--dry-run"]).await.ok();
    let vars = copies.stage.env();
    let status = carnet_with(&vars, &["sync", "status", &copies.to()]).await.ok().text();
    for part in ["no run has ended yet", &process, "1 object on the way in parts", "unfinished"] {
        assert!(status.contains(part), "{part} in {status}");
    }
    signal(&child, Signal::INT);
    assert_eq!(end(child).await.code, STOPPED);
}

/// A run whose lease was taken from it does no harm when it goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_only_thought_dead_ends_by_itself() {
    let (copies, big, child) = half_way(GOOGLE, &[]).await;
    copies.faults(Vec::new());
    let vars = copies.stage.env();
    let status = carnet_with(&vars, &["sync", "status", &copies.to(), "--format", "json"]).await.ok().json();
    let run = status["lease"]["run"].as_str().expect("a run").to_owned();
    copies.sync(&[&SMALL_PARTS[..], &["--break-lease", &run]].concat()).await.ok();
    assert!(copies.all().await[BIG] == big);
    signal(&child, Signal::INT);
    let first = end(child).await;
    assert!(matches!(first.code, LEASE_HELD | STOPPED), "{first:?}");
    assert!(copies.all().await[BIG] == big);
    assert_eq!(copies.sync(&SMALL_PARTS).await.code, NOTHING_TO_DO);
}

/// The first signal waits for what is under way; the second does not.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_a_run_at_once() {
    let copies = Copies::new(AZURE).await;
    copies.stage.put("a", "hello");
    // Its last steps get no answer.
    copies.faults(vec![Rule::always(Hop::S3, Fault::Hang).path(".carnet-sync/manifest/")]);
    let child = copies.begin(&[]);
    let seen = || copies.stage.local.shared.faults.seen(Hop::S3);
    until(async || seen().iter().any(|seen| seen.path.contains(".carnet-sync/manifest/"))).await;
    signal(&child, Signal::INT);
    // One that came before the first was heard would be the first.
    let pid = child.id().expect("it runs");
    let mut child = child;
    until(async || {
        let pid = Pid::from_raw(pid.try_into().expect("a process id")).expect("a process id");
        // Gone already: told to end by the one before.
        let _ = kill_process(pid, Signal::INT);
        child.try_wait().expect("its state").is_some()
    })
    .await;
    assert_eq!(child.wait().await.expect("an end").code(), Some(STOPPED));
    copies.faults(Vec::new());
    // The next run finds what was written.
    let vars = copies.stage.env();
    let status = carnet_with(&vars, &["sync", "status", &copies.to(), "--format", "json"]).await.ok().json();
    let dead = status["lease"]["run"].as_str().expect("a run").to_owned();
    let run = copies.sync(&["--break-lease", &dead]).await;
    assert!(matches!(run.code, 0 | NOTHING_TO_DO), "{run:?}");
    assert_eq!(copies.all().await["a"], b"hello");
    assert_eq!(copies.asked("PUT", "a"), 1, "written once");
}
