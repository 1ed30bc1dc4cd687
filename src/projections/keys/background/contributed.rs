//! Reads from the rows of a keyword what its puts have contributed to the background.
//!
//! In a bucket that is not cut, the counts of the keyword are its contribution. The counts of a cut
//! bucket lack the words that it did not take, so its tweets are counted again.

use std::collections::{BTreeMap, HashSet};

use super::sums::Sums;
use super::words_of;
use crate::projections::keys::bucket::{Group, GroupState, Width};
use crate::projections::keys::kind::{KeyKind, KeysOfTweet};
use crate::projections::keys::{COUNTS_FORMAT, pending};
use crate::projections::rows::{Rows, RowsError};
use crate::projections::summary::KeywordSummary;
use crate::projections::timeline::for_each_stored;
use crate::projections::tree::TreeReader;
use crate::projections::volume;
use crate::text::TweetKeys;

/// Maximum number of entries in one step through the counts.
const STEP_ENTRIES: usize = if cfg!(test) { 50 } else { 64 * 1024 };

/// Calls `step` with changes that together remove the whole contribution of a keyword. The names
/// within a step are in order and differ.
pub(super) fn for_each_step(
    rows: &dyn Rows,
    mut step: impl FnMut(&Sums) -> Result<(), RowsError>,
) -> Result<(), RowsError> {
    let cut = for_each_counted(rows, &mut step)?;
    step(&pending_words(rows, &cut)?)?;
    for group in cut {
        step(&words_of_tweets(rows, group)?)?;
    }
    step(&all_tweets(rows)?)
}

/// Calls `step` with changes that remove the counts of buckets that are not cut. Returns the cut
/// buckets.
fn for_each_counted(
    rows: &dyn Rows,
    mut step: impl FnMut(&Sums) -> Result<(), RowsError>,
) -> Result<HashSet<Group>, RowsError> {
    let counts = TreeReader::new(rows, &COUNTS_FORMAT);
    let mut cut = HashSet::new();
    let mut sums = Sums::default();
    let mut start = Vec::new();
    while let Some(name) = first_from(&counts, &start)? {
        let Some(group) = Group::of_entry(&name) else {
            break;
        };
        let end = group.state_entry();
        if group.kind == KeyKind::Word {
            let state = GroupState::from_count(counts.get(&end)?);
            if state.is_cut || state.is_uncounted {
                cut.insert(group);
            } else {
                let mut from = Some(name);
                while let Some(start) = from.take() {
                    counts.visit(&start, |name, count| {
                        if *name >= *end {
                            return false;
                        }
                        sums.push(name, count.cast_signed().saturating_neg());
                        if sums.len() >= STEP_ENTRIES {
                            from = Some(after(name));
                        }
                        from.is_none()
                    })?;
                    if from.is_some() {
                        step(&std::mem::take(&mut sums))?;
                    }
                }
            }
        }
        start = after(&end);
    }
    step(&sums)?;
    Ok(cut)
}

/// The name of the first entry from `start` on.
fn first_from(counts: &TreeReader<'_>, start: &[u8]) -> Result<Option<Vec<u8>>, RowsError> {
    let mut first = None;
    counts.visit(start, |name, _| {
        first = Some(name.to_vec());
        false
    })?;
    Ok(first)
}

/// The first name after this one, in the order of bytes.
fn after(name: &[u8]) -> Vec<u8> {
    [name, &[0]].concat()
}

/// Changes that remove the words of pending tweets, except in cut buckets.
fn pending_words(rows: &dyn Rows, cut: &HashSet<Group>) -> Result<Sums, RowsError> {
    let mut words: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
    let records = pending::read(rows)?;
    pending::for_each(&records, |at, kind, word| {
        for width in Width::ALL {
            let group = words_of(width, width.bucket(at));
            if kind == KeyKind::Word && !cut.contains(&group) {
                *words.entry(group.entry(word)).or_default() -= 1;
            }
        }
    })?;
    Ok(in_order(words))
}

/// Changes that remove the words of all tweets of a bucket.
fn words_of_tweets(rows: &dyn Rows, group: Group) -> Result<Sums, RowsError> {
    let from = group.width.start(group.bucket);
    let to = group.width.start(group.bucket.saturating_add(1));
    let (analyser, mut keys) = (rows.context().analyser()?, TweetKeys::new());
    let mut words: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
    for_each_stored(rows, from, to, |stored| {
        analyser.keys(&stored.tweet.text, &mut keys);
        KeysOfTweet::new(&stored.tweet, &keys).visit(KeyKind::Word, |word| {
            *words.entry(group.entry(word.as_bytes())).or_default() -= 1;
        });
    })?;
    Ok(in_order(words))
}

/// Changes that remove the number of tweets of every bucket.
fn all_tweets(rows: &dyn Rows) -> Result<Sums, RowsError> {
    let summary = rows.get(&KeywordSummary::key())?;
    let summary = summary.map(|row| KeywordSummary::decode(&row));
    let summary = summary.transpose()?.unwrap_or_default();
    let mut tweets: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
    if let Some((first, last)) = summary.first_at.zip(summary.last_at) {
        volume::for_each_minute(rows, first, last, |minute, count| {
            for width in Width::ALL {
                let name = words_of(width, width.bucket(minute)).entry(b"");
                *tweets.entry(name).or_default() -= count.cast_signed();
            }
        })?;
    }
    Ok(in_order(tweets))
}

fn in_order(changes: BTreeMap<Vec<u8>, i64>) -> Sums {
    let mut sums = Sums::default();
    for (name, change) in changes {
        sums.push(&name, change);
    }
    sums
}
