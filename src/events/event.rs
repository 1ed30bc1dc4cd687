//! The facts that a journal holds.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// One past-tense fact about a keyword.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A tweet that concerns the keyword was posted.
    TweetPosted(Box<TweetPosted>),
    /// New metrics of a tweet were seen.
    TweetEngaged(TweetEngaged),
    /// A tweet was deleted.
    TweetDeleted(TweetDeleted),
    /// The keyword is to be tracked from here on.
    KeywordTracked {
        /// When it was asked for.
        at: Timestamp,
    },
    /// The keyword is no longer tracked; its views are dropped.
    KeywordUntracked {
        /// When it was asked for.
        at: Timestamp,
    },
}

impl Event {
    /// The `type` on the wire.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::TweetPosted(_) => "tweet.posted",
            Self::TweetEngaged(_) => "tweet.engaged",
            Self::TweetDeleted(_) => "tweet.deleted",
            Self::KeywordTracked { .. } => "keyword.tracked",
            Self::KeywordUntracked { .. } => "keyword.untracked",
        }
    }

    /// When it happened (event time).
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::TweetPosted(tweet) => tweet.at,
            Self::TweetEngaged(engaged) => engaged.at,
            Self::TweetDeleted(deleted) => deleted.at,
            Self::KeywordTracked { at } | Self::KeywordUntracked { at } => *at,
        }
    }

    /// The tweet it is about, if it is about one.
    pub const fn tweet_id(&self) -> Option<&TweetId> {
        match self {
            Self::TweetPosted(tweet) => Some(&tweet.id),
            Self::TweetEngaged(engaged) => Some(&engaged.id),
            Self::TweetDeleted(deleted) => Some(&deleted.id),
            Self::KeywordTracked { .. } | Self::KeywordUntracked { .. } => None,
        }
    }
}

/// A tweet's id: 1..=128 printable ASCII characters without space, unique across sources and
/// compared as bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TweetId(Arc<str>);

/// Why a text cannot be a tweet's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an id: 1 to 128 printable ASCII characters (0x21 to 0x7E)")]
pub struct TweetIdError(pub String);

impl TweetId {
    /// Checks a text.
    ///
    /// # Errors
    /// [`TweetIdError`] when it is empty, too long, or holds another byte than 0x21..=0x7E.
    pub fn new(text: &str) -> Result<Self, TweetIdError> {
        let printable = text.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
        if printable && (1..=128).contains(&text.len()) {
            Ok(Self(text.into()))
        } else {
            Err(TweetIdError(text.chars().take(140).collect()))
        }
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 128 bits of the BLAKE3 hash of the id's bytes: what the id index of the views and
    /// record hashes know the id by. Costs a compression (about 0.1 µs).
    pub fn id_hash(&self) -> [u8; 16] {
        let mut first = [0; 16];
        for (to, from) in first
            .iter_mut()
            .zip(blake3::hash(self.as_bytes()).as_bytes())
        {
            *to = *from;
        }
        first
    }

    /// The id's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl std::fmt::Display for TweetId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A tweet as it was posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TweetPosted {
    /// Its id.
    pub id: TweetId,
    /// When it was posted.
    pub at: Timestamp,
    /// Where it was posted, such as `x`.
    pub source: Option<String>,
    /// Who posted it.
    pub author: Author,
    /// 1..=10,000 code points.
    pub text: String,
    /// Language tag, as published.
    pub lang: Option<String>,
    /// Where it can be read.
    pub url: Option<String>,
    /// Id of the tweet it answers.
    pub reply_to: Option<String>,
    /// Id of the tweet it repeats.
    pub repost_of: Option<String>,
    /// What was known when it was published.
    pub metrics: TweetMetrics,
}

/// Who posted a tweet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// 1..=64 code points.
    pub handle: String,
    /// Display name.
    pub name: Option<String>,
    /// Followers when the tweet was published.
    pub followers: Option<u64>,
}

/// Reactions to a tweet, each 0..=2^53−1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TweetMetrics {
    /// Likes.
    pub likes: u64,
    /// Reposts.
    pub reposts: u64,
    /// Replies.
    pub replies: u64,
    /// Quotes.
    pub quotes: u64,
}

/// The metrics that an event names; the others stay as they are. At least one is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MetricsPatch {
    /// Likes.
    pub likes: Option<u64>,
    /// Reposts.
    pub reposts: Option<u64>,
    /// Replies.
    pub replies: Option<u64>,
    /// Quotes.
    pub quotes: Option<u64>,
}

impl MetricsPatch {
    /// `metrics` with what this patch names in place.
    #[must_use]
    pub fn applied_to(self, metrics: TweetMetrics) -> TweetMetrics {
        TweetMetrics {
            likes: self.likes.unwrap_or(metrics.likes),
            reposts: self.reposts.unwrap_or(metrics.reposts),
            replies: self.replies.unwrap_or(metrics.replies),
            quotes: self.quotes.unwrap_or(metrics.quotes),
        }
    }

    /// Names no metric at all.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

/// New metrics of a tweet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TweetEngaged {
    /// The tweet.
    pub id: TweetId,
    /// When the metrics were read.
    pub at: Timestamp,
    /// What was read.
    pub metrics: MetricsPatch,
}

/// A tweet was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TweetDeleted {
    /// The tweet.
    pub id: TweetId,
    /// When it was deleted.
    pub at: Timestamp,
}
