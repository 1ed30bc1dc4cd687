//! `GET /overview`: all keywords beside each other, and what was posted last.

use std::collections::BinaryHeap;

use axum::extract::{Request, State};
use axum::response::Response;
use serde::{Serialize, Serializer};

use super::Http;
use super::access::Action;
use super::keywords::Name;
use super::lanes::Lane;
use super::problem::Problem;
use super::request_context::{MIN_SEQ, RequestContext};
use super::response::{Moment, as_text};
use super::tweet::Tweet;
use crate::actors::engine::Scope;
use crate::events::{Keyword, Timestamp, TweetPosted};
use crate::projections::overview::{self, KeywordCounts, RankedKeyword, Window};
use crate::projections::{TimelineQuery, TweetKey, timeline_query};
use crate::store::{StoreError, Views};

/// How many tweets are shown.
const LATEST: usize = 10;

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
    call.answer_across(Lane::Scan, move |_, views| Ok(answer(views, window, at)?))
        .await
}

/// The overview at a moment.
///
/// # Errors
/// [`StoreError`].
pub fn answer(views: &Views, window: Window, at: Timestamp) -> Result<OverviewAnswer, StoreError> {
    let end = overview::end(at);
    let tracked = views.keywords_with(|_, summary| {
        let span = summary.first_at.zip(summary.last_at);
        summary.tracked.then_some(span)
    })?;
    let mut counted = Vec::with_capacity(tracked.len());
    let mut candidates = BinaryHeap::new();
    for (keyword, span) in tracked {
        let (counts, end_of_newest) = match span {
            Some(span) => count(views, &keyword, span, window, at)?,
            None => Default::default(),
        };
        if let Some(end) = end_of_newest {
            candidates.push((end, keyword.clone()));
        }
        counted.push((keyword, counts));
    }
    let latest = latest(views, candidates, end)?;
    let ranked = overview::rank(counted);
    Ok(OverviewAnswer {
        window,
        total: ranked.total,
        previous: ranked.previous,
        keywords: ranked.keywords.into_iter().map(Item).collect(),
        latest,
        until: Moment(end),
    })
}

/// The counts of one keyword whose tweets are of these times at the earliest and at the latest, and
/// a moment after its newest tweet before the window's end, if it has one. Nothing is read of a
/// keyword that had no tweets in the window and the span before.
fn count(
    views: &Views,
    keyword: &Keyword,
    (first_at, last_at): (Timestamp, Timestamp),
    window: Window,
    at: Timestamp,
) -> Result<(KeywordCounts, Option<Timestamp>), StoreError> {
    let end = overview::end(at);
    if first_at >= end {
        return Ok(Default::default());
    }
    let behind_last = last_at.plus(1);
    let start = end.plus(-2 * window.length());
    if last_at < start {
        return Ok((KeywordCounts::default(), Some(behind_last)));
    }
    let answer = views.read(keyword, |_, rows| overview::counts(rows, at, window))?;
    let counted = answer.map(|answer| answer.value).unwrap_or_default();
    let end_of_newest = match counted.end_of_newest {
        _ if last_at < end => behind_last,
        Some(end_of_newest) => end_of_newest,
        None => start,
    };
    Ok((counted.counts, Some(end_of_newest)))
}

/// The newest tweets before `end`: by time ↓, id ↓, keyword ↑.
///
/// `candidates` are the keywords that may have one, each with a moment after its newest. They are
/// looked at in the order of these moments, until none of those left can have a tweet that belongs
/// here.
fn latest(
    views: &Views,
    mut candidates: BinaryHeap<(Timestamp, Keyword)>,
    end: Timestamp,
) -> Result<Vec<Latest>, StoreError> {
    let mut wanted = TimelineQuery {
        limit: LATEST,
        to: Some(end),
        ..TimelineQuery::default()
    };
    let mut newest: Vec<(Keyword, TweetPosted)> = Vec::new();
    while let Some((end_of_newest, keyword)) = candidates.pop() {
        if newest.len() == LATEST {
            wanted.from = newest.last().map(|(_, tweet)| tweet.at);
            if wanted.from.is_some_and(|oldest| end_of_newest <= oldest) {
                break;
            }
        }
        let page = views.read(&keyword, |_, rows| timeline_query::query(rows, &wanted))?;
        let items = page.map(|page| page.value.items).unwrap_or_default();
        newest.extend(items.into_iter().map(|tweet| (keyword.clone(), tweet)));
        newest.sort_by(|(a_keyword, a), (b_keyword, b)| {
            let newest_first = TweetKey::of(b).cmp(&TweetKey::of(a));
            newest_first.then_with(|| a_keyword.cmp(b_keyword))
        });
        newest.truncate(LATEST);
    }
    Ok(newest
        .into_iter()
        .map(|(keyword, tweet)| Latest {
            keyword,
            tweet: tweet.into(),
        })
        .collect())
}
