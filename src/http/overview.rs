//! `GET /overview`: all keywords beside each other, and what was posted last.

use axum::extract::{Request, State};
use axum::response::Response;
use serde::{Serialize, Serializer};

use super::Http;
use super::keywords::Name;
use super::lanes::Lane;
use super::problem::Problem;
use super::request_context::{MIN_SEQ, RequestContext};
use super::response::{Moment, as_text};
use super::tweet::Tweet;
use crate::access::Action;
use crate::actors::engine::Scope;
use crate::events::{Keyword, Timestamp};
use crate::projections::overview::{self, RankedKeyword, Window};
use crate::queries::{KeywordTweet, WindowOverview, overview as overview_of};

/// The parameters of this route.
pub const PARAMETERS: &[&str] = &["window", "at", MIN_SEQ];

/// All keywords beside each other.
#[derive(Debug, Serialize)]
pub struct OverviewAnswer {
    #[serde(serialize_with = "as_text")]
    window: Window,
    total: u64,
    previous: u64,
    keywords: Vec<Item>,
    latest: Vec<Latest>,
    until: Moment,
}

impl OverviewAnswer {
    /// The end of its window, at which another begins.
    pub const fn until(&self) -> Timestamp {
        self.until.0
    }

    /// Its keywords.
    pub fn keywords(&self) -> &[impl Serialize + use<>] {
        &self.keywords
    }

    /// Its latest tweets.
    pub fn latest(&self) -> &[impl Serialize + use<>] {
        &self.latest
    }

    /// Its fields but for these lists, each as a name and its JSON.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        vec![
            ("window", format!("\"{}\"", self.window)),
            ("total", self.total.to_string()),
            ("previous", self.previous.to_string()),
            ("until", format!("\"{}\"", self.until.0)),
        ]
    }
}

/// A keyword among the others. It is given its wire form when it is written: there may be a hundred
/// thousand.
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

#[derive(Debug, Serialize)]
struct Fields<'a> {
    #[serde(flatten)]
    name: Name,
    count: u64,
    previous: u64,
    share: f64,
    rank: u64,
    previous_rank: Option<u64>,
    change: Option<i64>,
    spark: &'a [u64; overview::SPARK],
}

#[derive(Debug, Serialize)]
struct Latest {
    #[serde(serialize_with = "as_text")]
    keyword: Keyword,
    #[serde(flatten)]
    tweet: Tweet,
}

impl From<WindowOverview> for OverviewAnswer {
    fn from(overview: WindowOverview) -> Self {
        Self {
            window: overview.window,
            total: overview.ranked.total,
            previous: overview.ranked.previous,
            keywords: overview.ranked.keywords.into_iter().map(Item).collect(),
            latest: overview.latest.into_iter().map(Latest::from).collect(),
            until: Moment(overview.until),
        }
    }
}

impl From<KeywordTweet> for Latest {
    fn from(KeywordTweet { keyword, tweet }: KeywordTweet) -> Self {
        Self {
            keyword,
            tweet: tweet.into(),
        }
    }
}

/// Answers `GET /overview`.
pub async fn get(State(http): State<Http>, request: Request) -> Result<Response, Problem> {
    let call = RequestContext::of(http, request);
    call.ask(None, Action::Read)?;
    let query = call.query(PARAMETERS)?;
    let window = query.one_of(
        "window",
        &Window::ALL.map(|window| (window.name(), window)),
        Window::Day,
    )?;
    let at = query.moment("at")?.unwrap_or_else(Timestamp::now);
    if overview::end(at) > Timestamp::LATEST {
        return Err(Problem::BadQuery(
            "the window ends after the year 9999; give an earlier at".to_owned(),
        ));
    }
    call.reach(Scope::All, query.min_seq()?).await?;
    let countable = call.countable();
    call.answer_across(Lane::Scan, move |views| {
        Ok(OverviewAnswer::from(overview_of(
            views, &countable, window, at,
        )?))
    })
    .await
}
