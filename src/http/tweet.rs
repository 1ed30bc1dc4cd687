//! A tweet as answers show it: the posted event's fields, with the latest metrics.

use serde::Serialize;

use super::response::{Moment, as_text};
use crate::events::{TweetId, TweetMetrics, TweetPosted};

/// A tweet in an answer. What its event left out is left out.
#[derive(Debug, Serialize)]
pub struct Tweet {
    r#type: &'static str,
    #[serde(serialize_with = "as_text")]
    id: TweetId,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    at: Moment,
    author: TweetAuthor,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    lang: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repost_of: Option<String>,
    metrics: TweetMetrics,
}

#[derive(Debug, Serialize)]
struct TweetAuthor {
    handle: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    followers: Option<u64>,
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
            metrics: tweet.metrics,
        }
    }
}
