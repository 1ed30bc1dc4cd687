//! Compares the backgrounds of two stores, shard by shard.
//!
//! In: the views, and a store that was folded from the journal. Out: the buckets whose counts
//! differ. The sums of runs and map are compared and not the rows, because the rows also depend on
//! the batches.

use std::ops::Range;

use crate::events::{ShardId, Timestamp};
use crate::projections::RowsError;
use crate::projections::keys::background::{BackgroundContent, BackgroundEntry};
use crate::store::{ShardRows, Store, StoreError};

/// A bucket of the background of a shard whose counts differ from the fold of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackgroundDifference {
    /// The shard.
    pub shard: ShardId,
    /// The times of the bucket.
    pub times: Range<Timestamp>,
    /// Number of counts that differ.
    pub counts: u64,
    /// The first count that differs.
    pub first: CountDifference,
}

/// A count of the background that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountDifference {
    /// The word whose tweets are counted; `None` for the count of all tweets.
    pub word: Option<String>,
    /// The count on disk. The sum of damaged rows can be below 0.
    pub found: i64,
    /// The count of the fold.
    pub expected: i64,
}

/// The buckets whose counts differ between two stores, in the order of the shards.
pub(super) fn background_differences(
    found: &Store,
    expected: &Store,
) -> Result<Vec<BackgroundDifference>, StoreError> {
    let mut differences = Vec::new();
    let shards = found.shards().iter().zip(expected.shards());
    for (shard, (found, expected)) in found.count().all().zip(shards) {
        differences.extend(of_shard(shard, found, expected)?);
    }
    Ok(differences)
}

fn of_shard(
    shard: ShardId,
    found: &ShardRows,
    expected: &ShardRows,
) -> Result<Vec<BackgroundDifference>, StoreError> {
    found.read_background(|found_runs, found_map| {
        let compared = expected.read_background(|runs, map| {
            let found = BackgroundContent::new(found_map, found_runs)?;
            compared(shard, found, BackgroundContent::new(map, runs)?)
        });
        compared.map_err(|error| RowsError::Store(Box::new(error)))
    })
}

fn compared(
    shard: ShardId,
    mut found: BackgroundContent<'_>,
    mut expected: BackgroundContent<'_>,
) -> Result<Vec<BackgroundDifference>, RowsError> {
    let mut differences: Vec<BackgroundDifference> = Vec::new();
    let (mut here, mut there) = (found.next_entry()?, expected.next_entry()?);
    while let Some(name) = first_name(here.as_ref(), there.as_ref()) {
        let (is_here, is_there) = (
            is_named(here.as_ref(), name),
            is_named(there.as_ref(), name),
        );
        let of_found = if is_here {
            std::mem::replace(&mut here, found.next_entry()?)
        } else {
            None
        };
        let of_expected = if is_there {
            std::mem::replace(&mut there, expected.next_entry()?)
        } else {
            None
        };
        note(shard, [&of_found, &of_expected], &mut differences)?;
    }
    Ok(differences)
}

fn first_name<'e>(
    a: Option<&'e BackgroundEntry>,
    b: Option<&'e BackgroundEntry>,
) -> Option<&'e [u8]> {
    a.into_iter().chain(b).map(BackgroundEntry::name).min()
}

fn is_named(entry: Option<&BackgroundEntry>, name: &[u8]) -> bool {
    entry.is_some_and(|entry| entry.name() == name)
}

/// Adds the difference between two entries of the same name, if there is one. A missing entry has
/// the count 0.
fn note(
    shard: ShardId,
    entries: [&Option<BackgroundEntry>; 2],
    differences: &mut Vec<BackgroundDifference>,
) -> Result<(), RowsError> {
    let [found, expected] = entries.map(|entry| entry.as_ref().map_or(0, BackgroundEntry::count));
    let Some(entry) = entries.into_iter().flatten().next() else {
        return Ok(());
    };
    if found == expected {
        return Ok(());
    }
    let (times, word) = entry.bucket_and_word()?;
    match differences.last_mut() {
        Some(last) if last.times == times => last.counts = last.counts.saturating_add(1),
        _ => differences.push(BackgroundDifference {
            shard,
            times,
            counts: 1,
            first: CountDifference {
                word: (!word.is_empty()).then(|| String::from_utf8_lossy(word).into_owned()),
                found,
                expected,
            },
        }),
    }
    Ok(())
}
