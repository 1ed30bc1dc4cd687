use std::cell::Cell;
use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::projections::{FoldContext, MemoryRows, RowKind};

const FORMAT: RowFormat = RowFormat {
    kind: RowKind::new(b'?'),
    name: "test",
    versions: VERSIONS,
    pack: None,
};

type Model = BTreeMap<Vec<u8>, u64>;

fn entries(rows: &MemoryRows, from: &[u8]) -> Vec<(Vec<u8>, u64)> {
    let mut out = Vec::new();
    let reader = TreeReader::new(rows, &FORMAT);
    let read = reader.visit(from, |key, count| {
        out.push((key.to_vec(), count));
        true
    });
    read.unwrap();
    out
}

/// Makes a key of 3 to 123 bytes, long enough that leaves split.
fn key(number: u16) -> Vec<u8> {
    let mut key = format!("{:03}", number % 400).into_bytes();
    key.resize(3 + usize::from(number % 7) * 20, b'x');
    key
}

fn apply(tree: &mut Tree, rows: &MemoryRows, sequence: u64, edits: &BTreeMap<Vec<u8>, i64>) {
    let edits: Vec<_> = edits
        .iter()
        .map(|(key, change)| Edit {
            key,
            change: *change,
        })
        .collect();
    let mut changes = Vec::new();
    let before = tree_counts(tree, rows, &edits);
    let note = |index, change| changes.push((index, change));
    tree.apply(rows, Sequence::new(sequence), &edits, note)
        .unwrap();
    let after = tree_counts(tree, rows, &edits);
    let expected = (0..)
        .zip(before.into_iter().zip(after))
        .filter_map(|(index, counts)| {
            let change = match counts {
                (0, 1..) => Change::Created,
                (1.., 0) => Change::Removed,
                _ => return None,
            };
            Some((index, change))
        });
    assert_eq!(changes, expected.collect::<Vec<_>>());
}

fn first_key(leaf: &mut Leaf) -> Vec<u8> {
    let mut entries = leaf.entries();
    entries.next_entry().unwrap();
    entries.key().to_vec()
}

fn tree_counts(tree: &mut Tree, rows: &MemoryRows, edits: &[Edit<'_>]) -> Vec<u64> {
    edits
        .iter()
        .map(|edit| tree.get(rows, edit.key).unwrap())
        .collect()
}

fn put(tree: &mut Tree, rows: &mut MemoryRows) {
    let mut changes = Vec::new();
    tree.take_row_changes(&mut changes);
    rows.put(changes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn tree_holds_what_a_map_holds_however_edits_are_batched(
        steps in proptest::collection::vec(
            (proptest::collection::vec((any::<u16>(), -3_i64..4), 1..400), any::<bool>()),
            1..12,
        ),
        from: u16,
    ) {
        let mut model = Model::new();
        let (mut tree, mut rows) = (Tree::new(&FORMAT), MemoryRows::default());
        let (mut whole, mut whole_rows) = (Tree::new(&FORMAT), MemoryRows::default());
        for (sequence, (changes, ends_batch)) in (1..).zip(steps) {
            let mut edits = BTreeMap::new();
            for (number, change) in changes {
                let key = key(number);
                let held = i64::try_from(model.get(&key).copied().unwrap_or(0)).unwrap();
                let change = if held + change < 0 { -held } else { change };
                if change != 0 && !edits.contains_key(&key) {
                    edits.insert(key, change);
                }
            }
            apply(&mut tree, &rows, sequence, &edits);
            apply(&mut whole, &whole_rows, sequence, &edits);
            for (key, change) in edits {
                let count = model.entry(key.clone()).or_default();
                *count = count.checked_add_signed(change).unwrap();
                if *count == 0 {
                    model.remove(&key);
                }
            }
            if ends_batch {
                put(&mut tree, &mut rows);
            }
        }
        put(&mut tree, &mut rows);
        put(&mut whole, &mut whole_rows);
        prop_assert_eq!(&rows, &whole_rows);
        let keys: std::collections::BTreeSet<_> = (0..2800).step_by(3).map(key).collect();
        let keys = Vec::from_iter(keys);
        let counts = keys.iter().map(|key| model.get(key).copied().unwrap_or(0));
        let counts: Vec<u64> = counts.collect();
        prop_assert_eq!(tree.counts(&rows, &keys).unwrap(), counts);
        let from = key(from);
        let expected: Vec<_> = model.into_iter().filter(|(key, _)| *key >= from).collect();
        prop_assert_eq!(entries(&rows, &from), expected);
        // The lower bound of a leaf is a prefix of its first key, except for the first leaf.
        for (key, row) in &rows.0 {
            let mut entries = Leaf::decode(&FORMAT, key, row).unwrap();
            let first = first_key(&mut entries);
            prop_assert!(first.starts_with(key.suffix()), "{key}");
        }
        for row in rows.0.values() {
            prop_assert!(row.len() < 7 * 1024, "{}", row.len());
        }
    }

    #[test]
    fn scan_skips_to_the_key_that_the_visitor_names(
        numbers in proptest::collection::btree_set(any::<u16>(), 1..400),
        from: u16,
        stride in 1_usize..60,
    ) {
        let keys: std::collections::BTreeSet<_> = numbers.into_iter().map(key).collect();
        let edits: Vec<_> = keys.iter().map(|key| Edit { key, change: 1 }).collect();
        let (mut tree, mut rows) = (Tree::new(&FORMAT), MemoryRows::default());
        tree.apply(&rows, Sequence::new(1), &edits, |_, _| ()).unwrap();
        put(&mut tree, &mut rows);
        let from = key(from);
        let behind: Vec<_> = keys.into_iter().filter(|key| *key >= from).collect();
        let expected: Vec<_> = behind.iter().step_by(stride).collect();
        let mut found = Vec::new();
        let scanned = TreeReader::new(&rows, &FORMAT).scan(&from, |entry, _| {
            found.push(entry.to_vec());
            match behind.get(found.len() * stride) {
                Some(next) => Step::SkipTo(next.clone()),
                None => Step::Stop,
            }
        });
        scanned.unwrap();
        prop_assert_eq!(found.iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn no_bytes_make_reading_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let mut rows = MemoryRows::default();
        let mut row = FORMAT.begin(Sequence::new(1));
        row.extend(bytes);
        rows.0.insert(row_key(&FORMAT, b""), row.into());
        let _ = TreeReader::new(&rows, &FORMAT).visit(b"", |_, _| true);
        let edits = [Edit { key: b"a", change: 1 }];
        let _ = Tree::new(&FORMAT).apply(&rows, Sequence::new(2), &edits, |_, _| ());
    }
}

#[test]
fn rows_of_the_earlier_form_are_read_and_changed() {
    let mut rows = MemoryRows::default();
    let plain = [0, 2, b'a', b'b', 5, 1, 1, b'c', 1];
    let row = [&[1, 0, 0, 0, 0, 0, 0, 0, 3][..], &plain].concat();
    rows.0.insert(row_key(&FORMAT, b""), row.into());
    let read = entries(&rows, b"");
    assert_eq!(read, [(b"ab".to_vec(), 5), (b"ac".to_vec(), 1)]);
    assert_eq!(TreeReader::new(&rows, &FORMAT).get(b"ac").unwrap(), 1);

    let mut tree = Tree::new(&FORMAT);
    let edit = [Edit {
        key: b"ac",
        change: 1,
    }];
    tree.apply(&rows, Sequence::new(7), &edit, |_, _| ())
        .unwrap();
    put(&mut tree, &mut rows);
    assert_eq!(
        entries(&rows, b"ab"),
        [(b"ab".to_vec(), 5), (b"ac".to_vec(), 2)]
    );
    let row = &rows.0[&row_key(&FORMAT, b"")];
    assert_eq!(row[..9], [2, 0, 0, 0, 0, 0, 0, 0, 7]);
}

#[test]
fn edit_that_changes_no_count_leaves_its_leaf_unchanged() {
    let (mut tree, mut rows) = (Tree::new(&FORMAT), MemoryRows::default());
    let edit = |change| [Edit { key: b"a", change }];
    tree.apply(&rows, Sequence::new(1), &edit(1), |_, _| ())
        .unwrap();
    put(&mut tree, &mut rows);
    tree.apply(&rows, Sequence::new(2), &edit(0), |_, _| ())
        .unwrap();
    let mut changes = Vec::new();
    tree.take_row_changes(&mut changes);
    assert_eq!(changes, []);
}

#[test]
fn count_that_would_fall_below_zero_is_damage() {
    let edits = [Edit {
        key: b"a",
        change: -1,
    }];
    let applied =
        Tree::new(&FORMAT).apply(&MemoryRows::default(), Sequence::new(1), &edits, |_, _| ());
    assert!(applied.unwrap_err().to_string().contains("below 0"));
}

/// Rows that count the searches for a row.
struct CountedRows<'r> {
    rows: &'r MemoryRows,
    seeks: Cell<usize>,
}

impl Rows for CountedRows<'_> {
    fn context(&self) -> &FoldContext {
        self.rows.context()
    }

    fn get(&self, key: &RowKey) -> Result<Option<Bytes>, RowsError> {
        self.rows.get(key)
    }

    fn seek(&self, seek: Seek<&RowKey>) -> Result<Option<(RowKey, Bytes)>, RowsError> {
        self.seeks.set(self.seeks.get() + 1);
        self.rows.seek(seek)
    }
}

#[test]
fn removing_all_entries_looks_for_each_row_a_few_times() {
    let keys: Vec<_> = (0..40_000)
        .map(|number| format!("key {number:05} of all"))
        .collect();
    let edits = |is_chosen: fn(usize) -> bool, change| -> Vec<Edit<'_>> {
        let chosen = (0..).zip(&keys).filter(|(number, _)| is_chosen(*number));
        let edits = chosen.map(|(_, key)| Edit {
            key: key.as_bytes(),
            change,
        });
        edits.collect()
    };
    let (mut tree, mut rows) = (Tree::new(&FORMAT), MemoryRows::default());
    let all = edits(|_| true, 1);
    tree.apply(&rows, Sequence::new(1), &all, |_, _| ())
        .unwrap();
    put(&mut tree, &mut rows);
    let leaves = rows.0.len();
    assert!(leaves > 30, "{leaves}");

    let counted = CountedRows {
        rows: &rows,
        seeks: Cell::new(0),
    };
    // The first batch of edits leaves few entries behind, in leaves that get other bounds.
    for edits in [
        edits(|number| number % 1_300 != 7, -1),
        edits(|number| number % 1_300 == 7, -1),
    ] {
        tree.apply(&counted, Sequence::new(2), &edits, |_, _| ())
            .unwrap();
    }
    let seeks = counted.seeks.get();
    assert!(seeks < 6 * leaves, "{seeks} for {leaves} leaves");
    put(&mut tree, &mut rows);
    assert_eq!(rows.0.len(), 0);
}
