//! The event type `tweet.posted`.

use super::{EventType, Subject};
use crate::events::members::{
    Count, Id, MAX_HANDLE_CODE_POINTS, MAX_TEXT_CODE_POINTS, Object, OptionalText, Text, Time,
    members,
};
use crate::events::{MetricsPatch, Timestamp, TweetId, TweetMetrics};

members! {
    /// A tweet as it was posted.
    pub struct TweetPosted {
        /// The id of the tweet.
        id: TweetId as Id,
        /// When the tweet was posted.
        at: Timestamp as Time,
        /// The source of the tweet, such as `x`.
        source: Option<String> as OptionalText,
        /// The account that posted the tweet.
        author: Author as Object<Author>,
        /// The text: 1..=10,000 code points.
        text: String as Text<MAX_TEXT_CODE_POINTS>,
        /// Language tag, as published.
        lang: Option<String> as OptionalText,
        /// The URL of the tweet.
        url: Option<String> as OptionalText,
        /// The id of the tweet that this tweet replies to.
        reply_to: Option<String> as OptionalText,
        /// The id of the tweet that this tweet repeats.
        repost_of: Option<String> as OptionalText,
        /// The metrics when the event was published.
        metrics: TweetMetrics as Object<TweetMetrics>,
    }
}

members! {
    /// The account that posted a tweet.
    pub struct Author {
        /// The handle: 1..=64 code points.
        handle: String as Text<MAX_HANDLE_CODE_POINTS>,
        /// Display name.
        name: Option<String> as OptionalText,
        /// The number of followers when the event was published.
        followers: Option<u64> as Count,
    }
}

impl EventType for TweetPosted {
    const NAME: &'static str = "tweet.posted";
    const SUBJECT: Subject = Subject::Tweet;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        (
            "posted-full",
            r#"{"type":"tweet.posted","id":"x:1593","source":"x","at":"2026-11-23T07:00:00.123Z","author":{"handle":"someone","name":"누군가","followers":12},"text":"아이폰은 \"좋다\" 🍎\n","lang":"ko","url":"https://example.com/1593","reply_to":"x:1","repost_of":"x:2","metrics":{"likes":1,"reposts":250,"replies":70000,"quotes":9007199254740991}}"#,
        ),
        (
            "posted-bare",
            r#"{"type":"tweet.posted","id":"1","at":"2000-01-01T00:00:00Z","author":{"handle":"a"},"text":"t"}"#,
        ),
    ];

    fn tweet_id(&self) -> Option<&TweetId> {
        Some(&self.id)
    }

    fn metrics(&self) -> MetricsPatch {
        self.metrics.into()
    }
}

#[cfg(test)]
impl TweetPosted {
    /// A tweet with the required members only.
    pub(crate) fn of_test(id: &str, at: Timestamp, text: &str) -> Self {
        Self {
            id: TweetId::new(id).unwrap(),
            at,
            source: None,
            author: Author {
                handle: "someone".into(),
                name: None,
                followers: None,
            },
            text: text.into(),
            lang: None,
            url: None,
            reply_to: None,
            repost_of: None,
            metrics: TweetMetrics::default(),
        }
    }
}
