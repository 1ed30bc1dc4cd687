//! The keys of one tweet.

use std::ops::Range;

use smallvec::SmallVec;

/// The words, hashtags and mentions of a text, each once. One value can be reused for many texts,
/// which saves allocations.
#[derive(Debug, Clone, Default)]
pub struct TweetKeys {
    /// The normal form of the text, with ASCII apostrophes. The keys are ranges of it.
    pub(super) text: String,
    words: Keys,
    hashtags: Keys,
    mentions: Keys,
}

impl TweetKeys {
    /// Makes a value without keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// The words in normal form, in the order of their bytes.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.words.of(&self.text)
    }

    /// The hashtags without `#`, in the order of their bytes.
    pub fn hashtags(&self) -> impl Iterator<Item = &str> {
        self.hashtags.of(&self.text)
    }

    /// The mentions without `@`, in the order of their bytes.
    pub fn mentions(&self) -> impl Iterator<Item = &str> {
        self.mentions.of(&self.text)
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.words.0.clear();
        self.hashtags.0.clear();
        self.mentions.0.clear();
    }

    pub(super) fn add_word(&mut self, word: Range<usize>) {
        self.words.0.push(word);
    }

    pub(super) fn add_hashtag(&mut self, hashtag: Range<usize>) {
        self.hashtags.0.push(hashtag);
    }

    pub(super) fn add_mention(&mut self, mention: Range<usize>) {
        self.mentions.0.push(mention);
    }

    /// Sorts the keys and removes duplicates.
    pub(super) fn finish(&mut self) {
        for keys in [&mut self.words, &mut self.hashtags, &mut self.mentions] {
            keys.finish(&self.text);
        }
    }
}

/// Ranges of a text.
#[derive(Debug, Clone, Default)]
struct Keys(Vec<Range<usize>>);

impl Keys {
    fn of<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        self.0.iter().filter_map(|key| text.get(key.clone()))
    }

    fn finish(&mut self, text: &str) {
        if self.0.len() < 2 {
            return;
        }
        let bytes = |key: &Range<usize>| text.as_bytes().get(key.clone()).unwrap_or_default();
        // Few keys begin with the same eight bytes, so most comparisons are those of numbers.
        let mut keys: SmallVec<[(u64, Range<usize>); 48]> = self
            .0
            .drain(..)
            .map(|key| (first_bytes(bytes(&key)), key))
            .collect();
        keys.sort_unstable_by(|(first_a, a), (first_b, b)| {
            first_a.cmp(first_b).then_with(|| bytes(a).cmp(bytes(b)))
        });
        keys.dedup_by(|(first_a, a), (first_b, b)| first_a == first_b && bytes(a) == bytes(b));
        self.0.extend(keys.into_iter().map(|(_, key)| key));
    }
}

/// The first eight bytes as a number that is ordered as they are. Shorter keys end in zeros.
fn first_bytes(key: &[u8]) -> u64 {
    match key.first_chunk() {
        Some(first) => u64::from_be_bytes(*first),
        None => key.iter().enumerate().fold(0, |number, (index, byte)| {
            number | u64::from(*byte) << (56 - 8 * index)
        }),
    }
}
