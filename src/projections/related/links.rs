//! Links: pairs of words that occur together in the newest tweets of a window.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::RandomState;

use crate::projections::keys::WindowWords;
use crate::projections::rows::{Rows, RowsError};
use crate::projections::timeline::texts_while;
use crate::text::{Analyser, TweetKeys};

/// Maximum number of tweets that are searched for pairs.
const MAX_TWEETS: usize = if cfg!(test) { 100 } else { 2_000 };
/// Maximum length of all texts in which links are counted, in bytes. It is small in unit tests,
/// which reach it.
const MAX_TEXT_BYTES: usize = if cfg!(test) { 8 << 10 } else { 16 << 20 };
/// Minimum number of tweets with a pair for a link.
const MIN_COUNT: u32 = 2;
/// Maximum number of links in an answer.
const MAX_LINKS: usize = 200;

/// Two words that tweets have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The word that is first in the order of bytes.
    pub a: String,
    /// The word that is second in the order of bytes.
    pub b: String,
    /// Number of tweets with both words, among the newest tweets of the window.
    pub count: u32,
}

/// The texts of the newest tweets of a window.
#[derive(Debug, Default)]
pub(super) struct NewestTexts {
    /// All texts, one after the other.
    texts: String,
    /// The end of each text.
    ends: Vec<usize>,
    /// Whether the next text would have exceeded [`MAX_TEXT_BYTES`].
    is_cut: bool,
}

impl NewestTexts {
    /// Reads the newest texts of the window of these words. Does not analyse them, because that
    /// takes long, and the caller may hold the rows meanwhile.
    pub(super) fn read(rows: &dyn Rows, words: &WindowWords) -> Result<Self, RowsError> {
        let mut newest = Self::default();
        if words.words().is_empty() {
            return Ok(newest);
        }
        let Range { start, end } = words.times();
        texts_while(rows, start, end, |text| {
            if newest.texts.len() + text.len() > MAX_TEXT_BYTES {
                newest.is_cut = true;
                return false;
            }
            newest.texts.push_str(text);
            newest.ends.push(newest.texts.len());
            newest.ends.len() < MAX_TWEETS
        })?;
        Ok(newest)
    }

    /// Whether texts were left out because the texts were too long.
    pub(super) const fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Counts the links between `nodes`, which are in the order of their bytes. Links are ordered
    /// by count, the highest first, then by the bytes of their words.
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
        let mut start = 0;
        for end in &self.ends {
            let text = self.texts.get(start..*end).unwrap_or_default();
            start = *end;
            analyser.keys(text, &mut keys);
            here.clear();
            // Words come in the order of their bytes, so their nodes are in order, too.
            here.extend(keys.words().filter_map(|word| node_of.get(word).copied()));
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
