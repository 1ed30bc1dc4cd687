//! Links: pairs of words that occur together in the newest tweets of a window.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::projections::keys::WindowWords;
use crate::projections::rows::{Rows, RowsError};
use crate::projections::timeline::texts_while;
use crate::projections::{KeptResult, found, offer};
use crate::text::{Analyser, TweetKeys};

/// Maximum number of tweets that are searched for pairs.
const MAX_TWEETS: usize = if cfg!(test) { 100 } else { 2_000 };
/// Maximum length of all texts in which links are counted, in bytes. The maximum is small in unit
/// tests, which reach it.
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

/// The words of the newest tweets of a window: of each tweet those that [`WindowWords`] has.
#[derive(Debug)]
pub(super) struct NewestWords {
    /// [`WindowWords::digest`] of the words.
    words: u64,
    /// The words of all tweets, one tweet after the other, as indexes in [`WindowWords::words`].
    /// The words of a tweet are in the order of their bytes.
    indexes: Vec<u32>,
    /// The end of the words of each tweet in `indexes`.
    ends: Vec<usize>,
    /// Whether the next text would have exceeded [`MAX_TEXT_BYTES`].
    is_cut: bool,
}

impl KeptResult for NewestWords {
    fn bytes(&self) -> usize {
        self.indexes.len() * size_of::<u32>() + self.ends.len() * size_of::<usize>()
    }
}

/// What is known of the newest tweets of a window.
#[derive(Debug)]
pub(super) enum Newest {
    /// The texts of the tweets, which are not analysed yet.
    Texts(NewestTexts),
    /// The words of the tweets.
    Words(Arc<NewestWords>),
}

impl Newest {
    /// Takes the words that the rows have kept, or reads the texts. Does not analyse them, because
    /// that takes long, and the caller holds the rows meanwhile.
    pub(super) fn read(rows: &dyn Rows, words: &WindowWords) -> Result<Self, RowsError> {
        if let Some(kept) = found::<NewestWords>(rows, words.times(), 0)
            && kept.words == words.digest()
        {
            return Ok(Self::Words(kept));
        }
        NewestTexts::read(rows, words).map(Self::Texts)
    }
}

/// The texts of the newest tweets of a window.
#[derive(Debug, Default)]
pub(super) struct NewestTexts {
    /// All texts, one after the other.
    texts: String,
    /// The end of each text in `texts`, in bytes.
    ends: Vec<usize>,
    /// Whether the next text would have exceeded [`MAX_TEXT_BYTES`].
    is_cut: bool,
}

impl NewestTexts {
    fn read(rows: &dyn Rows, words: &WindowWords) -> Result<Self, RowsError> {
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
}

impl NewestWords {
    /// Analyses the texts. Keeps of each text the words that `words` has.
    pub(super) fn of_texts(newest: &NewestTexts, words: &WindowWords, analyser: &Analyser) -> Self {
        let numbered = words.words().iter().zip(0_u32..);
        let index_of: HashMap<&str, u32, RandomState> = numbered
            .map(|(one, index)| (one.word.as_str(), index))
            .collect();
        let mut analysed = Self {
            words: words.digest(),
            indexes: Vec::new(),
            ends: Vec::with_capacity(newest.ends.len()),
            is_cut: newest.is_cut,
        };
        let (mut keys, mut start) = (TweetKeys::new(), 0);
        for end in &newest.ends {
            let text = newest.texts.get(start..*end).unwrap_or_default();
            start = *end;
            analyser.keys(text, &mut keys);
            let found = keys.words().filter_map(|word| index_of.get(word).copied());
            analysed.indexes.extend(found);
            analysed.ends.push(analysed.indexes.len());
        }
        analysed.indexes.shrink_to_fit();
        analysed
    }

    /// Offers these words to the rows, whose tweets must be those of the texts.
    pub(super) fn keep(self: &Arc<Self>, rows: &dyn Rows, words: &WindowWords) {
        offer(rows, words.times(), 0, Arc::clone(self));
    }

    /// Whether texts were left out because all texts together exceed [`MAX_TEXT_BYTES`].
    pub(super) const fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Counts the links between the words with the indexes `nodes`, which are ascending. Links are
    /// ordered by count, the highest first, then by the bytes of their words.
    pub(super) fn links(&self, words: &WindowWords, nodes: &[usize]) -> Vec<Link> {
        let columns = nodes.len();
        if columns < 2 {
            return Vec::new();
        }
        let mut column_of = vec![None; words.words().len()];
        for (column, index) in nodes.iter().enumerate() {
            if let Some(of) = column_of.get_mut(*index) {
                *of = Some(column);
            }
        }
        let mut counts = vec![0_u32; columns * columns];
        let mut here: Vec<usize> = Vec::new();
        let mut start = 0;
        for end in &self.ends {
            let indexes = self.indexes.get(start..*end).unwrap_or_default();
            start = *end;
            let indexes = indexes
                .iter()
                .filter_map(|index| usize::try_from(*index).ok());
            here.clear();
            here.extend(indexes.filter_map(|index| column_of.get(index).copied().flatten()));
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
        let word = |column: usize| {
            let of_index = nodes
                .get(column)
                .and_then(|index| words.words().get(*index));
            of_index.map(|one| one.word.clone()).unwrap_or_default()
        };
        let links = pairs.into_iter().map(|(pair, count)| Link {
            a: word(pair / columns),
            b: word(pair % columns),
            count,
        });
        links.collect()
    }
}
