//! Records of a source, mapped to events.
//!
//! In: what the decoder of a source found. Out: posts, deletions and engagements with the events of
//! tidings in them, or the reason why a record cannot be used.

use bytes::Bytes;

use crate::events::{Timestamp, TweetEngaged, TweetId, TweetPosted};

/// One record as the source sent it, with its meaning.
#[derive(Debug, Clone)]
pub struct SourceRecord {
    /// The meaning of the record, or the reason why it has none.
    pub content: Result<Mapped, Rejection>,
    /// The record as received, for the rejected log.
    pub raw: Bytes,
    /// The position of the record in its source, if the source has positions: the `time_us` of
    /// Bluesky, the id at X and Mastodon. A connection resumes behind it.
    pub cursor: Option<u64>,
}

/// The meaning of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mapped {
    /// A post, or a later version of one.
    Post(Box<Post>),
    /// New metrics of a post.
    Engaged(TweetEngaged),
    /// A deleted post.
    Deleted(Deletion),
    /// A post that matches no keyword: it has no text, or is not public.
    Unmatchable,
    /// A record about the connection or of a kind that is not collected; outside the ledger's sum.
    Control,
}

/// A post in one of its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// The post as an event. Its id names this version.
    pub tweet: TweetPosted,
    /// What all versions of the post have in common: the id of its first version.
    pub family: TweetId,
    /// Orders the versions of a post: 0 for the first one; then the count of older versions at X,
    /// the revision at Bluesky, the time of the edit in milliseconds at Mastodon.
    pub version: u64,
    /// The ids of older versions that the record itself names, oldest first.
    pub older: Vec<TweetId>,
}

/// The deletion of a post with all its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// The id of any version of the post.
    pub id: TweetId,
    /// When the post was deleted, or when the deletion was seen.
    pub at: Timestamp,
}

/// Why a record cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Rejection {
    /// What is wrong, and what would be right.
    pub reason: String,
}

impl Rejection {
    /// A rejection for this reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
        }
    }
}

impl SourceRecord {
    /// The time of the post; `None` for other records.
    pub fn posted_at(&self) -> Option<Timestamp> {
        match &self.content {
            Ok(Mapped::Post(post)) => Some(post.tweet.at),
            _ => None,
        }
    }
}
