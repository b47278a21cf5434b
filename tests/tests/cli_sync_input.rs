//! What is wrong with a call of `carnet sync`, or with what it finds, is said once, with an exit code
//! that means it, and before anything is written.

mod cli_support;

use carnet_localclouds::World;
use carnet_localclouds::faults::{Fault, Hop, Rule};
use carnet_tests::{ACCOUNT, BUCKET, CONTAINER, S3_BUCKET};
use cli_support::copies::{AZURE, Copies, GOOGLE, until};
use cli_support::{carnet, carnet_with, changed};
use serde_json::json;

const ROLE: &str = "carnet-eu-central-1-operator";

fn asked_s3(copies: &Copies) -> usize {
    copies.stage.count(Hop::S3)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_word_of_the_command_line_is_named_and_nothing_is_asked() {
    let copies = Copies::new(GOOGLE).await;
    let cases: [(&[&str], &str); 29] = [
        (&["--min-size", "many"], "many"),
        (&["--max-size=-1"], "is no size"),
        (&["--min-size", "2KiB", "--max-size", "1KiB"], "at least 2048 and at most 1024"),
        (&["--min-age", "7"], "--min-age"),
        (&["--max-age", "1y"], "1y"),
        (&["--min-age", "2d", "--max-age", "1d"], "older than min_age and younger than max_age"),
        (&["--include", "["], "["),
        (&["--exclude", "{a"], "{a"),
        (&["--max-delete", "1"], "--delete"),
        (&["--max-delete-percent", "1"], "--delete"),
        (&["--confirm", &"0".repeat(64)], "--delete"),
        (&["--delete", "--max-delete", "all"], "all"),
        (&["--delete", "--max-delete-percent", "101"], "101"),
        (&["--delete", "--confirm", "abc"], "64 hexadecimal digits"),
        (&["--concurrency", "0"], "--concurrency"),
        (&["--memory", "0"], "at least one byte"),
        (&["--bandwidth", "0"], "at least one byte"),
        (&["--bandwidth", "fast"], "fast"),
        (&["--part-size", "1MiB"], "5 MiB to 5 GiB"),
        (&["--part-size", "6GiB"], "5 MiB to 5 GiB"),
        (&["--storage-class", "cheap"], "STANDARD_IA"),
        (&["--kms-key", "a key"], "KMS"),
        (&["--tag", "team"], "name=value"),
        (&["--tag", "a=1", "--tag", "a=2"], "given twice"),
        (&["--state", "gs://bucket/x"], "s3://bucket"),
        (&["--state", "s3://carnet-test-copies"], "needs a folder"),
        (&["--break-lease", "no run!"], "a run is named like"),
        (&["--dry-run", "--verify"], "--verify"),
        (&["--delete-everything"], "--delete-everything"),
    ];
    for (args, said) in cases {
        let run = copies.sync(args).await;
        assert_eq!(run.code, 2, "{args:?}: {run:?}");
        assert!(run.stderr.contains(said), "{said} for {args:?} in {}", run.stderr);
        assert!(run.stdout.is_empty(), "{args:?}");
    }
    let tags: Vec<String> = (0..11).map(|number| format!("--tag=t{number}=x")).collect();
    let run = copies.sync(&tags.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert!(run.code == 2 && run.stderr.contains("at most 10 tags"), "{run:?}");
    let to = copies.to();
    let ends: [(&[&str], &str); 10] = [
        (&["sync"], "<SRC>"),
        (&["sync", "gs://bucket"], "<DST>"),
        (&["sync", "s3://bucket", &to], "a source is"),
        (&["sync", "gs://bucket", "gs://other"], "a destination is"),
        (&["sync", "/tmp/folder", &to], "/tmp/folder"),
        (&["sync", "azure://account", &to], "container"),
        (&["sync", "gs://bucket", "s3://Bucket"], "bucket's name"),
        (&["sync", "gs://bucket/a/../b", &to], "gs://bucket/a/../b"),
        (&["sync", "status"], "<DST>"),
        (&["sync", "status", "gs://bucket"], "a destination is"),
    ];
    for (args, said) in ends {
        let run = carnet(&copies.stage, args).await;
        assert_eq!(run.code, 2, "{args:?}: {run:?}");
        assert!(run.stderr.contains(said), "{said} for {args:?} in {}", run.stderr);
    }
    let asked: usize =
        Hop::ALL.iter().filter(|hop| **hop != Hop::Sts).map(|hop| copies.stage.count(*hop)).sum();
    assert_eq!(asked, 0, "nothing was asked of any store");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_missing_or_malformed_variable_of_both_ends_is_named_together() {
    let copies = Copies::new(AZURE).await;
    let wrong = changed(
        &copies.stage,
        &[
            ("AZURE_TENANT_ID", ""),
            ("AWS_ENDPOINT_URL_S3", "http://s3.example.com"),
            ("CARNET_S3_REGION", "eu.evil/"),
            ("CARNET_S3_BUCKET_OWNER", "12"),
        ],
    );
    let run = copies.sync_with(&wrong, &["--format", "json"]).await;
    assert_eq!((run.code, &run.error()["kind"]), (3, &json!("not_configured")), "{run:?}");
    for name in ["AZURE_TENANT_ID", "AWS_ENDPOINT_URL_S3", "CARNET_S3_REGION", "CARNET_S3_BUCKET_OWNER"] {
        assert!(run.stderr.contains(name), "{name} in {}", run.stderr);
    }
    let none = changed(&copies.stage, &[("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")]);
    let run = copies.sync_with(&none, &[]).await;
    assert!(run.code == 3 && run.stderr.contains("no AWS credentials"), "{run:?}");
    let run = copies.sync_with(&changed(&copies.stage, &[("AWS_REGION", "")]), &[]).await;
    assert!(run.code == 3 && run.stderr.contains("AWS_REGION"), "{run:?}");
    assert_eq!(asked_s3(&copies), 0);
}

/// What the operator's role may do with one bucket, it may do with all.
fn allow_all_buckets(world: &mut World) {
    for policy in &mut world.aws.roles.get_mut(ROLE).expect("the operator's role").policies {
        let text = serde_json::to_string(policy).expect("a policy").replace(S3_BUCKET, "*");
        *policy = serde_json::from_str(&text).expect("a policy");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_at_s3_is_said_of_s3() {
    let copies = Copies::new(GOOGLE).await;
    copies.stage.put("a", "hello");
    let from = copies.from();
    let vars = copies.stage.env();
    // Who may do nothing with a bucket is not told whether it exists.
    let nothing = ["sync", &from, "s3://carnet-nothing/x", "--format", "json"];
    assert_eq!(carnet_with(&vars, &nothing).await.code, 5);
    allow_all_buckets(&mut copies.stage.local.shared.world_mut());
    let run = carnet_with(&vars, &nothing).await;
    let error = run.error();
    assert_eq!(
        (run.code, &error["target"], &error["code"]),
        (6, &json!("s3://carnet-nothing"), &json!("NoSuchBucket"))
    );
    assert!(error["help"].as_str().is_some_and(|help| help.ends_with("#nosuchbucket")), "{error}");

    let elsewhere = changed(&copies.stage, &[("CARNET_S3_REGION", "us-west-2")]);
    let run = copies.sync_with(&elsewhere, &[]).await;
    assert_eq!(run.code, 3, "{run:?}");
    for part in ["another region", "#bucket-in-another-region"] {
        assert!(run.stderr.contains(part), "{part} in {}", run.stderr);
    }

    let owner = changed(&copies.stage, &[("CARNET_S3_BUCKET_OWNER", "999999999999")]);
    assert_eq!(copies.sync_with(&owner, &[]).await.code, 5);

    let slow = Fault::Status {
        status: 503,
        headers: Vec::new(),
        body: "<Error><Code>SlowDown</Code></Error>".into(),
    };
    copies.faults(vec![Rule::always(Hop::S3, slow)]);
    assert_eq!(copies.sync(&["--format", "json"]).await.code, 8);
    copies.faults(Vec::new());

    // The role may do nothing with S3.
    let forbid = |world: &mut World| {
        let role = world.aws.roles.get_mut(ROLE).expect("the operator's role");
        role.policies.retain(|policy| !serde_json::to_string(policy).expect("a policy").contains("s3:"));
    };
    forbid(&mut copies.stage.local.shared.world_mut());
    let run = copies.sync(&["--format", "json"]).await;
    let error = run.error();
    assert_eq!((run.code, &error["kind"]), (5, &json!("forbidden")), "{run:?}");
    assert!(error["help"].as_str().is_some_and(|help| help.ends_with("#s3-accessdenied")), "{error}");
    let status = carnet_with(&vars, &["sync", "status", &copies.to()]).await;
    assert_eq!(status.code, 5, "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_not_there_or_shut_leaves_the_destination_alone() {
    for (side, missing) in
        [(AZURE, format!("azure://{ACCOUNT}/nothing")), (GOOGLE, "gs://carnet-nothing".to_owned())]
    {
        let copies = Copies::new(side).await;
        let run = carnet(&copies.stage, &["sync", &missing, &copies.to(), "--delete"]).await;
        assert_eq!(run.code, 6, "{run:?}");
        copies.stage.local.shared.world_mut().aws.outbound_federation = false;
        let run = copies.sync(&["--format", "json"]).await;
        assert_eq!((run.code, &run.error()["hop"]), (4, &json!("mint")), "{run:?}");
        assert!(copies.all().await.is_empty());
        assert!(!copies.state().await.contains(&"lease.json".to_owned()), "the lease is given back");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_without_objects_is_an_empty_source() {
    let copies = Copies::new(AZURE).await;
    let from = format!("azure://{ACCOUNT}/{CONTAINER}/nothing/here");
    assert_eq!(carnet(&copies.stage, &["sync", &from, &copies.to()]).await.code, 10);
    let from = format!("gs://{BUCKET}");
    let to = format!("s3://{S3_BUCKET}");
    assert_eq!(
        carnet(&copies.stage, &["sync", &from, &to]).await.code,
        10,
        "a whole bucket into a whole bucket"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_is_newer_or_broken_is_refused() {
    let copies = Copies::new(GOOGLE).await;
    copies.stage.put("a", "hello");
    copies.overwrite(".carnet-sync/root.json", br#"{"schema": 99, "anything": true}"#).await;
    let run = copies.sync(&["--format", "json"]).await;
    assert_eq!((run.code, &run.error()["kind"]), (3, &json!("newer_state")), "{run:?}");
    assert!(
        run.error()["message"].as_str().is_some_and(|text| text.contains("schema version 99")),
        "{run:?}"
    );
    copies.overwrite(".carnet-sync/root.json", b"{}").await;
    let run = copies.sync(&[]).await;
    assert_eq!(run.code, 9, "{run:?}");
    for part in ["root.json is not as it was written", "#sync-corrupt-state"] {
        assert!(run.stderr.contains(part), "{part} in {}", run.stderr);
    }
    assert_eq!(copies.all().await.len(), 0, "nothing was copied on such ground");
}

/// Every row that an error of sync links to is on the page.
#[test]
fn every_link_of_a_sync_leads_to_its_row() {
    let page = std::fs::read_to_string(carnet_tests::repository().join("docs/troubleshooting.md"))
        .expect("the page");
    let code =
        std::fs::read_to_string(carnet_tests::repository().join("cli/src/failure.rs")).expect("the code");
    let anchors: Vec<&str> =
        code.split("\"sync-").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(anchors.len() >= 8, "failure.rs is no longer read as it is written: {anchors:?}");
    let headings: Vec<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("#### "))
        .map(|heading| heading.to_lowercase().replace(": ", "-").replace(' ', "-"))
        // Others are what alarms lead to.
        .filter(|heading| heading.starts_with("sync-"))
        .collect();
    for anchor in &anchors {
        assert!(headings.contains(&format!("sync-{anchor}")), "#sync-{anchor} in {headings:?}");
    }
    assert_eq!(headings.len(), anchors.len(), "rows that no error links to");
}

/// A bandwidth and a small memory hold a run back, and it ends all the same.
#[tokio::test(flavor = "multi_thread")]
async fn limits_slow_a_run_and_no_more() {
    let copies = Copies::new(AZURE).await;
    for name in ["a", "b", "c"] {
        copies.stage.put(name, vec![1; 200_000]);
    }
    let limits = ["--bandwidth", "300kB", "--memory", "64KiB", "--concurrency", "1"];
    let mut run = copies.begin(&limits);
    // The first goes at once, the last when the first two have had their time.
    until(async || copies.reads("a") == 1).await;
    assert_eq!(copies.reads("c"), 0);
    assert_eq!(run.wait().await.expect("an end").code(), Some(0));
    assert_eq!(copies.all().await.len(), 3);
}
