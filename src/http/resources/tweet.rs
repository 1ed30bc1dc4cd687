//! The wire form of a tweet in answers and live messages: the fields of the posted event, with the
//! latest metrics.

use schemars::JsonSchema;
use serde::Serialize;

use crate::events::{TweetId, TweetMetrics, TweetPosted};
use crate::http::response::{Moment, as_text};

/// The posted event's fields and the latest metrics
// A member that the event does not have is omitted.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Tweet {
    #[schemars(extend("const" = "tweet.posted"))]
    r#type: &'static str,
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String", extend("pattern" = "^[!-~]{1,128}$"))]
    id: TweetId,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    source: Option<String>,
    at: Moment,
    author: TweetAuthor,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    lang: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    reply_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    repost_of: Option<String>,
    metrics: Metrics,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct TweetAuthor {
    handle: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64")]
    followers: Option<u64>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Metrics {
    likes: u64,
    reposts: u64,
    replies: u64,
    quotes: u64,
}

impl From<TweetMetrics> for Metrics {
    fn from(metrics: TweetMetrics) -> Self {
        Self {
            likes: metrics.likes,
            reposts: metrics.reposts,
            replies: metrics.replies,
            quotes: metrics.quotes,
        }
    }
}

impl From<TweetPosted> for Tweet {
    fn from(tweet: TweetPosted) -> Self {
        Self {
            r#type: "tweet.posted",
            id: tweet.id,
            source: tweet.source,
            at: Moment(tweet.at),
            author: TweetAuthor {
                handle: tweet.author.handle,
                name: tweet.author.name,
                followers: tweet.author.followers,
            },
            text: tweet.text,
            lang: tweet.lang,
            url: tweet.url,
            reply_to: tweet.reply_to,
            repost_of: tweet.repost_of,
            metrics: tweet.metrics.into(),
        }
    }
}
