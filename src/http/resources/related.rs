//! `GET …/related`: the words that the tweets of a keyword have more often than those of other
//! keywords, and which of them occur together.

use std::ops::Range;

use schemars::JsonSchema;
use serde::Serialize;

use crate::access::KeywordSet;
use crate::events::{Keyword, Timestamp};
use crate::http::lanes::Lane;
use crate::http::parameter::{Head, Number, Parameter, Time, Word};
use crate::http::problem::Problem;
use crate::http::query::Query;
use crate::http::resource::{JoinedResource, Live, Resource};
use crate::http::response::{Moment, as_text};
use crate::projections::keys::window_times;
use crate::projections::overview::Window;
use crate::projections::related::{self, RelatedQuery};
use crate::queries::{self, MarkedAnswer, QueryError};
use crate::store::Views;

const WINDOW: Word = Word {
    head: Head::new("window", "The length of the window"),
    words: &["1h", "24h", "7d", "30d"],
    default: "24h",
};
const AT: Time = Time(
    Head::new(
        "at",
        "The last bucket of the window contains this moment. Default: now",
    )
    .not_live(),
);
const LIMIT: Number = Number {
    head: Head::new("limit", "How many words at most"),
    min: 1,
    max: 100,
    default: 50,
};

/// A query for related words.
#[derive(Debug, Clone)]
pub struct Related {
    window: Window,
    at: Option<Timestamp>,
    limit: usize,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Related")]
pub struct RelatedAnswer {
    #[serde(serialize_with = "as_text")]
    #[schemars(with = "String", extend("enum" = WINDOW.words))]
    window: Window,
    /// The tweets of the keyword in the window
    total: u64,
    /// The tweets of all other keywords in the window; a tweet in two of them counts twice
    others: u64,
    /// Present when a bucket of the window, or of the one before, held 20,000 words and took no new
    /// ones, or when links were counted in fewer tweets because their texts are long
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    cut: Option<bool>,
    #[schemars(length(max = 100))]
    nodes: Vec<Node>,
    /// Pairs of words among the nodes, counted in the newest 2,000 tweets of the window
    #[schemars(length(max = 200))]
    links: Vec<Link>,
    /// The end of the window used
    until: Moment,
}

/// A word that belongs to the keyword
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RelatedNode")]
struct Node {
    word: String,
    /// The tweets of the keyword with the word
    #[schemars(range(min = 3))]
    count: u64,
    /// Log-likelihood ratio, 3 decimals; null when other keywords have fewer than 1,000 tweets in
    /// the window
    g2: Option<f64>,
    /// Normalized pointwise mutual information, 4 decimals; null when `g2` is
    npmi: Option<f64>,
    #[schemars(range(min = 1))]
    rank: u64,
    /// The rank in the window before; null if the word was not related there
    #[schemars(range(min = 1))]
    previous_rank: Option<u64>,
}

/// Two words, and the tweets that have both
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RelatedLink")]
struct Link {
    a: String,
    b: String,
    #[schemars(range(min = 2))]
    count: u64,
}

impl From<related::Node> for Node {
    fn from(node: related::Node) -> Self {
        Self {
            word: node.word,
            count: node.count,
            g2: node.scores.map(|scores| scores.g2.to_f64()),
            npmi: node.scores.map(|scores| scores.npmi.to_f64()),
            rank: node.rank,
            previous_rank: node.previous_rank,
        }
    }
}

impl From<related::Link> for Link {
    fn from(link: related::Link) -> Self {
        Self {
            a: link.a,
            b: link.b,
            count: link.count.into(),
        }
    }
}

impl Resource for Related {
    const NAME: &'static str = "related";
    const PATH: &'static str = "/api/v1/keywords/{token}/related";
    const SUMMARY: &'static str = "The words that belong to a keyword, and those that go together";
    const DESCRIPTION: &'static str = "Words that at least 3 tweets of the window have, and more \
        than expected from the tweets of all other keywords, by log-likelihood ratio. With fewer \
        than 1,000 tweets of other keywords there is no expectation, and the order is by count. \
        The keyword and its own words are left out. The answer is exact when the lag of all \
        keywords is 0.";
    const PARAMETERS: &'static [Parameter] = &[
        Parameter::Word(WINDOW),
        Parameter::Time(AT),
        Parameter::Number(LIMIT),
    ];
    const EXAMPLES: &'static [&'static str] = &[
        "",
        "window=30d&limit=5",
        "window=7d&at=2015-06-02T00:00:00Z",
    ];
    const LIVE: Live = Live::Polled {
        long_lists: &["nodes", "links"],
        is_default: true,
    };

    type Answer = RelatedAnswer;

    fn read(query: &Query, now: Timestamp) -> Result<Self, Problem> {
        let resource = Self {
            window: query.word(&WINDOW)?,
            at: query.time(&AT)?,
            limit: query.number(&LIMIT)?,
        };
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

impl JoinedResource for Related {
    const LANE: Lane = Lane::Scan;

    fn answer(
        &self,
        views: &Views,
        countable: &KeywordSet,
        keyword: &Keyword,
        now: Timestamp,
    ) -> Result<MarkedAnswer<RelatedAnswer>, QueryError> {
        let query = RelatedQuery {
            window: self.window,
            at: self.at.unwrap_or(now),
            limit: self.limit,
        };
        let related = queries::related(views, countable, keyword, &query)?;
        Ok(related.map(|related| RelatedAnswer {
            window: self.window,
            total: related.total,
            others: related.others,
            cut: related.is_cut.then_some(true),
            nodes: related.nodes.into_iter().map(Into::into).collect(),
            links: related.links.into_iter().map(Into::into).collect(),
            until: Moment(related.until),
        }))
    }
}
