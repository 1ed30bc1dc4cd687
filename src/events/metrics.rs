//! Metrics of tweets.

use super::members::{Count, CountOrZero, members};

members! {
    /// Reactions to a tweet, each 0..=2^53−1. A metric that is missing in JSON is 0.
    #[derive(Copy, Default)]
    pub struct TweetMetrics {
        /// Likes.
        likes: u64 as CountOrZero,
        /// Reposts.
        reposts: u64 as CountOrZero,
        /// Replies.
        replies: u64 as CountOrZero,
        /// Quotes.
        quotes: u64 as CountOrZero,
    }
}

members! {
    /// The metrics that an event sets. Other metrics stay unchanged.
    #[derive(Copy, Default)]
    pub struct MetricsPatch {
        /// Likes.
        likes: Option<u64> as Count,
        /// Reposts.
        reposts: Option<u64> as Count,
        /// Replies.
        replies: Option<u64> as Count,
        /// Quotes.
        quotes: Option<u64> as Count,
    }
}

impl MetricsPatch {
    /// Returns `metrics` with the values of this patch.
    #[must_use]
    pub fn applied_to(self, metrics: TweetMetrics) -> TweetMetrics {
        TweetMetrics {
            likes: self.likes.unwrap_or(metrics.likes),
            reposts: self.reposts.unwrap_or(metrics.reposts),
            replies: self.replies.unwrap_or(metrics.replies),
            quotes: self.quotes.unwrap_or(metrics.quotes),
        }
    }

    /// Whether the patch sets no metric.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

impl From<TweetMetrics> for MetricsPatch {
    fn from(metrics: TweetMetrics) -> Self {
        Self {
            likes: Some(metrics.likes),
            reposts: Some(metrics.reposts),
            replies: Some(metrics.replies),
            quotes: Some(metrics.quotes),
        }
    }
}
