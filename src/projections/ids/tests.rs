//! Compares the id index with a hash map, over random histories of batches and restarts.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::events::{Timestamp, TweetId};
use crate::projections::KeywordSummary;
use crate::projections::memory_rows::MemoryRows;
use crate::projections::test_history::{self, TestKeyword};

fn hash(number: usize) -> IdHash {
    IdHash::of(&TweetId::new(&format!("x:{number}")).unwrap())
}

fn at(number: usize) -> Timestamp {
    Timestamp::EARLIEST.plus(i64::try_from(number).unwrap())
}

fn present(number: usize) -> IdState {
    IdState::Present(at(number))
}

/// An id index and the rows that it was put to.
#[derive(Debug, Default)]
struct Kept {
    ids: Ids,
    rows: MemoryRows,
    sequence: Sequence,
}

impl Kept {
    fn set(&mut self, number: usize, state: IdState) {
        self.sequence = self.sequence.next();
        let hash = hash(number);
        self.ids
            .set(&self.rows, hash, state, self.sequence)
            .unwrap();
    }

    fn find(&self, number: usize) -> Option<IdState> {
        self.ids.find(&self.rows, hash(number)).unwrap()
    }

    fn end_batch(&mut self) {
        let mut changes = Vec::new();
        self.ids.take_row_changes(&mut changes);
        self.rows.put(changes);
    }

    fn restart(&mut self) {
        self.end_batch();
        self.ids = Ids::hydrate(&self.rows, &self.ids.runs()).unwrap();
    }
}

#[derive(Debug, Clone)]
enum Step {
    Post(usize, usize),
    Delete(usize, usize),
    EndBatch,
    Restart,
}

/// Ranges of ids from a small set, so that ids repeat. Their lengths fill levels 0 and 1 often, and
/// level 2 at times.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let range = || {
        (
            0_usize..6_000,
            prop_oneof![4 => 1_usize..40, 2 => 40_usize..600, 1 => 600_usize..3_000],
        )
    };
    let step = prop_oneof![
        5 => range().prop_map(|(first, count)| Step::Post(first, count)),
        2 => range().prop_map(|(first, count)| Step::Delete(first, count)),
        2 => Just(Step::EndBatch),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..16)
}

proptest! {
    #[test]
    fn ids_match_a_hash_map_in_any_batches(
        steps in steps(),
        asked in prop::collection::vec(0_usize..9_000, 64),
    ) {
        let mut model: HashMap<usize, IdState> = HashMap::new();
        let mut kept = Kept::default();
        let mut whole = Kept::default();
        for step in &steps {
            match *step {
                // Like the fold, posting keeps the state of a known id.
                Step::Post(first, count) => for number in first..first + count {
                    let known = model.get(&number).copied();
                    if number % 16 == 0 || known.is_none() {
                        prop_assert_eq!(kept.find(number), known);
                    }
                    if known.is_none() {
                        model.insert(number, present(number));
                        kept.set(number, present(number));
                        whole.set(number, present(number));
                    }
                },
                Step::Delete(first, count) => for number in first..first + count {
                    model.insert(number, IdState::Deleted);
                    kept.set(number, IdState::Deleted);
                    whole.set(number, IdState::Deleted);
                },
                Step::EndBatch => kept.end_batch(),
                Step::Restart => kept.restart(),
            }
        }
        for kept in [&kept, &whole] {
            for number in asked.iter().copied() {
                prop_assert_eq!(kept.find(number), model.get(&number).copied());
            }
        }
        kept.end_batch();
        whole.end_batch();
        prop_assert_eq!(kept.ids.runs(), whole.ids.runs());
        prop_assert_eq!(&kept.rows, &whole.rows);
        kept.restart();
        for number in asked {
            prop_assert_eq!(kept.find(number), model.get(&number).copied());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    /// The listings of new entries after each batch add up to all entries that were set.
    #[test]
    fn listings_of_new_entries_add_up_to_all_entries(steps in steps()) {
        let mut model: HashMap<IdHash, bool> = HashMap::new();
        let mut listed: HashMap<IdHash, bool> = HashMap::new();
        let mut seen = Vec::new();
        let mut kept = Kept::default();
        for step in steps {
            match step {
                Step::Post(first, count) => for number in first..first + count {
                    if kept.find(number).is_none() {
                        kept.set(number, present(number));
                        model.insert(hash(number), false);
                    }
                },
                Step::Delete(first, count) => for number in first..first + count {
                    kept.set(number, IdState::Deleted);
                    model.insert(hash(number), true);
                },
                Step::EndBatch | Step::Restart => {
                    kept.end_batch();
                    let runs = kept.ids.runs();
                    visit(&kept.rows, &runs, &seen, |id, state| {
                        *listed.entry(id).or_default() |= state == IdState::Deleted;
                    }).unwrap();
                    let count = u64::try_from(listed.len()).unwrap();
                    prop_assert!(count <= at_most(&runs), "{count} of {runs:?}");
                    prop_assert_eq!(&listed, &model);
                    seen = runs;
                }
            }
        }
    }
}

#[test]
fn every_id_is_found_after_it_passed_three_levels() {
    const COUNT: usize = 70_000;
    let mut kept = Kept::default();
    for number in 0..COUNT {
        kept.set(number, present(number));
        if number % 10_007 == 0 {
            kept.restart();
        }
    }
    for number in (0..COUNT).step_by(7) {
        kept.set(number, IdState::Deleted);
    }
    kept.restart();
    // 80,000 entries are 625 runs of level 0: octal 1161.
    assert_eq!(kept.ids.runs(), [1, 6, 1, 1]);
    for number in 0..COUNT {
        let state = if number % 7 == 0 {
            IdState::Deleted
        } else {
            present(number)
        };
        assert_eq!(kept.find(number), Some(state), "{number}");
    }
    let wrong = (COUNT..2 * COUNT).find(|number| kept.find(*number).is_some());
    assert_eq!(wrong, None);
}

#[test]
fn rows_have_bounded_size_and_merged_runs_leave_no_rows() {
    let mut kept = Kept::default();
    for number in 0..10_000 {
        kept.set(number, present(number));
        if number % 1_000 == 0 {
            kept.end_batch();
        }
    }
    kept.end_batch();
    // 78 runs of level 0 (octal 116) and 16 recent ids.
    assert_eq!(kept.ids.runs(), [6, 1, 1]);
    let (mut pages, mut entries) = (0, 0);
    for (key, row) in &kept.rows.0 {
        assert!(row.len() <= 6 * 1024, "{key:?}");
        if is_of_ids(key) {
            pages += 1;
            entries += decode(&RECENT_FORMAT, key, row).unwrap().len();
        }
    }
    assert_eq!((pages, entries), (6 + 4 + 32 + 1, 10_000));
}

#[test]
fn a_small_keyword_takes_little_memory() {
    let mut kept = Kept::default();
    assert!(kept.ids.resident_bytes() < 128);
    for number in 0..100 {
        kept.set(number, present(number));
    }
    kept.restart();
    assert!(
        kept.ids.resident_bytes() < 2_400,
        "{}",
        kept.ids.resident_bytes()
    );
    for number in 100..100_000 {
        kept.set(number, present(number));
    }
    kept.restart();
    assert!(
        kept.ids.resident_bytes() < 200_000,
        "{}",
        kept.ids.resident_bytes()
    );
}

#[test]
fn damaged_rows_are_named() {
    let mut kept = Kept::default();
    for number in 0..200 {
        kept.set(number, present(number));
    }
    kept.end_batch();
    let runs = kept.ids.runs();
    let hydrate = |rows: &MemoryRows| Ids::hydrate(rows, &runs).map(|_| ());
    for key in [RowKey::of_kind(RECENT_IDS), location(0, 0).part(0)] {
        for cut in [0, 1, 30] {
            let mut rows = kept.rows.clone();
            let row = rows.0.get_mut(&key).unwrap();
            row.truncate(row.len().saturating_sub(cut));
            if cut == 0 {
                *row = Bytes::from_static(b"\x07");
            }
            let refused = hydrate(&rows).unwrap_err();
            assert!(refused.to_string().contains(&format!("{key}")), "{refused}");
        }
    }
    let mut rows = kept.rows.clone();
    rows.0.remove(&location(0, 0).page(0));
    let ids = Ids::hydrate(&rows, &runs).unwrap();
    let in_run = (0..200).find(|number| ids.recent_position(hash(*number)).is_err());
    let refused = ids.find(&rows, hash(in_run.unwrap())).unwrap_err();
    let named = location(0, 0).page(0).to_string();
    assert!(refused.to_string().contains(&named), "{refused}");
}

#[test]
fn rows_of_the_earlier_version_are_listed() {
    let mut folded = TestKeyword::new();
    folded.fold(test_history::history());
    let listed = |rows: &MemoryRows| {
        let mut listed = Vec::new();
        let summary = rows.get(&KeywordSummary::key()).unwrap().unwrap();
        let runs = KeywordSummary::decode(&summary).unwrap().id_runs;
        assert!(!runs.is_empty());
        visit(rows, &runs, &[], |id, state| listed.push((id, state))).unwrap();
        listed
    };
    assert_eq!(
        listed(&test_history::rows_of_fold_4()),
        listed(&folded.rows)
    );
}
