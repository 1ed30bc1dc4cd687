//! How often other keywords have the words of a keyword: read from the background, or from the rows
//! of the other keywords.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use foldhash::fast::RandomState;

use super::contribution::for_each;
use super::{BACKGROUND_FORMAT, words_of};
use crate::projections::keys::bucket::{EntryKey, parse_entry};
use crate::projections::keys::window_words::{Both, WindowWords, totals, visit_both};
use crate::projections::rows::{Rows, RowsError};
use crate::projections::tree::TreeReader;

/// The tweets of other keywords with each word of a keyword, in the windows of the keyword.
#[derive(Debug, Clone)]
pub struct OtherCounts<'w> {
    words: &'w WindowWords,
    places: Arc<HashMap<&'w [u8], usize, RandomState>>,
    counts: Vec<Both<i64>>,
    totals: Both<i64>,
}

impl<'w> OtherCounts<'w> {
    /// Begins with no other keyword.
    pub fn new(words: &'w WindowWords) -> Self {
        let places = words.words().iter().enumerate();
        let places = places.map(|(place, one)| (one.word.as_bytes(), place));
        Self {
            places: Arc::new(places.collect()),
            counts: vec![[0; 2]; words.words().len()],
            totals: [0; 2],
            words,
        }
    }

    /// Adds the background of a shard: the records of its runs, and its map in these rows.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn add_shard(&mut self, rows: &dyn Rows, runs: &[Bytes]) -> Result<(), RowsError> {
        for run in runs {
            rows.look(run.len())?;
            self.add_run(run)?;
        }
        self.add_map(rows)
    }

    fn add_run(&mut self, records: &[u8]) -> Result<(), RowsError> {
        let span = &self.words.span;
        let (width, [before, start, end]) = (span.width, span.bounds);
        for_each(records, |tweet| {
            let bucket = width.bucket(tweet.at);
            if !(before..end).contains(&bucket) {
                return Ok(());
            }
            let window = usize::from(bucket < start);
            let change = if tweet.is_lost { -1 } else { 1 };
            add(&mut self.totals, window, change);
            tweet.words(|word| {
                let place = self.places.get(word);
                if let Some(counts) = place.and_then(|place| self.counts.get_mut(*place)) {
                    add(counts, window, change);
                }
            })
        })
    }

    /// Entries and words are both in order, so one pass over the entries of a bucket finds all
    /// words.
    fn add_map(&mut self, rows: &dyn Rows) -> Result<(), RowsError> {
        let (words, span) = (self.words.words(), &self.words.span);
        let (width, [before, start, end]) = (span.width, span.bounds);
        let (mut last, mut next) = (before, 0);
        let reader = TreeReader::new(rows, &BACKGROUND_FORMAT);
        reader.visit(&words_of(width, before).prefix(), |name, count| {
            let Some((bucket, _, EntryKey::Key(key))) = parse_entry(width, name) else {
                return false;
            };
            if bucket >= end {
                return false;
            }
            if bucket != last {
                (last, next) = (bucket, 0);
            }
            let window = usize::from(bucket < start);
            if key.is_empty() {
                add(&mut self.totals, window, count.cast_signed());
                return true;
            }
            while let Some(word) = words.get(next)
                && word.word.as_bytes() < key
            {
                next += 1;
            }
            let is_wanted = words
                .get(next)
                .is_some_and(|word| word.word.as_bytes() == key);
            if is_wanted && let Some(counts) = self.counts.get_mut(next) {
                add(counts, window, count.cast_signed());
            }
            true
        })
    }

    /// Takes the keyword itself out of a background that includes it.
    pub fn take_out_own(&mut self) {
        for (counts, word) in self.counts.iter_mut().zip(self.words.words()) {
            take_out(counts, word.counts);
        }
        take_out(&mut self.totals, self.words.totals());
    }

    /// Adds another keyword from its own rows.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn add_keyword(&mut self, rows: &dyn Rows) -> Result<(), RowsError> {
        let span = &self.words.span;
        visit_both(rows, span, |window, word, count| {
            let place = self.places.get(word);
            if let Some(counts) = place.and_then(|place| self.counts.get_mut(*place)) {
                add(counts, window, count.cast_signed());
            }
        })?;
        for (window, total) in totals(rows, span)?.into_iter().enumerate() {
            add(&mut self.totals, window, total.cast_signed());
        }
        Ok(())
    }

    /// The tweets with the word at this place. Not below 0, even if the keyword has changed between
    /// the reads.
    pub fn of_word(&self, place: usize) -> Both<u64> {
        let counts = self.counts.get(place).copied().unwrap_or_default();
        counts.map(at_least_none)
    }

    /// All tweets of other keywords.
    pub fn totals(&self) -> Both<u64> {
        self.totals.map(at_least_none)
    }
}

fn at_least_none(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

fn add(counts: &mut Both<i64>, window: usize, change: i64) {
    if let Some(sum) = counts.get_mut(window) {
        *sum = sum.saturating_add(change);
    }
}

fn take_out(counts: &mut Both<i64>, own: Both<u64>) {
    for (window, own) in own.into_iter().enumerate() {
        add(counts, window, own.cast_signed().saturating_neg());
    }
}
