//! `GET /overview`: counts and ranks of all keywords over a window, the newest tweets, and the
//! strongest spikes.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::keywords::Name;
use super::spikes::SpikeAnswer;
use super::tweet::Tweet;
use crate::access::KeywordSet;
use crate::events::{Keyword, Timestamp};
use crate::http::lanes::Lane;
use crate::http::parameter::{Head, Parameter, Time, Word};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::resource::{AcrossResource, Live, Resource};
use crate::http::response::{Moment, as_text};
use crate::projections::overview::{RankedKeyword, SPARK, Window, end};
use crate::queries::{KeywordSpike, KeywordTweet, QueryError, WindowOverview, overview};
use crate::store::Views;

const WINDOW: Word = Word {
    head: Head::new("window", "The window that is counted"),
    words: &["1h", "24h", "7d", "30d"],
    default: "24h",
};
const AT: Time = Time(
    Head::new(
        "at",
        "The window ends with the next full minute after this moment. Default: now",
    )
    .not_live(),
);

/// A query for the overview over a window.
#[derive(Debug, Clone)]
pub struct Overview {
    window: Window,
    at: Option<Timestamp>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Overview")]
pub struct OverviewAnswer {
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String", extend("enum" = WINDOW.words))]
    window: Window,
    total: u64,
    previous: u64,
    #[schemars(with = "Vec<Fields<'_>>")]
    keywords: Vec<Item>,
    #[schemars(length(max = 10))]
    latest: Vec<TweetOfKeyword>,
    /// The spikes that overlap the window, each as a whole, the highest scores first; absent while
    /// views of an earlier version or of other settings answer
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<SpikeOfKeyword>", length(max = 20))]
    spikes: Option<Vec<SpikeOfKeyword>>,
    /// The end of the window
    until: Moment,
}

/// A ranked keyword. It is converted to [`Fields`] only while it is serialized, because there may
/// be a hundred thousand of them.
#[derive(Debug)]
struct Item(RankedKeyword);

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(ranked) = self;
        Fields {
            name: Name::of(ranked.keyword.clone()),
            count: ranked.counts.count,
            previous: ranked.counts.previous,
            share: f64::from(ranked.share) / 10_000.0,
            rank: ranked.rank,
            previous_rank: ranked.previous_rank,
            change: ranked.change,
            spark: &ranked.counts.spark,
        }
        .serialize(serializer)
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct Fields<'a> {
    #[serde(flatten)]
    name: Name,
    count: u64,
    previous: u64,
    #[schemars(range(min = 0, max = 1))]
    share: f64,
    #[schemars(range(min = 1))]
    rank: u64,
    #[schemars(range(min = 1))]
    previous_rank: Option<u64>,
    change: Option<i64>,
    spark: &'a [u64; SPARK],
}

/// A tweet and its keyword
#[derive(Debug, Serialize, JsonSchema)]
struct TweetOfKeyword {
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String")]
    keyword: Keyword,
    #[serde(flatten)]
    tweet: Tweet,
}

/// A spike and its keyword
#[derive(Debug, Serialize, JsonSchema)]
struct SpikeOfKeyword {
    #[serde(flatten)]
    name: Name,
    #[serde(flatten)]
    spike: SpikeAnswer,
}

impl From<WindowOverview> for OverviewAnswer {
    fn from(overview: WindowOverview) -> Self {
        let latest = overview.latest.into_iter();
        let spikes = overview.spikes.map(|spikes| {
            let spikes = spikes.into_iter();
            spikes.map(SpikeOfKeyword::from).collect()
        });
        Self {
            window: overview.window,
            total: overview.ranked.total,
            previous: overview.ranked.previous,
            keywords: overview.ranked.keywords.into_iter().map(Item).collect(),
            latest: latest.map(TweetOfKeyword::from).collect(),
            spikes,
            until: Moment(overview.until),
        }
    }
}

impl From<KeywordTweet> for TweetOfKeyword {
    fn from(KeywordTweet { keyword, tweet }: KeywordTweet) -> Self {
        Self {
            keyword,
            tweet: tweet.into(),
        }
    }
}

impl From<KeywordSpike> for SpikeOfKeyword {
    fn from(KeywordSpike { keyword, explained }: KeywordSpike) -> Self {
        Self {
            name: Name::of(keyword),
            spike: explained.into(),
        }
    }
}

impl Resource for Overview {
    const NAME: &'static str = "overview";
    const PATH: &'static str = "/api/v1/overview";
    const SUMMARY: &'static str =
        "The counts of all keywords over a window, the newest tweets, and the strongest spikes";
    const PARAMETERS: &'static [Parameter] = &[Parameter::Word(WINDOW), Parameter::Time(AT)];
    const EXAMPLES: &'static [&'static str] = &["", "at=2015-06-02T00:00:00Z", "window=7d"];
    const LIVE: Live = Live::Polled {
        long_lists: &["latest", "spikes", "keywords"],
        is_default: false,
    };

    type Answer = OverviewAnswer;

    fn read(query: &Query, now: Timestamp) -> Result<Self, Problem> {
        let resource = Self {
            window: query.word(&WINDOW)?,
            at: query.time(&AT)?,
        };
        if end(resource.at.unwrap_or(now)) > Timestamp::LATEST {
            return Err(Problem::BadQuery(
                "the window ends after the year 9999; give an earlier at".to_owned(),
            ));
        }
        Ok(resource)
    }

    /// While no event is folded, the answer stays the same until the next full minute, when its
    /// window moves.
    fn current_during(&self, now: Timestamp) -> Option<Range<Timestamp>> {
        let until = end(now);
        Some(until.plus(-Timestamp::MINUTE)..until)
    }
}

impl AcrossResource for Overview {
    const LANE: Lane = Lane::Scan;

    fn answer(
        &self,
        views: &Views,
        countable: &KeywordSet,
        now: Timestamp,
    ) -> Result<OverviewAnswer, QueryError> {
        let at = self.at.unwrap_or(now);
        Ok(overview(views, countable, self.window, at)?.into())
    }
}
