//! Related words: the words that the tweets of a keyword have more often than those of all other
//! keywords.
//!
//! ```text
//! rows of the keyword ─► OwnRows: its words in the window and in the one before, its newest texts
//! OwnRows ─► Own: the texts are analysed
//! Own ─► OtherCounts (keys::background): how often other keywords have them
//! both ─► related(): nodes in order, and links between them
//! ```
//!
//! A word is in `a` tweets of the keyword in the window and not in `b` others; `c` and `d` are the
//! same numbers for all other keywords. [`ContingencyTable::association`] decides whether the word
//! is related.

mod links;

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::keys::background::OtherCounts;
use super::keys::{Both, WindowWords};
use super::overview::Window;
use super::rows::{Rows, RowsError};
use super::statistics::{Association, ContingencyTable, Decimal};
use crate::events::Timestamp;
use crate::text::Analyser;
use links::{Newest, NewestWords};

pub use links::Link;

/// Minimum number of tweets of other keywords for an expectation.
const MIN_OTHER_TWEETS: u64 = 1_000;

/// Minimum number of tweets with a related word.
const MIN_TWEETS: u64 = 3;

/// The arguments of a query for related words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelatedQuery {
    /// The length of the window.
    pub window: Window,
    /// The last bucket of the window contains this time.
    pub at: Timestamp,
    /// Maximum number of words in the answer.
    pub limit: usize,
}

/// The related words of a keyword.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// The end of the window.
    pub until: Timestamp,
    /// Number of tweets of the keyword in the window.
    pub total: u64,
    /// Number of tweets of other keywords in the window.
    pub others: u64,
    /// A bucket did not take all of its words, or not all texts were analysed for links.
    pub is_cut: bool,
    /// The related words in the order of their ranks, up to the limit of the query.
    pub nodes: Vec<Node>,
    /// Pairs of the words in `nodes` that tweets have in common, the most frequent first.
    pub links: Vec<Link>,
}

/// A related word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The word.
    pub word: String,
    /// Number of tweets of the window that have the word.
    pub count: u64,
    /// The scores of the word; `None` if other keywords have too few tweets.
    pub scores: Option<Scores>,
    /// The rank in the window, from 1.
    pub rank: u64,
    /// The rank in the window before; `None` if the word was not related there.
    pub previous_rank: Option<u64>,
}

/// The scores of a related word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scores {
    /// Dunning's log-likelihood ratio.
    pub g2: Decimal<3>,
    /// Normalized pointwise mutual information.
    pub npmi: Decimal<4>,
}

/// What an answer reads from the rows of the keyword.
#[derive(Debug)]
pub struct OwnRows {
    words: WindowWords,
    newest: Newest,
    analyser: Analyser,
}

impl OwnRows {
    /// Reads the rows of the keyword. `left_out` are its own words. Texts are read here and
    /// analysed later, so that the rows are held for a short time.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn read(
        rows: &dyn Rows,
        query: &RelatedQuery,
        left_out: &BTreeSet<String>,
    ) -> Result<Self, RowsError> {
        let window = (query.window, query.at);
        let words = WindowWords::read(rows, window, MIN_TWEETS, |word| left_out.contains(word))?;
        Ok(Self {
            newest: Newest::read(rows, &words)?,
            analyser: rows.context().analyser()?.clone(),
            words,
        })
    }

    /// Analyses the texts, if the rows had not kept their words.
    pub fn analysed(self) -> Own {
        let (newest, is_new) = match self.newest {
            Newest::Words(words) => (words, false),
            Newest::Texts(texts) => {
                let words = NewestWords::of_texts(&texts, &self.words, &self.analyser);
                (Arc::new(words), true)
            }
        };
        Own {
            words: self.words,
            newest,
            is_new,
        }
    }
}

/// The words of the keyword: those of its window and the window before, and of its newest tweets.
#[derive(Debug)]
pub struct Own {
    words: WindowWords,
    newest: Arc<NewestWords>,
    is_new: bool,
}

impl Own {
    /// The words that are counted in the tweets of other keywords.
    pub const fn words(&self) -> &WindowWords {
        &self.words
    }

    /// Whether texts were analysed, so that the rows can keep the result.
    pub const fn is_new(&self) -> bool {
        self.is_new
    }

    /// Offers the words of the newest tweets to the rows of the keyword, which must be those that
    /// [`OwnRows::read`] has read.
    pub fn keep(&self, rows: &dyn Rows) {
        self.newest.keep(rows, &self.words);
    }
}

/// The related words, with at most `limit` nodes.
pub fn related(own: &Own, others: &OtherCounts<'_>, limit: usize) -> Related {
    let words = &own.words;
    let [current, before] = [0, 1].map(|window| ranked(words, others, window));
    let previous: HashMap<usize, u64> = before.iter().map(|one| one.index).zip(1..).collect();
    let nodes: Vec<&Ranked> = current.iter().take(limit).collect();
    let mut linked: Vec<usize> = nodes.iter().map(|node| node.index).collect();
    linked.sort_unstable();
    let [total, _] = words.totals();
    let [others, _] = others.totals();
    Related {
        until: words.times().end,
        total,
        others,
        is_cut: words.is_cut() || own.newest.is_cut(),
        links: own.newest.links(words, &linked),
        nodes: (1..)
            .zip(nodes)
            .map(|(rank, node)| Node {
                word: node.word.to_owned(),
                count: node.count,
                scores: node.g2.map(|g2| Scores {
                    g2,
                    npmi: node.table.npmi(),
                }),
                rank,
                previous_rank: previous.get(&node.index).copied(),
            })
            .collect(),
    }
}

/// A related word of one window, with its index among the words of the keyword.
struct Ranked<'w> {
    index: usize,
    word: &'w str,
    count: u64,
    table: ContingencyTable,
    g2: Option<Decimal<3>>,
}

/// The related words of one window, in order: by score, the highest first, then by count, then by
/// the bytes of the word.
fn ranked<'w>(words: &'w WindowWords, others: &OtherCounts<'_>, window: usize) -> Vec<Ranked<'w>> {
    let of = |both: Both<u64>| both.get(window).copied().unwrap_or(0);
    let (total, other_total) = (of(words.totals()), of(others.totals()));
    let related = words.words().iter().enumerate().filter_map(|(index, one)| {
        let (count, elsewhere) = (of(one.counts), of(others.of_word(index)));
        let table = ContingencyTable {
            a: count,
            b: total.saturating_sub(count),
            c: elsewhere,
            d: other_total.saturating_sub(elsewhere),
        };
        let g2 = match table.association(MIN_OTHER_TWEETS) {
            Association::None => return None,
            Association::Unscored => None,
            Association::Scored(g2) => Some(g2),
        };
        Some(Ranked {
            index,
            word: &one.word,
            count,
            table,
            g2,
        })
    });
    let mut related: Vec<_> = related.collect();
    // The words are in the order of their bytes already, and the sort is stable.
    related.sort_by_key(|one| (Reverse(one.g2), Reverse(one.count)));
    related
}

#[cfg(test)]
mod tests;
