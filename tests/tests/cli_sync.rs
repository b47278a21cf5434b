//! `carnet sync`, the real binary, from either cloud's stand-in into that of S3: what it copies,
//! leaves, deletes and says.

mod cli_support;

use carnet_localclouds::faults::Hop;
use carnet_tests::{S3_BUCKET, each};
use cli_support::copies::{
    AZURE, Copies, GOOGLE, NOT_THE_SAME, NOTHING_TO_DO, PART, REFUSED_BY_GUARD, Side, noise, summary_of,
};
use cli_support::{carnet_with, changed};
use serde_json::json;
use std::collections::BTreeMap;

each!(AZURE as azure, GOOGLE as google: (
    a_tree_is_copied_once_and_then_there_is_nothing_to_do,
    what_changed_is_copied_and_what_is_gone_stays_until_it_is_to_be_deleted,
    a_source_below_a_prefix_is_copied_below_a_prefix,
    every_name_arrives_as_it_is,
    attributes_go_along,
    a_dry_run_shows_the_plan_and_its_digest_passes_the_guard,
    events_are_lines_of_json_and_the_last_one_is_the_summary,
    filters_choose_and_what_they_leave_out_is_left_alone,
    both_sides_are_read_again_and_compared,
));

fn tree(names: &[(&str, &[u8])]) -> BTreeMap<String, Vec<u8>> {
    names.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect()
}

async fn a_tree_is_copied_once_and_then_there_is_nothing_to_do(side: Side) {
    let copies = Copies::new(side).await;
    let big = noise(2 * PART + 7);
    for (name, bytes) in
        [("a.txt", &b"hello"[..]), ("empty", b""), ("x/y/deep.csv", b"1,2"), ("big.bin", &big)]
    {
        copies.stage.put(name, bytes);
    }
    let run = copies.sync(&["--part-size", "5MiB"]).await.ok();
    let text = run.text();
    for part in ["done: ", &copies.from(), &copies.to(), "copied", "4 objects, 10.00 MiB", "proven"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(run.stderr, "");
    let expected = [("a.txt", &b"hello"[..]), ("empty", b""), ("x/y/deep.csv", b"1,2"), ("big.bin", &big)];
    assert!(copies.all().await == tree(&expected));
    assert_eq!(copies.asked("PUT", "big.bin"), 3, "in parts");

    copies.stage.local.shared.faults.forget_seen();
    let run = copies.sync(&[]).await;
    assert_eq!((run.code, run.stderr.as_str()), (NOTHING_TO_DO, ""), "{run:?}");
    assert!(run.text().starts_with("nothing to do: "), "{}", run.text());
    for (name, _) in expected {
        assert_eq!((copies.reads(name), copies.asked("PUT", name)), (0, 0), "{name}");
    }
    assert!(!copies.state().await.contains(&"lease.json".to_owned()));
}

async fn what_changed_is_copied_and_what_is_gone_stays_until_it_is_to_be_deleted(side: Side) {
    let copies = Copies::new(side).await;
    for name in ["a", "b", "c"] {
        copies.stage.put(name, name);
    }
    copies.sync(&[]).await.ok();
    copies.overwrite("foreign", b"not ours").await;
    // Of the same size, so that only the version tells.
    copies.stage.put("a", "A");
    copies.remove("b");
    copies.stage.put("d", "d");
    let (code, summary) = copies.summary(&[]).await;
    assert_eq!((code, &summary["counts"]["copied"]), (0, &json!(2)), "{summary}");
    assert_eq!(copies.reads("c"), 1, "the first time only");
    let kept: [(&str, &[u8]); 5] =
        [("a", b"A"), ("b", b"b"), ("c", b"c"), ("d", b"d"), ("foreign", b"not ours")];
    assert_eq!(copies.all().await, tree(&kept));

    let (code, summary) = copies.summary(&["--delete"]).await;
    assert_eq!((code, &summary["counts"]["deleted"]), (0, &json!(1)), "{summary}");
    let left: [(&str, &[u8]); 4] = [("a", b"A"), ("c", b"c"), ("d", b"d"), ("foreign", b"not ours")];
    assert_eq!(copies.all().await, tree(&left));
    assert_eq!(copies.sync(&["--delete"]).await.code, NOTHING_TO_DO);

    // What somebody else put in its place is not ours to delete.
    copies.overwrite("c", b"another's").await;
    copies.remove("c");
    let (_, summary) = copies.summary(&["--delete"]).await;
    assert_eq!((&summary["counts"]["deleted"], &summary["counts"]["not_ours"]), (&json!(0), &json!(1)));
    assert_eq!(copies.all().await["c"], b"another's");
}

async fn a_source_below_a_prefix_is_copied_below_a_prefix(side: Side) {
    let copies = Copies::new(side).await;
    for name in ["reports/june.csv", "reports/2026/july.csv", "reports-old/x", "other"] {
        copies.stage.put(name, name);
    }
    let from = format!("{}/reports", copies.from());
    let to = format!("{}of/reports", copies.to());
    let vars = copies.stage.env();
    carnet_with(&vars, &["sync", &from, &to]).await.ok();
    let mut all = copies.all().await;
    all.retain(|name, _| !name.contains(".carnet-sync/"));
    let names: Vec<_> = all.keys().map(String::as_str).collect();
    assert_eq!(names, ["of/reports/2026/july.csv", "of/reports/june.csv"]);
    // The state lies with what it is of, and a slash at the end is no other place.
    let status = carnet_with(&vars, &["sync", "status", &to, "--format", "json"]).await.ok().json();
    assert_eq!(status["manifest"]["source"], format!("{from}/"));
    let again = carnet_with(&vars, &["sync", &format!("{from}/"), &format!("{to}/")]).await;
    assert_eq!(again.code, NOTHING_TO_DO, "{again:?}");
    // Another source into the same place is refused, and another state lets it in.
    let other = carnet_with(&vars, &["sync", &copies.from(), &to]).await;
    assert_eq!(other.code, 3, "{other:?}");
    assert!(
        other.stderr.contains("the state is that of") && other.stderr.contains("#sync-other-places"),
        "{other:?}"
    );
    let elsewhere = format!("s3://{S3_BUCKET}/states/second");
    carnet_with(&vars, &["sync", &copies.from(), &to, "--state", &elsewhere]).await.ok();
    assert_eq!(carnet_with(&vars, &["sync", "status", &to, "--state", &elsewhere]).await.code, 0);
}

async fn every_name_arrives_as_it_is(side: Side) {
    let copies = Copies::new(side).await;
    let long = format!("{0}/{0}/{0}/{1}", "l".repeat(255), "l".repeat(256 - 7));
    assert_eq!(long.len() + "copies/".len(), 1024);
    let names = [
        " leading and trailing ",
        ".hidden",
        "..almost",
        "a+b&c=d?e#f%20g",
        "cafe\u{301}",
        "caf\u{e9}",
        "q\"uote'\\back",
        "tilde~*()!",
        "日本/🛂.txt",
        &long,
    ];
    for name in names {
        copies.stage.put(name, name);
    }
    copies.stage.put(&format!("{long}x"), "a byte too many below this prefix");
    let (code, summary) = copies.summary(&[]).await;
    assert_eq!((code, &summary["planned"]["skip"]), (0, &json!(1)), "{summary}");
    let expected: BTreeMap<_, _> = names.map(|name| (name.to_owned(), name.as_bytes().to_vec())).into();
    assert_eq!(copies.all().await, expected);
    assert_eq!(copies.sync(&[]).await.code, NOTHING_TO_DO);
    let plan = copies.sync(&["--dry-run"]).await;
    assert!(plan.text().contains("too long for S3"), "{}", plan.text());
}

async fn attributes_go_along(side: Side) {
    let copies = Copies::new(side).await;
    let stated = json!({
        "page.html": {
            "content_type": "text/html; charset=utf-8",
            "cache_control": "max-age=60",
            "content_disposition": "inline",
            "metadata": { "owner": "Jane", "place": "Köln" }
        }
    });
    copies.stage.put(".carnet-blob.json", stated.to_string());
    copies.stage.put("page.html", "<p>");
    let key = "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d";
    let args = ["--storage-class", "STANDARD_IA", "--kms-key", key, "--tag", "team=a b", "--tag", "cost=7"];
    copies.sync(&args).await.ok();
    let there = copies.attributes("page.html").await;
    assert_eq!(there.content_type.as_deref(), Some("text/html; charset=utf-8"));
    assert_eq!(there.cache_control.as_deref(), Some("max-age=60"));
    assert_eq!(there.content_disposition.as_deref(), Some("inline"));
    assert_eq!(there.storage_class.as_deref(), Some("STANDARD_IA"));
    assert_eq!(there.kms_key_id.as_deref(), Some(key));
    assert_eq!(there.metadata["owner"], "Jane");
    // Headers, in which Azure has them, hold ASCII only.
    if side.scheme == "gs" {
        assert_eq!(there.metadata["place"], "=?UTF-8?B?S8O2bG4=?=");
    }
    assert!(there.metadata["carnet-source-modified"].ends_with('Z'), "{there:?}");
    assert!(there.metadata.contains_key("carnet-source-version"), "{there:?}");
}

async fn a_dry_run_shows_the_plan_and_its_digest_passes_the_guard(side: Side) {
    let copies = Copies::new(side).await;
    for number in 0..30 {
        copies.stage.put(&format!("{number:02}"), "x");
    }
    let run = copies.sync(&["--dry-run"]).await.ok();
    let text = run.text();
    for part in ["nothing is written", "copy    30 objects, 30 B: new", "and 25 more", "digest"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(copies.all().await.is_empty() && copies.state().await.is_empty());
    copies.sync(&[]).await.ok();
    assert_eq!(copies.sync(&["--dry-run"]).await.code, NOTHING_TO_DO);

    // Eleven of thirty are more than a tenth.
    for number in 0..11 {
        copies.remove(&format!("{number:02}"));
    }
    copies.stage.put("99", "new");
    let run = copies.sync(&["--dry-run", "--delete"]).await;
    assert_eq!(run.code, REFUSED_BY_GUARD, "{run:?}");
    for part in ["delete  11 objects", "gone from the source", "refused: 11 of 30 objects"] {
        assert!(run.text().contains(part), "{part} in {}", run.text());
    }
    let plan =
        copies.sync(&["--dry-run", "--delete", "--format", "json"]).await.lines().pop().expect("a plan");
    assert_eq!((&plan["event"], &plan["refusal"]["why"]), (&json!("plan"), &json!("too_large_a_share")));
    let digest = |name: &str| plan[name].as_str().expect("a digest").to_owned();

    // The run is refused too: it copies what there is to copy, and deletes nothing.
    let refused = copies.sync(&["--delete"]).await;
    assert_eq!(refused.code, REFUSED_BY_GUARD, "{refused:?}");
    for part in ["the guard", "11 of 30", "--confirm", &digest("deletions_digest"), "#sync-refused-by-guard"]
    {
        assert!(refused.stderr.contains(part), "{part} in {}", refused.stderr);
    }
    assert_eq!(copies.all().await.len(), 31);
    // Another plan's digest lets nothing through; nor does the one of the plan whose copies are made.
    for other in [&"0".repeat(64), &digest("digest")] {
        assert_eq!(copies.sync(&["--delete", "--confirm", other]).await.code, REFUSED_BY_GUARD);
    }
    let (code, summary) = copies.summary(&["--delete", "--confirm", &digest("deletions_digest")]).await;
    assert_eq!((code, &summary["counts"]["deleted"]), (0, &json!(11)), "{summary}");
    assert_eq!(copies.all().await.len(), 20);

    // The other caps.
    copies.remove("20");
    copies.remove("21");
    assert_eq!(copies.sync(&["--delete", "--max-delete", "1"]).await.code, REFUSED_BY_GUARD);
    assert_eq!(copies.sync(&["--delete", "--max-delete-percent", "5"]).await.code, REFUSED_BY_GUARD);
    copies.sync(&["--delete", "--max-delete", "2", "--max-delete-percent", "10"]).await.ok();
    for number in (22..30).chain(11..20).chain([99]) {
        copies.remove(&format!("{number:02}"));
    }
    let empty = copies.sync(&["--delete", "--max-delete", "1000", "--max-delete-percent", "100"]).await;
    assert_eq!(empty.code, REFUSED_BY_GUARD, "{empty:?}");
    assert!(empty.stderr.contains("the source lists nothing"), "{}", empty.stderr);
    assert_eq!(copies.all().await.len(), 18);
    assert_eq!(copies.sync(&[]).await.code, NOTHING_TO_DO, "without --delete nothing is asked of the guard");
}

async fn events_are_lines_of_json_and_the_last_one_is_the_summary(side: Side) {
    let copies = Copies::new(side).await;
    copies.stage.put("a", "hello");
    let run = copies.sync(&["--format", "json"]).await.ok();
    let lines = run.lines();
    let events: Vec<_> = lines.iter().map(|line| line["event"].as_str().unwrap_or_default()).collect();
    for (event, fields) in [
        ("began", &["run"][..]),
        ("planned", &["tally", "digest", "deletions_digest"]),
        ("bytes", &["bytes"]),
        ("copied", &["key", "bytes", "origin", "proven"]),
        ("committed", &["objects", "bytes"]),
    ] {
        let at =
            events.iter().position(|name| *name == event).unwrap_or_else(|| panic!("{event} in {events:?}"));
        for field in fields {
            assert!(!lines[at][field].is_null(), "{field} in {}", lines[at]);
        }
    }
    let summary = summary_of(&run);
    assert_eq!((&summary["ending"], &summary["objects"]), (&json!("done"), &json!(1)));
    assert_eq!(
        (&summary["source"], &summary["counts"][side.proven]),
        (&json!(format!("{}/", copies.from())), &json!(1))
    );
    assert_eq!(run.stderr, "");
    // Quiet leaves the result.
    copies.stage.put("b", "hello");
    let quiet = copies.sync(&["-q"]).await.ok();
    assert!(quiet.text().starts_with("done: ") && quiet.stderr.is_empty(), "{quiet:?}");
    copies.stage.put("c", "hello");
    let told = copies.sync(&["-v"]).await.ok();
    assert!(told.stderr.contains("copied c"), "{}", told.stderr);
}

async fn filters_choose_and_what_they_leave_out_is_left_alone(side: Side) {
    let copies = Copies::new(side).await;
    for (name, size) in [("a.csv", 10), ("b.csv", 2_000), ("c.tmp", 10), ("x/d.csv", 10), ("x/e.csv.tmp", 10)]
    {
        copies.stage.put(name, vec![1; size]);
    }
    let names = async || copies.all().await.into_keys().collect::<Vec<_>>();
    copies.sync(&["--include", "*.csv", "--max-size", "1KiB"]).await.ok();
    assert_eq!(names().await, ["a.csv"]);
    copies.sync(&["--exclude", "**/*.tmp", "--exclude", "*.tmp", "--min-size", "11"]).await.ok();
    assert_eq!(names().await, ["a.csv", "b.csv"]);
    assert_eq!(copies.sync(&["--min-age", "1h", "--delete"]).await.code, NOTHING_TO_DO);
    copies.sync(&["--max-age", "1h", "--include", "{x/**,nothing}"]).await.ok();
    assert_eq!(names().await, ["a.csv", "b.csv", "x/d.csv", "x/e.csv.tmp"]);
    // What a filter leaves out at the source is not missing there.
    let run = copies.sync(&["--include", "a.csv", "--delete"]).await;
    assert_eq!((run.code, names().await.len()), (NOTHING_TO_DO, 4), "{run:?}");
}

async fn both_sides_are_read_again_and_compared(side: Side) {
    let copies = Copies::new(side).await;
    let big = noise(PART + 1);
    for (name, bytes) in [("a", &b"aaa"[..]), ("b", b"bbb"), ("c", b"ccc"), ("big.bin", &big)] {
        copies.stage.put(name, bytes);
    }
    let run = copies.sync(&["--verify", "--part-size", "5MiB"]).await.ok();
    assert!(run.text().contains("4 objects, 5.00 MiB on both sides the same"), "{}", run.text());
    assert_eq!(copies.reads("a"), 2, "once to copy it, once to compare");
    // Nothing to do, and compared all the same.
    let run = copies.sync(&["--verify", "--format", "json"]).await;
    assert_eq!((run.code, &summary_of(&run)["verified"]["same"]), (NOTHING_TO_DO, &json!(4)), "{run:?}");
    // Another object in the place of one, and none in that of the other: no run would notice.
    copies.overwrite("a", b"aaA").await;
    copies.remove_copy("b").await;
    let run = copies.sync(&["--verify"]).await;
    assert_eq!(run.code, NOT_THE_SAME, "{run:?}");
    for part in ["a: the destination has other bytes", "b: is missing", "#sync-not-the-same"] {
        assert!(run.stderr.contains(part), "{part} in {}", run.stderr);
    }
    let (code, summary) = copies.summary(&["--verify"]).await;
    assert_eq!((code, &summary["verified"]["same"]), (NOT_THE_SAME, &json!(2)), "{summary}");
    assert_eq!((&summary["verified"]["different"], &summary["verified"]["missing"]), (&json!(1), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn status_tells_the_last_run_and_who_holds_the_lease() {
    let copies = Copies::new(GOOGLE).await;
    let vars = copies.stage.env();
    let status =
        async |more: &[&str]| carnet_with(&vars, &[&["sync", "status", &copies.to()], more].concat()).await;
    let none = status(&[]).await;
    assert_eq!(none.code, 6, "{none:?}");
    assert!(none.stderr.contains("no run has left a state there"), "{}", none.stderr);
    copies.stage.put("a", "hello");
    copies.sync(&[]).await.ok();
    copies.stage.local.shared.faults.forget_seen();
    let text = status(&[]).await.ok().text();
    for part in [&copies.from(), &copies.to(), "1 object, 5 B", "nobody is at work", "last run: done"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let document = status(&["--format", "json"]).await.ok().json();
    let report = document["report"].as_str().unwrap();
    assert!(
        text.contains(&format!("s3://{S3_BUCKET}/{report}")) && text.contains("by list prices"),
        "{text}"
    );
    assert_eq!(document["cost"]["currency"], "USD");
    assert_eq!(document["manifest"]["objects"], 1);
    assert_eq!((&document["lease"], &document["last_run"]["ending"]), (&json!(null), &json!("done")));
    assert!(copies.stage.local.shared.faults.seen(Hop::S3).iter().all(|seen| seen.method == "GET"));
    // Nothing of the other cloud needs to be known.
    let vars = changed(&copies.stage, &[("CARNET_GOOGLE_AUDIENCE", ""), ("AZURE_TENANT_ID", "")]);
    carnet_with(&vars, &["sync", "status", &copies.to()]).await.ok();
}

/// What is at the destination already is adopted if its bytes are the source's, and never deleted.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_there_before_the_first_run_is_adopted_or_replaced() {
    let copies = Copies::new(GOOGLE).await;
    copies.stage.put("same", "the same");
    copies.stage.put("other", "of the source");
    copies.overwrite("same", b"the same").await;
    copies.overwrite("other", b"of somebody").await;
    let (code, summary) = copies.summary(&["--keep-foreign"]).await;
    assert_eq!((code, &summary["counts"]["failed"]), (11, &json!(1)), "{summary}");
    assert_eq!(summary["counts"]["adopted"], 1, "{summary}");
    assert_eq!(copies.all().await["other"], b"of somebody");
    copies.sync(&[]).await.ok();
    assert_eq!(copies.all().await["other"], b"of the source");
    assert_eq!(copies.asked("PUT", "same"), 1, "the test's own");
    copies.remove("same");
    assert_eq!(copies.sync(&["--delete"]).await.code, NOTHING_TO_DO);
    assert_eq!(copies.all().await["same"], b"the same");
}
