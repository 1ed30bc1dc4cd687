//! The kinds of keys that tweets are counted by, and the keys of a tweet.

use crate::events::TweetPosted;
use crate::text::TweetKeys;

/// A kind of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// Words of the text, in normal form.
    Word,
    /// Hashtags of the text, in normal form, without `#`.
    Hashtag,
    /// Mentions of the text, in normal form, without `@`.
    Mention,
    /// The author's handle, in lower case.
    Author,
}

impl KeyKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Word, Self::Hashtag, Self::Mention, Self::Author];

    /// Number of kinds.
    pub const COUNT: usize = Self::ALL.len();

    /// The number of the kind in rows.
    pub const fn number(self) -> u8 {
        match self {
            Self::Word => 0,
            Self::Hashtag => 1,
            Self::Mention => 2,
            Self::Author => 3,
        }
    }
}

/// Maximum length of a key, in code points. A longer key is not counted, so that keys fit their
/// rows. Only hashtags and mentions can be longer.
const MAX_KEY_CHARS: usize = 64;

/// All keys of one tweet. They are counted, and can be reasons of spikes.
#[derive(Debug)]
pub struct KeysOfTweet<'t> {
    text: &'t TweetKeys,
    author: String,
}

impl<'t> KeysOfTweet<'t> {
    /// The keys of this tweet; `text` has the keys of its text.
    pub fn new(tweet: &TweetPosted, text: &'t TweetKeys) -> Self {
        Self {
            text,
            author: tweet.author.handle.to_lowercase(),
        }
    }

    /// Whether the tweet has a key of a kind.
    pub fn has(&self, kind: KeyKind) -> bool {
        let mut has = false;
        self.visit(kind, |_| has = true);
        has
    }

    /// Calls `visit` once with each key of a kind, in the order of the bytes of the keys.
    pub fn visit<'s>(&'s self, kind: KeyKind, mut visit: impl FnMut(&'s str)) {
        let visit = |key: &'s str| {
            if is_short(key) {
                visit(key);
            }
        };
        match kind {
            KeyKind::Word => self.text.words().for_each(visit),
            KeyKind::Hashtag => self.text.hashtags().for_each(visit),
            KeyKind::Mention => self.text.mentions().for_each(visit),
            KeyKind::Author => Some(self.author.as_str()).into_iter().for_each(visit),
        }
    }
}

fn is_short(key: &str) -> bool {
    key.len() <= MAX_KEY_CHARS || key.chars().nth(MAX_KEY_CHARS).is_none()
}
