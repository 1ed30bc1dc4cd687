//! `GET …/ranking`: the words, hashtags, mentions, authors or tweets of a window, by number of
//! tweets or by rise.

mod answer;
mod choices;

use std::ops::Range;

use crate::events::{Keyword, Timestamp};
use crate::http::lanes::Lane;
use crate::http::parameter::{Head, Number, Parameter, Time, Word};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::resource::{KeywordResource, Live, Resource};
use crate::http::response::Moment;
use crate::projections::keys::{RankingQuery, ranking, rising, window_times};
use crate::projections::overview::Window;
use crate::projections::timeline::rank_tweets;
use crate::projections::{KeywordSummary, Rows, RowsError, volume};
pub use answer::RankingAnswer;
use answer::{Item, tweet_item};
use choices::{By, Order};

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

    /// While no event is folded, the answer stays the same until the next bucket, when its window
    /// moves.
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
