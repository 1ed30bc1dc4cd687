//! Lists the ids of one keyword from its rows, without reading filters.

use super::entry::{IdEntry, IdHash, IdState, decode};
use super::run::{RUN_FORMAT, RunLocation, pages_in};
use super::{RECENT_FORMAT, RECENT_IDS, RowFormat, RowKey, Rows, RowsError, location};

/// Calls `visit` with the id and state of every entry outside the `seen` runs. An id can have
/// several entries. It is deleted if one of them says so.
///
/// `runs` is how many runs each level has now ([`super::Ids::runs`]). `seen` is how many runs each
/// level had at the last visit of all ids, and is empty if there was none. The newest ids are
/// always visited.
///
/// # Errors
/// The error of `rows`, or [`RowsError::Damaged`].
pub fn visit(
    rows: &dyn Rows,
    runs: &[u8],
    seen: &[u8],
    mut visit: impl FnMut(IdHash, IdState),
) -> Result<(), RowsError> {
    for location in unseen(runs, seen) {
        for page in 0..pages(rows, location)? {
            let key = location.page(page);
            visit_row(&RUN_FORMAT, &key, &present(rows, &key)?, &mut visit)?;
        }
    }
    match rows.get(&RowKey::of_kind(RECENT_IDS))? {
        Some(row) => visit_recent(&row, visit),
        None => Ok(()),
    }
}

/// Calls `visit` with the newest ids of a keyword, read from their row.
///
/// # Errors
/// [`RowsError::Damaged`].
pub fn visit_recent(row: &[u8], mut visit: impl FnMut(IdHash, IdState)) -> Result<(), RowsError> {
    visit_row(
        &RECENT_FORMAT,
        &RowKey::of_kind(RECENT_IDS),
        row,
        &mut visit,
    )
}

/// The runs that were written since `seen`.
///
/// A level only gains runs until it is merged. A merge moves the runs of the level and of all
/// levels below it into one new run of the next level. So on the highest level that changed, the
/// runs beyond the `seen` ones are new, and on every level below it all runs are new.
fn unseen(runs: &[u8], seen: &[u8]) -> Vec<RunLocation> {
    let before = |level: usize| seen.get(level).copied().unwrap_or_default();
    let highest = runs
        .iter()
        .enumerate()
        .rposition(|(level, count)| *count != before(level));
    let mut unseen = Vec::new();
    for (level, count) in runs.iter().enumerate() {
        let first = match highest {
            Some(highest) if level < highest => 0,
            Some(highest) if level == highest => before(level),
            _ => *count,
        };
        unseen.extend((first..*count).map(|run| location(level, run.into())));
    }
    unseen
}

fn visit_row(
    format: &RowFormat,
    key: &RowKey,
    row: &[u8],
    visit: &mut impl FnMut(IdHash, IdState),
) -> Result<(), RowsError> {
    for bytes in decode(format, key, row)? {
        let entry = IdEntry(*bytes);
        visit(entry.hash(), entry.state());
    }
    Ok(())
}

fn pages(rows: &dyn Rows, location: RunLocation) -> Result<u32, RowsError> {
    let key = location.part(0);
    pages_in(&key, &present(rows, &key)?)
}

fn present(rows: &dyn Rows, key: &RowKey) -> Result<bytes::Bytes, RowsError> {
    let row = rows.get(key)?;
    row.ok_or_else(|| RowsError::damaged(key, "it is missing"))
}
