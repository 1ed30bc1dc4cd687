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
        let keys = self.0.drain(..).filter_map(|key| Sortable::new(text, &key));
        let mut keys: SmallVec<[Sortable; 48]> = keys.collect();
        // Nearly all keys differ in their first bytes, and sorting numbers is fast.
        keys.sort_unstable();
        for alike in keys.chunk_by_mut(|a, b| a.first_bytes() == b.first_bytes()) {
            if alike.len() > 1 {
                alike.sort_unstable_by(|a, b| a.bytes(text).cmp(b.bytes(text)));
            }
        }
        keys.dedup_by(|a, b| a.first_bytes() == b.first_bytes() && a.bytes(text) == b.bytes(text));
        self.0.extend(keys.iter().map(Sortable::range));
    }
}

/// A key as a number: its first eight bytes, its start and its end (32 bits each).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Sortable(u128);

impl Sortable {
    fn new(text: &str, key: &Range<usize>) -> Option<Self> {
        let bytes = text.as_bytes().get(key.clone())?;
        let (start, end) = (u32::try_from(key.start), u32::try_from(key.end));
        let range = u64::from(start.ok()?) << 32 | u64::from(end.ok()?);
        Some(Self(
            u128::from(first_bytes(bytes)) << 64 | u128::from(range),
        ))
    }

    const fn first_bytes(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0.to_be_bytes();
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    fn range(&self) -> Range<usize> {
        let [.., a, b, c, d, e, f, g, h] = self.0.to_be_bytes();
        let place = |bytes| usize::try_from(u32::from_be_bytes(bytes)).unwrap_or(usize::MAX);
        place([a, b, c, d])..place([e, f, g, h])
    }

    fn bytes<'t>(&self, text: &'t str) -> &'t [u8] {
        text.as_bytes().get(self.range()).unwrap_or_default()
    }
}

/// The first eight bytes of a key as a number with the same order. Shorter keys are filled with
/// zeros.
pub fn first_bytes(key: &[u8]) -> u64 {
    match key.first_chunk() {
        Some(first) => u64::from_be_bytes(*first),
        None => key.iter().enumerate().fold(0, |number, (index, byte)| {
            number | u64::from(*byte) << (56 - 8 * index)
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_come_once_and_in_the_order_of_their_bytes(
            words in proptest::collection::vec("[ab\0가]{1,12}", 0..60),
        ) {
            let mut keys = TweetKeys::new();
            for word in &words {
                let start = keys.text.len();
                keys.text.push_str(word);
                keys.add_word(start..keys.text.len());
            }
            keys.finish();
            let expected: std::collections::BTreeSet<&str> =
                words.iter().map(String::as_str).collect();
            prop_assert!(keys.words().eq(expected));
        }
    }
}
