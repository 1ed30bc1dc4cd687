//! `GET …/ranking`: the words, hashtags, mentions, authors or tweets of a window, by number of
//! tweets or by rise.

use std::ops::Range;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Serialize;

use super::tweet::Tweet;
use crate::events::{Keyword, Timestamp};
use crate::http::lanes::Lane;
use crate::http::parameter::{Head, Number, Parameter, Time, Word};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::resource::{KeywordResource, Live, Resource};
use crate::http::response::{Moment, as_text};
use crate::projections::keys::{
    KeyKind, Ranked, RankingQuery, Rising, ranking, rising, window_times,
};
use crate::projections::overview::Window;
use crate::projections::timeline::{RankedTweet, rank_tweets};
use crate::projections::{KeywordSummary, Rows, RowsError, volume};

const BY: Word = Word {
    head: Head::new("by", "What is ranked"),
    words: &["word", "hashtag", "mention", "author", "tweet"],
    default: "word",
};
const WINDOW: Word = Word {
    head: Head::new("window", "The length of the window"),
    words: &["1h", "24h", "7d", "30d"],
    default: "24h",
};
const ORDER: Word = Word {
    head: Head::new(
        "order",
        "`top`: by the number of tweets, or by the score of a tweet. `rising`: by how much the \
         key belongs to this window rather than to the one before; not for tweets",
    ),
    words: &["top", "rising"],
    default: "top",
};
const AT: Time = Time(
    Head::new(
        "at",
        "The last bucket of the window contains this moment. Default: now",
    )
    .not_live(),
);
const LIMIT: Number = Number {
    head: Head::new("limit", "How many items at most"),
    min: 1,
    max: 100,
    default: 20,
};

/// A query for a ranking.
#[derive(Debug, Clone)]
pub struct Ranking {
    by: By,
    window: Window,
    order: Order,
    at: Option<Timestamp>,
    limit: usize,
}

/// The kind of the ranked items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Key(KeyKind),
    Tweet,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Top,
    Rising,
}

impl FromStr for By {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(match text {
            "word" => Self::Key(KeyKind::Word),
            "hashtag" => Self::Key(KeyKind::Hashtag),
            "mention" => Self::Key(KeyKind::Mention),
            "author" => Self::Key(KeyKind::Author),
            "tweet" => Self::Tweet,
            _ => return Err(()),
        })
    }
}

impl std::fmt::Display for By {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Key(KeyKind::Word) => "word",
            Self::Key(KeyKind::Hashtag) => "hashtag",
            Self::Key(KeyKind::Mention) => "mention",
            Self::Key(KeyKind::Author) => "author",
            Self::Tweet => "tweet",
        })
    }
}

impl FromStr for Order {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "top" => Ok(Self::Top),
            "rising" => Ok(Self::Rising),
            _ => Err(()),
        }
    }
}

impl std::fmt::Display for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Top => "top",
            Self::Rising => "rising",
        })
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Ranking")]
pub struct RankingAnswer {
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String", extend("enum" = BY.words))]
    by: By,
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String", extend("enum" = WINDOW.words))]
    window: Window,
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String", extend("enum" = ORDER.words))]
    order: Order,
    /// The tweets in the window
    total: u64,
    /// The keys in the window
    distinct: u64,
    /// Present when a bucket of the window, or of the one before, held 20,000 keys and took no new
    /// ones
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    cut: Option<bool>,
    #[schemars(length(max = 100))]
    items: Vec<Item>,
    /// The end of the window used
    until: Moment,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
enum Item {
    Top(TopItem),
    Rising(RisingItem),
}

/// A key or tweet, ranked by its count
#[derive(Debug, Serialize, JsonSchema)]
struct TopItem {
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
struct RisingItem {
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

fn tweet_item((rank, ranked): (u64, RankedTweet)) -> Item {
    Item::Top(TopItem {
        rank,
        key: ranked.tweet.id.to_string(),
        count: ranked.score,
        previous_rank: None,
        change: None,
        tweet: Some(Box::new(ranked.tweet.into())),
    })
}

impl Resource for Ranking {
    const NAME: &'static str = "ranking";
    const PATH: &'static str = "/api/v1/keywords/{token}/ranking";
    const SUMMARY: &'static str = "What the tweets of a keyword have in common, ranked";
    const DESCRIPTION: &'static str = "Windows are aligned: `1h` is 12 buckets of 5 minutes, `24h` \
        is 24 hours, `7d` is 168 hours, `30d` is 30 days in UTC.";
    const PARAMETERS: &'static [Parameter] = &[
        Parameter::Word(BY),
        Parameter::Word(WINDOW),
        Parameter::Word(ORDER),
        Parameter::Time(AT),
        Parameter::Number(LIMIT),
    ];
    const EXAMPLES: &'static [&'static str] = &[
        "",
        "by=hashtag&window=7d&order=rising",
        "by=tweet&window=30d&limit=5",
        "by=author&at=2015-06-02T00:00:00Z",
    ];
    const LIVE: Live = Live::Polled {
        long_lists: &["items"],
        is_default: true,
    };

    type Answer = RankingAnswer;

    fn read(query: &Query, now: Timestamp) -> Result<Self, Problem> {
        let resource = Self {
            by: query.word(&BY)?,
            window: query.word(&WINDOW)?,
            order: query.word(&ORDER)?,
            at: query.time(&AT)?,
            limit: query.number(&LIMIT)?,
        };
        if resource.by == By::Tweet && resource.order == Order::Rising {
            return Err(Problem::BadQuery(
                "tweets have no rising order; take order=top, or rank words, hashtags, mentions \
                 or authors"
                    .to_owned(),
            ));
        }
        let (window, _) = window_times(resource.window, resource.at.unwrap_or(now));
        if window.end > Timestamp::LATEST {
            return Err(Problem::BadQuery(
                "the window ends after the year 9999; give an earlier at".to_owned(),
            ));
        }
        Ok(resource)
    }

    /// The answer stays the same until the next bucket, when its window moves.
    fn current_during(&self, now: Timestamp) -> Option<Range<Timestamp>> {
        let (_, last_bucket) = window_times(self.window, now);
        Some(last_bucket)
    }
}

impl KeywordResource for Ranking {
    /// A ranking of tweets may read all tweets of its window, and one with `at` may need many
    /// rows. Both are scans, which can be refused. A ranking of keys without `at` is never refused.
    fn lane(&self) -> Lane {
        if self.at.is_some() || self.by == By::Tweet {
            Lane::Scan
        } else {
            Lane::List
        }
    }

    fn query(
        self,
        _: Keyword,
        now: Timestamp,
    ) -> impl FnMut(&KeywordSummary, &dyn Rows) -> Result<RankingAnswer, RowsError> + Send + 'static
    {
        move |_: &KeywordSummary, rows: &dyn Rows| self.answer(rows, self.at.unwrap_or(now))
    }
}

impl Ranking {
    fn answer(&self, rows: &dyn Rows, at: Timestamp) -> Result<RankingAnswer, RowsError> {
        let By::Key(by) = self.by else {
            return self.answer_of_tweets(rows, at);
        };
        let query = RankingQuery {
            by,
            window: self.window,
            at,
            limit: self.limit,
        };
        Ok(match self.order {
            Order::Top => self.answer_of_keys(ranking(rows, &query)?),
            Order::Rising => self.answer_of_keys(rising(rows, &query)?),
        })
    }

    fn answer_of_keys<T: Into<Item>>(
        &self,
        ranking: crate::projections::keys::Ranking<T>,
    ) -> RankingAnswer {
        RankingAnswer {
            by: self.by,
            window: self.window,
            order: self.order,
            total: ranking.total,
            distinct: ranking.distinct,
            cut: ranking.is_cut.then_some(true),
            items: ranking.items.into_iter().map(Into::into).collect(),
            until: Moment(ranking.until),
        }
    }

    fn answer_of_tweets(&self, rows: &dyn Rows, at: Timestamp) -> Result<RankingAnswer, RowsError> {
        let (window, _) = window_times(self.window, at);
        let counts = volume::counts_between(rows, &[window.start, window.end])?.counts;
        let total = counts.first().copied().unwrap_or(0);
        let tweets = rank_tweets(rows, window.start, window.end, self.limit)?;
        Ok(RankingAnswer {
            by: self.by,
            window: self.window,
            order: self.order,
            total,
            distinct: total,
            cut: None,
            items: (1..).zip(tweets).map(tweet_item).collect(),
            until: Moment(window.end),
        })
    }
}
