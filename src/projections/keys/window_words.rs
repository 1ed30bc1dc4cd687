//! The words of a keyword in a window and in the window before, for answers about them.

use std::ops::Range;
use std::sync::Arc;

use super::bucket::Group;
use super::counts::KeyCounts;
use super::kind::KeyKind;
use super::ranking::Span;
use super::recount::{Recounted, recounted};
use crate::events::Timestamp;
use crate::projections::overview::Window;
use crate::projections::rows::{Rows, RowsError};
use crate::projections::volume;

/// A value for a window and one for the window before it, in this order.
pub type Both<T> = [T; 2];

/// A word of a keyword, with its counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowWord {
    /// The word.
    pub word: String,
    /// Number of tweets of each window that have the word.
    pub counts: Both<u64>,
}

/// A cut bucket: it has counts of some of the words of its tweets, but not of all.
#[derive(Debug, Clone, Copy)]
pub struct CutBucket(pub(super) Group);

impl CutBucket {
    /// Counts the words that the bucket did not take, from the texts of its tweets. Returns `None`
    /// if these texts have more than `max_bytes` bytes.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn untaken(
        self,
        rows: &dyn Rows,
        max_bytes: usize,
    ) -> Result<Option<UntakenWords>, RowsError> {
        Ok(recounted(rows, self.0, max_bytes)?.map(UntakenWords))
    }
}

/// The words that a cut bucket did not take.
#[derive(Debug)]
pub struct UntakenWords(pub(super) Arc<Recounted>);

/// The frequent words of a keyword in two windows.
#[derive(Debug, Clone)]
pub struct WindowWords {
    pub(super) span: Span,
    /// The words, in the order of their bytes.
    words: Vec<WindowWord>,
    /// The first bytes of the blake3 hash of the words.
    digest: u64,
    /// The number of tweets in each window.
    totals: Both<u64>,
    /// The buckets that did not take all of their words.
    pub(super) cut: Vec<Group>,
}

impl WindowWords {
    /// Reads the words that at least `min` tweets of one of the windows have, except those for
    /// which `is_left_out` returns true. The last bucket of the window contains `at`.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn read(
        rows: &dyn Rows,
        (window, at): (Window, Timestamp),
        min: u64,
        is_left_out: impl Fn(&str) -> bool,
    ) -> Result<Self, RowsError> {
        let span = Span::of(window, at);
        let counted = KeyCounts::new(rows, KeyKind::Word).window_sums(&span)?;
        let words: Vec<_> = counted
            .iter()
            .filter(|(_, pair)| pair.current >= min || pair.previous >= min)
            .map(|(word, pair)| WindowWord {
                word: String::from_utf8_lossy(word).into_owned(),
                counts: [pair.current, pair.previous],
            })
            .filter(|one| !is_left_out(&one.word))
            .collect();
        Ok(Self {
            digest: digest_of(&words),
            words,
            totals: totals(rows, &span)?,
            cut: counted.cut.clone(),
            span,
        })
    }

    /// The words, in the order of their bytes.
    pub fn words(&self) -> &[WindowWord] {
        &self.words
    }

    /// A number that tells these words from other words. Results about the words are kept under it.
    pub const fn digest(&self) -> u64 {
        self.digest
    }

    /// The number of tweets in each window.
    pub const fn totals(&self) -> Both<u64> {
        self.totals
    }

    /// Whether a bucket of the windows did not take all of its words.
    pub const fn is_cut(&self) -> bool {
        !self.cut.is_empty()
    }

    /// The start and the end of the window.
    pub fn times(&self) -> Range<Timestamp> {
        let [_, start, end] = self.span.times();
        start..end
    }
}

fn digest_of(words: &[WindowWord]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for one in words {
        hasher.update(one.word.as_bytes());
        // No word has this byte, so it ends the word.
        hasher.update(&[0xff]);
    }
    first_of_hash(&hasher.finalize())
}

/// The first eight bytes of a hash, as a number.
pub(super) fn first_of_hash(hash: &blake3::Hash) -> u64 {
    let first = hash.as_bytes().first_chunk();
    first.copied().map_or(0, u64::from_le_bytes)
}

/// The number of tweets in each window.
pub(super) fn totals(rows: &dyn Rows, span: &Span) -> Result<Both<u64>, RowsError> {
    let totals = volume::counts_between(rows, &span.times())?.counts;
    let of = |index| totals.get(index).copied().unwrap_or(0);
    Ok([of(1), of(0)])
}
