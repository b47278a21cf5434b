//! Sorted records in pieces: written, read as one stream, and never believed if they changed.

mod support;

use carnet_objects::memory::{Memory, PutOptions};
use carnet_sync::piece::{Cut, Piece, Pieces, Record, Records};
use carnet_sync::{State, SyncError};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use support::key;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Line {
    name: String,
    value: u32,
}

impl Record for Line {
    fn name(&self) -> &str {
        &self.name
    }
}

fn state() -> (Arc<Memory>, State) {
    let memory = Arc::new(Memory::new());
    (memory.clone(), State::new(memory, "state/").unwrap())
}

async fn write(state: &State, prefix: &str, lines: &BTreeMap<String, u32>, records: u64) -> Vec<Piece> {
    let mut pieces = Pieces::new(state, prefix, Cut { records, bytes: usize::MAX });
    for (name, value) in lines {
        pieces.push(&Line { name: name.clone(), value: *value }).await.unwrap();
    }
    pieces.finish().await.unwrap()
}

async fn read(state: &State, pieces: Vec<Piece>) -> Result<Vec<(String, u32)>, SyncError> {
    let mut records = Records::<Line>::new(state, pieces);
    let mut lines = Vec::new();
    while let Some(line) = records.next().await? {
        lines.push((line.name, line.value));
    }
    Ok(lines)
}

fn lines() -> impl Strategy<Value = BTreeMap<String, u32>> {
    prop::collection::btree_map("[a-c/ü]{1,4}", any::<u32>(), 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Pieces that overlap are merged, and of two records with one name the later piece's is taken.
    #[test]
    fn pieces_are_read_as_one(tries in prop::collection::vec(lines(), 1..4), cut in 1u64..7) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (_, state) = state();
            let (mut pieces, mut expected) = (Vec::new(), BTreeMap::new());
            for (number, lines) in tries.into_iter().enumerate() {
                pieces.extend(write(&state, &format!("{number}-"), &lines, cut).await);
                expected.extend(lines);
            }
            let expected: Vec<_> = expected.into_iter().collect();
            assert_eq!(read(&state, pieces).await.unwrap(), expected);
        });
    }
}

#[tokio::test]
async fn a_piece_that_is_not_what_was_written_is_refused() {
    let (memory, state) = state();
    let lines = BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 2)]);
    let pieces = write(&state, "x", &lines, 9).await;
    assert_eq!(pieces.len(), 1);
    assert!(pieces[0].path.ends_with(".v1.jsonl.gz"));
    let wrong = [
        Piece { path: "elsewhere".to_owned(), ..pieces[0].clone() },
        Piece { records: 1, ..pieces[0].clone() },
        Piece { records: 3, ..pieces[0].clone() },
        Piece { first: "0".to_owned(), ..pieces[0].clone() },
        Piece { bytes: 1, ..pieces[0].clone() },
    ];
    for piece in wrong {
        assert!(matches!(read(&state, vec![piece]).await, Err(SyncError::Corrupt { .. })));
    }
    memory.put(&key(&format!("state/{}", pieces[0].path)), "x", PutOptions::default());
    assert!(matches!(read(&state, pieces).await, Err(SyncError::Corrupt { .. })));
}

#[tokio::test]
async fn records_are_written_in_order_or_not_at_all() {
    let (_, state) = state();
    let mut pieces = Pieces::new(&state, "x", Cut::default());
    for (name, fits) in [("b", true), ("b", false), ("a", false), ("c", true)] {
        let pushed = pieces.push(&Line { name: name.to_owned(), value: 0 }).await;
        assert_eq!(pushed.is_ok(), fits, "{name}");
    }
}

/// Receipts of a program that knows more are not passed over, as if nothing had been left behind.
#[tokio::test]
async fn what_a_newer_program_left_behind_is_refused() {
    let world = support::World::new();
    world.put("a", "x");
    world.sink.put(&key(".carnet/runs/other/receipts/00000000.v2.jsonl.gz"), "?", PutOptions::default());
    assert!(matches!(world.run().await, Err(SyncError::Newer { found: 2, known: 1, .. })));
}
