//! What is left of an erased event.

use serde::{Deserialize, Serialize};

use super::{Event, MetricsPatch, Timestamp, TweetId};

/// An event about a tweet whose content was erased. Its place in the journal stays, and so does
/// what hashes and counts go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hollow {
    /// What it was.
    pub kind: HollowKind,
    /// When it happened (event time).
    pub at: Timestamp,
    /// The first 16 bytes of the BLAKE3 hash of the tweet's id.
    pub id_hash: [u8; 16],
    /// The metrics that it named; of a deletion none.
    pub metrics: MetricsPatch,
}

/// A type of events about tweets. The order of the variants is part of the stored form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HollowKind {
    /// `tweet.posted`
    TweetPosted,
    /// `tweet.engaged`
    TweetEngaged,
    /// `tweet.deleted`
    TweetDeleted,
}

impl Hollow {
    /// What erasing leaves of an event; `None` of an event about a keyword, which has nothing to
    /// erase.
    pub fn of(event: &Event) -> Option<Self> {
        let (kind, metrics) = match event {
            Event::TweetPosted(tweet) => {
                let metrics = MetricsPatch {
                    likes: Some(tweet.metrics.likes),
                    reposts: Some(tweet.metrics.reposts),
                    replies: Some(tweet.metrics.replies),
                    quotes: Some(tweet.metrics.quotes),
                };
                (HollowKind::TweetPosted, metrics)
            }
            Event::TweetEngaged(engaged) => (HollowKind::TweetEngaged, engaged.metrics),
            Event::TweetDeleted(_) => (HollowKind::TweetDeleted, MetricsPatch::default()),
            Event::KeywordTracked { .. } | Event::KeywordUntracked { .. } => return None,
        };
        Some(Self {
            kind,
            at: event.at(),
            id_hash: event.tweet_id().map(TweetId::id_hash)?,
            metrics,
        })
    }

    /// The `type` on the wire.
    pub const fn kind(&self) -> &'static str {
        match self.kind {
            HollowKind::TweetPosted => "tweet.posted",
            HollowKind::TweetEngaged => "tweet.engaged",
            HollowKind::TweetDeleted => "tweet.deleted",
        }
    }
}
