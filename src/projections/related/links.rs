//! Links: pairs of words that occur together in the newest tweets of a window.

use std::cmp::Reverse;
use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::events::TweetPosted;
use crate::projections::keys::{KeyKind, KeysOfTweet, WindowWords};
use crate::projections::rows::{Rows, RowsError};
use crate::projections::timeline::{TimelineQuery, query};
use crate::text::{Analyser, TweetKeys};

/// Maximum number of tweets that are searched for pairs.
const MAX_TWEETS: usize = if cfg!(test) { 100 } else { 2_000 };
/// Number of tweets that are read at a time.
const STEP: usize = 200;
/// Maximum length of text that is analysed, in bytes. It is small in unit tests, which reach it.
const MAX_TEXT_BYTES: usize = if cfg!(test) { 8 << 10 } else { 16 << 20 };
/// Minimum number of tweets with a pair for a link.
const MIN_COUNT: u32 = 2;
/// Maximum number of links in an answer.
const MAX_LINKS: usize = 200;

/// Two words that tweets have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The first of the two words, in the order of their bytes.
    pub a: String,
    /// The other word.
    pub b: String,
    /// Number of the newest tweets that have both words.
    pub count: u32,
}

/// The newest tweets of a window.
#[derive(Debug, Default)]
pub(super) struct NewestTweets {
    tweets: Vec<TweetPosted>,
    is_cut: bool,
}

impl NewestTweets {
    /// Reads the newest tweets of the window of these words. Their texts are analysed later,
    /// because the caller may hold a lock on the rows during this call.
    pub(super) fn read(rows: &dyn Rows, words: &WindowWords) -> Result<Self, RowsError> {
        let mut newest = Self::default();
        if words.words().is_empty() {
            return Ok(newest);
        }
        let window = words.times();
        let mut wanted = TimelineQuery {
            limit: STEP.min(MAX_TWEETS),
            from: Some(window.start),
            to: Some(window.end),
            ..TimelineQuery::default()
        };
        let mut left = MAX_TEXT_BYTES;
        while newest.tweets.len() < MAX_TWEETS {
            let page = query(rows, &wanted)?;
            for tweet in page.items {
                if newest.tweets.len() >= MAX_TWEETS {
                    break;
                }
                let Some(rest) = left.checked_sub(tweet.text.len()) else {
                    newest.is_cut = true;
                    return Ok(newest);
                };
                left = rest;
                rows.look(tweet.text.len())?;
                newest.tweets.push(tweet);
            }
            wanted.before = page.next;
            if wanted.before.is_none() {
                break;
            }
        }
        Ok(newest)
    }

    /// True if the texts were too long to be analysed as a whole.
    pub(super) const fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The links between `nodes`, which are in the order of their bytes. Links are ordered by
    /// count, the highest first, then by the bytes of their words.
    pub(super) fn links(&self, analyser: &Analyser, nodes: &[&str]) -> Vec<Link> {
        let columns = nodes.len();
        if columns < 2 {
            return Vec::new();
        }
        let node_of: HashMap<&str, usize, RandomState> =
            nodes.iter().copied().zip(0_usize..).collect();
        let mut counts = vec![0_u32; columns * columns];
        let mut keys = TweetKeys::new();
        let mut here: Vec<usize> = Vec::new();
        for tweet in &self.tweets {
            analyser.keys(&tweet.text, &mut keys);
            here.clear();
            // Words are visited in the order of their bytes, so the found nodes are in order, too.
            KeysOfTweet::new(tweet, &keys).visit(KeyKind::Word, |word| {
                here.extend(node_of.get(word).copied());
            });
            for (index, a) in here.iter().enumerate() {
                for b in here.iter().skip(index + 1) {
                    if let Some(count) = counts.get_mut(a * columns + b) {
                        *count += 1_u32;
                    }
                }
            }
        }
        let pairs = counts.into_iter().enumerate();
        let mut pairs: Vec<_> = pairs.filter(|(_, count)| *count >= MIN_COUNT).collect();
        pairs.sort_by_key(|(pair, count)| (Reverse(*count), *pair));
        pairs.truncate(MAX_LINKS);
        let word = |node: usize| nodes.get(node).copied().unwrap_or_default().to_owned();
        let links = pairs.into_iter().map(|(pair, count)| Link {
            a: word(pair / columns),
            b: word(pair % columns),
            count,
        });
        links.collect()
    }
}
