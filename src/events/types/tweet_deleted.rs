//! The event type `tweet.deleted`.

use super::{EventType, Subject};
use crate::events::members::{Id, Time, members};
use crate::events::{Timestamp, TweetId};

members! {
    /// A tweet was deleted.
    pub struct TweetDeleted {
        /// The tweet.
        id: TweetId as Id,
        /// When the tweet was deleted.
        at: Timestamp as Time,
    }
}

impl EventType for TweetDeleted {
    const NAME: &'static str = "tweet.deleted";
    const SUBJECT: Subject = Subject::Tweet;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[(
        "deleted",
        r#"{"type":"tweet.deleted","id":"x:1593","at":"2026-11-23T07:00:00.123Z"}"#,
    )];

    fn tweet_id(&self) -> Option<&TweetId> {
        Some(&self.id)
    }
}
