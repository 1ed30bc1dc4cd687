//! Links: pairs of words that the newest tweets of a window have together.

use std::cmp::Reverse;
use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::projections::keys::{KeyKind, KeysOfTweet, WindowWords};
use crate::projections::rows::{Rows, RowsError};
use crate::projections::timeline::{TimelineQuery, query};
use crate::text::TweetKeys;

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

/// The newest tweets of a window, as the places of the words that may be nodes.
#[derive(Debug, Default)]
pub(super) struct NewestTweets {
    /// The words of all tweets, one tweet behind the other.
    places: Vec<u32>,
    /// Where each tweet ends.
    ends: Vec<usize>,
    is_cut: bool,
}

impl NewestTweets {
    pub(super) fn read(rows: &dyn Rows, words: &WindowWords) -> Result<Self, RowsError> {
        let mut newest = Self::default();
        let numbered = (0..).zip(words.words());
        let places: HashMap<&str, u32, RandomState> = numbered
            .map(|(place, one)| (one.word.as_str(), place))
            .collect();
        if places.is_empty() {
            return Ok(newest);
        }
        let (analyser, mut keys) = (rows.context().analyser()?, TweetKeys::new());
        let window = words.times();
        let mut wanted = TimelineQuery {
            limit: STEP.min(MAX_TWEETS),
            from: Some(window.start),
            to: Some(window.end),
            ..TimelineQuery::default()
        };
        let mut left = MAX_TEXT_BYTES;
        while newest.ends.len() < MAX_TWEETS {
            let page = query(rows, &wanted)?;
            for tweet in page.items.iter().take(MAX_TWEETS - newest.ends.len()) {
                let Some(rest) = left.checked_sub(tweet.text.len()) else {
                    newest.is_cut = true;
                    return Ok(newest);
                };
                left = rest;
                rows.look(tweet.text.len())?;
                analyser.keys(&tweet.text, &mut keys);
                KeysOfTweet::new(tweet, &keys).visit(KeyKind::Word, |word| {
                    newest.places.extend(places.get(word));
                });
                newest.ends.push(newest.places.len());
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

    /// The links between the words at these places: by count, the highest first, then by the bytes
    /// of the words.
    pub(super) fn links(&self, words: &WindowWords, mut nodes: Vec<usize>) -> Vec<Link> {
        // Words are in the order of their bytes, so the order of places is that of words.
        nodes.sort_unstable();
        let columns = nodes.len();
        let mut node_of: HashMap<u32, usize> = HashMap::new();
        for (node, place) in nodes.iter().enumerate() {
            node_of.extend(u32::try_from(*place).ok().map(|place| (place, node)));
        }
        let mut counts = vec![0_u32; columns * columns];
        let mut start = 0;
        let mut here: Vec<usize> = Vec::new();
        for end in &self.ends {
            here.clear();
            let places = self.places.get(start..*end).unwrap_or_default();
            here.extend(
                places
                    .iter()
                    .filter_map(|place| node_of.get(place))
                    .copied(),
            );
            start = *end;
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
        let word = |node: usize| {
            let word = nodes.get(node).and_then(|place| words.words().get(*place));
            word.map(|one| one.word.clone()).unwrap_or_default()
        };
        let links = pairs.into_iter().map(|(pair, count)| Link {
            a: word(pair / columns),
            b: word(pair % columns),
            count,
        });
        links.collect()
    }
}
