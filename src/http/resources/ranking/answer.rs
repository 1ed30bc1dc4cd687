//! The answer of a ranking.

use schemars::JsonSchema;
use serde::Serialize;

use super::choices::{By, Order};
use super::{BY, ORDER, WINDOW};
use crate::http::resources::tweet::Tweet;
use crate::http::response::{Moment, as_text};
use crate::projections::keys::{Ranked, Rising};
use crate::projections::overview::Window;
use crate::projections::timeline::RankedTweet;

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Ranking")]
pub struct RankingAnswer {
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String", extend("enum" = BY.words))]
    pub(super) by: By,
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String", extend("enum" = WINDOW.words))]
    pub(super) window: Window,
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String", extend("enum" = ORDER.words))]
    pub(super) order: Order,
    /// The tweets in the window
    pub(super) total: u64,
    /// The keys in the window
    pub(super) distinct: u64,
    /// Present when a bucket of the window, or of the one before, held 20,000 keys and took no new
    /// ones
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    pub(super) cut: Option<bool>,
    #[schemars(length(max = 100))]
    pub(super) items: Vec<Item>,
    /// The end of the window used
    pub(super) until: Moment,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub(super) enum Item {
    Top(TopItem),
    Rising(RisingItem),
}

/// A key or tweet, ranked by its count
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TopItem {
    #[schemars(range(min = 1))]
    rank: u64,
    key: String,
    /// The tweets with the key; of a tweet, its likes, reposts, quotes and replies
    count: u64,
    /// The rank in the window before; null if the key was not there, and for tweets
    #[schemars(range(min = 1))]
    previous_rank: Option<u64>,
    /// `previous_rank` − `rank`
    change: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Tweet")]
    tweet: Option<Box<Tweet>>,
}

/// A key that rises
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct RisingItem {
    #[schemars(range(min = 1))]
    rank: u64,
    key: String,
    count: u64,
    /// The tweets with the key in the window before
    previous_count: u64,
    /// Log-likelihood ratio; null when the window before has no tweets
    score: Option<f64>,
}

impl From<Ranked> for Item {
    fn from(ranked: Ranked) -> Self {
        let change = |previous: u64| previous.cast_signed().saturating_sub_unsigned(ranked.rank);
        Self::Top(TopItem {
            rank: ranked.rank,
            count: ranked.count,
            previous_rank: ranked.previous_rank,
            change: ranked.previous_rank.map(change),
            key: ranked.key,
            tweet: None,
        })
    }
}

impl From<Rising> for Item {
    fn from(rising: Rising) -> Self {
        Self::Rising(RisingItem {
            rank: rising.rank,
            key: rising.key,
            count: rising.count,
            previous_count: rising.previous_count,
            score: rising.score.map(|score| score.to_f64()),
        })
    }
}

/// The item of a tweet and its rank.
pub(super) fn tweet_item((rank, ranked): (u64, RankedTweet)) -> Item {
    Item::Top(TopItem {
        rank,
        key: ranked.tweet.id.to_string(),
        count: ranked.score,
        previous_rank: None,
        change: None,
        tweet: Some(Box::new(ranked.tweet.into())),
    })
}
