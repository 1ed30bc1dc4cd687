//! Adds up the records of runs to the changes of the entries of the map.

use std::collections::HashMap;

use bytes::Bytes;
use foldhash::fast::RandomState;

use super::contribution::for_each;
use super::words_of;
use crate::projections::keys::bucket::Width;
use crate::projections::rows::RowsError;
use crate::projections::tree::Edit;
use crate::text::first_bytes;

/// Changes of entries, in the order of the names of the entries.
#[derive(Debug, Default)]
pub(super) struct Sums {
    /// The names, one after the other.
    names: Vec<u8>,
    /// The end of each name in `names`, and the change of its entry, which is not 0.
    changes: Vec<(usize, i64)>,
}

/// Bucket of five minutes, rank of a word, and change. Rank 0 stands for the entry of all tweets.
type Found = (u32, u32, i64);

impl Sums {
    /// The changes by these records.
    pub(super) fn of(records: &[Bytes]) -> Result<Self, RowsError> {
        let mut words = Words::default();
        // For each record: the bucket, the change, and the range of its word numbers.
        let mut tweets: Vec<(u32, i64, std::ops::Range<usize>)> = Vec::new();
        let mut numbers: Vec<u32> = Vec::new();
        for records in records {
            for_each(records, |tweet| {
                let start = numbers.len();
                tweet.words(|word| numbers.push(words.number(word)))?;
                let change = if tweet.is_lost { -1 } else { 1 };
                let bucket = Width::FiveMinutes.bucket(tweet.at);
                tweets.push((bucket, change, start..numbers.len()));
                Ok(())
            })?;
        }
        let ranks = words.rank();
        for number in &mut numbers {
            *number = ranks.get(index(*number)).copied().unwrap_or_default();
        }
        tweets.sort_unstable_by_key(|(bucket, ..)| *bucket);
        let mut tally = Tally::new(words.names.len() + 1);
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
                    sums.names.extend_from_slice(words.of_rank(rank));
                    sums.changes.push((sums.names.len(), change));
                });
            }
        }
        Ok(sums)
    }

    /// Appends an entry. Entries are appended in the order of their names.
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

/// The different words, numbered from 0 in the order of their first occurrence.
#[derive(Default)]
struct Words<'r> {
    numbers: HashMap<&'r [u8], u32, RandomState>,
    /// The words by number; after `rank`, in the order of their bytes.
    names: Vec<&'r [u8]>,
}

impl<'r> Words<'r> {
    fn number(&mut self, word: &'r [u8]) -> u32 {
        *self.numbers.entry(word).or_insert_with(|| {
            self.names.push(word);
            number_of(self.names.len() - 1)
        })
    }

    /// Sorts the words. Returns for each number the rank, from 1.
    fn rank(&mut self) -> Vec<u32> {
        // Most words differ in their first eight bytes, which are compared as a number.
        let names = std::mem::take(&mut self.names).into_iter();
        let mut order: Vec<(u64, &[u8], u32)> = names
            .zip(0..)
            .map(|(name, number)| (first_bytes(name), name, number))
            .collect();
        order.sort_unstable();
        let mut ranks = vec![0; order.len()];
        for (rank, (_, name, number)) in (1..).zip(order) {
            if let Some(place) = ranks.get_mut(index(number)) {
                *place = rank;
            }
            self.names.push(name);
        }
        ranks
    }

    /// The word of a rank; empty for rank 0.
    fn of_rank(&self, rank: u32) -> &'r [u8] {
        let index = index(rank).checked_sub(1);
        let name = index.and_then(|index| self.names.get(index));
        name.copied().unwrap_or_default()
    }
}

/// Changes by the rank of their word.
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
        let place = index(rank);
        if let (Some(sum), Some(is_touched)) =
            (self.changes.get_mut(place), self.is_touched.get_mut(place))
        {
            *sum += change;
            if !std::mem::replace(is_touched, true) {
                self.touched.push(rank);
            }
        }
    }

    /// Calls `visit` with every rank that has a change, in order, and resets the changes.
    fn drain(&mut self, mut visit: impl FnMut(u32, i64)) {
        self.touched.sort_unstable();
        for rank in self.touched.drain(..) {
            let place = index(rank);
            if let Some(is_touched) = self.is_touched.get_mut(place) {
                *is_touched = false;
            }
            let change = self.changes.get_mut(place).map(std::mem::take);
            if let Some(change) = change.filter(|change| *change != 0) {
                visit(rank, change);
            }
        }
    }
}

/// Converts a number. Runs have fewer words than bytes, and their number fits 32 bits.
fn number_of(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
