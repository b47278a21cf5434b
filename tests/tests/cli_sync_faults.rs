//! What goes wrong while bytes are copied, done for real on the sockets, and what must hold then: a
//! copy is whole and of one version, or it is not there and is named.

mod cli_support;

use carnet_localclouds::World;
use carnet_localclouds::faults::{Fault, Hop, Rule};
use carnet_tests::{ACCOUNT, BUCKET, CONTAINER, each};
use cli_support::copies::{AZURE, Copies, GOOGLE, PART, PARTLY_FAILED, Side, noise, until};
use serde_json::json;

each!(AZURE as azure, GOOGLE as google: (
    a_body_that_is_cut_is_gone_on_with,
    a_body_of_the_wrong_length_is_never_written,
    wrong_bytes_are_read_once_more_and_then_refused,
    an_object_that_changes_while_it_is_read_is_copied_as_it_is_then,
    a_token_that_ends_in_the_middle_is_replaced,
    a_denial_is_never_a_delete,
    a_part_that_fails_is_sent_again_or_nothing_is_visible,
    bytes_that_are_corrupted_on_the_way_to_s3_are_refused_and_sent_again,
    a_conflict_is_tried_again_and_the_same_bytes_are_done,
));

const BIG: &str = "big.bin";
const LENGTH: usize = 2 * PART + 1_001;

/// One big object and a small one.
async fn two(side: Side) -> (Copies, Vec<u8>) {
    let copies = Copies::new(side).await;
    let big = noise(LENGTH);
    copies.stage.put(BIG, &big);
    copies.stage.put("small", "small");
    (copies, big)
}

async fn sync(copies: &Copies) -> (i32, serde_json::Value) {
    copies.summary(&["--part-size", "5MiB"]).await
}

fn at_source(side: Side, fault: Fault) -> Rule {
    Rule::always(side.bytes, fault).path(format!("/{BIG}"))
}

/// The first read breaks off, and the one that goes on with it has to wait: time for something to happen.
fn cut_and_then_slow(side: Side) -> Vec<Rule> {
    // Azure is first asked about the object at the same place.
    let before = u64::from(side.scheme == "azure");
    vec![
        at_source(side, Fault::CutBody { after: 1 << 20 }).times(1).skip(before),
        at_source(side, Fault::Delay { milliseconds: 3_000 }).times(1).skip(before + 1),
    ]
}

fn at_s3(fault: Fault) -> Rule {
    Rule::always(Hop::S3, fault).path(format!("copies/{BIG}"))
}

fn status(status: u16, code: &str) -> Fault {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>m</Message></Error>");
    Fault::Status { status, headers: vec![("content-type".into(), "application/xml".into())], body }
}

/// The small one is there whatever became of the big one, which is there whole or not at all.
async fn without_the_big_one(copies: &Copies, outcome: (i32, serde_json::Value)) {
    let (code, summary) = outcome;
    assert_eq!((code, &summary["counts"]["failed"]), (PARTLY_FAILED, &json!(1)), "{summary}");
    let all = copies.all().await;
    assert_eq!(all.keys().collect::<Vec<_>>(), ["small"]);
    copies.faults(Vec::new());
    assert_eq!(sync(copies).await.0, 0, "the next run copies it");
    assert_eq!(copies.all().await.len(), 2);
}

async fn whole(copies: &Copies, outcome: (i32, serde_json::Value), bytes: &[u8]) {
    let (code, summary) = outcome;
    assert_eq!((code, &summary["counts"]["copied"]), (0, &json!(2)), "{summary}");
    assert!(copies.all().await[BIG] == bytes);
    assert_eq!(copies.arrived().await, None, "no upload is left");
}

async fn a_body_that_is_cut_is_gone_on_with(side: Side) {
    let (copies, big) = two(side).await;
    copies.faults(vec![at_source(side, Fault::CutBody { after: 1 << 20 }).times(3)]);
    let outcome = sync(&copies).await;
    whole(&copies, outcome, &big).await;
}

async fn a_body_of_the_wrong_length_is_never_written(side: Side) {
    for fault in [Fault::ShortBody { announce: false }, Fault::ShortBody { announce: true }, Fault::LongBody]
    {
        let (copies, _) = two(side).await;
        copies.faults(vec![at_source(side, fault)]);
        let outcome = sync(&copies).await;
        without_the_big_one(&copies, outcome).await;
    }
    let (copies, big) = two(side).await;
    copies.faults(vec![Rule::always(side.bytes, Fault::NoLength).path("/small")]);
    let outcome = sync(&copies).await;
    whole(&copies, outcome, &big).await;
}

async fn wrong_bytes_are_read_once_more_and_then_refused(side: Side) {
    let (copies, big) = two(side).await;
    copies.faults(vec![at_source(side, Fault::CorruptBody).times(1)]);
    let outcome = sync(&copies).await;
    whole(&copies, outcome, &big).await;

    let (copies, _) = two(side).await;
    copies.faults(vec![at_source(side, Fault::CorruptBody)]);
    let outcome = sync(&copies).await;
    without_the_big_one(&copies, outcome).await;

    // Small ones are read whole.
    let copies = Copies::new(side).await;
    copies.stage.put("a", noise(10_000));
    copies.faults(vec![Rule::always(side.bytes, Fault::CorruptBody).path("/a")]);
    let run = copies.sync(&[]).await;
    assert_eq!((run.code, copies.reads("a"), copies.asked("PUT", "a")), (PARTLY_FAILED, 2, 0), "{run:?}");
    for part in ["a: ", "#wrong-bytes", "#sync-partly-failed"] {
        assert!(run.stderr.contains(part), "{part} in {}", run.stderr);
    }
}

/// The read is cut, and before it goes on the object is another.
async fn an_object_that_changes_while_it_is_read_is_copied_as_it_is_then(side: Side) {
    let (copies, big) = two(side).await;
    copies.faults(cut_and_then_slow(side));
    let other: Vec<u8> = big.iter().rev().copied().collect();
    let change = async {
        until(async || copies.reads(BIG) >= 2).await;
        copies.stage.put(BIG, &other);
    };
    let (outcome, ()) = tokio::join!(sync(&copies), change);
    whole(&copies, outcome, &other).await;
    assert_eq!(sync(&copies).await.0, 10, "and the manifest knows which version it is");
}

async fn a_token_that_ends_in_the_middle_is_replaced(side: Side) {
    let (copies, big) = two(side).await;
    copies.faults(cut_and_then_slow(side));
    let revoke = async {
        until(async || copies.reads(BIG) >= 2).await;
        let clouds = &copies.stage.local.shared;
        // From now on neither store takes a token that was given out before.
        clouds.entra_keys.rotate().unwrap();
        clouds.entra_keys.retire_old();
        clouds.google_seal.renew().unwrap();
    };
    let (outcome, ()) = tokio::join!(sync(&copies), revoke);
    whole(&copies, outcome, &big).await;
}

async fn a_denial_is_never_a_delete(side: Side) {
    let (copies, _) = two(side).await;
    assert_eq!(sync(&copies).await.0, 0);
    let everything = ["--delete", "--max-delete", "1000", "--max-delete-percent", "100"];
    let shut: fn(&mut World) = match side.lists {
        Hop::Blob => |world| {
            let account = world.azure.accounts.get_mut(ACCOUNT).unwrap();
            account.containers.get_mut(CONTAINER).unwrap().readers.clear();
        },
        _ => |world| world.google.buckets.get_mut(BUCKET).unwrap().readers.clear(),
    };
    let open = copies.stage.local.shared.world().clone();
    shut(&mut copies.stage.local.shared.world_mut());
    let run = copies.sync(&everything).await;
    assert_eq!((run.code, copies.all().await.len()), (5, 2), "{run:?}");
    *copies.stage.local.shared.world_mut() = open;
    // An object of which only the reading is denied.
    copies.stage.put(BIG, "another version");
    let code =
        if side.scheme == "gs" { r#"{"error":{"code":403,"errors":[{"reason":"forbidden"}]}}"# } else { "" };
    let denied = Fault::Status { status: 403, headers: Vec::new(), body: code.to_owned() };
    copies.faults(vec![at_source(side, denied.clone()), Rule::always(Hop::GoogleStorage, denied).path(BIG)]);
    let run = copies.sync(&everything).await;
    assert_eq!((run.code, copies.all().await[BIG].len()), (PARTLY_FAILED, LENGTH), "{run:?}");
    // And one that is really gone, with another failing beside it: nothing is deleted in such a run.
    copies.remove("small");
    let run = copies.sync(&everything).await;
    assert_eq!((run.code, copies.all().await.len()), (PARTLY_FAILED, 2), "{run:?}");
    copies.faults(Vec::new());
    copies.sync(&everything).await.ok();
    assert_eq!(copies.all().await.len(), 1);
}

async fn a_part_that_fails_is_sent_again_or_nothing_is_visible(side: Side) {
    for fault in [
        status(500, "InternalError"),
        status(503, "SlowDown"),
        Fault::ResetBefore,
        Fault::CutRequest { after: 1 << 20 },
    ] {
        let (copies, big) = two(side).await;
        // One looks whether it is there, one begins the upload, one is a part that arrives.
        copies.faults(vec![at_s3(fault).skip(3).times(1)]);
        let outcome = sync(&copies).await;
        whole(&copies, outcome, &big).await;
    }
    let (copies, _) = two(side).await;
    copies.faults(vec![at_s3(status(403, "AccessDenied")).skip(3)]);
    let outcome = sync(&copies).await;
    without_the_big_one(&copies, outcome).await;
}

async fn bytes_that_are_corrupted_on_the_way_to_s3_are_refused_and_sent_again(side: Side) {
    let (copies, big) = two(side).await;
    copies.faults(vec![
        at_s3(Fault::CorruptRequest).skip(3).times(1),
        Rule::always(Hop::S3, Fault::CorruptRequest).path("copies/small").skip(0).times(2),
    ]);
    let outcome = sync(&copies).await;
    whole(&copies, outcome, &big).await;
    assert_eq!(copies.all().await["small"], b"small");
    assert!(copies.asked("PUT", BIG) >= 4, "three parts, one of them twice");
}

async fn a_conflict_is_tried_again_and_the_same_bytes_are_done(side: Side) {
    let copies = Copies::new(side).await;
    for name in ["conflict", "same", "other"] {
        copies.stage.put(name, name);
    }
    let slow = |name: &str| {
        Rule::always(side.bytes, Fault::Delay { milliseconds: 3_000 }).path(format!("/{name}")).times(1)
    };
    copies.faults(vec![
        Rule::always(Hop::S3, status(409, "ConditionalRequestConflict")).path("copies/conflict").times(1),
        slow("same"),
        slow("other"),
    ]);
    // Between the look at the destination and the write, somebody else writes there: 412.
    let meanwhile = async {
        until(async || copies.reads("same") >= 1 && copies.reads("other") >= 1).await;
        copies.overwrite("same", b"same").await;
        copies.overwrite("other", b"foreign").await;
    };
    let ((code, summary), ()) = tokio::join!(copies.summary(&[]), meanwhile);
    assert_eq!((code, &summary["counts"]["failed"]), (0, &json!(0)), "{summary}");
    let all = copies.all().await;
    assert_eq!(
        (&all["conflict"][..], &all["same"][..], &all["other"][..]),
        (&b"conflict"[..], &b"same"[..], &b"other"[..])
    );
    assert_eq!(copies.sync(&[]).await.code, 10);
}
