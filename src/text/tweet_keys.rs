//! The keys of one tweet.

use std::ops::Range;

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

    /// Removes the text and all keys, and makes room for a text of this length in bytes and for its
    /// keys.
    pub(super) fn clear_for(&mut self, bytes: usize) {
        /// Assumed number of bytes of a text for each word. If a text has fewer bytes for each
        /// word, the list of words has to grow.
        const BYTES_PER_WORD: usize = 6;
        self.text.clear();
        self.text.reserve(bytes);
        self.words.0.clear();
        self.words.0.reserve(bytes / BYTES_PER_WORD);
        self.hashtags.0.clear();
        self.mentions.0.clear();
    }

    /// Adds a word, which is a range of `text`. The caller passes the same text to
    /// [`TweetKeys::finish`].
    pub(super) fn add_word(&mut self, text: &str, word: &Range<usize>) {
        self.words.add(text, word);
    }

    /// Adds a hashtag, which is a range of `text`. The caller passes the same text to
    /// [`TweetKeys::finish`].
    pub(super) fn add_hashtag(&mut self, text: &str, hashtag: &Range<usize>) {
        self.hashtags.add(text, hashtag);
    }

    /// Adds a mention, which is a range of `text`. The caller passes the same text to
    /// [`TweetKeys::finish`].
    pub(super) fn add_mention(&mut self, text: &str, mention: &Range<usize>) {
        self.mentions.add(text, mention);
    }

    /// Sets the text of the keys, sorts the keys and removes duplicates.
    pub(super) fn finish(&mut self, text: String) {
        self.text = text;
        for keys in [&mut self.words, &mut self.hashtags, &mut self.mentions] {
            keys.finish(&self.text);
        }
    }
}

/// The keys of one kind, as parts of a text.
#[derive(Debug, Clone, Default)]
struct Keys(Vec<Key>);

impl Keys {
    fn of<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        self.0.iter().filter_map(|key| text.get(key.range()))
    }

    fn add(&mut self, text: &str, key: &Range<usize>) {
        self.0.extend(Key::new(text.as_bytes(), key));
    }

    fn finish(&mut self, text: &str) {
        let keys = &mut self.0;
        if keys.len() < 2 {
            return;
        }
        // Sorts by the first bytes, the highest bits of the numbers: nearly all keys differ in
        // them, and numbers are sorted fast.
        keys.sort_unstable();
        for alike in keys.chunk_by_mut(|a, b| a.first_bytes() == b.first_bytes()) {
            if alike.len() > 1 {
                alike.sort_unstable_by(|a, b| a.bytes(text).cmp(b.bytes(text)));
            }
        }
        keys.dedup_by(|a, b| a.first_bytes() == b.first_bytes() && a.bytes(text) == b.bytes(text));
    }
}

/// A key as a number: its [`first_bytes`] (64 bits), its start and its end in the text (32 bits
/// each).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key(u128);

impl Key {
    fn new(text: &[u8], key: &Range<usize>) -> Option<Self> {
        let (start, end) = (u32::try_from(key.start), u32::try_from(key.end));
        let range = u64::from(start.ok()?) << 32 | u64::from(end.ok()?);
        let first = first_bytes_at(text, key)?;
        Some(Self(u128::from(first) << 64 | u128::from(range)))
    }

    const fn first_bytes(self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0.to_be_bytes();
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    fn range(self) -> Range<usize> {
        let [.., a, b, c, d, e, f, g, h] = self.0.to_be_bytes();
        let offset = |bytes| usize::try_from(u32::from_be_bytes(bytes)).unwrap_or(usize::MAX);
        offset([a, b, c, d])..offset([e, f, g, h])
    }

    fn bytes(self, text: &str) -> &[u8] {
        text.as_bytes().get(self.range()).unwrap_or_default()
    }
}

/// The [`first_bytes`] of a part of a text; `None` for a part that is not in the text.
fn first_bytes_at(text: &[u8], part: &Range<usize>) -> Option<u64> {
    let bytes = text.get(part.clone())?;
    let Some(first) = text.get(part.start..)?.first_chunk() else {
        return Some(first_bytes(bytes));
    };
    // The bytes after a short part are cleared, which is faster than reading the part byte by byte.
    let bits = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let behind = u64::MAX.checked_shr(bits.saturating_mul(8)).unwrap_or(0);
    Some(u64::from_be_bytes(*first) & !behind)
}

/// The first eight bytes of a key as a number. The numbers have the order of the bytes. Shorter
/// keys are filled with zeros at the end.
#[inline]
pub fn first_bytes(key: &[u8]) -> u64 {
    match key.first_chunk() {
        Some(first) => u64::from_be_bytes(*first),
        None => first_of_few(key),
    }
}

/// The [`first_bytes`] of a key of fewer than eight bytes. Combines the first and the last bytes of
/// the key, which may overlap.
fn first_of_few(key: &[u8]) -> u64 {
    let behind = 64_usize.saturating_sub(8 * key.len());
    if let (Some(first), Some(last)) = (key.first_chunk(), key.last_chunk()) {
        u64::from(u32::from_be_bytes(*first)) << 32 | u64::from(u32::from_be_bytes(*last)) << behind
    } else if let (Some(first), Some(last)) = (key.first_chunk(), key.last_chunk()) {
        u64::from(u16::from_be_bytes(*first)) << 48 | u64::from(u16::from_be_bytes(*last)) << behind
    } else {
        key.first().map_or(0, |byte| u64::from(*byte) << 56)
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
            let text = words.concat();
            let mut start = 0;
            for word in &words {
                keys.add_word(&text, &(start..start + word.len()));
                start += word.len();
            }
            keys.finish(text);
            let expected: std::collections::BTreeSet<&str> =
                words.iter().map(String::as_str).collect();
            prop_assert!(keys.words().eq(expected));
        }

        #[test]
        fn first_bytes_are_those_of_the_key_with_zeros_behind_it(
            key in proptest::collection::vec(any::<u8>(), 0..12),
        ) {
            let mut padded = [0; 8];
            for (byte, slot) in key.iter().zip(&mut padded) {
                *slot = *byte;
            }
            prop_assert_eq!(first_bytes(&key), u64::from_be_bytes(padded));
        }
    }
}
