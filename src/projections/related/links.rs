//! Links: pairs of words that the newest tweets of a window have together.

use std::cmp::Reverse;
use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::events::TweetPosted;
use crate::projections::keys::{KeyKind, KeysOfTweet, WindowWords};
use crate::projections::rows::{Rows, RowsError};
use crate::projections::timeline::{TimelineQuery, query};
use crate::text::{Analyser, TweetKeys};

/// So many tweets are looked at.
const MAX_TWEETS: usize = if cfg!(test) { 100 } else { 2_000 };
/// Tweets that one step reads.
const STEP: usize = 200;
/// Bytes of text that are looked at. Unit tests reach it.
const MAX_TEXT_BYTES: usize = if cfg!(test) { 8 << 10 } else { 16 << 20 };
/// No pair in fewer tweets is a link.
const MIN_COUNT: u32 = 2;
/// The longest list of links.
const MAX_LINKS: usize = 200;

/// Two words, and how many of the newest tweets have both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The word that comes first in the order of bytes.
    pub a: String,
    /// The other one.
    pub b: String,
    /// The tweets that have both.
    pub count: u32,
}

/// The newest tweets of a window.
#[derive(Debug, Default)]
pub(super) struct NewestTweets {
    tweets: Vec<TweetPosted>,
    is_cut: bool,
}

impl NewestTweets {
    /// Reads the tweets of the window of these words. Their texts are not analysed, as the reader
    /// may hold the rows meanwhile.
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

    /// Whether the texts were too long to look at all of them.
    pub(super) const fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The links between these words, which are in the order of their bytes: by count, the highest
    /// first, then by the bytes of the words.
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
            // Words come in the order of their bytes, so their nodes are in order, too.
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
