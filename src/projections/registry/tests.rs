//! Checks for every projection of the registry that it clears, digests and versions its rows.

use std::collections::{BTreeMap, BTreeSet};

use super::super::test_history::{TestKeyword, history, tweet};
use super::super::{Digest, MemoryRows};
use super::*;
use crate::events::{Event, Timestamp};

fn untracked() -> Event {
    Event::keyword_untracked(Timestamp::EARLIEST)
}

fn tracked() -> Event {
    Event::keyword_tracked(Timestamp::EARLIEST)
}

/// Makes a keyword with rows of every kind.
fn folded() -> TestKeyword {
    let mut keyword = TestKeyword::new();
    keyword.fold(history());
    keyword
}

/// Returns the rows of one kind.
fn of_kind(rows: &MemoryRows, kind: RowKind) -> BTreeMap<RowKey, Vec<u8>> {
    let rows = rows.0.iter().filter(|(key, _)| key.kind() == kind);
    rows.map(|(key, row)| (key.clone(), row.to_vec())).collect()
}

/// Returns the digest; `None` when the rows are damaged.
fn digest(keyword: &TestKeyword, rows: &MemoryRows) -> Option<Digest> {
    Digest::of(rows, keyword.view.summary()).ok()
}

#[test]
fn fold_version_is_not_below_those_of_rows_on_disk() {
    const { assert!(FOLD_VERSION >= 8) };
}

#[test]
fn kinds_and_names_are_unique() {
    let formats: Vec<_> = row_formats().collect();
    let kinds: BTreeSet<_> = formats.iter().map(|format| format.kind).collect();
    assert_eq!(kinds.len(), formats.len(), "{formats:?}");
    let names: BTreeSet<_> = formats.iter().map(|format| format.name).collect();
    assert_eq!(names.len(), formats.len(), "{formats:?}");
}

#[test]
fn projections_and_their_rows_have_versions() {
    for projection in Projections::ALL {
        assert!(projection.version > 0, "{projection:?}");
        assert!(!projection.formats.is_empty(), "{projection:?}");
    }
    let folded = folded();
    for format in row_formats() {
        let rows = of_kind(&folded.rows, format.kind);
        assert!(!rows.is_empty(), "the history gives no row {}", format.name);
        for (key, row) in rows {
            format.open(&key, &row).unwrap();
        }
    }
}

#[test]
fn rows_name_the_event_that_changed_them_last() {
    let mut keyword = TestKeyword::new();
    for event in history() {
        let before = keyword.rows.clone();
        keyword.fold([event]);
        let sequence = keyword.view.summary().as_of;
        for (key, row) in &keyword.rows.0 {
            let format = row_formats().find(|format| format.kind == key.kind());
            let open = |row| format.unwrap().open(key, row).unwrap();
            let (_, changed_at, body) = open(row);
            match before.0.get(key) {
                Some(earlier) if earlier == row => assert!(changed_at < sequence, "{key}"),
                Some(earlier) => assert_ne!(open(earlier).2, body, "{key}"),
                None => {}
            }
            if before.0.get(key) != Some(row) {
                assert_eq!(changed_at, sequence, "{key}");
            }
        }
    }
}

#[test]
fn fold_writes_only_rows_of_registered_kinds() {
    let kinds: BTreeSet<_> = row_formats().map(|format| format.kind).collect();
    for key in folded().rows.0.keys() {
        assert!(kinds.contains(&key.kind()), "{key}");
    }
}

#[test]
fn lost_row_of_any_projection_changes_the_digest() {
    let folded = folded();
    let whole = digest(&folded, &folded.rows).unwrap();
    for format in Projections::ALL.iter().flat_map(|one| one.formats) {
        for key in of_kind(&folded.rows, format.kind).into_keys() {
            let mut damaged = folded.rows.clone();
            damaged.0.remove(&key);
            assert_ne!(digest(&folded, &damaged), Some(whole), "without {key}");
        }
    }
}

#[test]
fn one_batch_and_single_events_give_the_same_rows() {
    let whole = folded();
    let mut single = TestKeyword::new();
    for event in history() {
        single.fold([event]);
    }
    assert_eq!(single.rows, whole.rows);
    assert_eq!(digest(&single, &single.rows), digest(&whole, &whole.rows),);
}

#[test]
fn keyword_tracked_again_has_the_rows_of_a_new_keyword() {
    let again = || [tracked(), Event::TweetPosted(Box::new(tweet(1)))];
    let summary = KeywordSummary::key();
    // Rows can name the sequence of their last change, so the new keyword first reaches the
    // position of the other one.
    let mut new = TestKeyword::new();
    new.skip(history().len() + 1);
    new.fold(again());
    new.rows.0.remove(&summary);
    let mut batched = TestKeyword::new();
    batched.fold(history().into_iter().chain([untracked()]).chain(again()));
    batched.rows.0.remove(&summary);
    let mut split = folded();
    split.fold([untracked()]);
    assert_eq!(split.rows.0.keys().collect::<Vec<_>>(), [&summary]);
    split.fold(again());
    split.rows.0.remove(&summary);
    assert_eq!(split.rows, new.rows);
    assert_eq!(batched.rows, new.rows);
}

#[test]
fn rows_are_named_by_kind_and_suffix_in_errors() {
    let span = RowKey::of_kind(RowKind::new(b'r')).with(&513_u32.to_be_bytes());
    assert_eq!(span.to_string(), "span 00000201");
    assert_eq!(KeywordSummary::key().to_string(), "summary");
    let run = background::run_key(3).to_string();
    assert_eq!(run, "background run 0000000000000003");
    assert_eq!(RowKey::of_kind(RowKind::new(b'?')).to_string(), "of kind ?");
}
