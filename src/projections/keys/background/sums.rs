//! Adds up the records of runs to the changes of the entries of the map.

use bytes::Bytes;

use super::contribution::for_each;
use super::words_of;
use crate::projections::keys::bucket::Width;
use crate::projections::keys::kind::KeyKind;
use crate::projections::keys::names::{Name, Names, Ranked, as_index};
use crate::projections::rows::RowsError;
use crate::projections::tree::Edit;

/// Changes of entries, in the order of the names of the entries.
#[derive(Debug, Default)]
pub(super) struct Sums {
    /// The names of the entries, one after the other.
    names: Vec<u8>,
    /// The end of each name in `names`, and the change of the entry, which is not 0.
    changes: Vec<(usize, i64)>,
}

/// Assumed number of bytes of records for each word. If there are fewer, the list of words has to
/// grow.
const BYTES_PER_WORD: usize = 6;

/// A bucket of five minutes, the rank of a word, and the change of the count. Rank 0 stands for the
/// entry that counts all tweets.
type Found = (u32, u32, i64);

impl Sums {
    /// The changes of entries by these records.
    pub(super) fn of(records: &[Bytes]) -> Result<Self, RowsError> {
        let bytes = records.iter().map(Bytes::len).sum();
        let mut words = Names::with_room_for(bytes);
        // For each record: the bucket, the change of the counts, and the range of its words in
        // `numbers`.
        let mut tweets: Vec<(u32, i64, std::ops::Range<usize>)> = Vec::new();
        let mut numbers: Vec<u32> = Vec::with_capacity(bytes / BYTES_PER_WORD);
        for records in records {
            for_each(records, |tweet| {
                let start = numbers.len();
                tweet.words(|word| numbers.push(words.number((KeyKind::Word, word))))?;
                let change = if tweet.is_lost { -1 } else { 1 };
                let bucket = Width::FiveMinutes.bucket(tweet.at);
                tweets.push((bucket, change, start..numbers.len()));
                Ok(())
            })?;
        }
        let Ranked { names, ranks } = words.rank();
        for number in &mut numbers {
            let rank = ranks.get(as_index(*number));
            *number = rank.map_or(0, |rank| rank.saturating_add(1));
        }
        tweets.sort_unstable_by_key(|(bucket, ..)| *bucket);
        let mut tally = Tally::new(names.len() + 1);
        let mut found: Vec<Found> = Vec::new();
        for tweets in tweets.chunk_by(|a, b| a.0 == b.0) {
            for (_, change, range) in tweets {
                tally.add(0, *change);
                for rank in numbers.get(range.clone()).unwrap_or_default() {
                    tally.add(*rank, *change);
                }
            }
            let bucket = tweets.first().map_or(0, |(bucket, ..)| *bucket);
            tally.drain(|rank, change| found.push((bucket, rank, change)));
        }
        let mut sums = Self::default();
        for width in Width::ALL {
            let ratio = width.five_minutes();
            for found in found.chunk_by(|a, b| a.0 / ratio == b.0 / ratio) {
                for (_, rank, change) in found {
                    tally.add(*rank, *change);
                }
                let bucket = found.first().map_or(0, |(bucket, ..)| bucket / ratio);
                let prefix = words_of(width, bucket).prefix();
                tally.drain(|rank, change| {
                    sums.names.extend_from_slice(&prefix);
                    sums.names.extend_from_slice(word_of(&names, rank));
                    sums.changes.push((sums.names.len(), change));
                });
            }
        }
        Ok(sums)
    }

    /// Appends the change of an entry. Entries are appended in the order of their names.
    pub(super) fn push(&mut self, name: &[u8], change: i64) {
        self.names.extend_from_slice(name);
        self.changes.push((self.names.len(), change));
    }

    /// The number of entries.
    pub(super) const fn len(&self) -> usize {
        self.changes.len()
    }

    /// The changes as edits.
    pub(super) fn edits(&self) -> Vec<Edit<'_>> {
        let mut start = 0;
        let edits = self.changes.iter().map(|(end, change)| {
            let key = self.names.get(start..*end).unwrap_or_default();
            start = *end;
            Edit {
                key,
                change: *change,
            }
        });
        edits.collect()
    }
}

/// The word of a rank. The ranks of words begin at 1; rank 0 has no bytes.
fn word_of<'r>(names: &[Name<'r>], rank: u32) -> &'r [u8] {
    let index = as_index(rank).checked_sub(1);
    let name = index.and_then(|index| names.get(index));
    name.map_or(&[], |(_, word)| *word)
}

/// Changes of counts by rank.
struct Tally {
    changes: Vec<i64>,
    /// The ranks that may have a change.
    touched: Vec<u32>,
    is_touched: Vec<bool>,
}

impl Tally {
    fn new(ranks: usize) -> Self {
        Self {
            changes: vec![0; ranks],
            touched: Vec::new(),
            is_touched: vec![false; ranks],
        }
    }

    fn add(&mut self, rank: u32, change: i64) {
        let index = as_index(rank);
        if let (Some(sum), Some(is_touched)) =
            (self.changes.get_mut(index), self.is_touched.get_mut(index))
        {
            *sum += change;
            if !std::mem::replace(is_touched, true) {
                self.touched.push(rank);
            }
        }
    }

    /// Calls `visit` with every rank whose change is not 0, in order, and resets all changes to 0.
    fn drain(&mut self, mut visit: impl FnMut(u32, i64)) {
        self.touched.sort_unstable();
        for rank in self.touched.drain(..) {
            let index = as_index(rank);
            if let Some(is_touched) = self.is_touched.get_mut(index) {
                *is_touched = false;
            }
            let change = self.changes.get_mut(index).map(std::mem::take);
            if let Some(change) = change.filter(|change| *change != 0) {
                visit(rank, change);
            }
        }
    }
}
