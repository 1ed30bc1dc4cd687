//! Counts the tweets of other keywords that have the words of a keyword. Reads the background, or
//! the rows of the other keywords.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use foldhash::fast::RandomState;

use super::contribution::for_each;
use super::map_counts::MapCounts;
use super::map_sums::{HourCosts, entry_in, window_sums};
use super::{BACKGROUND_FORMAT, words_of};
use crate::events::Keyword;
use crate::projections::keys::buckets::Buckets;
use crate::projections::keys::counts::KeyCounts;
use crate::projections::keys::key_sums::at_least_none;
use crate::projections::keys::kind::KeyKind;
use crate::projections::keys::window_parts::{Part, parts};
use crate::projections::keys::window_words::{
    Both, CutBucket, UntakenWords, WindowWord, WindowWords, first_of_hash, totals,
};
use crate::projections::rows::{Rows, RowsError};
use crate::projections::tree::{Step, TreeReader};
use crate::projections::{found, offer};
use crate::text::first_bytes;

/// For a keyword with at most this many words, only the leaves of the map that may have them are
/// read.
const FEW_WORDS: usize = if cfg!(test) { 10 } else { 256 };

/// Maximum length of the texts that one answer analyses again because their buckets are cut, in
/// bytes.
const MAX_RECOUNT_BYTES: usize = 16 << 20;

/// The number of tweets of other keywords that have each word of a keyword, in the windows of these
/// words.
#[derive(Debug, Clone)]
pub struct OtherCounts<'w> {
    words: &'w WindowWords,
    /// The index of each word.
    indexes: Arc<HashMap<&'w [u8], usize, RandomState>>,
    starts: Arc<[WordStart]>,
    counts: Vec<Both<i64>>,
    /// The number of all tweets in each window.
    totals: Both<i64>,
    /// The hash of the keyword, under which the rows of a shard keep the counts of its map; `None`
    /// if they keep none.
    keyword: Option<u64>,
}

/// The part of a word that decides most comparisons.
#[derive(Debug)]
struct WordStart {
    /// The first eight bytes, as a number.
    first: u64,
    /// The length in bytes.
    length: usize,
}

impl WordStart {
    fn of(word: &WindowWord) -> Self {
        let word = word.word.as_bytes();
        Self {
            first: first_bytes(word),
            length: word.len(),
        }
    }
}

/// The number of tweets of one other keyword with each word, by the index of the word.
#[derive(Debug, Default)]
pub struct KeywordCounts {
    counts: HashMap<usize, Both<i64>, RandomState>,
    totals: Both<i64>,
}

impl<'w> OtherCounts<'w> {
    /// Counts of 0, to which backgrounds or keywords are added.
    pub fn new(words: &'w WindowWords) -> Self {
        let indexes = words.words().iter().enumerate();
        let indexes = indexes.map(|(index, one)| (one.word.as_bytes(), index));
        Self {
            indexes: Arc::new(indexes.collect()),
            starts: words.words().iter().map(WordStart::of).collect(),
            counts: vec![[0; 2]; words.words().len()],
            totals: [0; 2],
            keyword: None,
            words,
        }
    }

    /// Lets the rows of a shard keep the counts of its map for later queries about this keyword.
    #[must_use]
    pub fn kept_for(self, keyword: &Keyword) -> Self {
        Self {
            keyword: Some(first_of_hash(&blake3::hash(keyword.as_str().as_bytes()))),
            ..self
        }
    }

    /// Adds the background of a shard: the records of its runs, and the map in `rows`.
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
                let index = self.indexes.get(word);
                if let Some(counts) = index.and_then(|index| self.counts.get_mut(*index)) {
                    add(counts, window, change);
                }
            })
        })
    }

    fn add_map(&mut self, rows: &dyn Rows) -> Result<(), RowsError> {
        let span = &self.words.span;
        if self.words.words().len() <= FEW_WORDS {
            for part in parts(span, &mut HourCosts { rows, span })? {
                self.add_few_of_part(rows, &part)?;
            }
            return Ok(());
        }
        let of_map = self.map_counts(rows)?;
        for (counts, more) in self.counts.iter_mut().zip(&of_map.counts) {
            add_both(counts, *more);
        }
        add_both(&mut self.totals, of_map.totals);
        Ok(())
    }

    /// The counts in the map, which the rows keep if [`OtherCounts::kept_for`] was called.
    fn map_counts(&self, rows: &dyn Rows) -> Result<Arc<MapCounts>, RowsError> {
        let whole = self.words.span.whole();
        let found = |number| found::<MapCounts>(rows, whole.clone(), number);
        if let Some(found) = self.keyword.and_then(found)
            && found.words == self.words.digest()
        {
            return Ok(found);
        }
        let mut of_map = Self {
            counts: vec![[0; 2]; self.counts.len()],
            totals: [0; 2],
            ..self.clone()
        };
        let mut next = 0;
        for (key, pair) in window_sums(rows, &self.words.span)?.iter() {
            let changes = [pair.current, pair.previous].map(u64::cast_signed);
            of_map.add_entry(key, changes, &mut next);
        }
        let of_map = Arc::new(MapCounts {
            words: self.words.digest(),
            counts: of_map.counts,
            totals: of_map.totals,
        });
        if let Some(number) = self.keyword {
            offer(rows, whole, number, Arc::clone(&of_map));
        }
        Ok(of_map)
    }

    /// Adds the entries of the words in the buckets of a part. The reader skips the entries between
    /// them.
    fn add_few_of_part(&mut self, rows: &dyn Rows, part: &Part) -> Result<(), RowsError> {
        let words = self.words.words();
        let Buckets { width, numbers } = &part.buckets;
        let (width, mut last, mut next) = (*width, numbers.start, 0);
        let reader = TreeReader::new(rows, &BACKGROUND_FORMAT);
        reader.scan(&words_of(width, last).prefix(), |name, count| {
            let Some((bucket, key)) = entry_in(&part.buckets, name) else {
                return Step::Stop;
            };
            if bucket != last {
                (last, next) = (bucket, 0);
            }
            self.add_entry(key, part.changes(count), &mut next);
            match words.get(next) {
                Some(word) => Step::SkipTo(words_of(width, bucket).entry(word.word.as_bytes())),
                None => Step::SkipTo(words_of(width, bucket.saturating_add(1)).prefix().to_vec()),
            }
        })
    }

    /// Adds an entry, if it is of one of the words. Entries come in the order of their keys, and
    /// `next` is the index of the first word that later entries can have.
    fn add_entry(&mut self, key: &[u8], changes: Both<i64>, next: &mut usize) {
        if key.is_empty() {
            add_both(&mut self.totals, changes);
        }
        let (first, length) = (first_bytes(key), key.len());
        while self
            .starts
            .get(*next)
            .is_some_and(|word| word.first < first)
        {
            *next += 1;
        }
        while let Some(word) = self.starts.get(*next)
            && word.first == first
        {
            // The first eight bytes are compared already.
            let order = if word.length == length && length <= 8 {
                Ordering::Equal
            } else {
                let words = self.words.words();
                let word = words.get(*next).map(|one| one.word.as_bytes());
                word.cmp(&Some(key))
            };
            if order == Ordering::Greater {
                break;
            }
            if order == Ordering::Equal
                && let Some(counts) = self.counts.get_mut(*next)
            {
                add_both(counts, changes);
            }
            *next += 1;
        }
    }

    /// Subtracts the counts of the keyword itself from a background that includes the keyword. The
    /// subtracted counts lack the words that cut buckets did not take: see
    /// [`OtherCounts::take_out_untaken`].
    pub fn take_out_own(&mut self) {
        for (counts, word) in self.counts.iter_mut().zip(self.words.words()) {
            take_out(counts, word.counts);
        }
        take_out(&mut self.totals, self.words.totals());
    }

    /// Subtracts the words that cut buckets of the keyword did not take. `read` gets a bucket and a
    /// number of bytes. It returns these words of the bucket, from the rows of the keyword; `None`
    /// when the texts of the bucket have more bytes. After the first `None` nothing more is
    /// subtracted, so the texts that are read have at most 16 MiB together.
    ///
    /// # Errors
    /// The error of `read`.
    pub fn take_out_untaken<E>(
        &mut self,
        mut read: impl FnMut(CutBucket, usize) -> Result<Option<UntakenWords>, E>,
    ) -> Result<(), E> {
        let words = self.words;
        let start = words.times().start;
        let mut left = MAX_RECOUNT_BYTES;
        for group in &words.cut {
            let Some(UntakenWords(counted)) = read(CutBucket(*group), left)? else {
                return Ok(());
            };
            left = left.saturating_sub(counted.text_bytes);
            let window = usize::from(group.times().start < start);
            for (word, count) in &counted.untaken {
                let index = self.indexes.get(word.as_bytes());
                if let Some(counts) = index.and_then(|index| self.counts.get_mut(*index)) {
                    add(counts, window, count.cast_signed().saturating_neg());
                }
            }
        }
        Ok(())
    }

    /// Adds another keyword from its own rows.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn add_keyword(&mut self, rows: &dyn Rows) -> Result<(), RowsError> {
        let of_keyword = self.read_keyword(rows)?;
        self.add_counts(&of_keyword);
        Ok(())
    }

    /// Reads another keyword from its own rows, without adding it.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn read_keyword(&self, rows: &dyn Rows) -> Result<KeywordCounts, RowsError> {
        let span = &self.words.span;
        let mut read = KeywordCounts::default();
        let keys = KeyCounts::new(rows, KeyKind::Word);
        keys.visit_windows(span, |word, changes| {
            if let Some(index) = self.indexes.get(word) {
                add_both(read.counts.entry(*index).or_default(), changes);
            }
        })?;
        read.totals = totals(rows, span)?.map(u64::cast_signed);
        Ok(read)
    }

    /// Adds a keyword whose counts were read before.
    pub fn add_counts(&mut self, read: &KeywordCounts) {
        for (index, changes) in &read.counts {
            if let Some(counts) = self.counts.get_mut(*index) {
                add_both(counts, *changes);
            }
        }
        add_both(&mut self.totals, read.totals);
    }

    /// The number of tweets that have the word at this index, in each window. A negative sum, which
    /// is possible if the keyword changed between the reads, counts as 0.
    pub fn of_word(&self, index: usize) -> Both<u64> {
        let counts = self.counts.get(index).copied().unwrap_or_default();
        counts.map(at_least_none)
    }

    /// The number of all tweets of other keywords, in each window.
    pub fn totals(&self) -> Both<u64> {
        self.totals.map(at_least_none)
    }
}

fn add(counts: &mut Both<i64>, window: usize, change: i64) {
    if let Some(sum) = counts.get_mut(window) {
        *sum = sum.saturating_add(change);
    }
}

fn add_both(counts: &mut Both<i64>, changes: Both<i64>) {
    for (window, change) in changes.into_iter().enumerate() {
        add(counts, window, change);
    }
}

fn take_out(counts: &mut Both<i64>, own: Both<u64>) {
    add_both(counts, own.map(|own| own.cast_signed().saturating_neg()));
}
